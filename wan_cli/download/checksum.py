"""The SHA-256 of a saved video: the history keeps it, to recognize the video at another place."""

import os
from pathlib import Path

from wan_cli.download.outcome import Saved
from wan_cli.download.publish import free_names
from wan_cli.record import Record


def checksum(path: Path) -> str | None:
    """Return the SHA-256 of a file in hex, or None if the file cannot be read."""
    # hashlib loads OpenSSL, which takes 3 ms: only commands that save a video import it.
    import hashlib

    try:
        with path.open("rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def same_file(record: Record, wanted: Path) -> Saved | None:
    """Return the file at a path, or at a name after it, that is the video of a record.

    Another machine may have recorded another path: the size and the hash prove the video.
    """
    if record.sha256 is None:
        return None
    for path in free_names(wanted):
        if not os.path.lexists(path):
            return None
        is_equal = path.is_file() and path.stat().st_size == record.bytes
        if is_equal and checksum(path) == record.sha256:
            return Saved(path, record.bytes or 0, record.sha256)
    return None
