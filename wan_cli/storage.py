"""Files replaced whole: a reader sees the old one or the new one, also after a crash."""

import errno
import os
from contextlib import suppress
from pathlib import Path

# What drives answer that cannot write a folder's names to disk by themselves (SMB, some FUSE
# drives), and folders that may be written but not read. None of them means that a name is lost.
_NO_FOLDER_SYNC = frozenset(
    {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EPERM}
)


def replace_whole(file: Path, content: bytes, *, private: bool) -> None:
    """Replace a file by way of a temporary one beside it, on disk when this returns.

    Private: mode 0600, in a folder that is made with mode 0700 where it is missing. Else what the
    umask says. A symbolic link stays: the file that it leads to is replaced. No mode is set
    afterwards, so a drive that has none is no trouble.

    Raises:
        OSError: it cannot be written; the old file is untouched.
        RuntimeError: symbolic links in a circle.
    """
    target = file.resolve()
    if private:
        make_private(target.parent)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name[:60]}.{os.urandom(6).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(temporary, flags, 0o600 if private else 0o666)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
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


def sync_folder(folder: Path) -> None:
    """Make a new name last through a power cut, on drives that can.

    Raises:
        OSError: the drive is in trouble.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as cause:
        if cause.errno not in _NO_FOLDER_SYNC:
            raise
