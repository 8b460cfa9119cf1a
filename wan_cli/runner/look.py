"""One look at a generation: what is asked, what of the answer is written down, what it means."""

from collections.abc import Mapping

from wan_cli.api.client import GET_SECONDS
from wan_cli.download.address import check_url
from wan_cli.errors import (
    DownloadFailed,
    GenerationFailed,
    Interrupted,
    KeyRefused,
    NotFound,
    Rejected,
    SetupError,
    Unfinished,
    Unreachable,
    WanError,
)
from wan_cli.generation import CREDITS_PER_USD, Generation, Status
from wan_cli.record import Record, error_fields
from wan_cli.runner.context import Context, Patience, explain
from wan_cli.runner.reconcile import unknown
from wan_cli.schedule import backoff
from wan_cli.text import hide_queries, one_line

# A server may need a moment before it knows what it has just accepted.
NOT_FOUND_GRACE_S = 60.0
# A command that does not wait asks through trouble for so long.
AGAIN_SECONDS = 2.0
# A look at the deadline has so long.
LAST_LOOK_S = 1.0


def look(ctx: Context, record: Record, *, seconds: float = GET_SECONDS) -> Record:
    """Ask once for the state of a generation and return its record, written down.

    Raises:
        Unreachable, NotFound, Rejected: no state came.
        KeyRefused: with the id, which is safe.
    """
    if record.id is None:
        raise without_id(record)
    if seconds <= 0:
        raise Unreachable(
            f"no time was left to ask for {record.id}", hint=f"wan status {record.id}"
        )
    try:
        generation = ctx.client.generation(record.id, seconds=seconds)
    except Interrupted as interrupted:
        explain(interrupted, record)
        raise
    except WanError as failure:
        if not (isinstance(failure, NotFound) and record.other_id):
            raise about(failure, record.id) from None
    else:
        return written(ctx, record, generation, record.id)
    # The reply to the submission named two ids. Where this is the wrong one, it is the other.
    try:
        generation = ctx.client.generation(record.other_id, seconds=seconds)
    except WanError as failure:
        raise about(failure, record.other_id) from None
    return written(ctx, record, generation, record.other_id)


def written(ctx: Context, record: Record, generation: Generation, asked_id: str) -> Record:
    """Return the record with what a look at an id told, after that is on disk."""
    ids: dict[str, object] = {}
    if asked_id != record.id:
        ids = {"id": asked_id, "other_id": record.id}
    changes = {**ids, **_changes(ctx, record._replace(id=asked_id), generation)}
    return ctx.save_new(record, **changes)


def about(failure: WanError, generation_id: str) -> WanError:
    """Return the failure of a look; a refusal names the id, which is safe."""
    match failure:
        case NotFound():
            words = f"the API does not know generation {generation_id} ({failure.message})"
            return NotFound(words, hint="wan list")
        case KeyRefused():
            words = f"{failure.message}; generation {generation_id} is safe"
            return KeyRefused(words, hint=failure.hint)
        case Rejected():
            # What is refused is the question, not the generation.
            words = f"{failure.message}; generation {generation_id} is safe"
            return Rejected(words, hint=f"wan status {generation_id}")
    return failure


def look_again(ctx: Context, record: Record, patience: Patience) -> Record:
    """Ask as `look` does, and again through a moment's trouble, for a command that does not wait.

    Raises: as `look`.
    """
    end = ctx.clock.monotonic() + min(AGAIN_SECONDS, patience.left(ctx.clock))
    attempt = 1
    while True:
        try:
            return look(ctx, record, seconds=look_seconds(ctx, patience.deadline))
        except Unreachable:
            if ctx.clock.monotonic() + backoff(attempt) > end:
                raise
        ctx.clock.sleep(backoff(attempt))
        attempt += 1


def look_seconds(ctx: Context, deadline: float) -> float:
    """Return how long a look may take; also one at the deadline has a second."""
    return min(GET_SECONDS, deadline + LAST_LOOK_S - ctx.clock.monotonic())


def _changes(ctx: Context, record: Record, generation: Generation) -> Mapping[str, object]:
    """Return what a look tells that is new. A status may go back; a URL once seen is kept."""
    url = _usable(ctx, generation.url) or record.video_url
    status = Status.COMPLETED if generation.status.is_running and url else generation.status
    changes: dict[str, object] = {"status": status, "video_url": url, **error_fields(None)}
    if (used := generation.credits_used) is not None:
        changes["credits_used"] = used
        if record.cost_usd is None:
            # The reply that names the cost was lost.
            changes["cost_usd"] = used / CREDITS_PER_USD
    if status is Status.ERROR:
        # By the reference, a failed generation is not charged.
        changes["cost_usd"] = 0.0
        changes |= error_fields(generation_failed(record, generation.error))
    return changes


def _usable(ctx: Context, url: str | None) -> str | None:
    """Return a URL that a video may come from: https, or http where the API is on loopback too."""
    try:
        return check_url(url, loopback=ctx.is_on_loopback) if url else None
    except DownloadFailed:
        return None


def without_id(record: Record) -> WanError:
    """Return why a record has no id: it was never accepted, or that is unknown."""
    if record.status.is_unresolved:
        return unknown(record, "no answer was kept")
    error = SetupError(
        record.error_message or f"{record.ref} was never submitted",
        hint=record.error_hint or "wan list",
    )
    error.exit_code = record.exit_code or error.exit_code
    error.code = record.error_code or error.code
    return error


def may_pass(ctx: Context, record: Record, failure: WanError) -> bool:
    """Whether a failed look is worth another one: the network, or a 404 soon after submission."""
    # By its distance: a clock that was put back must not make a generation young for ever.
    young = record.request and abs(ctx.clock.now() - record.created_at) <= NOT_FOUND_GRACE_S
    return isinstance(failure, Unreachable) or (isinstance(failure, NotFound) and bool(young))


def generation_failed(record: Record, words: str | None) -> GenerationFailed:
    """Return the error of a generation that failed on the server."""
    why = one_line(hide_queries(words), 300) if words else "the server gives no reason"
    return GenerationFailed(
        f"generation {record.id} failed: {why}",
        hint="change the prompt and submit again; a failed generation is not charged",
    )


def ended(record: Record) -> WanError | None:
    """Return the error of a record that is final without a video, None for any other."""
    if record.status is not Status.ERROR:
        return None
    return GenerationFailed(
        record.error_message or f"generation {record.id} failed",
        hint=record.error_hint or f"wan status {record.id}",
    )


def unfinished(record: Record, why: str = "") -> Unfinished:
    """Return the error of a generation that is still being made."""
    return still(record.handle, record.status, why)


def still(generation_id: str, status: Status, why: str = "") -> Unfinished:
    """Return the error of a generation that is still in a state."""
    return Unfinished(
        f"generation {generation_id} is still {status}{why}; it is safe",
        hint=f"wan fetch {generation_id}",
    )
