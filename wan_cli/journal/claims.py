"""Claims: each submission is written to the journal first, once for each purpose.

Claims run one after another, on all machines. Three things keep two of them from the same purpose:
that order, the look for an earlier record within it, and a unique index.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from wan_cli.generation import Status
from wan_cli.journal.keys import KeyIndex
from wan_cli.journal.limits import Limit, Over, Pace, first_over
from wan_cli.journal.port import Engine, Taken, Undecided
from wan_cli.journal.rows import MADE_FOR, first, request_json
from wan_cli.journal.totals import UNRESOLVED
from wan_cli.journal.workers import Workers
from wan_cli.journal.writing import put
from wan_cli.record import Record


class Terms(NamedTuple):
    """The conditions of a claim.

    Args:
        again: submit even if an identical request is unresolved.
        ignored: the refs of earlier submissions for the same key that have failed.
        limits: the amounts that this and other generations may cost together.
        account: the name of the account whose pace the submission keeps.
    """

    again: bool = False
    ignored: Collection[str] = ()
    limits: Sequence[Limit] = ()
    account: str = ""


class Claim(NamedTuple):
    """The result of a claim: `record` if it was written, else the reason why not.

    Args:
        record: the record as it was written.
        blocking: an earlier submission for the same purpose.
        over: a limit that the submission would exceed.
        wait_s: how long to wait for the next moment to submit.
    """

    record: Record | None = None
    blocking: Record | None = None
    over: Over | None = None
    wait_s: float = 0.0


class Claims:
    """The submissions of a journal before they are accepted.

    Every method raises SetupError if the history cannot be read or written.
    """

    def __init__(self, engine: Engine, keys: KeyIndex, workers: Workers) -> None:
        self.pace = Pace(engine)
        self._engine = engine
        self._keys = keys
        self._workers = workers

    def claim(self, record: Record, terms: Terms) -> Claim:
        """Write a submission durably, before anything is sent: a new one, or another attempt."""
        record = record._replace(worker=self._workers.me)
        try:
            with self._engine.transaction(serial=True):
                return self._claimed(record, terms)
        except Taken:
            # The look came before another process's commit, which the index has seen.
            return Claim(blocking=next(iter(self._keys.of(record.row_key))))
        except Undecided:
            if self._current(record, Status.CLAIMED) is None:
                raise
            return Claim(record)

    def _claimed(self, record: Record, terms: Terms) -> Claim:
        blocking = self._blocking(record, terms)
        if blocking is not None:
            return Claim(blocking=blocking)
        over = first_over(self._engine, terms.limits, record.price_usd or 0.0)
        if over is not None:
            return Claim(over=over)
        shared = self._engine.is_shared
        wait_s = self.pace.wait_s(terms.account, record.updated_at) if shared else 0.0
        if wait_s > 0:
            return Claim(wait_s=wait_s)
        changed = ("status", "client_request_id", "updated_at", "worker", "price_usd", "try_")
        record = record._replace(try_=self._tries(record) + 1)
        put(self._engine, record, changed)
        if shared:
            self._workers.beat(record.host or "", record.updated_at)
        return Claim(record)

    def _tries(self, record: Record) -> int:
        """Return how many other submissions for the same key were accepted, or may have been."""
        if record.row_key is None:
            return 0
        return sum(other.ref != record.ref for other in self._keys.of(record.row_key))

    def _blocking(self, record: Record, terms: Terms) -> Record | None:
        own = self._other_of_row(record, terms.ignored)
        if own or terms.again:
            return own
        where = f"request = :request AND ref <> :ref AND {UNRESOLVED} LIMIT 1"
        return first(self._engine, where, {"request": request_json(record), "ref": record.ref})

    def _other_of_row(self, record: Record, ignored: Collection[str]) -> Record | None:
        known = {record.ref, *ignored}
        others = self._keys.of(record.row_key, record.other_key)
        return next((other for other in others if other.ref not in known), None)

    def begin_sending(self, record: Record, now: float) -> Record | None:
        """Write `sending` durably before the body is sent; None if the claim was given up."""
        sending = record._replace(status=Status.SENDING, updated_at=now)
        try:
            with self._engine.transaction():
                if self._current(record, Status.CLAIMED) is None:
                    return None
                put(self._engine, sending, ("status", "updated_at"))
        except Undecided:
            if self._current(record, Status.SENDING) is None:
                raise
        return sending

    def _current(self, record: Record, status: Status) -> Record | None:
        """Return the record if its newest attempt and its status are still the given ones."""
        current = first(self._engine, "ref = :ref", {"ref": record.ref})
        if current is None or current.status is not status:
            return None
        return current if current.client_request_id == record.client_request_id else None

    def give_up(self, record: Record, now: float) -> bool:
        """Write `unsent` for a claimed submission; return False if it was sent meanwhile."""
        with self._engine.transaction(serial=True):
            current = self._current(record, Status.CLAIMED)
            if current is None:
                return False
            given_up = current._replace(status=Status.UNSENT, updated_at=now)
            put(self._engine, given_up, ("status", "updated_at"))
        return True

    def adopt(self, record: Record, over: Collection[str] = ()) -> Record:
        """Write another machine's generation durably; return the record with its key or id."""
        with self._engine.transaction(serial=True):
            known = self._other_of_row(record, over) or self._keys.owner(
                record.id or "", record.base_url
            )
            if known is None:
                record = record._replace(try_=self._tries(record) + 1)
                put(self._engine, record)
            elif known.row_key is None:
                known = known._replace(**{name: getattr(record, name) for name in MADE_FOR})
                known = known._replace(try_=self._tries(known) + 1)
                put(self._engine, known, (*MADE_FOR, "try_"))
        return known or record
