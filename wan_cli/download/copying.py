"""Copy a saved video to another place, as safely as it was downloaded."""

import contextlib
import errno
import filecmp
import os
import time
from pathlib import Path

from wan_cli import mp4
from wan_cli.download.fetch import COPY_BYTES, LOCK_INTERVAL, Target
from wan_cli.download.outcome import Saved
from wan_cli.download.part import Part, local_trouble

# How long another process that is at the same copy is waited for.
BUSY_S = 60.0


def is_copy(path: Path, source: Path) -> bool:
    """Whether a file holds the same bytes as another one."""
    try:
        return path.is_file() and filecmp.cmp(path, source, shallow=False)
    except OSError:
        return False


def copy_video(source: Path, target: Target) -> Saved:
    """Copy a video to `target`, or to the first free name after it; then call `tidy`.

    The copy is whole, checked and on disk before it gets its name.

    Raises:
        LocalFileError: the source is no whole video any more, or the folder does not take it.
    """
    with local_trouble(target.path, target.identity):
        part = Part.open(target.path, target.identity)
        with contextlib.closing(part.file):
            _lock(part)
            path = part.published()
            if path is None:
                _fill(part, source)
                path = part.publish(overwrite=target.overwrite)
            return Saved(path, path.stat().st_size)


def _lock(part: Part) -> None:
    end = time.monotonic() + BUSY_S
    while not part.lock():
        if time.monotonic() > end:
            raise OSError(errno.EBUSY, "another process is at it")
        time.sleep(LOCK_INTERVAL)


def _fill(part: Part, source: Path) -> None:
    if not part.claim():
        raise OSError(errno.EBUSY, "another process is at it")
    is_whole = False
    try:
        is_whole = _copy(part, source)
    finally:
        if not is_whole:
            part.remove()
    if not is_whole:
        raise OSError(errno.EIO, f"{source} is no whole video")


def _copy(part: Part, source: Path) -> bool:
    """Copy a video into a part; return whether it is whole."""
    with source.open("rb", buffering=0) as video:
        size = os.fstat(video.fileno()).st_size
        part.begin(None, size)
        while data := video.read(COPY_BYTES):
            part.write(data)
    return part.size == size and mp4.check(part.file, size) is None
