"""Where the history lies: on a network file system, or one whose locks do not work."""

import errno
import fcntl
import os
from pathlib import Path
from typing import Final

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
    # Most of FUSE is local; these are not.
    "fuse.sshfs": "SSHFS",
    "fuse.ceph": "Ceph",
    "fuse.ceph-fuse": "Ceph",
    "fuse.glusterfs": "GlusterFS",
}
_HELD = (errno.EAGAIN, errno.EACCES)
# Only Linux has it; such a handle may be closed without giving up the locks of this process.
_O_PATH: Final[int | None] = getattr(os, "O_PATH", None)


def network(path: Path) -> str | None:
    """Return what the network file system is called on which a file lies; None on a local one.

    What the kernel lists of the mounts says it, without ctypes, which takes 3 ms. Nothing is
    known where there is no such list, as on macOS.
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
    """Return the file system's type of one mount in /proc/self/mountinfo; "" if it is not there."""
    for line in mounts.splitlines():
        if line.startswith(mount + b" "):
            return line.partition(b" - ")[2].partition(b" ")[0].decode("ascii", "replace")
    return ""


def lock_trouble(descriptor: int) -> str | None:
    """Return what the file system says if a file cannot be locked at all; None where it can.

    SQLite says "locked" or "disk I/O error" of it, after seconds. The first byte is no part of
    what SQLite locks. As with any file, to close the descriptor gives up this process's locks.
    """
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, 1)
    except OSError as cause:
        return None if cause.errno in _HELD else os.strerror(cause.errno or 0)
    return None
