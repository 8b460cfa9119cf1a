"""Saving: the video of a generation becomes a verified file, and the history knows it."""

import json
from pathlib import Path
from typing import BinaryIO

from wan_cli.destination import Destination, sidecar_of
from wan_cli.download.fetch import Target, copy_to, private_target
from wan_cli.download.outcome import Saved
from wan_cli.download.part import tidy
from wan_cli.errors import LocalFileError, NotRecorded, SetupError
from wan_cli.generation import Status
from wan_cli.listing import Listing
from wan_cli.record import Record, utc
from wan_cli.runner.context import Context, Patience, Story
from wan_cli.runner.downloading import downloaded
from wan_cli.storage import replace_whole


def is_on_disk(record: Record) -> bool:
    """Whether the video is where the history says, with the size it had."""
    if record.file is None:
        return False
    try:
        return Path(record.file).stat().st_size == record.bytes
    except OSError:
        return False


def save_video(
    ctx: Context,
    record: Record,
    destination: Destination,
    patience: Patience,
    *,
    overwrite: bool = False,
) -> Story[Record]:
    """Download the video of a completed generation and return its record with the file.

    Raises:
        DownloadFailed: it can be fetched later.
        LocalFileError: the disk is full, or refuses.
        NotRecorded: it is saved, and the history cannot be written.
    """
    assert record.id is not None
    assert record.video_url is not None
    destination.make_folder(record)
    path = destination.path_of(record)
    saved = yield from downloaded(
        ctx,
        record,
        Target(path, record.id, overwrite),
        patience,
        lambda: _saved_meanwhile(ctx, record, path),
    )
    _record(ctx, record, saved)
    tidy(saved.path, record.id)
    record = ctx.history.reread(record)._replace(file=str(saved.path), bytes=saved.bytes)
    if record.sidecar:
        write_sidecar(record, saved.path)
    return record


def tidy_up(ctx: Context) -> None:
    """Remove what kills have left beside the newest videos."""
    for record in ctx.history.newest(Listing(status=Status.COMPLETED)):
        if record.file and record.id:
            tidy(Path(record.file), record.id)


def _saved_meanwhile(ctx: Context, record: Record, target: Path) -> Saved | None:
    """Return what another process has saved as the target since the record was read."""
    current = ctx.history.reread(record)
    if current.file != str(target) or not is_on_disk(current) or is_on_disk(record):
        return None
    return Saved(target, current.bytes or 0)


def _record(ctx: Context, record: Record, saved: Saved) -> None:
    try:
        ctx.save(ctx.history.reread(record), file=str(saved.path), bytes=saved.bytes)
    except SetupError as cause:
        raise NotRecorded(
            f"the video is saved as {saved.path}, but it could not be written down: {cause}",
            hint="wan doctor",
            stdout=str(saved.path),
        ) from None


def stream_video(
    ctx: Context, record: Record, destination: Destination, out: BinaryIO, patience: Patience
) -> Story[Record]:
    """Write the video to a stream once it is known to be whole; no file is kept."""
    assert record.id is not None
    assert record.video_url is not None
    try:
        with private_target(destination.folder, record.id) as target:
            saved = yield from downloaded(ctx, record, target, patience, lambda: None)
            copy_to(out, saved, record.id)
    except LocalFileError as trouble:
        # Standard output, when it is full, knows nothing of generations.
        raise LocalFileError(trouble.message, hint=f"wan fetch {record.id}") from None
    return record


def write_sidecar(record: Record, video: Path) -> None:
    """Write FILE.json beside the video: the request, the id, what it cost, the times.

    Raises:
        LocalFileError: it cannot be written; the video is saved.
    """
    data = {
        "id": record.id,
        "client_request_id": record.client_request_id,
        "model": record.model,
        "prompt": record.prompt,
        "seed": record.request.get("seed"),
        "request": dict(record.request),
        "credits_used": record.credits_used,
        "cost_usd": record.cost_usd,
        "created_at": utc(record.created_at),
        "finished_at": utc(record.finished_at or record.updated_at),
        "file": video.name,
        "bytes": record.bytes,
    }
    text = json.dumps(data, ensure_ascii=False, indent=2) + "\n"
    try:
        replace_whole(sidecar_of(video), text.encode("utf-8"), private=False)
    except OSError as cause:
        raise LocalFileError(
            f"the video is saved as {video}, but its sidecar cannot be written: {cause.strerror}",
            hint=f"wan status {record.id} --json",
            stdout=str(video),
        ) from None
