"""The unfinished file beside its target (`NAME.part`), and its publication under the final name."""

import contextlib
import errno
import fcntl
import os
import shlex
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from wan_cli.download.meta import Meta
from wan_cli.errors import LocalFileError
from wan_cli.storage import sync_folder

# Leaves room for ".99.part.json.tmp" below the 255 bytes that file systems allow.
_BASE_MAX_BYTES = 230
_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NO_HARD_LINKS = frozenset(
    {errno.EPERM, errno.EXDEV, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
)
WRITE_BACK_BYTES = 2**23
# Who plays a clip that was just saved finds it in memory: most are shorter.
CACHED_BYTES = 2**26


def fetch_hint(identity: str) -> str:
    """Return the command that fetches a generation later."""
    return f"wan fetch {shlex.quote(identity)}"


@contextlib.contextmanager
def local_trouble(path: Path, identity: str) -> Iterator[None]:
    """Make each OSError a LocalFileError that names the file and the next command."""
    try:
        yield
    except OSError as cause:
        words = os.strerror(cause.errno) if cause.errno else "cannot be used"
        raise LocalFileError(f"{path}: {words}", hint=fetch_hint(identity)) from cause


class Part:
    """The unfinished file of one generation; its lock keeps a second process from writing it."""

    def __init__(self, descriptor: int, path: Path, target: Path, meta: Meta) -> None:
        self.file = os.fdopen(descriptor, "r+b", buffering=0)
        self.path = path
        self.meta = meta
        self._target = target
        self._unhanded = 0

    @classmethod
    def open(cls, target: Path, identity: str) -> Self:
        """Open the part that a former run left for this generation, else a new one.

        Raises:
            OSError: the folder does not take it.
        """
        base = target.name.encode(errors="surrogateescape")[:_BASE_MAX_BYTES]
        for number in range(100):
            name = os.fsdecode(base) + (f".{number}.part" if number else ".part")
            path = target.with_name(name)
            descriptor = _open_part(path)
            if descriptor is None:
                continue
            meta = Meta.read(_meta_path(path))
            empty = os.fstat(descriptor).st_size == 0
            if meta.identity == identity if meta else empty:
                return cls(descriptor, path, target, meta or Meta(identity))
            os.close(descriptor)
        raise FileExistsError(errno.EEXIST, "too many unfinished files")

    def lock(self) -> bool:
        """Take the lock if no other process holds it; file systems without locks give it freely."""
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def claim(self) -> bool:
        """Return whether, now that the lock is held, this is still the part of our generation."""
        if not self._is_in_place():
            return False
        if os.fstat(self.file.fileno()).st_nlink != 1:
            self.remove()  # Under its other name it is somebody else's: it must not be written.
            return False
        meta = Meta.read(_meta_path(self.path))
        if meta is None and self.size == 0:
            self.begin(None, None)
            return True
        if meta is None or meta.identity != self.meta.identity:
            return False
        self.meta = meta
        return True

    def published(self) -> Path | None:
        """Return the final name that another process has given to this file, if it has."""
        ours = os.fstat(self.file.fileno())
        if not ours.st_nlink or (self._is_in_place() and ours.st_nlink == 1):
            return None
        for path in _free_names(self._target):
            try:
                if os.path.samestat(path.lstat(), ours):
                    return path
            except FileNotFoundError:
                return None
        return None

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return os.fstat(self.file.fileno()).st_size

    @property
    def can_resume(self) -> bool:
        """Whether a later request may ask for the rest only."""
        return self.meta.validator is not None and self.size > 0

    def begin(self, validator: str | None, total: int | None) -> None:
        """Forget what it holds; from now on it is this version of the file."""
        self.file.truncate(0)
        self.file.seek(0)
        self._unhanded = 0
        self.meta = Meta(self.meta.identity, validator, total)
        self.meta.write(_meta_path(self.path))

    def resume(self) -> None:
        """Stand at the end of what it holds."""
        self.file.seek(0, os.SEEK_END)

    def write(self, data: bytes) -> None:
        """Append data, after `begin` or `resume`."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.file.write(rest) :]
        self._unhanded += len(data)
        if self._unhanded >= WRITE_BACK_BYTES:
            self._write_back()

    def _write_back(self) -> None:
        """Have the disk begin with what it was given, and forget what it has had for long.

        fsync is quick then. And a long video goes through a little memory again and again: to touch
        fresh memory for all of it takes longer than to receive it.
        """
        end = self.file.tell()
        self._unneeded(end - self._unhanded, end)
        self._unneeded(0, end - CACHED_BYTES)
        self._unhanded = 0

    def _unneeded(self, start: int, end: int) -> None:
        # Not every system has it, and it is only advice.
        if end > start and hasattr(os, "posix_fadvise"):
            with contextlib.suppress(OSError):
                os.posix_fadvise(self.file.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)

    def free_space(self) -> int:
        """Return how many bytes the folder can still take."""
        return shutil.disk_usage(self.path.parent).free

    def publish(self, *, overwrite: bool) -> Path:
        """Put it on disk for good, under the final name or the first free one after it.

        It keeps its own name as well, where the file system lets it have two: by that a later run
        knows what was published, until `remove` says that it is written down.
        """
        try:
            os.fsync(self.file.fileno())
        except OSError:
            self.remove()  # Nobody knows what of it is on disk: it must not be continued.
            raise
        publish = _publish_over if overwrite else _publish_without_clobber
        path = publish(self.path, self._target)
        if not self._is_in_place():
            _meta_path(self.path).unlink(missing_ok=True)
        # Some file systems cannot; the file itself is on disk already.
        with contextlib.suppress(OSError):
            sync_folder(path.parent)
        return path

    def remove(self) -> None:
        """Remove it and what is kept beside it, unless its place is another file's by now."""
        if self._is_in_place():
            self.path.unlink()
            _meta_path(self.path).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of it; it stays where a later run can continue it, else it is removed."""
        with contextlib.suppress(OSError):
            if self._is_in_place() and not self.can_resume and self.published() is None:
                self.remove()
        self.release()

    def release(self) -> None:
        """Let go of it and leave it as it is: it may be another process's."""
        self.file.close()

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(self.path.lstat(), os.fstat(self.file.fileno()))
        except FileNotFoundError:
            return False


def _meta_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _open_part(path: Path) -> int | None:
    """Create a part or open the one that is there; None where that is nothing we may write to."""
    with contextlib.suppress(FileExistsError):
        return os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        descriptor = os.open(path, _OPEN)
    except OSError:
        return None
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
        return descriptor
    os.close(descriptor)
    return None


def _free_names(target: Path) -> Iterator[Path]:
    yield target
    for number in range(1, 10_000):
        yield target.with_name(f"{target.stem}-{number}{target.suffix}")


def _publish_over(part: Path, target: Path) -> Path:
    second = part.with_name(part.name + ".new")
    second.unlink(missing_ok=True)
    try:
        os.link(part, second, follow_symlinks=False)
    except OSError as cause:
        if cause.errno not in _NO_HARD_LINKS:
            raise
        second = part
    second.replace(target)
    return target


def _publish_without_clobber(part: Path, target: Path) -> Path:
    for path in _free_names(target):
        try:
            os.link(part, path, follow_symlinks=False)
            return path
        except FileExistsError:
            continue
        except OSError as cause:
            if cause.errno not in _NO_HARD_LINKS:
                raise
        with contextlib.suppress(FileExistsError):
            # No hard links here: an empty file holds the name for the moment before the rename.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            part.replace(path)
            return path
    raise FileExistsError(errno.EEXIST, "too many files of this name")
