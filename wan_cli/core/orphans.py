"""wan recover --orphans: generations that this account paid for and the history does not have."""

from typing import NamedTuple

from wan_cli.account import LogRow
from wan_cli.api.client import ACCOUNT_SECONDS
from wan_cli.core.recover import LOG_S, Events
from wan_cli.core.tools import Tools
from wan_cli.events import Note
from wan_cli.identity import is_label
from wan_cli.record import utc


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


def orphans(tools: Tools) -> Events[list[Orphan]]:
    """Search the whole log for successes with a label of wan that the history does not have.

    A database that failed over may have lost a record, and another history may have made it.

    Raises:
        WanError: the log cannot be read now.
    """
    yield Note("searching the account's log of the last 92 days")
    now = tools.clock.now() + (tools.client.server_offset_s or 0.0)
    rows = [
        row
        for row in tools.client.log(now - LOG_S, now + 3600.0, seconds=ACCOUNT_SECONDS)
        if row.succeeded and is_label(row.client_request_id)
    ]
    known = tools.journal.explained_ids(row.id for row in rows)
    labels = tools.journal.explained_labels(row.client_request_id or "" for row in rows)
    return [
        _orphan(row) for row in rows if row.id not in known and row.client_request_id not in labels
    ]


def _orphan(row: LogRow) -> Orphan:
    return Orphan(row.id, row.client_request_id or "", row.model, row.created_at)
