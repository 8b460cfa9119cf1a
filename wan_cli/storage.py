"""Files replaced whole: a reader sees the old one or the new one, also after a crash."""

import os
from contextlib import suppress
from pathlib import Path


def replace_whole(file: Path, content: bytes, *, private: bool) -> None:
    """Replace a file by way of a temporary one beside it, on disk when this returns.

    Private: mode 0600, in a folder that is made with mode 0700 where it is missing. Else what the
    umask says. A symbolic link stays: the file that it leads to is replaced.

    Raises:
        OSError: it cannot be written; the old file is untouched.
        RuntimeError: symbolic links in a circle.
    """
    # 2 ms, which those who only read are spared.
    import tempfile

    target = file.resolve()
    if private:
        make_private(target.parent)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp creates with mode 0600 and follows no link.
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            if not private:
                os.fchmod(stream.fileno(), 0o666 & ~current_umask())
            os.fsync(stream.fileno())
        temporary.replace(target)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
    sync_folder(target.parent)


def make_private(folder: Path) -> None:
    """Make a folder, and those above it, with mode 0700 where they are missing.

    Raises:
        OSError: one cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError:
        # With `parents=True` those above would be open to all.
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def current_umask() -> int:
    """Return the umask, which the system tells only to those who set it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def sync_folder(folder: Path) -> None:
    """Make a new name last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
