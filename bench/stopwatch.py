"""Measures whole processes from a small helper process.

A child's peak of memory is never below that of its parent, and the bench itself runs servers. So
an interpreter without site packages starts each child, and also reads the clock.
"""
# ruff: noqa: INP001, S603  A part of a script, which starts processes.

import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

_STARTER = """
import json, os, sys, time
for line in sys.stdin:
    argv, env, err = json.loads(line)
    to = [(os.POSIX_SPAWN_OPEN, number, path, os.O_RDWR | os.O_NOCTTY, 0)
          for number, path in enumerate((os.devnull, os.devnull, err))]
    start = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, env, file_actions=to)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - start
    print(json.dumps([seconds, usage.ru_maxrss, os.waitstatus_to_exitcode(status)]), flush=True)
"""
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True, slots=True)
class Job:
    """A process to measure, which must exit with `code`; `fills` is the folder it saves into.

    Its output is dropped; with `terminal`, its stderr is a terminal.
    """

    argv: list[str]
    env: dict[str, str]
    terminal: bool = False
    code: int = 0
    fills: str | None = None

    def on_terminal(self) -> "Job":
        """Return the same job with a terminal as stderr."""
        return replace(self, terminal=True)


@dataclass(frozen=True, slots=True)
class Run:
    """The measurements of one process."""

    seconds: float
    rss_bytes: int
    code: int


class Stopwatch:
    """Runs jobs, one at a time."""

    def __enter__(self) -> Self:
        self._starter = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _STARTER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._screen, self._keyboard = pty.openpty()
        threading.Thread(target=self._look_at_the_screen, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._starter.communicate()
        os.close(self._keyboard)

    def run(self, job: Job) -> Run:
        """Run a job to its end."""
        err = os.ttyname(self._keyboard) if job.terminal else os.devnull
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._starter.stdin.write(json.dumps([job.argv, job.env, err]) + "\n")
        self._starter.stdin.flush()
        seconds, rss, code = json.loads(self._starter.stdout.readline())
        return Run(seconds, rss * _MAXRSS_UNIT, code)

    def _look_at_the_screen(self) -> None:
        try:
            while os.read(self._screen, 1 << 16):
                pass
        except OSError:  # A closed terminal: the bench has ended.
            os.close(self._screen)


def interleaved(watch: Stopwatch, jobs: Mapping[str, Job], rounds: int) -> dict[str, list[Run]]:
    """Run all jobs in turn for `rounds` rounds, after one round that warms the caches.

    Before each job, remove the files of the job before it and sync the disk.
    """
    runs: dict[str, list[Run]] = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, job in jobs.items():
            for file in Path(job.fills).iterdir() if job.fills else ():
                file.unlink()
            os.sync()
            run = watch.run(job)
            if run.code != job.code:  # A job that fails early would look fast.
                raise RuntimeError(f"{name} ended with {run.code}: {job.argv}")
            if number:
                runs[name].append(run)
    return runs
