"""The workers of saving: bring one video to a file, to an object, or to standard output.

An object gets its content from a file in the spool, which a download fills and verifies as it does
a file beside its target. A killed run leaves the spool; the next one continues with it.
"""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from wan_cli.api.client import Client
from wan_cli.bucket import Bucket, BucketAway, BucketRefused
from wan_cli.core.files import sidecar_bytes
from wan_cli.core.lanes import Desk
from wan_cli.destination import Destination, is_on_disk, sidecar_of
from wan_cli.download.address import Network
from wan_cli.download.checksum import checksum, same_file
from wan_cli.download.fetch import Target, copy_video, download, private_target
from wan_cli.download.outcome import Kept, Meter, NotSaved, Reason, Saved
from wan_cli.download.part import fetch_hint, local_trouble
from wan_cli.download.shelf import (
    Shelved,
    TooLarge,
    drop,
    is_video,
    local_copy,
    publish,
    published,
    put_sidecar,
    spooled,
)
from wan_cli.download.transfer import Limits
from wan_cli.errors import LocalFileError, SetupError, WanError
from wan_cli.events import Downloading
from wan_cli.record import Ready, Record
from wan_cli.storage import make_private
from wan_cli.uri import Place, Uri, is_uri


class Video(NamedTuple):
    """The input of a download. `spool` is the folder for the files of objects."""

    ready: Ready
    record: Record
    destination: Destination
    network: Network
    limits: Limits
    overwrite: bool
    kept: Kept
    spool: Path


class WasSaved(NamedTuple):
    """A worker's question: has another process saved the target meanwhile?"""

    target: Place


class Put(NamedTuple):
    """A video that is an object now, and the error of its sidecar if that failed."""

    shelved: Shelved
    error: WanError | None = None


class Whole(NamedTuple):
    """A whole video for stdout, in a private folder; closing `folder` removes it."""

    saved: Saved
    folder: ExitStack


def to_place(_client: Client, desk: Desk, *, video: Video) -> Saved | Put | NotSaved:
    """Bring a video to its file or object, without the CDN if it is saved already."""
    wanted = video.destination.path_of(video.record)
    if isinstance(wanted, Path):
        return _to_file(desk, video, wanted)
    try:
        got = _to_object(desk, video, wanted)
    except BucketAway as away:
        return NotSaved(Reason.MAY_PASS, away)
    except FileNotFoundError:
        # Another process has published the video, and removed the file in the spool.
        words = f"{wanted} is being saved by another process"
        return NotSaved(Reason.MAY_PASS, BucketAway(words, hint=_hint(video)))
    except BucketRefused as refusal:
        raise refusal.with_hint(f"{refusal.hint}; then {_hint(video)}") from None
    return Put(got, _sidecar_error(video, got)) if isinstance(got, Shelved) else got


def to_stdout(
    _client: Client, desk: Desk, *, video: Video, folders: list[ExitStack]
) -> Whole | NotSaved:
    """Download a video to a private folder; the main thread then writes it to stdout."""
    with ExitStack() as folder:
        folders.append(folder)
        place = video.destination.folder
        private = place if isinstance(place, Path) else Path()
        target = folder.enter_context(private_target(private, video.ready.id))
        got = _downloaded(desk, video, target, lambda: None)
        return Whole(got, folder.pop_all()) if isinstance(got, Saved) else got


def _hint(video: Video) -> str:
    return fetch_hint(video.ready.id)


def _to_file(desk: Desk, video: Video, wanted: Path) -> Saved | NotSaved:
    """Save a video as a file."""
    record = video.record
    video.destination.make_folder(record)
    had_file = is_on_disk(record)
    if not (had_file or video.overwrite) and (here := same_file(record, wanted)):
        return here
    target = Target(wanted, video.ready.id, video.overwrite)
    got = _copied(video, target) or _downloaded(
        desk,
        video,
        target,
        lambda: None if had_file else _as_saved(desk.ask(WasSaved(wanted))),
    )
    if isinstance(got, Saved) and got.sha256 is None:
        return got._replace(sha256=checksum(got.path))
    return got


def _copied(video: Video, target: Target) -> Saved | None:
    """Copy a video from its object; return None if it has none that can be read."""
    file = video.record.file
    if file is None or not is_uri(file):
        return None
    with (
        suppress(LocalFileError, SetupError),
        local_copy(Uri(file), video.spool, target.identity) as local,
    ):
        return copy_video(local, target)
    return None


def _to_object(desk: Desk, video: Video, wanted: Uri) -> Shelved | NotSaved:
    """Save a video as an object, in one step.

    Raises:
        LocalFileError: the bucket refuses it or cannot be reached.
        FileNotFoundError: another process has published it from the same spool.
    """
    limits, identity = video.limits, video.ready.id
    bucket = Bucket(wanted, seconds=limits.deadline - limits.pace.clock())
    if not video.overwrite and (known := published(bucket, wanted, identity)):
        return known
    if elsewhere := _from_elsewhere(video, bucket, wanted):
        return elsewhere
    file, others = spooled(video.spool, identity), list[Shelved]()
    with local_trouble(video.spool, identity):
        make_private(video.spool)

    def saved_by_others() -> Saved | None:
        word = desk.ask(WasSaved(wanted))
        if not isinstance(word, Shelved) or str(word.uri) == video.record.file:
            return None  # The history knew this object before, and it was not found.
        others.append(word)
        return Saved(file, word.bytes)

    got = _downloaded(desk, video, Target(file, identity, overwrite=True), saved_by_others)
    if others or isinstance(got, NotSaved):
        return others[0] if others else got  # type: ignore[return-value]
    try:
        return publish(bucket, wanted, file, identity, overwrite=video.overwrite)
    except TooLarge:
        drop(file, identity)
        raise


def _from_elsewhere(video: Video, bucket: Bucket, wanted: Uri) -> Shelved | None:
    """Copy a video from where it is saved; return None if it cannot be read there."""
    stored, identity = video.record.stored, video.ready.id
    if stored is None or stored.file == wanted:
        return None
    if isinstance(stored.file, Path) and not is_on_disk(video.record):
        return None
    with ExitStack() as closing:
        try:
            local = closing.enter_context(local_copy(stored.file, video.spool, identity))
        except (LocalFileError, SetupError):
            return None
        if not is_video(local, video.record):
            return None
        return publish(bucket, wanted, local, identity, overwrite=video.overwrite)


def _sidecar_error(video: Video, shelved: Shelved) -> WanError | None:
    """Put FILE.json beside the object if the user wants it; return the error, or None."""
    if not video.record.sidecar:
        return None
    uri, size, sha256 = shelved
    record = video.record._replace(file=str(uri), bytes=size, sha256=sha256)
    try:
        put_sidecar(
            Bucket(uri),
            sidecar_of(uri),
            sidecar_bytes(record, uri),
            video.ready.id,
            force=video.overwrite,
        )
    except LocalFileError as trouble:
        words = f"the video is saved as {uri}, but not its sidecar: {trouble.message}"
        return LocalFileError(words, hint=f"wan status {record.id} --json", stdout=str(uri))
    return None


def _downloaded(
    desk: Desk, video: Video, target: Target, saved_by_others: Callable[[], Saved | None]
) -> Saved | NotSaved:
    """Download a video, and report its progress."""
    generation_id, url = video.ready
    return download(
        url,
        target,
        network=video.network,
        limits=video.limits,
        meter=Meter(lambda received, total: desk.tell(Downloading(generation_id, received, total))),
        kept=video.kept,
        saved_by_others=saved_by_others,
    )


def _as_saved(word: object) -> Saved | None:
    return word if isinstance(word, Saved) else None
