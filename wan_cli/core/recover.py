"""wan recover: resolve submissions with unknown outcome, from the log or the user's decision."""

from collections.abc import Generator, Sequence
from typing import NamedTuple, TypeVar

from wan_cli.account import Charge, LogRow
from wan_cli.api.client import ACCOUNT_SECONDS
from wan_cli.core.lease import is_being_sent
from wan_cli.core.settle import adopted, log_rows, match, rows_between, window
from wan_cli.core.tools import Tools
from wan_cli.core.verdicts import about, being_sent, changes, ended, unknown
from wan_cli.errors import NotFound, OutcomeUnknown, Unreachable, UsageError, WanError
from wan_cli.events import Event, Note, Warned
from wan_cli.generation import Status
from wan_cli.record import Outcome, Record, error_fields, utc
from wan_cli.text import one_line

T = TypeVar("T")
Events = Generator[Event, None, T]
# The log goes back this far.
LOG_S = 92 * 86_400.0
# `wan-` and the minimum length of an id prefix.
REF_MIN_CHARS = 10


class Candidate(NamedTuple):
    """A paid generation in the window that belongs to no record: perhaps this submission's."""

    id: str
    model: str
    created_at: float | None


class Findings(NamedTuple):
    """The result of a log search: the row with our label, or candidates, or nothing."""

    row: LogRow | None = None
    candidates: tuple[Candidate, ...] = ()


def recover(tools: Tools, word: str | None = None) -> Events[list[Outcome]]:
    """Look in the account's log for each unresolved submission, or only for the named one."""
    outcomes = []
    records = meant(tools, word)
    for record in records:
        if is_being_sent(tools, record):
            yield Note(being_sent(record).message)
            continue
        outcomes.append((yield from _recover(tools, record)))
    if not records:
        yield Note("no submission is unresolved")
    return outcomes


def _recover(tools: Tools, record: Record) -> Events[Outcome]:
    if record.status is Status.CLAIMED:
        tools.journal.claims.give_up(record, tools.clock.now())
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
    return (yield from settle(tools, record, findings))


def settle(tools: Tools, record: Record, findings: Findings) -> Events[Outcome]:
    """Write what a search of the log has found; return the outcome of the submission."""
    record = tools.journal.reread(record)
    if not record.status.is_unresolved:
        # The command that submitted it has resolved it meanwhile.
        return Outcome(record, ended(record))
    if findings.row is None:
        record = tools.save(record, status=Status.UNKNOWN)
        return Outcome(record, _still_unknown(record, findings.candidates))
    owner = tools.journal.keys.owner(findings.row.id, tools.client.base_url)
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
    """Return the outcome of an adopted id, with its state from the API if it answers."""
    accepted = record.accepted
    if accepted is None or record.status is Status.ERROR:
        # The outcome is known and nothing was charged, so this command succeeds.
        return Outcome(record)
    try:
        generation = tools.client.generation(accepted.id, alias=record.other_id)
    except Unreachable:
        return Outcome(record)
    except WanError as failure:
        # The log shows the id, but the API may need a moment before it knows it.
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
        f" which are not in the history: {shown}",
        hint=f"wan status {candidates[0].id}, and if the generation is yours:"
        f" wan recover {record.ref} --adopt {candidates[0].id}",
    )


def adopt_id(tools: Tools, generation_id: str, word: str | None) -> Events[list[Outcome]]:
    """Assign a generation to the unresolved submission, as the user decided.

    Raises:
        UsageError: the id belongs to another record, or several submissions are unresolved.
        NotFound: the API does not know the id.
    """
    known = tools.journal.find(generation_id)
    if known and known.id == generation_id:
        raise UsageError(
            f"{one_line(generation_id, 80)} is in the history already", hint="wan list"
        )
    record = _the_one(tools, word, f"--adopt {generation_id}")
    yield Note(f"asking the API for {one_line(generation_id, 80)}")
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
    """Give up a record, as the user decided: a submission that was not accepted, or a lost video.

    The record stays in the history, but no command searches or waits for it again.

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
        yield Warned(f"{record.handle} is given up; wan fetch --all will skip it")
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


def meant(tools: Tools, word: str | None) -> list[Record]:
    """Return the unresolved submissions that a word names; None: all of them.

    Raises:
        UsageError: there is none of that name.
    """
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
    """Return the unresolved submission that `word` names, or the only one."""
    found = meant(tools, word)
    if not found:
        raise UsageError("no submission is unresolved", hint="wan list")
    if len(found) > 1:
        refs = ", ".join(record.ref for record in found[:5])
        raise UsageError(
            f"{len(found)} submissions are unresolved: {refs}",
            hint=f"wan recover {found[0].ref} {command}",
        )
    return found[0]


def find(tools: Tools, record: Record, *, needs_ledger: bool = False) -> Findings:
    """Search the log for a submission, and the log and the ledger for candidates.

    If the window around the submission is empty, the clock may have been wrong when it was made:
    then search the whole log, newest first.

    Raises:
        WanError: the log cannot be read now; or the ledger, if it is needed.
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
        if needs_ledger:
            raise
        # Show the candidates from the log even if the ledger cannot be read.
        charges = []
    ids = {row.id for row in rows} | {charge.id for charge in charges}
    explained = tools.journal.explained_ids(ids)
    return Findings(None, candidates(record, rows, charges, explained))


def candidates(
    record: Record, rows: Sequence[LogRow], charges: Sequence[Charge], explained: set[str]
) -> tuple[Candidate, ...]:
    """Return the paid generations without a label that belong to no record, once each."""
    labelled = {row.id for row in rows if row.client_request_id or not row.succeeded}
    found: dict[str, Candidate] = {}
    items: list[LogRow | Charge] = [*rows, *charges]
    for item in items:
        strange = item.id not in explained | labelled and item.model in ("", record.model)
        if strange and item.id not in found:
            found[item.id] = Candidate(item.id, item.model, item.created_at)
    return tuple(found.values())
