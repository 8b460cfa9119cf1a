"""Signals: a request to end becomes `Interrupted` at a safe point; the process dies of it."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from wan_cli.errors import Interrupted

# SIGHUP is missing on Windows.
SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


def install() -> None:
    """Make the first signal raise Interrupted, unless it is ignored (nohup, a background job).

    A terminal and the wrappers around a command may all pass a signal on: after the first one
    they are ignored, so that none disturbs what is written down and said of it.
    """

    def interrupt(number: int, _frame: FrameType | None) -> None:
        ignore()
        raise Interrupted(number)

    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def ignore() -> None:
    """Let no signal disturb the last words."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Deferral:
    """What a signal does while it is deferred: it raises at once only where `raises` says so."""

    def __init__(self) -> None:
        self.raises = False


@contextmanager
def deferred(tell: Callable[[int], None]) -> Iterator[Deferral]:
    """Hold signals back until the block is left, except while `raises` is set.

    `tell` is called in the signal handler. After the first signal all others are ignored.

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
        yield deferral
        if received:
            raise Interrupted(received[0])
    finally:
        if not received:
            for number, handler in kept.items():
                signal.signal(number, handler)


def die_of(number: int) -> None:
    """End the process by the signal itself, so that the shell's loops stop too."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
