"""The values that a download reports: its progress and its result. Nothing here decides."""

import time
from collections.abc import Callable
from enum import Enum, auto
from math import inf
from pathlib import Path
from typing import NamedTuple

from wan_cli.errors import WanError


class Saved(NamedTuple):
    """A verified video under its final name, its size in bytes, and its SHA-256 if computed."""

    path: Path
    bytes: int
    sha256: str | None = None


class Reason(Enum):
    """Why a video is not saved, by what the caller can do about it."""

    # Try again after a pause, until the deadline: the network, 404, 408, 429, 5xx.
    MAY_PASS = auto()
    # Ask the API for a fresh URL, then try again; give up after a few tries.
    EXPIRED = auto()
    # The server sent a complete file that is not a video; give up after a few tries.
    GARBAGE = auto()
    # Another process was downloading it until the deadline.
    BUSY = auto()
    # The caller stopped the download.
    STOPPED = auto()
    # wan does not download from this address: do not try again.
    FORBIDDEN = auto()
    # The file or its drive failed. The error is a DriveTrouble if the drive did.
    LOCAL = auto()


TELL_EVERY_S = 0.1
# Give up after this many calls in a row that end with the same reason and make no progress.
TRIES = {Reason.MAY_PASS: inf, Reason.EXPIRED: 5, Reason.GARBAGE: 3}


class Kept(NamedTuple):
    """What one run knows about its unfinished file; pass it to the next call of the same run.

    With it a download continues even if the server names no version of the file: only the same run
    can know that the bytes on disk belong to the file that the URL serves now.

    Args:
        furthest: the most bytes that were ever on disk.
        size: the bytes on disk now.
        total: the size of the whole file in bytes, if the server gave it.
        tag: the server's name for the version, even if it is too weak to rely on.
    """

    furthest: int = 0
    size: int = 0
    total: int | None = None
    tag: str = ""


NOTHING_KEPT = Kept()


class NotSaved(NamedTuple):
    """A video that is not saved yet. The received bytes stay on disk for the next call.

    Args:
        reason: what the caller can do.
        error: the error to show if the caller gives up: a DownloadFailed or a LocalFileError.
        wants_url: whether a fresh URL may help.
        kept: pass it to the next call of this run.
        has_progressed: whether this call got further than every earlier one: restart the count of
            tries.
    """

    reason: Reason
    error: WanError
    wants_url: bool = False
    kept: Kept = NOTHING_KEPT
    has_progressed: bool = False

    @property
    def tries_max(self) -> float:
        """Give up after this many calls in a row with this reason; 0: do not try again."""
        return TRIES.get(self.reason, 0)


class Meter:
    """The progress of a download, in bytes. The download writes it; any thread may read it.

    Args:
        tell: called in the download's thread with `received` and `total`, at most ten times a
            second, for callers that want to be notified instead of polling.
    """

    __slots__ = ("_tell", "_told_at", "received", "total")

    def __init__(self, tell: Callable[[int, int | None], None] | None = None) -> None:
        self.received = 0
        self.total: int | None = None
        self._tell = tell
        self._told_at = -inf

    def put(self, received: int, total: int | None) -> None:
        """Record the progress of the download."""
        self.received, self.total = received, total
        if self._tell is not None and time.monotonic() - self._told_at >= TELL_EVERY_S:
            self._told_at = time.monotonic()
            self._tell(received, total)
