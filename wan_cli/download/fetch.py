"""Download a video to a file, or copy one that is on disk: calls that do I/O and decide nothing."""

import contextlib
import errno
import filecmp
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from wan_cli import mp4
from wan_cli.download.address import Network, check_url
from wan_cli.download.outcome import NOTHING_KEPT, Kept, Meter, NotSaved, Reason, Saved
from wan_cli.download.part import Part, fetch_hint, local_trouble
from wan_cli.download.transfer import Broken, Limits, Transfer
from wan_cli.errors import DownloadFailed, LocalFileError

COPY_BYTES = 2**20
LOCK_INTERVAL = 0.25
# A part that another process replaces each time it is opened: something is wrong with the drive.
_ROUNDS_MAX = 100
# How long another process that is at the same copy is waited for.
BUSY_S = 60.0


class Target(NamedTuple):
    """Where a video goes.

    Args:
        path: the final name; its folder exists.
        identity: the generation's id; parts of different generations are never mixed.
        overwrite: replace what has the final name. Otherwise the first free name after it is taken:
            `fox-1.mp4`.
    """

    path: Path
    identity: str
    overwrite: bool = False


def not_saved_by_others() -> Saved | None:
    """Return None: no other process can have saved the video."""
    return None


def download(
    url: str,
    target: Target,
    *,
    network: Network,
    limits: Limits,
    meter: Meter,
    kept: Kept = NOTHING_KEPT,
    saved_by_others: Callable[[], Saved | None] = not_saved_by_others,
) -> Saved | NotSaved:
    """Save a video as `target`, or as the first free name after it.

    It may run in any thread, several at once for different generations. It follows connections for
    as long as they bring something, and then says what went wrong: when to try again, for how long
    and with which URL is the caller's to decide. What an earlier run or an earlier call left of the
    same generation is continued. Where another process downloads it, this one waits and returns
    what that one saved, or takes over if it dies.

    After `Saved`: write it to the history, and then call `tidy(path, identity)`. Until then a small
    file beside the video (`NAME.part.json`) tells a later run that this video is already there.

    Args:
        url: the signed URL; it is sent byte for byte.
        target: the final name and whose it is.
        network: whom to trust.
        limits: the deadline by its clock, and a flag: set it to end the download at the next byte
            that comes. What has come is kept.
        meter: gets the progress.
        kept: what the last `NotSaved` of this run and generation said.
        saved_by_others: called once, before the first request, while this process holds the part:
            what another process has saved by now, by the history.

    Returns:
        Saved, or NotSaved with the reason, and the error for the user if that is to be the end;
        then call `give_up(target)`.
    """
    try:
        url = check_url(url, loopback=network.loopback, hint=fetch_hint(target.identity))
        with local_trouble(target.path, target.identity):
            if target.path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "a folder")
        part, known = _hold(target, limits, meter)
    except Broken as broken:
        return NotSaved(broken.reason, _failed(target, str(broken)), kept=kept)
    except DownloadFailed as failure:
        return NotSaved(Reason.FORBIDDEN, failure)
    except LocalFileError as trouble:
        return NotSaved(Reason.LOCAL, trouble)
    with contextlib.closing(part.file):
        saved = known or saved_by_others()
        if saved is not None:
            with contextlib.suppress(OSError):
                part.drop_empty()
            return saved
        return _filled(url, target, part, network, limits, meter, kept)


def _filled(
    url: str,
    target: Target,
    part: Part,
    network: Network,
    limits: Limits,
    meter: Meter,
    kept: Kept,
) -> Saved | NotSaved:
    """Fill a part that is held, and publish it."""
    # requests takes longer to import than a local command runs.
    from wan_cli.download.connection import Cdn

    identity = target.identity
    cdn = Cdn(network, limits=limits, hint=fetch_hint(identity))
    transfer = Transfer(part, cdn.get, limits=limits, meter=meter, kept=kept)
    try:
        transfer.run(url)
        with local_trouble(target.path, identity):
            size = part.size
            return Saved(part.publish(overwrite=target.overwrite), size)
    except Broken as broken:
        words = f"{broken}; {part.size} bytes are kept" if part.can_resume else str(broken)
        result = NotSaved(broken.reason, _failed(target, words), broken.wants_url, transfer.kept)
    except DownloadFailed as failure:
        result = NotSaved(Reason.FORBIDDEN, failure)
    except LocalFileError as trouble:
        result = NotSaved(Reason.LOCAL, trouble)
    if not part.size:
        with contextlib.suppress(OSError):
            part.remove()
    return result._replace(has_progressed=transfer.kept.furthest > kept.furthest)


def give_up(target: Target) -> None:
    """Remove what no later run could continue; for a caller that makes no other try in this run."""
    with contextlib.suppress(OSError):
        part = Part.open(target.path, target.identity)
        with contextlib.closing(part.file):
            if part.lock() and part.published() is None and not part.can_resume:
                part.remove()


def _failed(target: Target, why: str) -> DownloadFailed:
    return DownloadFailed(
        f"the video could not be downloaded: {why}", hint=fetch_hint(target.identity)
    )


def _hold(target: Target, limits: Limits, meter: Meter) -> tuple[Part, Saved | None]:
    """Return the part, locked, and the video if another process or run has published it.

    Raises:
        Broken: another process has it until the deadline.
        LocalFileError: the folder does not take it.
    """
    for _ in range(_ROUNDS_MAX):
        with contextlib.ExitStack() as release:
            with local_trouble(target.path, target.identity):
                part = Part.open(target.path, target.identity)
            release.callback(part.release)
            while not part.lock():
                if limits.stop.is_set():
                    raise Broken("it was stopped", Reason.STOPPED)
                if limits.pace.clock() >= limits.deadline:
                    raise Broken("another process is still downloading it", Reason.BUSY)
                meter.put(part.size, part.meta.total)
                limits.pace.sleep(LOCK_INTERVAL)
            with local_trouble(target.path, target.identity):
                path = part.published()
                if path is not None or part.claim():
                    saved = path and Saved(path, path.stat().st_size)
                    release.pop_all()
                    return part, saved or None
    with local_trouble(target.path, target.identity):
        raise OSError(errno.EBUSY, "it is replaced again and again")


@contextlib.contextmanager
def private_target(folder: Path, identity: str) -> Iterator[Target]:
    """Give a name in a new private folder, which is removed: for a video that goes to a stream.

    Raises:
        LocalFileError: the folder cannot be made.
    """
    with contextlib.ExitStack() as stack:
        with local_trouble(folder, identity):
            private = stack.enter_context(
                tempfile.TemporaryDirectory(prefix=".wan-", dir=folder, ignore_cleanup_errors=True)
            )
        yield Target(Path(private, "video.mp4"), identity)


def copy_to(stream: BinaryIO, saved: Saved, identity: str) -> None:
    """Write a saved video to a stream.

    Raises:
        LocalFileError: the video cannot be read.
        OSError: the stream.
    """
    with contextlib.ExitStack() as stack:
        with local_trouble(saved.path, identity):
            video = stack.enter_context(saved.path.open("rb", buffering=0))
        while data := video.read(COPY_BYTES):
            stream.write(data)
        stream.flush()


def is_copy(path: Path, source: Path) -> bool:
    """Whether a file holds the same bytes as another one."""
    try:
        return path.is_file() and filecmp.cmp(path, source, shallow=False)
    except OSError:
        return False


def copy_video(source: Path, target: Target) -> Saved:
    """Copy a video to `target`, or to the first free name after it; then call `tidy`.

    The copy is whole, checked and on disk before it gets its name.

    Raises:
        LocalFileError: the source is no whole video any more, or the folder does not take it.
    """
    with local_trouble(target.path, target.identity):
        part = Part.open(target.path, target.identity)
        with contextlib.closing(part.file):
            _lock(part)
            path = part.published()
            if path is None:
                _fill(part, source)
                path = part.publish(overwrite=target.overwrite)
            return Saved(path, path.stat().st_size)


def _lock(part: Part) -> None:
    end = time.monotonic() + BUSY_S
    while not part.lock():
        if time.monotonic() > end:
            raise OSError(errno.EBUSY, "another process is at it")
        time.sleep(LOCK_INTERVAL)


def _fill(part: Part, source: Path) -> None:
    if not part.claim():
        raise OSError(errno.EBUSY, "another process is at it")
    is_whole = False
    try:
        is_whole = _copy(part, source)
    finally:
        if not is_whole:
            part.remove()
    if not is_whole:
        raise OSError(errno.EIO, f"{source} is no whole video")


def _copy(part: Part, source: Path) -> bool:
    """Copy a video into a part; return whether it is whole."""
    with source.open("rb", buffering=0) as video:
        size = os.fstat(video.fileno()).st_size
        part.begin(None, size)
        while data := video.read(COPY_BYTES):
            part.write(data)
    return part.size == size and mp4.check(part.file, size) is None
