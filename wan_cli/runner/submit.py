"""Submitting: journal before POST, one POST, no repeat of one whose outcome is not known."""

import os
from collections.abc import Collection

from wan_cli.api.client import SUBMIT_SECONDS
from wan_cli.api.submission import (
    Ambiguous,
    Limited,
    NotSent,
    Refused,
    Submission,
    Submitted,
)
from wan_cli.errors import (
    Interrupted,
    RateLimited,
    SetupError,
    Unreachable,
    WanError,
)
from wan_cli.generation import Status
from wan_cli.models import GenerationRequest
from wan_cli.progress import Note, Pause, Warned
from wan_cli.record import Record, error_fields
from wan_cli.runner.context import Context, Patience, Story, explain, not_recorded
from wan_cli.runner.look import generation_failed
from wan_cli.runner.reconcile import settle, unknown
from wan_cli.runner.twin import Wish, failed_before, gone_on_with
from wan_cli.schedule import backoff
from wan_cli.signals import held

# A submission that was not sent is tried so often, and one that was limited waits so long in all.
NOT_SENT_TRIES = 4
LIMITED_BUDGET_S = 60.0


def new_ref() -> str:
    """Return a name for a submission, by which its record can be found whatever becomes of it."""
    import uuid  # 2 ms, for those alone who submit.

    return f"wan-{uuid.uuid4().hex}"


def submit(
    ctx: Context,
    request: GenerationRequest,
    wish: Wish,
    patience: Patience,
    *,
    ref: str | None = None,
) -> Story[Record]:
    """Submit a request and return its record, which has an id.

    An identical request whose outcome was unknown until now, and which the account's log now shows
    as accepted, is gone on with in place of a second payment; so is what another process has
    submitted for the same row of a batch.

    Raises:
        SetupError: the history cannot be written; nothing was sent.
        Unreachable, NoCredits, KeyRefused, Rejected, RateLimited: nothing was submitted.
        OutcomeUnknown: it, or an identical submission before it, may have been accepted.
        NotRecorded: it was accepted, and the history cannot be written any more.
        Interrupted: a signal; what is known is on disk.
    """
    ref = ref or new_ref()
    # Earlier submissions for the same row of a batch that do not stand in the way of this one.
    over = failed_before(ctx, wish)
    while True:
        # Made anew each time: a row whose times are old passes for that of a process that is gone.
        record = _new_record(ctx, request, wish, ref)
        twin = ctx.history.journal(record, again=wish.again, over=over)
        if twin is None:
            submitted = yield from _submit(ctx, record, request, patience, over)
            ref = new_ref()
        else:
            submitted = yield from gone_on_with(ctx, twin, wish, over, patience)
        if submitted:
            return submitted


def _new_record(ctx: Context, request: GenerationRequest, wish: Wish, ref: str) -> Record:
    now = ctx.clock.now()
    return Record(
        ref=ref,
        client_request_id=f"{ref}.1",
        status=Status.SENDING,
        request=request.body(),
        created_at=now,
        updated_at=now,
        base_url=ctx.client.base_url,
        key_fingerprint=ctx.key_fingerprint,
        folder=str(wish.destination.folder),
        name=wish.destination.name,
        name_template=wish.destination.name_template,
        sidecar=wish.sidecar,
        row_key=wish.row_key,
        row=wish.row,
        pid=os.getpid(),
        server_offset_s=ctx.client.server_offset_s,
    )


def _submit(
    ctx: Context,
    record: Record,
    request: GenerationRequest,
    patience: Patience,
    over: Collection[str],
) -> Story[Record | None]:
    """Send what is journaled, again only while it was certainly not accepted; return its record.

    None where another process has submitted for the same row of a batch meanwhile.
    """
    try:
        waited_s, attempt = 0.0, 1
        while True:
            record, submission = _post(ctx, record, request, patience)
            if not isinstance(submission, NotSent | Limited):
                return (yield from _ended(ctx, record, submission, patience))
            wait_s = _wait_s(submission, attempt, waited_s, patience.left(ctx.clock))
            if wait_s is None:
                raise _given_up(ctx, submission)
            yield Note(f"{_why(submission)}; trying again in {wait_s:.3g} s")
            yield Pause(wait_s)
            waited_s += wait_s
            attempt += 1
            label, now = f"{record.ref}.{attempt}", ctx.clock.now()
            record = record._replace(status=Status.SENDING, client_request_id=label, updated_at=now)
            changed = ("status", "client_request_id", "updated_at")
            if not ctx.history.journal_attempt(record, changed, over=over):
                return None
    except Interrupted as interrupted:
        explain(interrupted, ctx.history.reread(record))
        raise


def _ended(
    ctx: Context, record: Record, submission: Submission, patience: Patience
) -> Story[Record]:
    """Return the record of a submission that was accepted, or settle it.

    Raises: as `submit`.
    """
    match submission:
        case Ambiguous(reason):
            yield Note(f"it is unknown whether the submission was accepted: {reason}")
            return (yield from settle(ctx, record, patience, reason))
        case Refused(error):
            raise error
        case Submitted(other_id=other_id) if other_id:
            yield Warned(f"the reply names two ids, {record.id} and {other_id}: kept both")
    return record


def _post(
    ctx: Context, record: Record, request: GenerationRequest, patience: Patience
) -> tuple[Record, Submission]:
    """Send once and put the outcome on disk; a signal comes before or after both."""
    seconds = min(SUBMIT_SECONDS, patience.left(ctx.clock) or 1.0)
    with held() as signal_came:
        submission = ctx.client.submit(
            request, record.client_request_id, seconds=seconds, give_up=signal_came
        )
        return _recorded(ctx, record, submission), submission


def _recorded(ctx: Context, record: Record, submission: Submission) -> Record:
    if isinstance(submission, Submitted):
        return _accepted(ctx, record, submission)
    error = _error_of(ctx, record, submission)
    meant: dict[type, Status] = {Ambiguous: Status.UNKNOWN, NotSent: Status.UNSENT}
    status = meant.get(type(submission), Status.REJECTED)
    try:
        return ctx.save(
            record,
            status=status,
            server_offset_s=ctx.client.server_offset_s,
            **error_fields(error),
        )
    except SetupError:
        # What happened to the money comes first; without this note the row says `sending`.
        raise error from None


def _accepted(ctx: Context, record: Record, submitted: Submitted) -> Record:
    generation = submitted.generation
    changes: dict[str, object] = {
        "id": submitted.id,
        "other_id": submitted.other_id,
        "status": Status.QUEUED if generation.status is Status.COMPLETED else generation.status,
        "credits_used": generation.credits_used,
        "cost_usd": submitted.cost_usd,
        "server_offset_s": ctx.client.server_offset_s,
        **error_fields(None),
    }
    if generation.status is Status.ERROR:
        failure = generation_failed(record._replace(id=submitted.id), generation.error)
        # By the reference, a failed generation is not charged.
        changes |= {"cost_usd": 0.0, **error_fields(failure)}
    try:
        return ctx.save(record, **changes)
    except SetupError as cause:
        raise not_recorded(submitted.id, cause) from None


def _why(submission: NotSent | Limited) -> str:
    if isinstance(submission, NotSent):
        return f"nothing was sent: {submission.reason}"
    return "the API is rate limited"


def _error_of(
    ctx: Context, record: Record, submission: Refused | Ambiguous | NotSent | Limited
) -> WanError:
    match submission:
        case Refused(error):
            return error
        case Ambiguous(reason):
            return unknown(record, reason)
        case NotSent() | Limited():
            return _given_up(ctx, submission)


def _given_up(ctx: Context, submission: NotSent | Limited) -> WanError:
    if isinstance(submission, NotSent):
        return Unreachable(
            f"cannot reach the API at {ctx.client.base_url}: {submission.reason};"
            " nothing was submitted",
            hint="wan doctor",
        )
    asked = submission.retry_after_s
    after = f"; it asks to wait {asked:.0f} s" if asked else ""
    return RateLimited(
        f"the API is rate limited{after}; nothing was submitted", hint="the same command later"
    )


def _wait_s(
    submission: NotSent | Limited, attempt: int, waited_s: float, left_s: float
) -> float | None:
    """Return the seconds until the next try, or None where it is not worth it."""
    if isinstance(submission, NotSent):
        wait_s = backoff(attempt)
        worth_it = attempt < NOT_SENT_TRIES
    else:
        asked_s = submission.retry_after_s
        # A server that says "at once" each time must not be asked without a pause.
        wait_s = max(asked_s or 0.0, backoff(attempt, first_s=1.0 if asked_s is None else 0.1))
        worth_it = waited_s + wait_s <= LIMITED_BUDGET_S
    return wait_s if worth_it and wait_s < left_s else None
