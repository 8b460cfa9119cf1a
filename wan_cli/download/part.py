"""The unfinished file beside its target (`NAME.part`), and giving it the final name."""

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
# Keep this much of a new video in memory, since people often play it at once. Most are smaller.
CACHED_BYTES = 2**26


def fetch_hint(identity: str) -> str:
    """Return the command that fetches a generation later."""
    return f"wan fetch {shlex.quote(identity)}"


@contextlib.contextmanager
def local_trouble(path: Path, identity: str) -> Iterator[None]:
    """Turn each OSError into a LocalFileError that names the file and the next command."""
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
        """Open the part that an earlier run left for this generation, else a new one.

        Raises:
            OSError: the part cannot be created in the folder.
        """
        for path in part_names(target):
            meta = Meta.read(meta_path(path))
            if meta and meta.identity != identity and meta.name and not os.path.lexists(path):
                continue  # Another generation's next run needs this to find its published video.
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
        """Take the lock if no other process holds it; return True on drives without locks."""
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def claim(self) -> bool:
        """Return whether this is still our generation's part, now that we hold the lock."""
        if not self._is_in_place():
            return False
        if os.fstat(self.file.fileno()).st_nlink > 1:
            self.remove()  # It also has another name, where it is in use: do not write to it.
            return False
        if meta := self._our_meta():
            self.meta = meta
            return True
        if self.size == 0 and (self._is_new or Meta.read(meta_path(self.path)) is None):
            self.begin(None, None)
            return True
        return False

    def published(self) -> Path | None:
        """Return the final name of this generation's video, or None if it has none yet."""
        meta, is_in_place = self._our_meta(), self._is_in_place()
        ours = os.fstat(self.file.fileno())
        if is_in_place and ours.st_nlink <= 1:
            return self._as_written_down(meta) if meta and not ours.st_size else None
        if meta is None and (is_in_place or not self._was_ours):
            return None  # It was empty when we opened it; another generation took it since.
        for path in free_names(self._target):
            try:
                if os.path.samestat(path.lstat(), ours):
                    return path
            except FileNotFoundError:
                return None
        return None

    def _our_meta(self) -> Meta | None:
        """Return the Meta beside the part, if it belongs to our generation."""
        meta = Meta.read(meta_path(self.path))
        return meta if meta and meta.identity == self.meta.identity else None

    def _as_written_down(self, meta: Meta) -> Path | None:
        """Return the final name in the Meta, if a complete video has that name."""
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
        """The size in bytes."""
        return os.fstat(self.file.fileno()).st_size

    @property
    def can_resume(self) -> bool:
        """Whether a later request, even in a later run, may ask for the missing bytes only."""
        return self.meta.validator is not None and self.size > 0

    def begin(self, validator: str | None, total: int | None) -> None:
        """Empty the part; from now on it holds this version of the file."""
        self.file.truncate(0)
        self.file.seek(0)
        self._unhanded = 0
        self._say(Meta(self.meta.identity, validator, total))

    def _say(self, meta: Meta) -> None:
        meta.write(meta_path(self.path))
        self.meta = meta

    def resume(self) -> None:
        """Move to the end of the part, to append to it."""
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
        """Start writing the new bytes to disk, and drop the older ones from memory.

        This keeps the final fsync quick. A long video also reuses a little memory instead of
        touching fresh memory for all of it, which takes longer than receiving it.
        """
        end = self.file.tell()
        self._unneeded(end - self._unhanded, end)
        self._unneeded(0, end - CACHED_BYTES)
        self._unhanded = 0

    def _unneeded(self, start: int, end: int) -> None:
        # Not every system has posix_fadvise, and it is only advice.
        if end > start and hasattr(os, "posix_fadvise"):
            with contextlib.suppress(OSError):
                os.posix_fadvise(self.file.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)

    def free_space(self) -> int:
        """Return the free space on the folder's drive, in bytes."""
        return shutil.disk_usage(self.path.parent).free

    def publish(self, *, overwrite: bool) -> Path:
        """Sync the file to disk and give it the final name, or the first free one after it.

        The Meta gets the name first and stays until `tidy` is called, after the history knows the
        video: if this run is killed in between, the next run finds the video by the Meta.
        """
        try:
            os.fsync(self.file.fileno())
        except OSError:
            self.remove()  # Nothing tells which bytes are on disk, so no run may continue it.
            raise
        path = self._publish(overwrite=overwrite)
        # The file is already on disk, and the Meta holds its name.
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
        """Remove a part that holds nothing; keep the Meta if it names a published video."""
        meta = self._our_meta()
        if self.size or not self._is_in_place():
            return
        if meta is None or meta.name is None:
            self.remove()
        else:
            self.path.unlink()

    def remove(self) -> None:
        """Remove the part and its Meta, unless another file has taken the part's name."""
        if self._is_in_place():
            self.path.unlink()
            meta_path(self.path).unlink(missing_ok=True)

    def release(self) -> None:
        """Close the part and leave it unchanged: another process may be using it."""
        self.file.close()

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(self.path.lstat(), os.fstat(self.file.fileno()))
        except FileNotFoundError:
            return False


def _open_part(path: Path) -> tuple[int, bool] | None:
    """Create a part or open the existing one; return None if wan must not write to that file."""
    with contextlib.suppress(FileExistsError):
        return os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o666), True
    try:
        descriptor = os.open(path, _OPEN)
    except OSError:
        return None
    found = os.fstat(descriptor)
    # Drives without owners often show root as the owner of every file; trust root anyway.
    if stat.S_ISREG(found.st_mode) and found.st_uid in (os.geteuid(), 0):
        return descriptor, False
    os.close(descriptor)
    return None
