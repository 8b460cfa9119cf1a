"""The client of the zygote: commands as forked processes, with the methods of subprocess.Popen."""

import atexit
import contextlib
import functools
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.fake.zygote import REQUEST_MAX

# Python reads these variables at its start, so a fork cannot get them.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "TZ")


class Forked:
    """A forked command, with the part of Popen that the tests use."""

    def __init__(self, pid: int, ended: "queue.Queue[int]", stdin: IO[bytes] | None) -> None:
        self.pid = pid
        self.stdin = stdin
        self.returncode: int | None = None
        self._ended = ended

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code, negative for a signal.

        Raises:
            subprocess.TimeoutExpired: it is not over.
        """
        if self.returncode is None:
            try:
                self.returncode = os.waitstatus_to_exitcode(self._ended.get(timeout=timeout))
            except queue.Empty:
                raise subprocess.TimeoutExpired("wan", timeout or 0.0) from None
        return self.returncode

    def poll(self) -> int | None:
        """Return the exit code, or None while the command runs."""
        if self.returncode is None and not self._ended.empty():
            self.wait(1)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the command has ended."""
        if self.poll() is None:
            # It may end in this very moment.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


class Zygote:
    """The process that forks; one for each process of pytest."""

    def __init__(self) -> None:
        self._sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fake.zygote", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self._asking = threading.Lock()
        self._started: queue.Queue[tuple[int, queue.Queue[int]]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def start(
        self, command: Mapping[str, object], fds: Sequence[int]
    ) -> tuple[int, "queue.Queue[int]"]:
        """Start a command; return its pid and the source of its wait status."""
        with self._asking:
            socket.send_fds(self._sock, [json.dumps(command).encode()], list(fds))
            return self._started.get(timeout=30)

    def stop(self) -> None:
        """End it."""
        self._sock.shutdown(socket.SHUT_RDWR)
        self._process.wait()
        self._sock.close()

    def _listen(self) -> None:
        running: dict[int, queue.Queue[int]] = {}
        while data := self._sock.recv(REQUEST_MAX):
            message = json.loads(data)
            if "started" in message:
                running[message["started"]] = queue.Queue()
                self._started.put((message["started"], running[message["started"]]))
            else:
                running.pop(message["ended"]).put(message["status"])


@functools.cache
def _zygote() -> Zygote:
    zygote = Zygote()
    atexit.register(zygote.stop)
    return zygote


def can_fork(argv: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether a fork can replace a new interpreter."""
    usual = {"LANG": "C.UTF-8"}
    special = [name for name in env if name.startswith(_READ_AT_START) and name not in usual]
    size = sum(map(len, argv)) + sum(map(len, env.values()))
    usable = hasattr(os, "pidfd_open") and size < REQUEST_MAX // 8
    return usable and not special and env.get("LANG") == usual["LANG"]


def fork(
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    out: int,
    err: int,
    *,
    stdin: bool,
    speed: float = 1.0,
) -> Forked:
    """Start a command as a fork, with stdin as a pipe or /dev/null.

    `speed` is how many seconds of the command's clock pass in one of the test's.
    """
    command = {"argv": list(argv), "env": dict(env), "cwd": str(cwd), "speed": speed}
    reading, writing = os.pipe() if stdin else (os.open(os.devnull, os.O_RDONLY), None)
    try:
        pid, ended = _zygote().start(command, [reading, out, err])
    finally:
        os.close(reading)
    return Forked(pid, ended, None if writing is None else os.fdopen(writing, "wb"))
