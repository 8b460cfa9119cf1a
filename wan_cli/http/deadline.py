"""A total deadline for one blocking call.

Socket timeouts bound each wait of a call, not the call: a black hole in place of a name server and
headers that drip in byte by byte go round them.
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
    """Return what `call` returns, or raise what it raises, if it ends within `seconds`.

    The call runs in a daemon thread while this thread waits, so that a signal handler that raises
    ends the wait at once. A call that is not waited for any more runs on: it must touch nothing
    that others use, and do nothing that matters after its time. Its late result goes to `discard`
    (close a response there), its late exception is dropped. Where signals are held, `give_up` is
    asked every 50 ms whether to stop waiting.

    Raises:
        TimeoutError: it did not end in time, or was given up; where `seconds` is not above zero,
            it never began.
        NoThread: the system has no thread left; the call never began.
    """
    if seconds <= 0:
        raise TimeoutError(f"no time left for {name}")
    task = _Task(call, discard)
    try:
        # A signal may come as early as in start(), when the call has begun.
        _start(task, name)
        _wait(task, seconds, give_up)
    finally:
        in_time = task.leave()
    if not in_time:
        raise TimeoutError(f"{name} took longer than {seconds:.3g} s")
    return task.outcome()


def _wait(task: "_Task[T]", seconds: float, give_up: Callable[[], bool] | None) -> None:
    end = time.monotonic() + seconds
    # A signal that comes just before a wait begins does not end it: so no single wait is long.
    while not (give_up and give_up()) and (left := end - time.monotonic()) > 0:
        if task.ended.wait(min(left, CHECK_EVERY_S)):
            return


def _start(task: "_Task[T]", name: str) -> None:
    try:
        threading.Thread(target=task.run, name=name, daemon=True).start()
    except RuntimeError as cause:
        raise NoThread(errno.EAGAIN, f"no thread for {name}") from cause


class _Task(Generic[T]):
    """A call, its outcome, and whether anybody still waits for it."""

    def __init__(self, call: Callable[[], T], discard: Callable[[T], None] | None) -> None:
        self.ended = threading.Event()
        self._call = call
        self._discard = discard
        self._lock = threading.Lock()
        self._left = False
        self._results: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Make the call and keep its outcome, or give it away where nobody waits any more."""
        try:
            result = self._call()
        except BaseException as error:  # noqa: BLE001  It is raised where the call is waited for.
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
        """Return or raise what the call returned or raised."""
        if self._error is None:
            return self._results[0]
        try:
            raise self._error
        finally:
            # The error holds this frame and this frame the error: cut the ring, gc may be off.
            self._error = None
