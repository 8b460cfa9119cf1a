"""The journal: an SQLite file that records every submission before wan opens its connection."""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from wan_cli.errors import RUN_AGAIN, SetupError
from wan_cli.generation import Status
from wan_cli.journal.file import (
    TO_FETCH,
    connect,
    copy_into,
    create,
    identity,
    prepare,
    transaction,
)
from wan_cli.journal.rows import (
    COLUMNS,
    MADE_FOR,
    KeyIndex,
    any_of,
    request_json,
    select,
    to_column,
)
from wan_cli.journal.totals import UNRESOLVED, durations, newest, spent
from wan_cli.journal.trouble import network, trouble, warnings
from wan_cli.journal.words import MIN_PREFIX, Words
from wan_cli.listing import Listing, Spent
from wan_cli.record import Record
from wan_cli.text import one_line

__all__ = ["MIN_PREFIX", "Journal"]

_CHANGEABLE = tuple(name for name in COLUMNS if name != "ref")


class Journal:
    """The open journal.

    Every method raises SetupError if the file is damaged, locked or cannot be written.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, network: str | None = None
    ) -> None:
        self.path = path
        self.warnings = warnings(path, network)
        self._connection = connection
        self._identity = identity(path)
        self.keys = KeyIndex(path, connection)
        self._words = Words(path, connection)
        connection.row_factory = sqlite3.Row

    @classmethod
    def open(cls, path: Path, network: Callable[[Path], str | None] = network) -> Self:
        """Open the history for reading and writing; create or migrate it if necessary."""
        with trouble(path):
            create(path)
            name = network(path)
            connection = connect(f"{path.as_uri()}?mode=rw", shared=name is None)
            journal = cls(path, connection, name)
        try:
            prepare(path, journal._connection)
        except BaseException:
            journal.close()
            raise
        return journal

    @classmethod
    def open_read_only(cls, path: Path) -> Self:
        """Open a copy in memory of a history that cannot be written; changes are not saved."""
        memory = cls(path, connect(":memory:"))
        if path.is_file():
            with trouble(path):
                copy_into(memory._connection, path)
        prepare(path, memory._connection, keep_copy=False)
        return memory

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def wait_for_locks(self, seconds: float) -> None:
        """Wait this long, instead of 5 s, while another process writes."""
        with trouble(self.path):
            self._connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")

    def claim(self, record: Record, *, again: bool, ignored: Collection[str] = ()) -> Record | None:
        """Write a new submission to disk, before anything is sent.

        Returns:
            None if it was written; else the record that blocks it: one for the same key (except the
            refs in `ignored`), or, unless `again`, an identical unresolved request.
        """
        with self._transaction():
            blocking = self._blocking(record, again=again, ignored=ignored)
            if blocking is None:
                self._put(record)
        return blocking

    def claim_again(
        self, record: Record, changed: Collection[str], *, again: bool, ignored: Collection[str]
    ) -> Record | None:
        """Write another attempt of a submission to disk; return the same as `claim`."""
        with self._transaction():
            blocking = self._blocking(record, again=again, ignored=ignored)
            if blocking is None:
                self._put(record, changed)
        return blocking

    def _blocking(self, record: Record, *, again: bool, ignored: Collection[str]) -> Record | None:
        own = self._other_of_row(record, ignored)
        if own or again:
            return own
        where = f"request = ? AND ref IS NOT ? AND {UNRESOLVED} LIMIT 1"
        return self._one(where, (request_json(record), record.ref))

    def begin_sending(self, record: Record, now: float) -> Record | None:
        """Write `sending` to disk before the body is sent; None if the claim was given up."""
        with self._transaction():
            current = self._one("ref = ?", (record.ref,))
            if current is None or current.status is not Status.CLAIMED:
                return None
            if current.client_request_id != record.client_request_id:
                return None
            sending = record._replace(status=Status.SENDING, updated_at=now)
            self._put(sending, ("status", "updated_at"))
        return sending

    def give_up_claim(self, record: Record, now: float) -> bool:
        """Write `unsent` for a claimed submission; return False if it was sent meanwhile."""
        with self._transaction():
            current = self._one("ref = ?", (record.ref,))
            if current is None or current.status is not Status.CLAIMED:
                return False
            given_up = current._replace(status=Status.UNSENT, updated_at=now)
            self._put(given_up, ("status", "updated_at"))
        return True

    def owner(self, generation_id: str, base_url: str) -> Record | None:
        """Return the record of a service that has an id, as its first or second id."""
        where = f"{any_of('id', 'other_id')} AND base_url = :url LIMIT 1"
        return self._one(where, {"word": generation_id, "url": base_url})

    def adopt(self, record: Record, over: Collection[str] = ()) -> Record:
        """Write another machine's generation to disk; return the record with its key or id."""
        with self._transaction():
            known = self._other_of_row(record, over) or self.owner(record.id or "", record.base_url)
            if known is None:
                self._put(record)
            elif known.row_key is None:
                known = known._replace(**{name: getattr(record, name) for name in MADE_FOR})
                self._put(known, MADE_FOR)
        return known or record

    def _other_of_row(self, record: Record, ignored: Collection[str]) -> Record | None:
        known = {record.ref, *ignored}
        others = self.keys.of(record.row_key, record.other_key)
        return next((other for other in others if other.ref not in known), None)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with transaction(self.path, self._connection):
            # Writes to a deleted or replaced file would be lost.
            if self._identity != identity(self.path):
                raise SetupError(
                    f"the history {self.path} was deleted or replaced while it was in use",
                    hint=RUN_AGAIN,
                )
            yield

    def save(self, record: Record, changed: Collection[str] = _CHANGEABLE) -> None:
        """Write the changed values of a record to disk, or the whole record if it is new.

        Two processes may change one record: keep the other's columns, and never lose an id.
        """
        self.save_all([record], changed)

    def save_all(self, records: Collection[Record], changed: Collection[str]) -> None:
        """Save either all the records or none."""
        if records:
            with self._transaction():
                for record in records:
                    self._put(record, changed)

    def _put(self, record: Record, changed: Collection[str] = ()) -> None:
        marks = ", ".join("?" * len(COLUMNS))
        changes = ", ".join(f"{name} = excluded.{name}" for name in changed)
        conflict = (
            f" ON CONFLICT (ref) DO UPDATE SET {changes}"
            " WHERE generations.id IS NULL OR excluded.id IS NOT NULL"
        )
        self._connection.execute(
            f"INSERT INTO generations ({', '.join(COLUMNS)}) VALUES ({marks})"
            f"{conflict if changed else ''}",
            [to_column(record, name) for name in COLUMNS],
        )

    def reread(self, record: Record) -> Record:
        """Read a record again: another process may have changed it."""
        return self._one("ref = ?", (record.ref,)) or record

    def at(self, ref: str) -> Record:
        """Return the record of a submission that was in the history.

        Raises:
            SetupError: the history has lost the record.
        """
        record = self._one("ref = ?", (ref,))
        if record is None:
            raise SetupError(f"the history {self.path} has lost {ref}", hint="wan doctor")
        return record

    def find(self, word: str) -> Record | None:
        """Return the record that a word names; see `Words.find`."""
        return self._words.find(word)

    def unresolved(self) -> list[Record]:
        """Return the submissions whose outcome is unknown, oldest first."""
        return self._all(f"{UNRESOLVED} ORDER BY seq", ())

    def to_fetch(self) -> list[str]:
        """Return the refs of generations whose video is not on disk yet, oldest first."""
        query = f"SELECT ref FROM generations WHERE {TO_FETCH} ORDER BY seq"
        with trouble(self.path):
            return [str(ref) for (ref,) in self._connection.execute(query)]

    def newest(self, listing: Listing) -> list[Record]:
        """Return the newest records that match, newest first."""
        return self._all(*newest(listing))

    def total(self, listing: Listing) -> Spent:
        """Return the number and the total cost of all records that match, ignoring the limit."""
        return spent(self.path, self._connection, listing)[0]

    def spending(self, listing: Listing) -> list[Spent]:
        """Return the cost of the matching records by day (UTC) and model, newest day first."""
        return spent(self.path, self._connection, listing, by_day=True)

    def explained_ids(self, ids: Iterable[str]) -> set[str]:
        """Return the ids that a record of the history has."""
        return {word for word in ids if self._one(any_of("id", "other_id"), {"word": word})}

    def durations(self, request: Mapping[str, object]) -> Sequence[float]:
        """Return the durations in seconds of the last finished generations of a request's class."""
        return durations(self.path, self._connection, request)

    def check(self) -> str | None:
        """Return None if the file is intact, else SQLite's description of the damage."""
        with trouble(self.path):
            words = str(self._connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        return None if words == "ok" else one_line(words, 200)

    def _one(self, where: str, values: Sequence[object] | Mapping[str, object]) -> Record | None:
        found = self._all(where, values)
        return found[0] if found else None

    def _all(self, where: str, values: Sequence[object] | Mapping[str, object]) -> list[Record]:
        return select(self.path, self._connection, where, values)
