"""The journal: it records every submission before wan opens its connection."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from wan_cli.errors import SetupError
from wan_cli.journal.claims import Claims
from wan_cli.journal.keys import KeyIndex
from wan_cli.journal.limits import Limit, held_usd
from wan_cli.journal.port import Conninfo, Engine, Patience
from wan_cli.journal.rows import COLUMNS, first, select
from wan_cli.journal.schema import TO_FETCH
from wan_cli.journal.sqlite import Sqlite
from wan_cli.journal.totals import UNRESOLVED, durations, newest, spent
from wan_cli.journal.trouble import network
from wan_cli.journal.unwritten import Unwritten
from wan_cli.journal.words import MIN_PREFIX, Words
from wan_cli.journal.workers import Workers
from wan_cli.journal.writing import save, save_all
from wan_cli.listing import Listing, Spent
from wan_cli.record import Record

__all__ = ["MIN_PREFIX", "Journal"]

_CHANGEABLE = tuple(name for name in COLUMNS if name not in ("ref", "try"))


class Journal:
    """The open journal, in a file or a database.

    Every method raises SetupError if the journal is damaged, locked, away or cannot be written.
    """

    def __init__(self, engine: Engine, unwritten: Unwritten | None = None) -> None:
        self.place = engine.place
        self.warnings = engine.warnings
        self.is_shared = engine.is_shared
        self.keys = KeyIndex(engine)
        self.workers = Workers(engine)
        self.claims = Claims(engine, self.keys, self.workers)
        self._unwritten = unwritten
        self._words = Words(engine)
        # Public for what few commands do: see `copying`, `facts` and `checks`.
        self.engine = engine

    @classmethod
    def open(cls, path: Path, network: Callable[[Path], str | None] = network) -> Self:
        """Open a file for reading and writing; create or migrate it if necessary."""
        return cls(Sqlite.open(path, network))

    @classmethod
    def connect(
        cls,
        place: str,
        conninfo: Conninfo,
        *,
        spool: Path | None,
        patience: Patience,
        creates: bool = True,
    ) -> Self:
        """Connect to a database.

        Args:
            place: the database in messages, without secrets.
            conninfo: returns the parameters of a connection; it is called for each one.
            spool: the folder for changes that the database cannot take now.
            patience: how long to wait for a database that is away.
            creates: create the tables in an empty database.

        Raises:
            SetupError: the extra is not installed, the server refuses, or there are no tables.
            HistoryAway: the server cannot be reached.
        """
        _need_driver()
        from wan_cli.journal.migrating import prepare
        from wan_cli.journal.postgres import Postgres

        engine = Postgres(place, conninfo, patience)
        prepare(engine, creates=creates)
        if spool is None:
            return cls(engine)
        unwritten = Unwritten(spool)
        engine.warnings += unwritten.replay(engine)
        return cls(engine, unwritten)

    @staticmethod
    def migrate(place: str, conninfo: Conninfo, *, patience: Patience) -> int | None:
        """Bring the tables of a database to this version, or create them.

        Return the version before, None if there were no tables. Raises as `connect` does.
        """
        _need_driver()
        from wan_cli.journal.migrating import migrate
        from wan_cli.journal.postgres import Postgres

        engine = Postgres(place, conninfo, patience)
        try:
            return migrate(engine)
        finally:
            engine.close()

    @classmethod
    def open_read_only(cls, path: Path) -> Self:
        """Open a copy in memory of a file that cannot be written; changes are not saved."""
        return cls(Sqlite.open_read_only(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, or the connection."""
        self.engine.close()

    def wait_for_locks(self, seconds: float) -> None:
        """Wait this long, instead of 5 s, while another process writes."""
        self.engine.wait_for_locks(seconds)

    def rest(self) -> None:
        """Release the connection before a long wait."""
        self.engine.rest()

    def save(self, record: Record, changed: Collection[str] = _CHANGEABLE) -> bool:
        """Write the changed values of a record durably, or the whole record if it is new.

        Two processes may change one record: keep the other's columns, and never lose an id. Return
        False if another process has written more than this one knows: then nothing is written.
        """
        is_written = save(self.engine, record, changed)
        if self._unwritten is not None:
            self._unwritten.drop(record)
        return is_written

    def keep(self, record: Record, changed: Collection[str]) -> bool:
        """Keep changes on this machine that a database cannot take; return whether they are safe.

        A file needs none of this: where it cannot be written, nothing else can.
        """
        return self._unwritten is not None and self._unwritten.keep(self.place, record, changed)

    def save_all(self, records: Collection[Record], changed: Collection[str]) -> None:
        """Save the changes of many records, without those that another record stands against."""
        if records:
            save_all(self.engine, records, changed)

    def take_over(self, record: Record, host: str, now: float) -> bool:
        """Work on a record from now on; return False if another process took it first."""
        with self.engine.transaction():
            self.workers.beat(host, now)
            return bool(
                self.engine.change(
                    "UPDATE generations SET worker = :me WHERE ref = :ref"
                    " AND (worker IS NULL OR worker = :before)",
                    {"me": self.workers.me, "ref": record.ref, "before": record.worker},
                )
            )

    def reread(self, record: Record) -> Record:
        """Read a record again: another process may have changed it."""
        return first(self.engine, "ref = :ref", {"ref": record.ref}) or record

    def at(self, ref: str) -> Record:
        """Return the record of a submission that was in the history.

        Raises:
            SetupError: the history has lost the record.
        """
        record = first(self.engine, "ref = :ref", {"ref": ref})
        if record is None:
            raise SetupError(f"the history {self.place} has lost {ref}", hint="wan doctor")
        return record

    def find(self, word: str) -> Record | None:
        """Return the record that a word names; see `Words.find`."""
        return self._words.find(word)

    def unresolved(self) -> list[Record]:
        """Return the submissions whose outcome is unknown, oldest first."""
        return select(self.engine, f"{UNRESOLVED} ORDER BY seq")

    def to_fetch(self) -> list[str]:
        """Return the refs of generations whose video is not on disk yet, oldest first."""
        query = f"SELECT ref FROM generations WHERE {TO_FETCH} ORDER BY seq"
        return [str(ref) for (ref,) in self.engine.run(query)]

    def newest(self, listing: Listing) -> list[Record]:
        """Return the newest records that match, newest first."""
        return select(self.engine, *newest(self.engine, listing))

    def total(self, listing: Listing) -> Spent:
        """Return the number and the total cost of all records that match, ignoring the limit."""
        return spent(self.engine, listing)[0]

    def spending(self, listing: Listing) -> list[Spent]:
        """Return the cost of the matching records by day (UTC) and model, newest day first."""
        return spent(self.engine, listing, by_day=True)

    def explained_ids(self, ids: Iterable[str]) -> set[str]:
        """Return the ids that a record of the history has."""
        wanted = [*ids]
        each = (
            f"SELECT {name} FROM generations WHERE {self.engine.is_in(name, 'ids')}"
            for name in ("id", "other_id")
        )
        rows = self.engine.run(" UNION ".join(each), {"ids": self.engine.many(wanted)})
        return {str(word) for (word,) in rows}

    def durations(self, request: Mapping[str, object]) -> Sequence[float]:
        """Return the durations in seconds of the last finished generations of a request's class."""
        return durations(self.engine, request)

    def held_usd(self, limit: Limit) -> float:
        """Return the amount that counts for a limit."""
        return held_usd(self.engine, limit)

    def join_budget(self, budget: str, keys: Collection[str]) -> None:
        """Count the generations of some keys for a batch's budget."""
        with self.engine.transaction(serial=True):
            self.engine.change(
                f"UPDATE generations SET budget = :budget"
                f" WHERE {self.engine.is_in('row_key', 'keys')}"
                " AND (budget IS NULL OR budget <> :budget)",
                {"budget": budget, "keys": self.engine.many([*keys])},
            )

    def check(self) -> str | None:
        """Return None if the store is intact, else a description of the damage."""
        return self.engine.check()


def _need_driver() -> None:
    """Raise SetupError if the driver of PostgreSQL is not installed."""
    try:
        # Only a shared journal needs the driver, which takes 60 ms to import.
        import psycopg  # noqa: F401
    except ImportError as missing:
        if (missing.name or "").partition(".")[0] not in ("psycopg", ""):
            raise
        raise SetupError(
            f"a history in PostgreSQL needs psycopg ({missing})",
            hint="pip install 'aimlapi-wan[postgres]'",
        ) from None
