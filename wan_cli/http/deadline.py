"""A total deadline for one blocking call.

Socket timeouts limit each wait of a call, not the whole call: a name server that never answers, or
headers that arrive byte by byte, get past them.
"""

import errno
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class NoThread(OSError):
    """The system has no thread left; the call never began."""


CHECK_EVERY_S = 0.05


def within(
    seconds: float,
    call: Callable[[], T],
    *,
    name: str,
    discard: Callable[[T], None] | None = None,
    give_up: Callable[[], bool] | None = None,
) -> T:
    """Return the result of `call`, or raise its exception, if the call ends within `seconds`.

    The call runs in a daemon thread while this thread waits, so that a signal handler that raises
    ends the wait at once. An abandoned call keeps running: it must not touch shared objects, nor do
    anything that matters after its deadline. Its late result goes to `discard` (close a response
    there); its late exception is dropped. While signals are held, this function calls `give_up`
    every 50 ms and stops waiting when it returns True.

    Raises:
        TimeoutError: the call did not end in time, or `give_up` returned True; if `seconds` is not
            above zero, the call never began.
        NoThread: the system has no thread left; the call never began.
    """
    if seconds <= 0:
        raise TimeoutError(f"no time left for {name}")
    task = _Task(call, discard)
    try:
        # A signal may already arrive during start(), after the call has begun.
        _start(task, name)
        _wait(task, seconds, give_up)
    finally:
        in_time = task.leave()
    if not in_time:
        raise TimeoutError(f"{name} took longer than {seconds:.3g} s")
    return task.outcome()


def _wait(task: "_Task[T]", seconds: float, give_up: Callable[[], bool] | None) -> None:
    end = time.monotonic() + seconds
    # A signal that arrives just before a wait does not end that wait, so keep every wait short.
    while not (give_up and give_up()) and (left := end - time.monotonic()) > 0:
        if task.ended.wait(min(left, CHECK_EVERY_S)):
            return


def _start(task: "_Task[T]", name: str) -> None:
    try:
        threading.Thread(target=task.run, name=name, daemon=True).start()
    except RuntimeError as cause:
        raise NoThread(errno.EAGAIN, f"no thread for {name}") from cause


class _Task(Generic[T]):
    """A call, its outcome, and whether a thread still waits for it."""

    def __init__(self, call: Callable[[], T], discard: Callable[[T], None] | None) -> None:
        self.ended = threading.Event()
        self._call = call
        self._discard = discard
        self._lock = threading.Lock()
        self._left = False
        self._results: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Make the call and keep its outcome, or discard its result if no thread waits for it."""
        try:
            result = self._call()
        except BaseException as error:  # noqa: BLE001  The waiting thread raises it again.
            self._error = error
            self.ended.set()
            return
        with self._lock:
            left = self._left
            if not left:
                self._results.append(result)
                self.ended.set()
        if left and self._discard is not None:
            self._discard(result)

    def leave(self) -> bool:
        """Stop waiting; return whether the call had ended by then."""
        with self._lock:
            self._left = True
            return self.ended.is_set()

    def outcome(self) -> T:
        """Return the call's result or raise its exception."""
        if self._error is None:
            return self._results[0]
        try:
            raise self._error
        finally:
            # The error and this frame refer to each other: break the cycle, since gc may be off.
            self._error = None
