"""What an accepted submission changes in its record."""

from wan_cli.api.outcome import Submitted
from wan_cli.core.verdicts import generation_failed
from wan_cli.generation import Status
from wan_cli.record import Record, error_fields


def accepted_changes(
    record: Record, submitted: Submitted, offset_s: float | None, *, in_sandbox: bool
) -> dict[str, object]:
    """Return the changes that the reply to an accepted submission makes to its record.

    A reply that says `completed` counts as queued: only a poll shows where the video is.
    """
    generation = submitted.generation
    status = Status.QUEUED if generation.status is Status.COMPLETED else generation.status
    changes: dict[str, object] = {
        "id": submitted.id,
        "other_id": submitted.other_id,
        "status": status,
        "credits_used": generation.credits_used,
        "cost_usd": submitted.cost_usd,
        "server_offset_s": offset_s,
        **error_fields(None),
    }
    if status is Status.ERROR:
        failure = generation_failed(record._replace(id=submitted.id), generation.error)
        # By the reference, a failed generation is not charged.
        changes |= {"cost_usd": 0.0, **error_fields(failure)}
    if in_sandbox:
        # The sandbox charges nothing: it must not count as spending.
        changes |= {"sandbox": True, "credits_used": None, "cost_usd": 0.0}
    return changes
