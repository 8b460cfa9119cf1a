"""Wan: the command as a real process, in a clean environment; keeps all of its output."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fake.forking import Forked, can_fork, fork
from tests.fake.schema import kind_of

# Coverage passes its settings to subprocesses in these variables.
_PASSED_ON = ("PATH", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a command; a negative code is the signal that killed it."""

    argv: tuple[str, ...]
    code: int
    out: str
    err: str
    out_bytes: bytes

    @property
    def json_lines(self) -> list[dict[str, Any]]:
        """The objects printed with --json, without the summary; each fits docs/schema.json."""
        lines = [json.loads(line) for line in self.out.splitlines()]
        for line in lines:
            kind_of(line)
        return lines[:-1] if lines and lines[-1].get("type") == "summary" else lines

    @property
    def summary(self) -> dict[str, Any]:
        """The summary, the last object that a batch prints with --json."""
        last: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        assert kind_of(last) == "summary"
        return last


class Running:
    """A running command; `wait` for it or `kill` it."""

    def __init__(
        self,
        argv: tuple[str, ...],
        env: Mapping[str, str],
        cwd: Path,
        talk: Path,
        stdin: bool,
        forks: bool,
        speed: float,
    ) -> None:
        self.argv = argv
        self.env = env
        # Paths that a successful command printed but that did not exist; and its duration.
        self.missing: list[str] = []
        self.took_s = 0.0
        self._started_at = time.monotonic()
        self._out, self._err = talk.with_suffix(".out"), talk.with_suffix(".err")
        self.process: subprocess.Popen[bytes] | Forked
        with self._out.open("wb") as out, self._err.open("wb") as err:
            if forks and can_fork(argv, env):
                fds = out.fileno(), err.fileno()
                self.process = fork(argv, env, cwd, *fds, stdin=stdin, speed=speed)
                return
            assert speed == 1.0, "only a fork can be given a clock"
            self.process = subprocess.Popen(
                [sys.executable, "-m", "wan_cli", *argv],
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=cwd,
                env=dict(env),
            )

    @property
    def out(self) -> str:
        """The stdout so far."""
        return self._out.read_bytes().decode("utf-8", "backslashreplace")

    @property
    def err(self) -> str:
        """The stderr so far."""
        return self._err.read_bytes().decode("utf-8", "backslashreplace")

    def feed(self, data: bytes) -> None:
        """Send data as its whole stdin."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(data)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def wait(self, timeout: float = 30) -> Result:
        """Return its result; fail the test where it does not end within `timeout` seconds."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"wan {self.argv} did not end within {timeout} s; stderr:\n{self.err}")
        self.took_s = time.monotonic() - self._started_at
        # With `-o -`, stdout is the video.
        if code == 0 and self.argv[:1] in (("generate",), ("fetch",)) and "-" not in self.argv:
            named = (line for line in self.out.splitlines() if line.startswith("/"))
            self.missing = [line for line in named if not Path(line).exists()]
        return Result(self.argv, code, self.out, self.err, self._out.read_bytes())

    def wait_for(self, text: str, timeout: float = 30) -> None:
        """Return when stdout or stderr holds the text; fail the test where it ends without."""
        deadline = time.monotonic() + timeout
        while text not in self.err + self.out:
            if self.process.poll() is not None and text not in self.err + self.out:
                pytest.fail(f"wan {self.argv} ended without {text!r}; stderr:\n{self.err}")
            if time.monotonic() > deadline:
                pytest.fail(f"wan {self.argv} did not say {text!r}; stderr:\n{self.err}")
            time.sleep(0.01)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal."""
        self.process.send_signal(number)


class Wan:
    """Runs `wan` with its own home and working folder: `wan("list", "--json")`."""

    def __init__(self, env: Mapping[str, str], work: Path, talk: Path) -> None:
        self.env = dict(env) | {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self.work = work
        self.runs: list[Running] = []
        # Fork a process that has already imported wan, if a fork behaves the same.
        self.forks = True
        # The speed of the commands' clock: its seconds per second of the test.
        self.speed = 1.0
        self._talk = talk

    def __call__(
        self,
        *argv: str,
        input: bytes | None = None,  # noqa: A002  # the name that subprocess.run gives it
        env: Mapping[str, str | None] | None = None,
        timeout: float = 30,
    ) -> Result:
        """Run a command to its end. `env` adds variables; the value None removes a variable."""
        return self.start(*argv, input=input, env=env).wait(timeout)

    def start(
        self,
        *argv: str,
        input: bytes | None = None,  # noqa: A002
        env: Mapping[str, str | None] | None = None,
    ) -> Running:
        """Start a command and return at once."""
        merged = {**self.env, **(env or {})}
        settled = {name: value for name, value in merged.items() if value is not None}
        talk = self._talk / str(len(self.runs))
        running = Running(
            argv,
            settled,
            self.work,
            talk,
            stdin=input is not None,
            forks=self.forks,
            speed=self.speed,
        )
        self.runs.append(running)
        if input is not None:
            running.feed(input)
        return running

    def stop(self) -> None:
        """Kill every process that is still running."""
        for running in self.runs:
            if running.process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    running.process.stdin.close()
            if running.process.poll() is None:
                running.kill()
            running.process.wait()
