"""A generation's files: copies for the destination of this run, and FILE.json."""

import errno
import json
from contextlib import ExitStack
from pathlib import Path

from wan_cli.bucket import Bucket
from wan_cli.core.tools import Tools
from wan_cli.destination import Destination, sidecar_of
from wan_cli.download.checksum import checksum, same_file
from wan_cli.download.fetch import Target, copy_video, is_copy
from wan_cli.download.meta import tidy
from wan_cli.download.shelf import (
    Shelved,
    is_video,
    local_copy,
    publish,
    published,
    put_sidecar,
)
from wan_cli.errors import LocalFileError, local_file_error
from wan_cli.objects import in_thread
from wan_cli.record import Record, utc
from wan_cli.storage import replace_whole
from wan_cli.uri import Place, Uri


def is_elsewhere(record: Record, destination: Destination) -> bool:
    """Whether a saved video is not at the destination of this run, on a disk or in a bucket.

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
    if isinstance(wanted, Uri):
        return _placed_in_bucket(tools, record, wanted, overwrite=overwrite, sidecar=sidecar)
    if isinstance(source, Uri) and not overwrite and (here := same_file(record, wanted)):
        return tools.save_new(record, file=str(here.path)), False
    with ExitStack() as closing:
        local = in_thread(
            lambda: closing.enter_context(local_copy(source, tools.spool, generation_id))
        )
        if is_copy(wanted, local):
            return tools.save_new(record, file=str(wanted)), False
        if wanted.parent == source.parent and wanted.exists() and not overwrite:
            # Another file had the wanted name when the video was saved beside it.
            return record, False
        destination.make_folder(record)
        saved = copy_video(local, Target(wanted, generation_id, overwrite))
    sha256 = checksum(saved.path)
    record = tools.save(record, file=str(saved.path), bytes=saved.bytes, sha256=sha256)
    tidy(saved.path, generation_id)
    if sidecar and (error := write_sidecar(record, saved.path)):
        raise error
    return record, True


def _placed_in_bucket(
    tools: Tools, record: Record, wanted: Uri, *, overwrite: bool, sidecar: bool
) -> tuple[Record, bool]:
    """Return the record with its object at an address, and whether a copy was made."""
    assert record.stored is not None
    generation_id, source = record.stored

    def put() -> tuple[Shelved, bool]:
        bucket = Bucket(wanted)
        if not overwrite and (known := published(bucket, wanted, generation_id)):
            return known, False
        with local_copy(source, tools.spool, generation_id) as local:
            if not is_video(local, record):
                raise LocalFileError(
                    f"{source} is not the complete video", hint=f"wan fetch {generation_id} -o DIR/"
                )
            return publish(bucket, wanted, local, generation_id, overwrite=overwrite), True

    (uri, size, sha256), is_copy_made = in_thread(put)
    if not is_copy_made:
        return tools.save_new(record, file=str(uri)), False
    record = tools.save(record, file=str(uri), bytes=size, sha256=sha256)
    if sidecar:
        data = sidecar_bytes(record, uri)
        in_thread(
            lambda: put_sidecar(Bucket(uri), sidecar_of(uri), data, generation_id, force=overwrite)
        )
    return record, True


def sidecar_bytes(record: Record, video: Place) -> bytes:
    """Return the content of FILE.json: request, id, cost, times."""
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
    return (json.dumps(data, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def write_sidecar(record: Record, video: Path) -> LocalFileError | None:
    """Write FILE.json beside the video; return the error, or None."""
    try:
        replace_whole(sidecar_of(video), sidecar_bytes(record, video), private=False)
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
