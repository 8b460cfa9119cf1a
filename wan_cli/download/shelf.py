"""Publish a verified video of the local disk as an object, and read objects back to the disk."""

import contextlib
import hashlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from wan_cli import mp4
from wan_cli.bucket import About, Bucket, BucketAway, Unreadable
from wan_cli.download.checksum import checksum
from wan_cli.download.meta import tidy
from wan_cli.download.part import fetch_hint, local_trouble
from wan_cli.download.publish import free_names
from wan_cli.errors import LocalFileError
from wan_cli.record import Record
from wan_cli.storage import make_private
from wan_cli.text import file_name
from wan_cli.uri import Place, Uri

MEDIA_TYPE = "video/mp4"
# A put is one request from memory: larger objects would need uploads in parts.
MAX_BYTES = 256 * 2**20
# Two processes that write the same name may both be refused; one of the next rounds succeeds.
_ROUNDS = 5
_ROUND_S = 0.2


class TooLarge(LocalFileError):
    """A video is too large for one put."""


class Shelved(NamedTuple):
    """A published video: its address, its size in bytes, and its SHA-256 if its metadata has it."""

    uri: Uri
    bytes: int
    sha256: str | None


def spooled(spool: Path, identity: str) -> Path:
    """Return the file of a generation in the spool."""
    return spool / file_name("{id}", {"id": identity})


def drop(file: Path, identity: str) -> None:
    """Remove a file of the spool, once the history knows the object."""
    tidy(file, identity)
    with contextlib.suppress(OSError):
        file.unlink()


def is_video(file: Path, record: Record) -> bool:
    """Whether a file is the complete video of a record."""
    try:
        with file.open("rb") as video:
            is_whole = mp4.check(video, file.stat().st_size) is None
    except OSError:
        return False
    return is_whole and record.sha256 in (None, checksum(file))


def published(bucket: Bucket, wanted: Uri, identity: str) -> Shelved | None:
    """Return the object of a generation at the wanted name or one after it, None if there is none.

    Its metadata names the generation, whoever published it.

    Raises:
        LocalFileError: the bucket cannot be asked.
    """
    for uri in free_names(wanted):
        try:
            found = bucket.find(uri)
        except Unreadable:
            # A missing object of a bucket that may not be listed: creating it will tell.
            return None
        if found is None:
            return None
        if found.about.wan_id == identity:
            return Shelved(uri, found.bytes, found.about.sha256)
    return None


def publish(
    bucket: Bucket, wanted: Uri, video: Path, identity: str, *, overwrite: bool = False
) -> Shelved:
    """Put a video as `wanted`, or as the first free name after it, in one step.

    Args:
        bucket: the bucket of `wanted`.
        wanted: the address.
        video: a complete, verified video.
        identity: the generation's id, kept in the object's metadata.
        overwrite: replace the object that has the address.

    Raises:
        FileNotFoundError: another process has published the video, and removed its file.
        LocalFileError: the video is too large, or the bucket refuses it or cannot be reached.
    """
    data = _content(video, identity)
    about = About(identity, hashlib.sha256(data).hexdigest())
    put = _replaced if overwrite else _created
    for uri in [wanted] if overwrite else free_names(wanted):
        if put(bucket, uri, data, MEDIA_TYPE, about):
            return Shelved(uri, len(data), about.sha256)
    raise LocalFileError(f"{wanted}: too many objects of this name", hint=fetch_hint(identity))


def _content(video: Path, identity: str) -> bytes:
    size = video.stat().st_size
    if size > MAX_BYTES:
        words = f"the video has {size // 2**20} MiB, and wan puts at most 256 MiB into a bucket"
        raise TooLarge(words, hint=f"save it to a folder: {fetch_hint(identity)} -o DIR/")
    with local_trouble(video, identity), contextlib.suppress(FileNotFoundError):
        return video.read_bytes()
    raise FileNotFoundError(str(video))


def _created(bucket: Bucket, uri: Uri, data: bytes, media_type: str, about: About) -> bool:
    """Create an object; return whether it is there, False if another object has its name."""
    for number in range(_ROUNDS):
        if bucket.create(uri, data, media_type, about):
            return True
        # The name may be taken by this put, if its reply was lost, or by another process's.
        found = bucket.find(uri)
        if found is not None:
            return found.about.wan_id == about.wan_id
        time.sleep(_ROUND_S * number)
    raise _busy(uri, about)


def _replaced(bucket: Bucket, uri: Uri, data: bytes, media_type: str, about: About) -> bool:
    """Replace the newest version of an object, or create it; return True."""
    for number in range(_ROUNDS):
        try:
            found = bucket.find(uri)
        except Unreadable:
            found = None
        if found is None:
            is_put = bucket.create(uri, data, media_type, about)
        else:
            is_put = found.about == about or bucket.replace(uri, data, media_type, about, found)
        if is_put:
            return True
        time.sleep(_ROUND_S * number)
    raise _busy(uri, about)


def _busy(uri: Uri, about: About) -> BucketAway:
    words = f"{uri}: other processes keep writing it"
    return BucketAway(words, hint=fetch_hint(about.wan_id or ""))


def put_sidecar(bucket: Bucket, sidecar: Uri, data: bytes, identity: str, *, force: bool) -> None:
    """Put FILE.json beside a video's object; replace the one of the same generation.

    Raises:
        LocalFileError: another object has the name, or the bucket refuses it.
    """
    about = About(identity, hashlib.sha256(data).hexdigest())
    if force or not _created(bucket, sidecar, data, "application/json", about):
        found = bucket.find(sidecar)
        if found and found.about.wan_id != identity and not force:
            raise LocalFileError(f"{sidecar} already exists", hint=f"wan status {identity} --json")
        _replaced(bucket, sidecar, data, "application/json", about)


@contextlib.contextmanager
def local_copy(place: Place, spool: Path, identity: str) -> Iterator[Path]:
    """Give a saved video as a local file: itself, or the content of its object.

    Raises:
        LocalFileError: the object cannot be read, or is not the complete video of the generation.
    """
    if isinstance(place, Path):
        yield place
        return
    with contextlib.ExitStack() as stack:
        with local_trouble(spool, identity):
            make_private(spool)
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix=".wan-", dir=spool, ignore_cleanup_errors=True)
            )
        file = Path(folder, "video.mp4")
        _read(place, file, identity)
        yield file


def _read(uri: Uri, file: Path, identity: str) -> None:
    bucket = Bucket(uri)
    found = bucket.find(uri)
    if found is None or found.about.wan_id != identity:
        words = "does not exist" if found is None else "is the object of another generation"
        raise LocalFileError(f"{uri} {words}", hint=fetch_hint(identity))
    digest, size = hashlib.sha256(), 0
    with local_trouble(file, identity), file.open("w+b") as video:
        for chunk in bucket.read(uri, found.bytes):
            video.write(chunk)
            digest.update(chunk)
            size += len(chunk)
        video.flush()
        is_same = found.about.sha256 in (None, digest.hexdigest())
        is_whole = size == found.bytes and mp4.check(video, size) is None
    if not (is_same and is_whole):
        raise LocalFileError(f"{uri} is not the complete video", hint=fetch_hint(identity))
