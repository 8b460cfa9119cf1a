"""What the account's log and ledger show of a submission whose outcome is unknown."""

from collections.abc import Sequence
from typing import NamedTuple

from wan_cli.account import Charge, LogRow
from wan_cli.api.client import ACCOUNT_SECONDS
from wan_cli.core.settle import log_rows, match, rows_between, window
from wan_cli.core.tools import Tools
from wan_cli.errors import WanError
from wan_cli.identity import Label
from wan_cli.models import find_schema
from wan_cli.record import Record

# The log goes back this far, and a query may ask for as much.
LOG_S = 92 * 86_400.0
# The server's clock may be ahead by this much: search the log until then.
AHEAD_S = 3600.0


class Candidate(NamedTuple):
    """A paid generation in the window that belongs to no record: perhaps this submission's."""

    id: str
    model: str
    created_at: float | None


class Findings(NamedTuple):
    """The result of a log search: the row with our label, or candidates, or nothing."""

    row: LogRow | None = None
    candidates: tuple[Candidate, ...] = ()


def find(tools: Tools, record: Record, *, strictly: bool = False) -> Findings:
    """Search the log for a submission, and the log and the ledger for candidates.

    If the window around the submission is empty, the clock may have been wrong when it was made:
    then search the whole log, newest first. A strict search may prove that there is nothing: it
    needs the ledger, and searches further if the time of the submission is not certain.

    Raises:
        WanError: the log cannot be read now; or the ledger, in a strict search.
    """
    rows = log_rows(tools.client, record, seconds=ACCOUNT_SECONDS)
    start, end = window(tools.client, record)
    row = match(record, rows)
    if row is None and strictly and Label.of(record.client_request_id).attempt > 1:
        # The last attempt may have been made long after the first.
        later = _rows(tools, record, end, log_span(tools)[1])
        rows, end, row = [*rows, *later], log_span(tools)[1], match(record, later)
    if row is None and (not rows or (strictly and record.server_offset_s is None)):
        row = match(record, _rows(tools, record, *log_span(tools)))
    if row is not None:
        return Findings(row)
    try:
        charges = list(tools.client.charges(start, end, seconds=ACCOUNT_SECONDS))
    except WanError:
        if strictly:
            raise
        # Show the candidates from the log even if the ledger cannot be read.
        charges = []
    ids = {row.id for row in rows} | {charge.id for charge in charges}
    explained = tools.journal.explained_ids(ids)
    return Findings(None, candidates(record, rows, charges, explained))


def log_span(tools: Tools) -> tuple[float, float]:
    """Return the start and the end of the whole log, by the server's clock."""
    end = tools.clock.now() + (tools.client.server_offset_s or 0.0) + AHEAD_S
    return end - LOG_S, end


def _rows(tools: Tools, record: Record, start: float, end: float) -> list[LogRow]:
    if start >= end:
        return []
    return rows_between(tools.client, record, start, end, seconds=ACCOUNT_SECONDS)


def candidates(
    record: Record, rows: Sequence[LogRow], charges: Sequence[Charge], explained: set[str]
) -> tuple[Candidate, ...]:
    """Return the paid generations without a label that belong to no record, once each."""
    labelled = {row.id for row in rows if row.client_request_id or not row.succeeded}
    found: dict[str, Candidate] = {}
    items: list[LogRow | Charge] = [*rows, *charges]
    for item in items:
        strange = item.id not in explained | labelled and _may_be(item.model, record.model)
        if strange and item.id not in found:
            found[item.id] = Candidate(item.id, item.model, item.created_at)
    return tuple(found.values())


def _may_be(name: str, model: str) -> bool:
    """Whether a row with the name of a model may be about a request for a model."""
    if name in ("", model):
        return True
    # The log may have another name of the same model.
    schema = find_schema(name)
    return schema is not None and schema == find_schema(model)
