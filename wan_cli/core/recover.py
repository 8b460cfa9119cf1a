"""wan recover: resolve submissions with unknown outcome, from the log or the user's decision."""

from collections.abc import Sequence

from wan_cli.core.claim import FORGOTTEN
from wan_cli.core.evidence import Candidate, Findings, find
from wan_cli.core.lease import give_up_claim, is_being_sent
from wan_cli.core.orphans import note_orphans, record_of_orphan
from wan_cli.core.settle import adopted
from wan_cli.core.tools import Tools
from wan_cli.core.verdicts import about, being_sent, changes, ended, unknown
from wan_cli.destination import Destination
from wan_cli.errors import NotFound, OutcomeUnknown, Unreachable, UsageError, WanError
from wan_cli.events import Events, Note, Warned
from wan_cli.generation import Status
from wan_cli.record import Outcome, Record, error_fields, utc
from wan_cli.text import one_line

# `wan-` and the minimum length of an id prefix.
REF_MIN_CHARS = 10
NONE_UNRESOLVED = "no submission is unresolved"


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
        yield Note(NONE_UNRESOLVED)
        yield from note_orphans(tools)
    return outcomes


def _recover(tools: Tools, record: Record) -> Events[Outcome]:
    if record.status is Status.CLAIMED:
        yield give_up_claim(tools, record)
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


def adopt_id(
    tools: Tools,
    generation_id: str,
    word: str | None,
    folder: Destination,
    *,
    is_orphan: bool = False,
) -> Events[list[Outcome]]:
    """Add a generation to the history, as the user decided.

    It belongs to the unresolved submission. If there is none, or with `is_orphan`, it is one of
    the log that no record explains; its video will go to `folder`.

    Raises:
        UsageError: the id belongs to another record, or several submissions are unresolved.
        NotFound: the API does not know the id.
    """
    known = tools.journal.find(generation_id)
    if known and known.id == generation_id:
        raise UsageError(
            f"{one_line(generation_id, 80)} is in the history already", hint="wan list"
        )
    if is_orphan or (word is None and not tools.journal.unresolved()):
        found = yield from record_of_orphan(tools, generation_id, folder)
        if found is not None:
            yield Note(f"{found.id} is in the history now; next: wan fetch {found.id}")
            return [_confirmed(tools, found)]
        if is_orphan:
            raise UsageError(
                f"{one_line(generation_id, 80)} is no generation of the account's log that has a"
                " label of wan and is missing in the history",
                hint="wan recover --orphans",
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
        status, why = Status.REJECTED, "its outcome was never known"
    else:
        yield Warned(f"{record.handle} is given up; wan fetch --all will skip it")
        status, why = Status.ERROR, "its video was never saved"
    return [give_up(tools, record, status, FORGOTTEN, why)]


def give_up(tools: Tools, record: Record, status: Status, code: str, why: str) -> Outcome:
    """Write that the user has given up a record, and why; return its outcome."""
    given_up = tools.save(
        record,
        status=status,
        error_code=code,
        error_message=f"{why}; given up by the user",
        error_hint="wan list",
        exit_code=None,
    )
    return Outcome(given_up)


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
        raise UsageError(NONE_UNRESOLVED, hint="wan list")
    if len(found) > 1:
        refs = ", ".join(record.ref for record in found[:5])
        raise UsageError(
            f"{len(found)} submissions are unresolved: {refs}",
            hint=f"wan recover {found[0].ref} {command}",
        )
    return found[0]
