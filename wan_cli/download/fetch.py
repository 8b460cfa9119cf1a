"""Download a video to a file, or copy a saved one: calls that do I/O and decide nothing."""

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
# If other processes replace the part this many times in a row, something is wrong with the drive.
_ROUNDS_MAX = 100
# How long to wait for another process that writes the same copy.
BUSY_S = 60.0


class Target(NamedTuple):
    """Where a video goes.

    Args:
        path: the final name; its folder exists.
        identity: the generation's id; parts of different generations are never mixed.
        overwrite: replace the file that has the final name. Otherwise the video gets the first free
            name after it: `fox-1.mp4`.
    """

    path: Path
    identity: str
    overwrite: bool = False


def not_saved_by_others() -> Saved | None:
    """Return None, since no other process can have saved the video."""
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

    Call it from any thread; several calls may run at once for different generations. It opens new
    connections as long as each makes progress, and then reports what went wrong: the caller decides
    whether and when to try again, and with which URL. The download continues a part that an earlier
    run or call left for the same generation. If another process is downloading the video, this call
    waits and returns the file that the other process saved, or takes over if that process dies.

    After `Saved`: write it to the history, then call `tidy(path, identity)`. Until then a small
    file beside the video (`NAME.part.json`) tells a later run that the video is already there.

    Args:
        url: the signed URL, sent unchanged.
        target: the final name and the generation.
        network: the authorities to trust.
        limits: the deadline on its own clock, and a flag: set it to end the download at the next
            byte. The received bytes are kept.
        meter: receives the progress.
        kept: the `kept` of this run's last `NotSaved` for this generation.
        saved_by_others: called once, before the first request, while this process holds the part;
            returns the video if the history says that another process has saved it.

    Returns:
        Saved, or NotSaved with the reason and the error to show if the caller gives up; a caller
        that gives up then calls `give_up(target)`.
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
    """Fill a locked part and publish it."""
    # Importing requests takes longer than a whole local command.
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
    """Remove a part that no later run could continue; call it after the last try of this run."""
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
        Broken: another process held it until the deadline, or the download was stopped.
        LocalFileError: the part cannot be created in the folder.
    """
    for _ in range(_ROUNDS_MAX):
        with contextlib.ExitStack() as release:
            with local_trouble(target.path, target.identity):
                part = Part.open(target.path, target.identity)
            release.callback(part.release)
            while not part.lock():
                if limits.stop.is_set():
                    raise Broken("wan was stopped", Reason.STOPPED)
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
        raise OSError(errno.EBUSY, "other processes keep replacing it")


@contextlib.contextmanager
def private_target(folder: Path, identity: str) -> Iterator[Target]:
    """Give a target in a new private folder, and remove the folder at the end: for a stream.

    Raises:
        LocalFileError: the folder cannot be created.
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
        OSError: the stream cannot be written.
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
    """Copy a video to `target`, or to the first free name after it; call `tidy` afterwards.

    The copy is complete, checked and on disk before it gets its name.

    Raises:
        LocalFileError: the source is no longer a complete video, or the copy cannot be written.
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
            raise OSError(errno.EBUSY, "another process is writing it")
        time.sleep(LOCK_INTERVAL)


def _fill(part: Part, source: Path) -> None:
    if not part.claim():
        raise OSError(errno.EBUSY, "another process is writing it")
    is_whole = False
    try:
        is_whole = _copy(part, source)
    finally:
        if not is_whole:
            part.remove()
    if not is_whole:
        raise OSError(errno.EIO, f"{source} is not a complete video")


def _copy(part: Part, source: Path) -> bool:
    """Copy a video into a part; return whether the copy is complete."""
    with source.open("rb", buffering=0) as video:
        size = os.fstat(video.fileno()).st_size
        part.begin(None, size)
        while data := video.read(COPY_BYTES):
            part.write(data)
    return part.size == size and mp4.check(part.file, size) is None
