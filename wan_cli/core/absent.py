"""wan recover --settle-absent: give up, on the user's word, submissions that left no trace."""

from collections.abc import Sequence
from typing import NamedTuple

from wan_cli.core.evidence import LOG_S, find
from wan_cli.core.lease import give_up_claim, is_being_sent
from wan_cli.core.recover import give_up, meant, settle
from wan_cli.core.settle import BEFORE_S
from wan_cli.core.tools import Tools
from wan_cli.core.verdicts import being_sent, ended, unknown
from wan_cli.errors import UsageError, WanError
from wan_cli.events import Events, Note
from wan_cli.generation import Status
from wan_cli.identity import is_of
from wan_cli.record import Outcome, Record

# The error code of a submission that was given up because it left no trace.
ABSENT = "absent"
# The account's log shows a generation only after it has ended, and later still.
AGE_MIN_S = 3600.0


class Absent(NamedTuple):
    """What a search has found: submissions without a trace, and the outcomes of all others."""

    records: Sequence[Record]
    others: Sequence[Outcome]


def check_age(seconds: float) -> float:
    """Return the age from which a submission without a trace may be given up.

    Raises:
        UsageError: a generation of that age may still appear in the account's log.
    """
    if seconds < AGE_MIN_S:
        raise UsageError(
            "--settle-absent: a generation may take an hour to appear in the account's log",
            hint="wan recover --settle-absent 24h",
        )
    return seconds


def find_absent(tools: Tools, older_s: float, word: str | None, service: str) -> Events[Absent]:
    """Search the log and the ledger for each unresolved submission that is old enough.

    One that is found is settled, as `wan recover` does. One without a row in the log is absent
    only if the ledger has no charge around it that other records do not explain. `service` is the
    API in use, whose log says nothing about submissions to another one.
    """
    absent: list[Record] = []
    others: list[Outcome] = []
    for record in meant(tools, word):
        if is_being_sent(tools, record):
            yield Note(being_sent(record).message)
        elif record.status is Status.CLAIMED:
            yield give_up_claim(tools, record)
            others.append(Outcome(tools.journal.reread(record)))
        elif tools.clock.now() - record.created_at < older_s:
            words = f"it is younger than {older_s / 3600:g} h"
            others.append(Outcome(record, unknown(record, words)))
        else:
            yield Note(f"looking for {record.ref} in the account's log and ledger")
            outcome = yield from _searched(tools, record, service)
            if outcome is None:
                absent.append(record)
            else:
                others.append(outcome)
    return Absent(absent, others)


def _why_unseen(tools: Tools, record: Record, service: str) -> str | None:
    """Return why the log in use cannot show a submission, None if it can."""
    if record.key_fingerprint != tools.key_fingerprint:
        return "it was submitted with another key, whose log this key does not show"
    if not is_of(record.base_url, service):
        return f"it was submitted to {record.base_url}"
    if tools.clock.now() - record.created_at > LOG_S - BEFORE_S:
        return "the account's log does not go back to it; wan recover --forget gives it up"
    return None


def _searched(tools: Tools, record: Record, service: str) -> Events[Outcome | None]:
    """Return the outcome of a submission that left a trace, or may have; None if it left none."""
    words = _why_unseen(tools, record, service)
    if words is not None:
        return Outcome(record, unknown(record, words))
    try:
        findings = find(tools, record, strictly=True)
    except WanError as failure:
        return Outcome(
            record, unknown(record, f"the log or the ledger cannot be read: {failure.message}")
        )
    if findings.row or findings.candidates:
        return (yield from settle(tools, record, findings))
    current = tools.journal.reread(record)
    # The process that submitted it may have resolved it meanwhile.
    return None if current.status.is_unresolved else Outcome(current, ended(current))


def settle_absent(tools: Tools, found: Absent) -> list[Outcome]:
    """Write that the submissions without a trace were not accepted; return all outcomes."""
    why = "it left no trace in the account's log and ledger"
    given_up = [give_up(tools, record, Status.REJECTED, ABSENT, why) for record in found.records]
    return [*given_up, *found.others]
