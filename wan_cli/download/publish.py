"""Give a finished file its final name: in one step, and without replacing another file."""

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from wan_cli.uri import Uri

P = TypeVar("P", Path, Uri)
_NAME_MAX_BYTES = 255
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
# Errors of drives, kernels and containers that do not support the call. If an error means something
# else (such as no permission), the next way of publishing fails with it again.
_NO_SUCH_CALL = frozenset(
    {
        errno.EINVAL,
        errno.ENOSYS,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.EPERM,
        errno.EACCES,
        errno.EXDEV,
        errno.EMLINK,
    }
)
_FOLDER_LOCK_SECONDS = 5.0


def move(source: Path, target: Path) -> None:
    """Rename a file to a free name in the same folder.

    Drives differ in the calls that never replace a file: most (on Linux) can rename, others can
    only add a second name (a hard link), and exFAT, FAT and SMB may support neither. On those, a
    lock on the folder keeps other wan processes out between the check of the name and the rename.
    None of the three leaves an empty file behind if the process is killed.

    Raises:
        FileExistsError: the name is taken.
        OSError: the drive or the folder failed.
    """
    if _rename(source, target) or _link(source, target):
        return
    with _locked(target.parent):
        with contextlib.suppress(FileNotFoundError):
            target.lstat()
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        source.rename(target)


def _rename(source: Path, target: Path) -> bool:
    """Rename without replacing, in one system call; return whether that call is supported."""
    # The import takes 1.5 ms; a command pays for it only after its download.
    try:
        import ctypes

        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (ImportError, OSError, AttributeError):
        return False  # Not Linux, or a C library without this call.
    names = os.fsencode(source), os.fsencode(target)
    if not renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_NOREPLACE):
        return True
    code = ctypes.get_errno()
    if code in _NO_SUCH_CALL:
        return False
    raise OSError(code, os.strerror(code), str(target))


def _link(source: Path, target: Path) -> bool:
    """Add the second name and remove the first; return whether the drive has hard links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as cause:
        if cause.errno in _NO_SUCH_CALL:
            return False
        raise
    source.unlink()
    return True


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from publishing in a folder, if the drive has locks.

    Wait at most 5 s for a process that was suspended while it held the lock.
    """
    with contextlib.ExitStack() as closing:
        with contextlib.suppress(PermissionError):  # A folder that can be written but not read.
            handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            closing.callback(os.close, handle)
            end = time.monotonic() + _FOLDER_LOCK_SECONDS
            while not _lock(handle) and time.monotonic() < end:
                time.sleep(0.01)
        yield


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def free_names(target: P) -> Iterator[P]:
    """Yield a name, then the names to try if it is taken: `fox.mp4`, `fox-1.mp4`, …."""
    yield target
    for number in range(1, 10_000):
        end = f"-{number}{target.suffix}"
        stem = cut_bytes(target.stem, _NAME_MAX_BYTES - len(os.fsencode(end)))
        yield target.with_name(stem + end)


def cut_bytes(name: str, limit: int) -> str:
    """Return a file name cut to at most `limit` bytes, without splitting a character."""
    raw = os.fsencode(name)
    return name if len(raw) <= limit else raw[:limit].decode("utf-8", "ignore")
