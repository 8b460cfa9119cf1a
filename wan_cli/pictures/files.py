"""Read a picture's file: regular files only, so that reading never blocks, and not too much."""

import os
import stat
from pathlib import Path

from wan_cli.errors import UsageError
from wan_cli.pictures.kinds import PICTURE_HINT
from wan_cli.pictures.sizes import in_words
from wan_cli.text import one_line

MAX_FILE_BYTES = 200_000_000
# A pipe would wait for a writer; a terminal must not become the controlling one.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_SPECIAL = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def shown_name(path: Path) -> str:
    """Return the name of a file for messages."""
    return one_line(str(path), 200)


def read(path: Path) -> bytes:
    """Return the content of a regular file.

    Raises:
        UsageError: the file cannot be read, is not a regular file, is empty or far too large.
    """
    try:
        # Opening a device may have an effect, so check first; then check the opened file again.
        _check(path, path.stat())
        handle = os.open(path, _FLAGS)
        with os.fdopen(handle, "rb") as file:
            _check(path, os.fstat(handle))
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as cause:
        reason = os.strerror(cause.errno) if cause.errno else str(cause)
        raise UsageError(f"cannot read {shown_name(path)}: {reason}", hint=PICTURE_HINT) from None
    except ValueError:
        raise UsageError(
            f"{shown_name(path)} cannot be the name of a file", hint=PICTURE_HINT
        ) from None
    _check_size(path, len(data or b""))
    return data


def _check(path: Path, status: os.stat_result) -> None:
    """Refuse anything but a regular file of a sane size.

    Raises:
        UsageError: the file is something else.
    """
    if stat.S_ISDIR(status.st_mode):
        raise UsageError(f"{shown_name(path)} is a folder", hint="name one picture in it")
    if not stat.S_ISREG(status.st_mode):
        what = next((words for test, words in _SPECIAL if test(status.st_mode)), "special")
        raise UsageError(f"{shown_name(path)} is {what}, not a file", hint=PICTURE_HINT)
    _check_size(path, status.st_size)


def _check_size(path: Path, size: int) -> None:
    if size == 0:
        raise UsageError(f"{shown_name(path)} is empty", hint=PICTURE_HINT)
    if size > MAX_FILE_BYTES:
        raise UsageError(
            f"{shown_name(path)} is too large for a picture: over {in_words(MAX_FILE_BYTES)}",
            hint="use a smaller picture",
        )
