"""Explain problems of the journal's file: a network file system, locks, damage."""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Final

from wan_cli.errors import HistoryLocked, HistoryReadOnly, SetupError
from wan_cli.journal.port import RowRefused
from wan_cli.text import one_line

_NAMES: Final = {
    "nfs": "NFS",
    "nfs4": "NFS",
    "cifs": "SMB",
    "smb3": "SMB",
    "smbfs": "SMB",
    "9p": "9p",
    "afs": "AFS",
    "openafs": "AFS",
    "auristorfs": "AFS",
    "coda": "Coda",
    "ceph": "Ceph",
    "lustre": "Lustre",
    "gpfs": "GPFS",
    "beegfs": "BeeGFS",
    "gfs2": "GFS2",
    "ocfs2": "OCFS2",
    "pvfs2": "OrangeFS",
    # Most FUSE file systems are local; these are not.
    "fuse.sshfs": "SSHFS",
    "fuse.ceph": "Ceph",
    "fuse.ceph-fuse": "Ceph",
    "fuse.glusterfs": "GlusterFS",
}
_HELD = (errno.EAGAIN, errno.EACCES)
# Only Linux has O_PATH. Closing such a handle does not release the locks of this process.
_O_PATH: Final[int | None] = getattr(os, "O_PATH", None)
ELSEWHERE = "export WAN_HOME=DIR (a folder on a permanent local disk)"


def network(path: Path) -> str | None:
    """Return the name of the network file system that holds a file; None on a local one.

    Read the kernel's list of mounts, because importing ctypes for statfs takes 3 ms. Return None
    if there is no such list, as on macOS.
    """
    if _O_PATH is None:
        return None
    try:
        handle = os.open(path, _O_PATH | os.O_CLOEXEC)
        try:
            with open(f"/proc/self/fdinfo/{handle}", "rb") as info:  # noqa: PTH123  faster
                mount = next(line.split()[1] for line in info if line.startswith(b"mnt_id:"))
        finally:
            os.close(handle)
        with open("/proc/self/mountinfo", "rb") as mounts:  # noqa: PTH123
            kind = mounted(mounts.read(), mount)
    except (OSError, StopIteration):
        return None
    return _NAMES.get(kind)


def mounted(mounts: bytes, mount: bytes) -> str:
    """Return the file system type of a mount in /proc/self/mountinfo, "" if it is not listed."""
    for line in mounts.splitlines():
        if line.startswith(mount + b" "):
            return line.partition(b" - ")[2].partition(b" ")[0].decode("ascii", "replace")
    return ""


def lock_trouble(descriptor: int) -> str | None:
    """Return the file system's error if a file cannot be locked at all, None if it can.

    SQLite itself would fail only after seconds, with "locked" or "disk I/O error". This test locks
    the first byte, which SQLite never locks. Closing the descriptor releases this process's locks.
    """
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, 1)
    except OSError as cause:
        return None if cause.errno in _HELD else os.strerror(cause.errno or 0)
    return None


@contextmanager
def trouble(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the file system into errors with plain messages."""
    try:
        yield
    except sqlite3.IntegrityError as cause:
        # The file is intact, but the row conflicts with another one.
        raise RowRefused(
            f"the history {path} refuses a row: {one_line(str(cause), 100)}",
            hint="wan doctor",
        ) from None
    except sqlite3.Error as cause:
        raise _explained(path, str(cause)) from None
    except OSError as cause:
        # `wan doctor` shows this error too, so the hint must not be `wan doctor`.
        is_there = os.path.exists(path)  # noqa: PTH110  Path.exists() raises in a closed folder.
        hint = (
            f"chmod u+rw {quote(str(path))}"
            if is_there
            else "export WAN_HOME=DIR (a folder that you can write to)"
        )
        raise HistoryReadOnly(
            f"the history {path} cannot be opened: {os.strerror(cause.errno or 0)}", hint=hint
        ) from None
    except (ValueError, KeyError, TypeError) as cause:
        raise SetupError(
            f"the history {path} has a row that cannot be read: {one_line(str(cause), 100)}",
            hint="wan doctor",
        ) from None


def _explained(path: Path, words: str) -> SetupError:
    if "protocol" in words:
        return unlockable(path, words)
    if "locked" in words or "busy" in words:
        return HistoryLocked(
            f"the history {path} is locked by another process", hint="try again in a moment"
        )
    # `wan doctor` shows these errors too, so their hints must not be `wan doctor`.
    if "I/O" in words:
        return HistoryReadOnly(
            f"the history {path}{_where(path)} cannot be read or written: {words}", hint=ELSEWHERE
        )
    if "full" in words:
        hint = f"df -h {quote(str(path.parent))}"
    elif "readonly" in words or "unable to open" in words:
        hint = f"ls -la {quote(str(path.parent))}"
    else:
        return damaged(path, words)
    return HistoryReadOnly(f"the history {path} cannot be written: {words}", hint=hint)


def unlockable(path: Path, words: str) -> HistoryReadOnly:
    """Return the error of a file system without locks; the history can only be read."""
    return HistoryReadOnly(
        f"the history {path}{_where(path)} cannot be locked: {one_line(words, 100)}",
        hint=ELSEWHERE,
    )


def warnings(path: Path, name: str | None) -> list[str]:
    """Return the warning about a history on a network file system, if it is on one."""
    if name is None:
        return []
    return [
        f"the history {path} is on a network file system ({name}): use it from one machine at a"
        " time, or set WAN_HOME to a folder on a permanent local disk"
    ]


def _where(path: Path) -> str:
    name = network(path)
    return f" on a network file system ({name})" if name else ""


def damaged(path: Path, words: str) -> SetupError:
    """Return the error of a file that is damaged or not a history."""
    return SetupError(
        f"the history {path} is damaged: {one_line(words, 100)}",
        hint=f"keep it and start a new history: mv '{path}' '{path}.damaged'",
    )
