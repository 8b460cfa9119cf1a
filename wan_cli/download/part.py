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

from wan_cli import mp4
from wan_cli.download.meta import Meta, meta_path, open_to_read, part_names
from wan_cli.download.publish import free_names, move
from wan_cli.errors import local_file_error
from wan_cli.storage import sync_folder

_OPEN = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
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
        raise local_file_error(f"{path}: {words}", cause, hint=fetch_hint(identity)) from cause


class Part:
    """The unfinished file of one generation; its lock keeps a second process from writing it."""

    def __init__(
        self, descriptor: int, path: Path, target: Path, meta: Meta, *, is_new: bool
    ) -> None:
        self.file = os.fdopen(descriptor, "r+b", buffering=0)
        self.path = path
        self.meta = meta
        self._target = target
        self._is_new = is_new
        self._was_ours = False
        self._unhanded = 0

    @classmethod
    def open(cls, target: Path, identity: str) -> Self:
        """Open the part that a former run left for this generation, else a new one.

        Raises:
            OSError: the folder does not take it.
        """
        for path in part_names(target):
            meta = Meta.read(meta_path(path))
            if meta and meta.identity != identity and meta.name and not os.path.lexists(path):
                continue  # By this, another generation's run finds what it has published.
            found = _open_part(path)
            if found is None:
                continue
            descriptor, is_new = found
            empty = os.fstat(descriptor).st_size == 0
            if is_new or (meta.identity == identity if meta else empty):
                ours = meta if meta and meta.identity == identity else None
                part = cls(descriptor, path, target, ours or Meta(identity), is_new=is_new)
                part._was_ours = ours is not None and not is_new
                return part
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
        if os.fstat(self.file.fileno()).st_nlink > 1:
            self.remove()  # Under its other name it is somebody else's: it must not be written.
            return False
        if meta := self._our_meta():
            self.meta = meta
            return True
        if self.size == 0 and (self._is_new or Meta.read(meta_path(self.path)) is None):
            self.begin(None, None)
            return True
        return False

    def published(self) -> Path | None:
        """Return the final name that this generation's video was given, if it was."""
        meta, is_in_place = self._our_meta(), self._is_in_place()
        ours = os.fstat(self.file.fileno())
        if is_in_place and ours.st_nlink <= 1:
            return self._as_written_down(meta) if meta and not ours.st_size else None
        if meta is None and (is_in_place or not self._was_ours):
            return None  # It was empty when it was opened, and became another generation's.
        for path in free_names(self._target):
            try:
                if os.path.samestat(path.lstat(), ours):
                    return path
            except FileNotFoundError:
                return None
        return None

    def _our_meta(self) -> Meta | None:
        """Return what is kept beside it, if that is about our generation."""
        meta = Meta.read(meta_path(self.path))
        return meta if meta and meta.identity == self.meta.identity else None

    def _as_written_down(self, meta: Meta) -> Path | None:
        """Return the final name that was written down, if a whole video has it."""
        if not meta.name:
            return None
        path = self._target.with_name(meta.name)
        with contextlib.suppress(OSError), open_to_read(path) as video:
            size = os.fstat(video.fileno()).st_size
            if size == meta.total and mp4.check(video, size) is None:
                return path
        return None

    @property
    def size(self) -> int:
        """How many bytes it holds."""
        return os.fstat(self.file.fileno()).st_size

    @property
    def can_resume(self) -> bool:
        """Whether a later request may ask for the rest only, also one of a later run."""
        return self.meta.validator is not None and self.size > 0

    def begin(self, validator: str | None, total: int | None) -> None:
        """Forget what it holds; from now on it is this version of the file."""
        self.file.truncate(0)
        self.file.seek(0)
        self._unhanded = 0
        self._say(Meta(self.meta.identity, validator, total))

    def _say(self, meta: Meta) -> None:
        meta.write(meta_path(self.path))
        self.meta = meta

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

        The name is written down beforehand, and stays so until `tidy` is told that the history
        knows the video: a run that is killed in between leaves what the next one goes by.
        """
        try:
            os.fsync(self.file.fileno())
        except OSError:
            self.remove()  # Nobody knows what of it is on disk: it must not be continued.
            raise
        path = self._publish(overwrite=overwrite)
        # The file itself is on disk already, and its name has been written down.
        with contextlib.suppress(OSError):
            sync_folder(path.parent)
        return path

    def _publish(self, *, overwrite: bool) -> Path:
        for path in free_names(self._target):
            if not overwrite and os.path.lexists(path):
                continue
            self._say(self.meta._replace(total=self.size, name=path.name))
            if overwrite:
                self.path.replace(path)
                return path
            with contextlib.suppress(FileExistsError):
                move(self.path, path)
                return path
        raise FileExistsError(errno.EEXIST, "too many files of this name")

    def drop_empty(self) -> None:
        """Take away a part that holds nothing, but not what tells of a published video."""
        meta = self._our_meta()
        if self.size or not self._is_in_place():
            return
        if meta is None or meta.name is None:
            self.remove()
        else:
            self.path.unlink()

    def remove(self) -> None:
        """Remove it and what is kept beside it, unless its place is another file's by now."""
        if self._is_in_place():
            self.path.unlink()
            meta_path(self.path).unlink(missing_ok=True)

    def release(self) -> None:
        """Let go of it and leave it as it is: it may be another process's."""
        self.file.close()

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(self.path.lstat(), os.fstat(self.file.fileno()))
        except FileNotFoundError:
            return False


def _open_part(path: Path) -> tuple[int, bool] | None:
    """Create a part or open the one that is there; None where that is nothing we may write to."""
    with contextlib.suppress(FileExistsError):
        return os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o666), True
    try:
        descriptor = os.open(path, _OPEN)
    except OSError:
        return None
    found = os.fstat(descriptor)
    # Drives without owners often show every file as root's, whom everybody must trust anyway.
    if stat.S_ISREG(found.st_mode) and found.st_uid in (os.geteuid(), 0):
        return descriptor, False
    os.close(descriptor)
    return None
