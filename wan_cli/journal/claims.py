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

# Ask again after this time if another process has just given up the same purpose.
AGAIN_S = 0.2
_SAME_ATTEMPT = "client_request_id = :label"


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
            blocking = _not_ignored(self._others(record), terms.ignored)
            return Claim(blocking=blocking, wait_s=0.0 if blocking else AGAIN_S)
        except Undecided:
            written = first(self._engine, f"ref = :ref AND {_SAME_ATTEMPT}", _attempt(record))
            if written is None or written.status is not Status.CLAIMED:
                raise
            return Claim(written)

    def _claimed(self, record: Record, terms: Terms) -> Claim:
        others = self._others(record)
        blocking = _not_ignored(others, terms.ignored) or self._twin(record, terms)
        if blocking is not None:
            return Claim(blocking=blocking)
        over = first_over(self._engine, terms.limits, record)
        if over is not None:
            return Claim(over=over)
        shared = self._engine.is_shared
        wait_s = self.pace.wait_s(terms.account, record.updated_at) if shared else 0.0
        if wait_s > 0:
            return Claim(wait_s=wait_s)
        changed = ("status", "client_request_id", "updated_at", "worker", "price_usd", "try_")
        record = record._replace(try_=_next_try(record, others))
        if not put(self._engine, record, changed):
            # An earlier attempt was accepted after all.
            return Claim(blocking=first(self._engine, "ref = :ref", {"ref": record.ref}))
        if shared:
            self._workers.beat(record.host or "", record.updated_at)
        return Claim(record)

    def _others(self, record: Record) -> list[Record]:
        """Return the other submissions with a key of a record that were not refused."""
        found = self._keys.of(record.row_key, record.other_key)
        return [other for other in found if other.ref != record.ref]

    def _twin(self, record: Record, terms: Terms) -> Record | None:
        """Return another unresolved submission of the same request, unless that is allowed."""
        if terms.again:
            return None
        where = f"request = :request AND ref <> :ref AND {UNRESOLVED} LIMIT 1"
        return first(self._engine, where, {"request": request_json(record), "ref": record.ref})

    def begin_sending(self, record: Record, now: float) -> Record | None:
        """Write `sending` durably before the body is sent; None if the claim was given up."""
        sending = record._replace(status=Status.SENDING, updated_at=now)
        try:
            return sending if self._move_on(sending) else None
        except Undecided:
            values = {**_attempt(record), "status": Status.SENDING.value}
            where = f"ref = :ref AND {_SAME_ATTEMPT} AND status = :status"
            if first(self._engine, where, values) is None:
                raise
            return sending

    def give_up(self, record: Record, now: float) -> bool:
        """Write `unsent` for a claimed submission; return False if it was sent meanwhile."""
        return self._move_on(record._replace(status=Status.UNSENT, updated_at=now))

    def _move_on(self, record: Record) -> bool:
        """Write the status after `claimed`; return False if another process wrote another one.

        One statement looks and writes: no other process can come between.
        """
        values = {**_attempt(record), "status": record.status.value, "now": record.updated_at}
        with self._engine.transaction():
            return bool(
                self._engine.change(
                    "UPDATE generations SET status = :status, updated_at = :now"
                    f" WHERE ref = :ref AND {_SAME_ATTEMPT} AND status = 'claimed'",
                    values,
                )
            )

    def adopt(self, record: Record, over: Collection[str] = ()) -> Record:
        """Write another machine's generation durably; return the record with its key or id."""
        try:
            with self._engine.transaction(serial=True):
                return self._adopted(record, over)
        except Taken:
            return _not_ignored(self._others(record), over) or record

    def _adopted(self, record: Record, over: Collection[str]) -> Record:
        others = self._others(record)
        known = _not_ignored(others, over)
        known = known or self._keys.owner(record.id or "", record.base_url)
        if known is None:
            put(self._engine, record._replace(try_=_next_try(record, others)))
        elif known.row_key is None:
            known = known._replace(**{name: getattr(record, name) for name in MADE_FOR})
            known = known._replace(try_=_next_try(known, others))
            put(self._engine, known, (*MADE_FOR, "try_"))
        return known or record


def _attempt(record: Record) -> dict[str, object]:
    return {"ref": record.ref, "label": record.client_request_id}


def _not_ignored(others: Sequence[Record], ignored: Collection[str]) -> Record | None:
    return next((other for other in others if other.ref not in ignored), None)


def _next_try(record: Record, others: Sequence[Record]) -> int:
    """Return the number of a further submission for the first key of a record, from 1."""
    if record.row_key is None:
        return 1
    tries = [
        other.try_
        for other in others
        if record.row_key in (other.row_key, other.other_key) and other.ref != record.ref
    ]
    return 1 + max(tries, default=0)
