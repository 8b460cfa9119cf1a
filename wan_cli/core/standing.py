"""What an earlier submission for the same key means for the next one. Pure."""

from collections.abc import Sequence

from wan_cli.errors import UsageError
from wan_cli.generation import Status
from wan_cli.models import GenerationRequest
from wan_cli.record import Record, utc
from wan_cli.text import one_line

# What `wan recover --forget` writes: a generation that its user has given up.
FORGOTTEN = "forgotten"


def standing(records: Sequence[Record]) -> Record | None:
    """Return the record that counts of those for one key, newest first: one that has not failed."""
    return next((record for record in records if not is_free(record)), next(iter(records), None))


def is_free(record: Record) -> bool:
    """Whether a generation failed on the server and was not charged."""
    return record.status is Status.ERROR and record.error_code != FORGOTTEN


def other_request(once: str, record: Record, request: GenerationRequest) -> UsageError | None:
    """Return the error of a key that stands for another request, None where it does not.

    A generation that failed was not charged and leaves its key free for another request.
    """
    if is_free(record) or dict(record.request) == request.body():
        return None
    return UsageError(
        f"--once {one_line(once, 80)} was used on {(utc(record.created_at) or '')[:10]} for another"
        f" request ({record.handle}); nothing was sent",
        hint=f"choose another key, or see what it made: wan status {record.handle}",
    )
