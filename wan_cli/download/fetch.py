"""Download a video to a file, or through a file to a stream: what the runner calls."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from wan_cli.download.address import Network, check_url
from wan_cli.download.meta import Meta
from wan_cli.download.part import Part, fetch_hint, local_trouble
from wan_cli.download.transfer import Pace, Progress, Transfer
from wan_cli.errors import DownloadFailed

COPY_BYTES = 2**20
LOCK_INTERVAL = 0.25
REAL_PACE = Pace()


class Saved(NamedTuple):
    """A verified video: where it is, and its size in bytes."""

    path: Path
    bytes: int


class Ledger(NamedTuple):
    """What is written down of a video, asked and told while no other process can be at it.

    `saved` returns what another process has saved meanwhile; `record` writes down what is saved,
    before the trace is removed by which a later run would know it again.
    """

    saved: Callable[[], Saved | None] = lambda: None
    record: Callable[[Saved], None] = lambda _saved: None


NO_LEDGER = Ledger()


def download(  # noqa: PLR0913  Each is a thing of its own.
    url: str,
    target: Path,
    *,
    identity: str,
    renew: Callable[[], str | None],
    deadline: float,
    network: Network,
    overwrite: bool = False,
    ledger: Ledger = NO_LEDGER,
    pace: Pace = REAL_PACE,
) -> Generator[Progress, None, Saved]:
    """Save a video as `target`, or as the first free name after it; yield how far it is.

    What a former run left of the same generation is continued. Where another process is at it, this
    one waits and returns what the other saved, or takes over where the other died.

    Args:
        url: the signed URL.
        target: the final name; its folder exists.
        identity: the generation's id; parts of different generations are never mixed.
        renew: asks the API for a fresh URL; None where it has none.
        deadline: the time of `pace.clock` at which to give up.
        network: whom to trust.
        overwrite: replace what has the final name.
        ledger: where it is written down.
        pace: the clock.

    Raises:
        DownloadFailed: no whole video by the deadline; what came is kept for a later run.
        LocalFileError: the disk or the folder.
    """
    check_url(url, loopback=network.loopback, hint=fetch_hint(identity))
    with local_trouble(target, identity):
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder")
    part, path = yield from _hold(target, identity, deadline, pace)
    with contextlib.closing(part):
        if path is None and (known := ledger.saved()):
            return known
        if path is None:
            # requests takes longer to import than a local command runs.
            from wan_cli.download.connection import Cdn

            cdn = Cdn(network, deadline=deadline, pace=pace, hint=fetch_hint(identity))
            transfer = Transfer(part, cdn.get, url=url, renew=renew, deadline=deadline, pace=pace)
            yield from transfer.run()
        with local_trouble(target, identity):
            saved = Saved(path or part.publish(overwrite=overwrite), part.size)
        ledger.record(saved)
        with contextlib.suppress(OSError):
            # The video is safe: a trace of it that cannot be removed is no failure.
            part.remove()
        return saved


def _hold(
    target: Path, identity: str, deadline: float, pace: Pace
) -> Generator[Progress, None, tuple[Part, Path | None]]:
    """Return the part, locked, and the final name it has where another process gave it one."""
    while True:
        with contextlib.ExitStack() as release:
            with local_trouble(target, identity):
                part = Part.open(target, identity)
            release.callback(part.release)
            while not part.lock():
                if pace.clock() >= deadline:
                    raise DownloadFailed(
                        "another process is still downloading this video", hint=fetch_hint(identity)
                    )
                yield Progress(part.size, part.meta.total)
                pace.sleep(LOCK_INTERVAL)
            with local_trouble(target, identity):
                path = part.published()
                if path is not None or part.claim():
                    release.pop_all()
                    return part, path


def tidy(video: Path) -> None:
    """Remove what a killed process has left of a video that it had published and written down.

    That is the video's other name, or what was kept beside a name that is gone.
    """
    part = video.with_name(video.name + ".part")
    meta = part.with_name(part.name + ".json")
    with contextlib.suppress(OSError):
        if os.path.lexists(part):
            if not os.path.samestat(part.lstat(), video.lstat()):
                return
            part.unlink()
        if Meta.read(meta) is not None:
            meta.unlink()


def stream_verified(
    url: str,
    folder: Path,
    stream: BinaryIO,
    *,
    identity: str,
    renew: Callable[[], str | None],
    deadline: float,
    network: Network,
    pace: Pace = REAL_PACE,
) -> Generator[Progress, None, int]:
    """Write a video to a stream, not a byte of it before it is verified; return its size in bytes.

    It goes through a private folder in `folder`, which is removed. The arguments are those of
    `download`.

    Raises:
        DownloadFailed: no whole video by the deadline.
        LocalFileError: the disk or the folder.
        OSError: the stream.
    """
    with contextlib.ExitStack() as stack:
        with local_trouble(folder, identity):
            private = stack.enter_context(
                tempfile.TemporaryDirectory(prefix=".wan-", dir=folder, ignore_cleanup_errors=True)
            )
        saved = yield from download(
            url,
            Path(private, "video.mp4"),
            identity=identity,
            renew=renew,
            deadline=deadline,
            network=network,
            pace=pace,
        )
        with local_trouble(saved.path, identity):
            video = stack.enter_context(saved.path.open("rb", buffering=0))
        while data := video.read(COPY_BYTES):
            stream.write(data)
        stream.flush()
        return saved.bytes
