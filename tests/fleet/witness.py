"""The witness sees each POST that the API accepts, and looks whether the journal has its row."""

import threading
import time
from collections import Counter
from random import Random
from typing import NamedTuple

import psycopg

from tests.fake.api import FakeApi
from tests.fake.postgres import Postgres
from tests.fake.records import GenerationState
from tests.fake.script import Reply, Script

_UNREACHABLE = "unreachable"


class Seen(NamedTuple):
    """An accepted POST: its row of the batch, its label, when it came (monotonic seconds).

    `status` is that of its row in the journal at this moment; None: there was no row.
    """

    prompt: str
    label: str
    at: float
    status: str | None


class Lossy(Script[Reply]):
    """The API accepts each POST and loses a share of its replies."""

    def __init__(self, share: float, random: Random) -> None:
        super().__init__()
        self._share = share
        self._random = random
        self._lock = threading.Lock()

    def next(self) -> Reply | None:
        scripted = super().next()
        with self._lock:
            is_lost = self._random.random() < self._share
        return Reply(fault="reset", accept=True) if scripted is None and is_lost else scripted


class Witness:
    """What the API has accepted, and what the journal in a database said at each POST."""

    def __init__(self, api: FakeApi, postgres: Postgres, url: str) -> None:
        self.seen: list[Seen] = []
        self._postgres = postgres
        self._url = url
        api.on_accept = self._look

    def _look(self, state: GenerationState) -> None:
        at = time.monotonic()
        label = str(state.client_request_id)
        self.seen.append(Seen(str(state.body["prompt"]), label, at, self._status(label)))

    def _status(self, label: str) -> str | None:
        # A connection of its own sees only what is committed.
        query = "SELECT status FROM wan_generations WHERE client_request_id = %(label)s"
        try:
            rows = self._postgres.execute(self._url, query, {"label": label})
        except psycopg.OperationalError:
            return _UNREACHABLE
        return str(rows[0]["status"]) if rows else None

    @property
    def accepted(self) -> Counter[str]:
        """How often the API accepted each row of the batch."""
        return Counter(seen.prompt for seen in self.seen)

    @property
    def unjournalled(self) -> list[Seen]:
        """The POSTs whose row did not say `sending`.

        While the server was away, nobody could look: then the row must be there at the end.
        """
        away = [seen for seen in self.seen if seen.status == _UNREACHABLE]
        late = [seen._replace(status=self._status(seen.label)) for seen in away]
        wrong = [seen for seen in self.seen if seen.status not in ("sending", _UNREACHABLE)]
        return wrong + [seen for seen in late if seen.status is None]
