"""Recovering: settling submissions whose outcome is unknown, by the log or by the user's word."""

from collections.abc import Sequence

from wan_cli.api.client import ACCOUNT_SECONDS
from wan_cli.errors import OutcomeUnknown, UsageError, WanError
from wan_cli.generation import Status
from wan_cli.progress import Note, Warned
from wan_cli.record import Outcome, Record, error_fields, utc
from wan_cli.runner.context import Context, Patience, Story
from wan_cli.runner.look import ended, look, look_seconds, may_pass
from wan_cli.runner.reconcile import (
    Candidate,
    Findings,
    adopt,
    find,
    is_being_sent,
    unknown,
    warn_of_other_key,
)
from wan_cli.text import one_line

# `wan-` and as many characters as an id's beginning needs.
REF_MIN_CHARS = 10


def recover(
    ctx: Context, word: str | None = None, patience: Patience | None = None
) -> Story[list[Outcome]]:
    """Look in the account's log for each unresolved submission, or for the one that is named."""
    outcomes = []
    meant = _meant(ctx, word)
    for record in meant:
        if is_being_sent(ctx, record):
            yield Note(f"{record.ref} is being submitted right now by process {record.pid}")
            continue
        seconds = look_seconds(ctx, patience.deadline) if patience else ACCOUNT_SECONDS
        outcomes.append((yield from _recover(ctx, record, seconds)))
    if not meant:
        yield Note("no submission is unresolved")
    return outcomes


def settle_all(ctx: Context, patience: Patience) -> Story[list[Outcome]]:
    """Look once for each unresolved submission; return the outcomes of those that stay unknown."""
    if not ctx.history.unresolved():
        return []
    outcomes = yield from recover(ctx, patience=patience)
    return [outcome for outcome in outcomes if outcome.record and outcome.record.id is None]


def _recover(ctx: Context, record: Record, seconds: float) -> Story[Outcome]:
    yield Note(f"looking for {record.ref} in the account's log")
    yield from warn_of_other_key(ctx, record)
    try:
        findings = find(ctx, record, with_candidates=True, seconds=seconds)
    except WanError as failure:
        return Outcome(record, unknown(record, f"the log cannot be read: {failure.message}"))
    if findings.row is None:
        record = ctx.history.reread(record)
        if not record.status.is_unresolved:
            # The command that submitted it knows better by now.
            return Outcome(record, ended(record))
        record = ctx.save(record, status=Status.UNKNOWN)
        return Outcome(record, _still_unknown(record, findings.candidates))
    settled = adopt(ctx, record, findings.row)
    yield Note(_settled_words(settled, findings))
    return _confirmed(ctx, settled)


def _settled_words(record: Record, findings: Findings) -> str:
    if findings.row and not findings.row.succeeded:
        return f"{record.ref} failed on the server and was not charged"
    return f"{record.ref} was accepted as {record.id}; next: wan fetch {record.id}"


def _confirmed(ctx: Context, record: Record) -> Outcome:
    """Return the outcome of an adopted id, confirmed by its state where the API answers."""
    if record.status is Status.ERROR:
        # Known at last, and free: nothing to be done is no failure of this command.
        return Outcome(record)
    try:
        record = look(ctx, record)
    except WanError as failure:
        return Outcome(record, None if may_pass(ctx, record, failure) else failure)
    return Outcome(record, ended(record))


def _still_unknown(record: Record, candidates: Sequence[Candidate]) -> OutcomeUnknown:
    if not candidates:
        return unknown(record, "the log has no row with its label yet")
    shown = ", ".join(
        f"{one_line(found.id, 60)} ({utc(found.created_at) or 'no time'})"
        for found in candidates[:5]
    )
    return OutcomeUnknown(
        f"it is unknown whether {record.ref} was accepted; it may be one of these generations,"
        f" which the history does not know: {shown}",
        hint=f"wan status {candidates[0].id}, and if it is yours:"
        f" wan recover {record.ref} --adopt {candidates[0].id}",
    )


def adopt_id(ctx: Context, generation_id: str, word: str | None) -> Story[list[Outcome]]:
    """Take a generation for the unresolved submission, on the user's word.

    Raises:
        UsageError: the id belongs to another record, or it is not clear which submission is meant.
        NotFound: the API does not know the id.
    """
    known = ctx.history.find(generation_id)
    if known and known.id == generation_id:
        raise UsageError(
            f"{one_line(generation_id, 80)} is in the history already", hint="wan list"
        )
    record = _the_one(ctx, word, f"--adopt {generation_id}")
    yield Note(f"asking for {one_line(generation_id, 80)}")
    generation = ctx.client.generation(generation_id)
    record = ctx.save(
        record,
        id=generation_id,
        status=Status.GENERATING,
        credits_used=generation.credits_used,
        **error_fields(None),
    )
    return [_confirmed(ctx, record)]


def forget(ctx: Context, word: str) -> Story[list[Outcome]]:
    """Take the user's word that a submission was not accepted; its record stays.

    Raises:
        UsageError: no such unresolved submission.
    """
    record = _the_one(ctx, word, "--forget")
    yield Warned(f"{record.ref} is no longer looked for; the same request may be submitted again")
    return [
        Outcome(
            ctx.save(
                record,
                status=Status.REJECTED,
                error_code="forgotten",
                error_message="its outcome was never known; forgotten on the user's word",
                error_hint="wan list",
                exit_code=None,
            )
        )
    ]


def _meant(ctx: Context, word: str | None) -> list[Record]:
    unresolved = ctx.history.unresolved()
    if word is None:
        return unresolved
    found = [
        record
        for record in unresolved
        if record.client_request_id == word
        or (len(word) >= REF_MIN_CHARS and record.ref.startswith(word))
    ]
    if not found:
        raise UsageError(
            f"no unresolved submission is called {one_line(word, 80)}", hint="wan recover"
        )
    return found


def _the_one(ctx: Context, word: str | None, command: str) -> Record:
    """Return the one submission that is meant."""
    found = _meant(ctx, word)
    if not found:
        raise UsageError("no submission is unresolved", hint="wan list")
    if len(found) > 1:
        refs = ", ".join(record.ref for record in found[:5])
        raise UsageError(
            f"{len(found)} submissions are unresolved: {refs}",
            hint=f"wan recover {found[0].ref} {command}",
        )
    return found[0]
