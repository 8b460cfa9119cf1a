"""The sidecar: FILE.json beside a video, with the request, the id, the cost and the times."""

import errno
import json
from pathlib import Path

from wan_cli.destination import sidecar_of
from wan_cli.errors import LocalFileError, local_file_error
from wan_cli.record import Record, utc
from wan_cli.storage import replace_whole


def write_sidecar(record: Record, video: Path) -> LocalFileError | None:
    """Write FILE.json beside the video: request, id, cost, times; return why it cannot be."""
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
    except (OSError, RuntimeError) as trouble:
        # Symbolic links in a circle are a RuntimeError of pathlib.
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
