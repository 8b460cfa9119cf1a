"""wan recover --orphans: generations that this account paid for and the history does not have.

A database that failed over may have lost a record, and another history may have made it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from wan_cli.account import LogRow
from wan_cli.api.client import ACCOUNT_SECONDS
from wan_cli.core.evidence import log_span
from wan_cli.core.settle import is_success
from wan_cli.core.status import foreign
from wan_cli.core.tools import Tools
from wan_cli.destination import Destination
from wan_cli.errors import WanError
from wan_cli.events import Events, Note
from wan_cli.generation import Status
from wan_cli.identity import is_label
from wan_cli.record import Record, error_fields, utc

SEARCHING = Note("searching the account's log of the last 92 days")
# How long a command that is not about orphans searches for them.
NOTE_SECONDS = 10.0


class Orphan(NamedTuple):
    """A paid generation of wan that no record of the history explains. Times in seconds."""

    id: str
    label: str
    model: str
    created_at: float | None

    @property
    def data(self) -> dict[str, object]:
        """The orphan for programs."""
        return {
            "id": self.id,
            "client_request_id": self.label,
            "model": self.model,
            "created_at": utc(self.created_at),
        }

    @property
    def line(self) -> str:
        """The orphan for people."""
        return f"{self.id}  {utc(self.created_at) or 'no time'}  {self.model}  {self.label}"


class Orphans(NamedTuple):
    """The orphans, newest first; `failure` if the log could not be read to its end."""

    found: list[Orphan]
    failure: WanError | None = None


def orphans(tools: Tools) -> Events[Orphans]:
    """Search the whole log for successes with a label of wan that the history does not have."""
    yield SEARCHING
    return _orphans(tools, ACCOUNT_SECONDS)


def note_orphans(tools: Tools) -> Events[None]:
    """Say how many orphans there are, if the log shows any within a few seconds."""
    count = len(_orphans(tools, NOTE_SECONDS).found)
    if count:
        many = "1 generation" if count == 1 else f"{count} generations"
        yield Note(
            f"the account's log has {many} of wan that the history does not have (made by another"
            " machine, or lost): wan recover --orphans"
        )


def record_of_orphan(
    tools: Tools, generation_id: str, folder: Destination
) -> Events[Record | None]:
    """Add an orphan to the history and return its record; None if the id is not that of one.

    A submission with the same label that was given up gets its id.

    Raises:
        WanError: the log cannot be read.
    """
    yield SEARCHING
    row = next((row for row in _labelled(tools, ACCOUNT_SECONDS) if row.id == generation_id), None)
    orphan = next(iter(_unexplained(tools, [row] if row else [])), None)
    if orphan is None:
        return None
    known = tools.journal.find(orphan.label)
    if known is not None and known.id is None and known.client_request_id == orphan.label:
        return tools.save(known, id=orphan.id, status=Status.GENERATING, **error_fields(None))
    record = foreign(tools, orphan.id, folder)._replace(client_request_id=orphan.label)
    created_at = tools.own_time(orphan.created_at)
    return tools.save(record, status=Status.GENERATING, created_at=created_at)


def _orphans(tools: Tools, seconds: float) -> Orphans:
    rows: list[LogRow] = []
    failure = None
    try:
        # A failure leaves the rows before it in the list.
        rows.extend(_labelled(tools, seconds))
    except WanError as trouble:
        failure = trouble
    return Orphans(_unexplained(tools, rows), failure)


def _labelled(tools: Tools, seconds: float) -> Iterator[LogRow]:
    """Yield the successful rows of the log that have a label of wan, newest first."""
    for row in tools.client.log(*log_span(tools), seconds=seconds):
        if row.succeeded and is_label(row.client_request_id):
            yield row


def _unexplained(tools: Tools, rows: list[LogRow]) -> list[Orphan]:
    """Return the rows that no record has, and that no unresolved submission will get.

    A submission that was given up explains nothing: if it appears in the log, it was paid for.
    """
    known = tools.journal.explained_ids(row.id for row in rows)
    rows = [row for row in rows if row.id not in known]
    unresolved = tools.journal.unresolved() if rows else []
    return [
        Orphan(row.id, row.client_request_id or "", row.model, row.created_at)
        for row in rows
        if not any(is_success(record, row) for record in unresolved)
    ]
