"""Turn answers into changes of a generation's record, or into errors. No I/O."""

from collections.abc import Mapping

from wan_cli.api.outcome import Limited, NotSent
from wan_cli.core.items import Item, Step
from wan_cli.core.tools import Tools
from wan_cli.download.address import check_url
from wan_cli.errors import (
    RUN_AGAIN,
    DownloadFailed,
    DriveTrouble,
    GenerationFailed,
    KeyNotAllowed,
    KeyRefused,
    LocalFileError,
    NoCredits,
    NotFound,
    NotRecorded,
    NotTheApi,
    OutcomeUnknown,
    OverBudget,
    RateLimited,
    Rejected,
    SetupError,
    Unfinished,
    Unreachable,
    WanError,
)
from wan_cli.generation import Generation, Status
from wan_cli.http.trust import TRUST_HINT
from wan_cli.record import Record, error_fields
from wan_cli.text import hide_queries, one_line
from wan_cli.uri import is_uri

# Failures that would hit every later submission as well.
_STOPS = (NoCredits, OverBudget, SetupError, DriveTrouble, NotRecorded)
# Failures that may hit the next submissions too. `Submitting` counts unknown outcomes itself.
_MAY_HIT_OTHERS = (RateLimited, Unreachable, KeyNotAllowed, NotTheApi, NotFound)
PAST_DEADLINE = " at the end of --timeout"
# A server may need a moment before it finds a generation that it has just accepted.
NOT_FOUND_GRACE_S = 60.0


def stops_submitting(error: WanError) -> bool:
    """Whether a failure would hit every later submission as well."""
    return isinstance(error, _STOPS)


def may_hit_others(error: WanError, item: Item) -> bool:
    """Whether a submission failed for a reason that may hit other submissions too."""
    # An error about an accepted generation says nothing about the next submission.
    is_submission = item.order is not None and not item.generation_id
    return is_submission and isinstance(error, _MAY_HIT_OTHERS)


def process_of(record: Record) -> str:
    """Return words that name the process that submits a record."""
    host = (record.host or "").partition(" ")[0]
    elsewhere = f" on {one_line(host, 60)}" if host else ""
    return f"process {record.pid}{elsewhere}"


def being_sent(record: Record) -> Unfinished:
    """Return the error of a submission that another process is sending right now."""
    return Unfinished(
        f"{record.ref} is being submitted right now by {process_of(record)}",
        hint=f"wan fetch {record.ref}",
    )


def unknown(record: Record, reason: str) -> OutcomeUnknown:
    """Return the error of a submission whose outcome is unknown."""
    return OutcomeUnknown(
        f"it is unknown whether {record.ref} was accepted ({reason}); it was not sent again",
        hint="wan recover",
    )


def not_sent_again(blocking: Record) -> OutcomeUnknown:
    """Return the error of a request that an unresolved identical request blocks."""
    return OutcomeUnknown(
        f"an identical request ({blocking.ref}) may have been accepted; it was not sent again"
        " (--again would pay for another one)",
        hint="wan recover",
    )


def failed_unpaid(record: Record) -> GenerationFailed:
    """Return the error of a submission that the log shows as failed."""
    return GenerationFailed(
        f"the submission {record.ref} failed on the server and was not charged",
        hint="run the same command again",
    )


def without_id(record: Record) -> WanError:
    """Return the error of a record without an id: it was not accepted, or that is unknown."""
    if record.status.is_unresolved:
        return unknown(record, "no answer was kept")
    error = SetupError(
        record.error_message or f"{record.ref} was never submitted",
        hint=record.error_hint or "wan list",
    )
    return error.with_code(record.error_code or error.code, record.exit_code or error.exit_code)


def generation_failed(record: Record, words: str | None) -> GenerationFailed:
    """Return the error of a generation that failed on the server."""
    why = one_line(hide_queries(words), 300) if words else "the server gives no reason"
    return GenerationFailed(
        f"generation {record.id} failed: {why}",
        hint="change the prompt and submit again; a failed generation is not charged",
    )


def ended(record: Record) -> WanError | None:
    """Return the error of a record that ended without a video, None for any other record."""
    if record.status is not Status.ERROR:
        return None
    return GenerationFailed(
        record.error_message or f"generation {record.id} failed",
        hint=record.error_hint or f"wan status {record.id}",
    )


def unfinished(record: Record, why: str = "") -> Unfinished:
    """Return the error of a generation that is still running."""
    return Unfinished(
        f"generation {record.handle} is still {record.status}{why}; it is safe",
        hint=f"wan fetch {record.handle}",
    )


def too_late(item: Item) -> WanError:
    """Return the error of a generation that had no video by the deadline."""
    if item.status is Status.COMPLETED:
        return DownloadFailed(
            f"generation {item.generation_id} is completed, but its video has no usable URL",
            hint=f"wan fetch {item.generation_id}",
        )
    return Unfinished(
        f"generation {item.generation_id} is still {item.status}{PAST_DEADLINE}; it is safe",
        hint=f"wan fetch {item.generation_id}",
    )


def refused(refusal: WanError, item: Item, record: Record | None) -> WanError:
    """Return the error of an item that ends because the API refuses the key."""
    if item.step is Step.SETTLE and record and not item.settles_earlier:
        return unknown(record, refusal.message)
    return about(refusal, item.generation_id) if item.generation_id else refusal


def about(failure: WanError, generation_id: str) -> WanError:
    """Return the failure of a poll; a refusal names the id, which is safe."""
    match failure:
        case NotFound():
            words = f"the API does not know generation {generation_id} ({failure.message})"
            return NotFound(words, hint="wan list")
        case KeyRefused():
            words = f"{failure.message}; generation {generation_id} is safe"
            return type(failure)(words, hint=failure.hint)
        case Rejected():
            # The API refused the poll, not the generation.
            words = f"{failure.message}; generation {generation_id} is safe"
            return Rejected(words, hint=f"wan status {generation_id}")
    return failure


def unreadable(generation_id: str, trouble: SetupError) -> LocalFileError:
    """Return the error of a generation whose history cannot be read.

    The exit code of `trouble` itself would say that nothing was spent.
    """
    return LocalFileError(
        f"generation {generation_id} is safe, but {trouble.message}",
        hint=f"wan doctor, then: wan fetch {generation_id}",
        stdout=generation_id,
    )


def not_recorded(generation_id: str) -> NotRecorded:
    """Return the error of an id that cannot be written to the history: the user must see it."""
    return NotRecorded(
        f"generation {generation_id} was accepted, but it could not be written to the history",
        hint=f"keep the id, then run: wan fetch {generation_id}",
        stdout=generation_id,
    )


def no_thread(item: Item, cause: OSError) -> WanError:
    """Return the error of an item for which no thread can be started."""
    if not item.generation_id:
        return SetupError(f"{cause}; nothing was sent", hint=RUN_AGAIN)
    return LocalFileError(
        f"{cause}; generation {item.generation_id} is safe", hint=f"wan fetch {item.generation_id}"
    )


def interrupted_before() -> WanError:
    """Return the error to write down for a submission that a signal stopped before it was sent."""
    return SetupError("interrupted before anything was sent", hint=RUN_AGAIN)


def why_not_accepted(submission: NotSent | Limited) -> str:
    """Return the reason why an attempt was not accepted."""
    if isinstance(submission, NotSent):
        return f"nothing was sent: {submission.reason}"
    return "the API is rate limited"


def given_up(base_url: str, submission: NotSent | Limited) -> WanError:
    """Return the error of a submission that wan stops retrying; nothing was submitted."""
    if isinstance(submission, NotSent):
        return Unreachable(
            f"cannot reach the API at {base_url}: {submission.reason}; nothing was submitted",
            hint=TRUST_HINT if submission.is_final else "wan doctor",
        )
    wait_s = submission.retry_after_s
    after = f"; it asks to wait {wait_s:.0f} s" if wait_s else ""
    return RateLimited(
        f"the API is rate limited{after}; nothing was submitted",
        hint="run the same command again later",
    )


def changes(tools: Tools, record: Record, generation: Generation) -> Mapping[str, object]:
    """Return the changes from a poll. The status may go back; a known URL is never removed."""
    url = _usable(tools, generation.url) or record.video_url
    status = Status.COMPLETED if generation.status.is_running and url else generation.status
    found: dict[str, object] = {"status": status, "video_url": url, **error_fields(None)}
    if (used := generation.credits_used) is not None and not record.sandbox:
        found["credits_used"] = used
    if record.sandbox:
        found["cost_usd"] = 0.0
    elif generation.usd_spent is not None or record.cost_usd is None:
        # The reply to the submission may have had no cost, or was lost.
        found["cost_usd"] = generation.cost_usd
    if status is Status.ERROR:
        # By the reference, a failed generation is not charged.
        found["cost_usd"] = 0.0
        found |= error_fields(generation_failed(record, generation.error))
    return found


def _usable(tools: Tools, url: str | None) -> str | None:
    """Return a URL if it may serve videos: https, or http if the API is on loopback too."""
    try:
        return check_url(url, loopback=tools.is_on_loopback) if url else None
    except DownloadFailed:
        return None


def is_temporary(tools: Tools, record: Record, failure: WanError) -> bool:
    """Whether to poll again after a failure: a network error, or a 404 soon after submission."""
    # Use abs(): if the clock was set back, a generation must not count as recent for ever.
    young = record.request and abs(tools.clock.now() - record.created_at) <= NOT_FOUND_GRACE_S
    return isinstance(failure, Unreachable) or (isinstance(failure, NotFound) and bool(young))


def saved_already(record: Record) -> str:
    """Say that a video need not be downloaded."""
    remote = record.file is not None and is_uri(record.file)
    return f"{record.id} is {'in the bucket' if remote else 'on disk'} already"
