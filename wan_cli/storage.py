"""Replace files atomically: a reader sees the old or the new content, even after a crash."""

import errno
import os
from contextlib import suppress
from pathlib import Path

# Errors from drives that cannot fsync a folder (SMB, some FUSE drives), and from folders that may
# be written but not read. None of them means that a name is lost.
_NO_FOLDER_SYNC = frozenset(
    {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EPERM}
)


def replace_whole(file: Path, content: bytes, *, private: bool) -> None:
    """Replace a file through a temporary file beside it; it is on disk when this returns.

    Private: use mode 0600, and create a missing folder with mode 0700; otherwise the umask decides.
    Keep a symbolic link and replace its target. Never call chmod, so that drives without modes
    work too.

    Raises:
        OSError: the file cannot be written; the old file is untouched.
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
    """Create a folder, and its missing parents, with mode 0700.

    Raises:
        OSError: a folder cannot be created.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError:
        # `parents=True` would create the parents with the default mode.
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a new file name survive a power cut, on drives that support it.

    Raises:
        OSError: the drive fails.
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
