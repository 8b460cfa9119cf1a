"""Signals: a wish to end becomes `Interrupted` at a safe point; the process dies of it."""

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


# A terminal and a wrapper may both pass a signal on: within so many seconds it is the same wish.
SAME_WISH_S = 1.0


def install() -> None:
    """Make each signal that is not ignored (nohup, a background job) raise Interrupted."""
    last = -math.inf

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SAME_WISH_S:
            last = now
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
    """Have signals told in place of raised until the block is left, except while `raises` is set.

    `tell` is called in the signal handler. The same wish is told once.
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
    told: list[int] = []

    def arrived(number: int, _frame: FrameType | None) -> None:
        if told:
            return
        told.append(number)
        if deferral.raises:
            raise Interrupted(number)
        tell(number)

    for number in kept:
        signal.signal(number, arrived)
    try:
        yield deferral
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def die_of(number: int) -> None:
    """End the process by the signal itself, so that the shell's loops stop too."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
