"""Signals: SIGINT, SIGTERM and SIGHUP raise `Interrupted` at a safe point and end the process."""

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from wan_cli.errors import Interrupted

# SIGHUP is missing on Windows.
SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


# A terminal and the programs around a command may each pass a signal on: this many seconds long,
# all of them are one request to end.
SAME_REQUEST_S = 1.0


def install() -> None:
    """Raise Interrupted for each signal that is not ignored (nohup, a background job)."""
    last = -math.inf

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal last
        now = time.monotonic()
        # Not for ever: Python drops an exception that is raised inside a finalizer.
        if now - last >= SAME_REQUEST_S:
            last = now
            raise Interrupted(number)

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def ignore() -> None:
    """Ignore signals from now on, so that the last messages are printed."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Deferral:
    """The state of deferred signals: a signal raises at once only while `raises` is true."""

    def __init__(self) -> None:
        self.raises = False


@contextmanager
def deferred(tell: Callable[[int], None], wake: Callable[[], None]) -> Iterator[Deferral]:
    """Defer signals until the end of the block, except while `raises` is set.

    The signal handler calls `tell`. After the first signal, ignore all others. Another thread
    calls `wake`, which must end a wait of the main thread: the handler runs only after that.

    Raises:
        Interrupted: a signal came, and the block did not raise it.
    """
    deferral = Deferral()
    if threading.current_thread() is not threading.main_thread():
        yield deferral
        return
    kept = {
        number: handler
        for number in SIGNALS
        if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None)
    }
    received: list[int] = []

    def arrived(number: int, _frame: FrameType | None) -> None:
        ignore()
        received.append(number)
        if deferral.raises:
            raise Interrupted(number)
        tell(number)

    for number in kept:
        signal.signal(number, arrived)
    try:
        with _waking(wake):
            yield deferral
        if received:
            raise Interrupted(received[0])
    finally:
        if not received:
            for number, handler in kept.items():
                signal.signal(number, handler)


@contextmanager
def _waking(wake: Callable[[], None]) -> Iterator[None]:
    """Call `wake` in another thread when a signal arrives.

    Python runs a signal's handler between two instructions of the main thread. A signal that comes
    just before the main thread begins to wait for a lock does not end that wait.
    """
    reads, writes = os.pipe()
    os.set_blocking(writes, False)

    def watch() -> None:
        while os.read(reads, 64):
            wake()
        os.close(reads)

    before = signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
    try:
        try:
            threading.Thread(target=watch, name="wan-signals", daemon=True).start()
        except RuntimeError:
            # No thread is left: the next answer ends the wait.
            os.close(reads)
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writes)


def die_of(number: int) -> None:
    """End the process with the signal itself, so that a shell's loop stops too."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
