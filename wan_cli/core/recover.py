"""wan recover: resolve submissions whose outcome is unknown, by the log or by the user's word."""

from collections.abc import Generator, Sequence
from typing import NamedTuple, TypeVar

from wan_cli.account import Charge, LogRow
from wan_cli.api.client import ACCOUNT_SECONDS
from wan_cli.core.settle import adopted, is_being_sent, log_rows, match, rows_between, window
from wan_cli.core.tools import Tools
from wan_cli.core.verdicts import about, being_sent, changes, ended, unknown
from wan_cli.errors import NotFound, OutcomeUnknown, Unreachable, UsageError, WanError
from wan_cli.events import Event, Note, Warned
from wan_cli.generation import Status
from wan_cli.record import Outcome, Record, error_fields, utc
from wan_cli.text import one_line

T = TypeVar("T")
Events = Generator[Event, None, T]
# The log keeps this many seconds.
LOG_S = 92 * 86_400.0
# `wan-` and as many characters as an id's beginning needs.
REF_MIN_CHARS = 10


class Candidate(NamedTuple):
    """A paid generation of the window that no record explains: perhaps this submission's."""

    id: str
    model: str
    created_at: float | None


class Findings(NamedTuple):
    """What the log says: the row with our label, or candidates, or nothing."""

    row: LogRow | None = None
    candidates: tuple[Candidate, ...] = ()


def recover(tools: Tools, word: str | None = None) -> Events[list[Outcome]]:
    """Look in the account's log for each unresolved submission, or for the one that is named."""
    outcomes = []
    meant = _meant(tools, word)
    for record in meant:
        if is_being_sent(record, tools.clock.now()):
            yield Note(being_sent(record).message)
            continue
        outcomes.append((yield from _recover(tools, record)))
    if not meant:
        yield Note("no submission is unresolved")
    return outcomes


def _recover(tools: Tools, record: Record) -> Events[Outcome]:
    if record.status is Status.CLAIMED:
        tools.journal.give_up_claim(record, tools.clock.now())
        yield Note(f"{record.ref} was never sent: its process ended first")
        return Outcome(tools.journal.reread(record))
    yield Note(f"looking for {record.ref} in the account's log")
    if record.key_fingerprint != tools.key_fingerprint:
        yield Warned(
            f"{record.ref} was submitted with another key; the log shows only the key in use"
        )
    try:
        findings = find(tools, record)
    except WanError as failure:
        return Outcome(record, unknown(record, f"the log cannot be read: {failure.message}"))
    record = tools.journal.reread(record)
    if not record.status.is_unresolved:
        # The command that submitted it knows better by now.
        return Outcome(record, ended(record))
    if findings.row is None:
        record = tools.save(record, status=Status.UNKNOWN)
        return Outcome(record, _still_unknown(record, findings.candidates))
    owner = tools.journal.owner(findings.row.id, tools.client.base_url)
    if owner and owner.ref != record.ref:
        return Outcome(record, unknown(record, f"the log names {owner.id}, another record's id"))
    settled = tools.save(record, **adopted(record, findings.row))
    yield Note(_settled_words(settled, findings))
    return _confirmed(tools, settled)


def _settled_words(record: Record, findings: Findings) -> str:
    if findings.row and not findings.row.succeeded:
        return f"{record.ref} failed on the server and was not charged"
    return f"{record.ref} was accepted as {record.id}; next: wan fetch {record.id}"


def _confirmed(tools: Tools, record: Record) -> Outcome:
    """Return the outcome of an adopted id, confirmed by its state where the API answers."""
    accepted = record.accepted
    if accepted is None or record.status is Status.ERROR:
        # Known at last, and free: nothing to be done is no failure of this command.
        return Outcome(record)
    try:
        generation = tools.client.generation(accepted.id, alias=record.other_id)
    except Unreachable:
        return Outcome(record)
    except WanError as failure:
        # The log has named it: the API may need a moment before it does.
        passes = isinstance(failure, NotFound)
        return Outcome(record, None if passes else about(failure, accepted.id))
    record = tools.save_new(record, **changes(tools, record, generation))
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


def adopt_id(tools: Tools, generation_id: str, word: str | None) -> Events[list[Outcome]]:
    """Take a generation for the unresolved submission, on the user's word.

    Raises:
        UsageError: the id belongs to another record, or it is not clear which submission is meant.
        NotFound: the API does not know the id.
    """
    known = tools.journal.find(generation_id)
    if known and known.id == generation_id:
        raise UsageError(
            f"{one_line(generation_id, 80)} is in the history already", hint="wan list"
        )
    record = _the_one(tools, word, f"--adopt {generation_id}")
    yield Note(f"asking for {one_line(generation_id, 80)}")
    generation = tools.client.generation(generation_id)
    record = tools.save(
        record,
        id=generation_id,
        status=Status.GENERATING,
        credits_used=generation.credits_used,
        **error_fields(None),
    )
    return [_confirmed(tools, record)]


def forget(tools: Tools, word: str) -> Events[list[Outcome]]:
    """Give up a record on the user's word: a submission that was not accepted, or a lost video.

    The record stays in the history; nothing looks for it or waits for it any more.

    Raises:
        UsageError: the history has no such record.
    """
    record = tools.journal.find(word)
    if record is None:
        raise UsageError(f"the history has no {one_line(word, 80)}", hint="wan list")
    if record.status.is_unresolved:
        yield Warned(f"{record.ref} is given up; the same request may be submitted again")
        status, message = Status.REJECTED, "its outcome was never known; given up by the user"
    else:
        yield Warned(f"{record.handle} is given up; wan fetch --all leaves it alone from now on")
        status, message = Status.ERROR, "its video was never saved; given up by the user"
    given_up = tools.save(
        record,
        status=status,
        error_code="forgotten",
        error_message=message,
        error_hint="wan list",
        exit_code=None,
    )
    return [Outcome(given_up)]


def _meant(tools: Tools, word: str | None) -> list[Record]:
    unresolved = tools.journal.unresolved()
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


def _the_one(tools: Tools, word: str | None, command: str) -> Record:
    """Return the one submission that is meant."""
    found = _meant(tools, word)
    if not found:
        raise UsageError("no submission is unresolved", hint="wan list")
    if len(found) > 1:
        refs = ", ".join(record.ref for record in found[:5])
        raise UsageError(
            f"{len(found)} submissions are unresolved: {refs}",
            hint=f"wan recover {found[0].ref} {command}",
        )
    return found[0]


def find(tools: Tools, record: Record) -> Findings:
    """Search the log for a submission, and the log and the ledger for candidates.

    Where the window around the submission holds nothing, the clock may have been wrong then: the
    log is searched newest first, as far back as it goes.

    Raises:
        WanError: the log cannot be read now.
    """
    rows = log_rows(tools.client, record, seconds=ACCOUNT_SECONDS)
    start, end = window(tools.client, record)
    row = match(record, rows)
    if row:
        return Findings(row)
    if not rows:
        now = tools.clock.now() + (tools.client.server_offset_s or 0.0)
        row = match(
            record,
            rows_between(tools.client, record, now - LOG_S, now + 3600.0, seconds=ACCOUNT_SECONDS),
        )
        if row:
            return Findings(row)
    try:
        charges = list(tools.client.charges(start, end, seconds=ACCOUNT_SECONDS))
    except WanError:
        # The candidates of the log are worth showing without those of the ledger.
        charges = []
    ids = {row.id for row in rows} | {charge.id for charge in charges}
    explained = tools.journal.explained_ids(ids)
    return Findings(None, candidates(record, rows, charges, explained))


def candidates(
    record: Record, rows: Sequence[LogRow], charges: Sequence[Charge], explained: set[str]
) -> tuple[Candidate, ...]:
    """Return the paid generations without a label that no record explains, once each."""
    labelled = {row.id for row in rows if row.client_request_id or not row.succeeded}
    found: dict[str, Candidate] = {}
    items: list[LogRow | Charge] = [*rows, *charges]
    for item in items:
        strange = item.id not in explained | labelled and item.model in ("", record.model)
        if strange and item.id not in found:
            found[item.id] = Candidate(item.id, item.model, item.created_at)
    return tuple(found.values())
