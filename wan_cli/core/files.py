"""A generation's files on disk: copies for the destination of this run, and FILE.json."""

import errno
import json
from pathlib import Path

from wan_cli.core.tools import Tools
from wan_cli.destination import Destination, sidecar_of
from wan_cli.download.checksum import checksum
from wan_cli.download.fetch import Target, copy_video, is_copy
from wan_cli.download.meta import tidy
from wan_cli.errors import LocalFileError, local_file_error
from wan_cli.record import Record, utc
from wan_cli.storage import replace_whole


def is_elsewhere(record: Record, destination: Destination) -> bool:
    """Whether a saved video is not at the destination of this run.

    In the right folder, any name will do, unless the user asked for a name.
    """
    if record.stored is None:
        return False
    wanted, file = destination.path_of(record), record.stored.file
    return wanted != file and (destination.name is not None or wanted.parent != file.parent)


def placed(
    tools: Tools,
    record: Record,
    destination: Destination,
    *,
    overwrite: bool = False,
    sidecar: bool = False,
) -> tuple[Record, bool]:
    """Return the record with its file at the destination, and whether a copy was made.

    Raises:
        LocalFileError: the folder cannot be written; the video stays where it is.
        SetupError: the history cannot be written.
    """
    if record.stored is None:
        return record, False
    generation_id, source = record.stored
    wanted = destination.path_of(record)
    if is_copy(wanted, source):
        return tools.save_new(record, file=str(wanted)), False
    if wanted.parent == source.parent and wanted.exists() and not overwrite:
        # Another file had the wanted name when the video was saved beside it.
        return record, False
    destination.make_folder(record)
    saved = copy_video(source, Target(wanted, generation_id, overwrite))
    sha256 = checksum(saved.path)
    record = tools.save(record, file=str(saved.path), bytes=saved.bytes, sha256=sha256)
    tidy(saved.path, generation_id)
    if sidecar and (error := write_sidecar(record, saved.path)):
        raise error
    return record, True


def write_sidecar(record: Record, video: Path) -> LocalFileError | None:
    """Write FILE.json (request, id, cost, times) beside the video; return the error, or None."""
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
        "sha256": record.sha256,
    }
    text = json.dumps(data, ensure_ascii=False, indent=2) + "\n"
    try:
        replace_whole(sidecar_of(video), text.encode("utf-8"), private=False)
    except (OSError, RuntimeError) as trouble:
        # pathlib raises RuntimeError for symbolic links in a circle.
        cause = (
            trouble if isinstance(trouble, OSError) else OSError(errno.ELOOP, "a link to itself")
        )
        return local_file_error(
            f"the video is saved as {video}, but its sidecar cannot be written: {cause.strerror}",
            cause,
            hint=f"wan status {record.id} --json",
            stdout=str(video),
        )
    return None
