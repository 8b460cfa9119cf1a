"""One command at a time changes the configuration file."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wan_cli.errors import SetupError
from wan_cli.storage import make_private


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Keep other commands from changing the file until the block is left.

    Its folder is locked: the file itself is replaced whole, and no other file is needed.

    Raises:
        SetupError: the folder cannot be made or written.
    """
    try:
        make_private(file.parent)
        handle = os.open(file.parent, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as cause:
        raise SetupError(
            f"{file} cannot be written: {cause.strerror}", hint=f"ls -ld '{file.parent}'"
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
