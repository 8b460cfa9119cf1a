"""What a poll tells of a generation: the changes of its record. No I/O."""

from collections.abc import Mapping

from wan_cli.core.tools import Tools
from wan_cli.core.verdicts import generation_failed
from wan_cli.download.address import check_url
from wan_cli.errors import DownloadFailed, NotFound, Unreachable, WanError
from wan_cli.generation import Generation, Status
from wan_cli.record import Record, error_fields

# A server may need a moment before it knows what it has just accepted.
NOT_FOUND_GRACE_S = 60.0


def has_video(record: Record) -> bool:
    """Whether there is nothing to wait for: it is completed, with a URL."""
    return record.status is Status.COMPLETED and record.video_url is not None


def changes(tools: Tools, record: Record, generation: Generation) -> Mapping[str, object]:
    """Return what a poll tells that is new. A status may go back; a URL once seen is kept."""
    url = _usable(tools, generation.url) or record.video_url
    status = Status.COMPLETED if generation.status.is_running and url else generation.status
    found: dict[str, object] = {"status": status, "video_url": url, **error_fields(None)}
    if (used := generation.credits_used) is not None and not record.sandbox:
        found["credits_used"] = used
    if record.sandbox:
        found["cost_usd"] = 0.0
    elif generation.usd_spent is not None or record.cost_usd is None:
        # The reply to the submission may have named no cost, or was lost.
        found["cost_usd"] = generation.cost_usd
    if status is Status.ERROR:
        # By the reference, a failed generation is not charged.
        found["cost_usd"] = 0.0
        found |= error_fields(generation_failed(record, generation.error))
    return found


def _usable(tools: Tools, url: str | None) -> str | None:
    """Return a URL that a video may come from: https, or http where the API is on loopback too."""
    try:
        return check_url(url, loopback=tools.is_on_loopback) if url else None
    except DownloadFailed:
        return None


def may_pass(tools: Tools, record: Record, failure: WanError) -> bool:
    """Whether a failed poll is worth another: the network, or a 404 soon after the submission."""
    # By its distance: a clock that was put back must not make a generation young for ever.
    young = record.request and abs(tools.clock.now() - record.created_at) <= NOT_FOUND_GRACE_S
    return isinstance(failure, Unreachable) or (isinstance(failure, NotFound) and bool(young))
