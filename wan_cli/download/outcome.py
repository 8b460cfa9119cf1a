"""What a download reports: how far it is, and how it ended. Values; nothing here decides."""

import time
from collections.abc import Callable
from enum import Enum, auto
from math import inf
from pathlib import Path
from typing import NamedTuple

from wan_cli.errors import WanError


class Saved(NamedTuple):
    """A verified video under its final name, and its size in bytes."""

    path: Path
    bytes: int


class Reason(Enum):
    """Why a video is not saved, by what the caller can do about it."""

    # Try again after a pause, until the deadline: the network, 404, 408, 429, 5xx.
    MAY_PASS = auto()
    # Ask the API for a fresh URL, then try again; some tries tell whether it helps.
    EXPIRED = auto()
    # The server sent something whole that is no video: some tries tell whether it stays so.
    GARBAGE = auto()
    # Another process was downloading it until the deadline.
    BUSY = auto()
    # The caller said so.
    STOPPED = auto()
    # A video may not come from there: no second try.
    FORBIDDEN = auto()
    # The file or its drive. The error is a DriveTrouble if it is the drive.
    LOCAL = auto()


TELL_EVERY_S = 0.1
# How many calls in a row may end so, without getting any further, before it is hopeless.
TRIES = {Reason.MAY_PASS: inf, Reason.EXPIRED: 5, Reason.GARBAGE: 3}


class Kept(NamedTuple):
    """What one run knows about its unfinished file; the next call of the same run gets it.

    By it a download continues although the server names no version of the file: nobody else can
    tell that the bytes on disk belong to what the URL serves now.

    Args:
        furthest: the most bytes that were ever on disk.
        size: the bytes on disk now.
        total: the bytes of the whole file, if the server said so.
        tag: what the server said of the version, although that is not enough to rely on.
    """

    furthest: int = 0
    size: int = 0
    total: int | None = None
    tag: str = ""


NOTHING_KEPT = Kept()


class NotSaved(NamedTuple):
    """A video that is not saved yet. What has come stays on disk for the next call.

    Args:
        reason: what the caller can do.
        error: what to tell the user if nothing more is done: a DownloadFailed or a LocalFileError.
        wants_url: whether a fresh URL may help.
        kept: for the next call of this run.
        has_progressed: whether this call got further than all before it: count the tries anew.
    """

    reason: Reason
    error: WanError
    wants_url: bool = False
    kept: Kept = NOTHING_KEPT
    has_progressed: bool = False

    @property
    def tries_max(self) -> float:
        """How many calls in a row may end so before it is hopeless; 0: no other try at all."""
        return TRIES.get(self.reason, 0)


class Meter:
    """How far a download is, in bytes. The download writes, any thread may read.

    Args:
        tell: called in the download's thread with `received` and `total`, ten times a second at
            most, for callers that wait for news instead of looking.
    """

    __slots__ = ("_tell", "_told_at", "received", "total")

    def __init__(self, tell: Callable[[int, int | None], None] | None = None) -> None:
        self.received = 0
        self.total: int | None = None
        self._tell = tell
        self._told_at = -inf

    def put(self, received: int, total: int | None) -> None:
        """Take in how far the download is."""
        self.received, self.total = received, total
        if self._tell is not None and time.monotonic() - self._told_at >= TELL_EVERY_S:
            self._told_at = time.monotonic()
            self._tell(received, total)
