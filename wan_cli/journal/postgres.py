"""The engine of a journal in PostgreSQL, for many machines."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg
from psycopg import errors as pg

from wan_cli.errors import HistoryAway, SetupError
from wan_cli.journal.connecting import READING_S, WORKING_S, Connection, connect
from wan_cli.journal.port import NO_VALUES, Conninfo, Patience, Taken, Undecided, Values
from wan_cli.journal.refusals import AGAIN, away, explained
from wan_cli.journal.rows import as_uri

# "wan1": the number of the lock that makes claims run one after another.
LOCK = 0x77616E31
LOCK_S = 5.0
LOCK_MIN_S = 1.0
# Refuse at once for this long after the server could not be reached, so that nothing hangs.
AWAY_S = 0.4
# Try again this often, before a command begins its work, to reach a server that is away.
PAUSE_S = 0.5
# In the round trip of BEGIN, since a pooler drops the options of a session. READ COMMITTED by name:
# with another default of the server, the look after the lock would see an old picture. The commit
# must be on disk before anything is sent. A process that stops here must lose the lock before
# others give up waiting for it.
_BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
    " SELECT set_config('synchronous_commit', 'on', true)"
    " WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');"
    " SET LOCAL idle_in_transaction_session_timeout = '4s';"
    " SET LOCAL statement_timeout = '30s'; SET LOCAL lock_timeout = '{}ms'"
)
_SERIAL = (
    f"; SELECT pg_advisory_xact_lock({LOCK},"
    " CAST(CAST('wan_generations' AS regclass) AS oid)::integer)"
)
_TABLE = re.compile(r"\b(generations|totals|workers|pace|schema)(?=\b|_)")
_VALUE = re.compile(r"(?<!:):([a-z_][a-z_0-9]*)")


@cache
def _named(sql: str) -> str:
    """Return a statement with the names of the tables in the database."""
    return _TABLE.sub(r"wan_\1", sql)


@cache
def _translated(sql: str) -> str:
    """Return a statement with values, as psycopg reads it."""
    return _VALUE.sub(r"%(\1)s", _named(sql).replace("%", "%%"))


class Postgres:
    """A connection to a database, opened when needed; see `port.Engine`."""

    is_shared = True
    # The clock of the server, since those of the machines differ.
    now = "extract(epoch FROM clock_timestamp())::float8"
    schema_and_size = (
        "SELECT (SELECT max(version) FROM schema),"
        " pg_total_relation_size(CAST('wan_generations' AS regclass))"
    )

    def __init__(self, place: str, conninfo: Conninfo, patience: Patience) -> None:
        self.place = place
        self.warnings: list[str] = []
        self.is_read_only = False
        self._conninfo = conninfo
        self._connection: Connection | None = None
        self._lock_s = LOCK_S
        # How long a statement may take, by the clock of this machine.
        self.limit_s = READING_S
        self._patience: Patience | None = patience
        self._is_in_transaction = False
        self._away: HistoryAway | None = None
        self._again_at = 0.0
        self._is_told = self._is_known = False

    def run(self, sql: str, values: Values = NO_VALUES) -> list[tuple[object, ...]]:
        """Run a query and return its rows."""
        cursor = self._execute(sql, values)
        return cursor.fetchall() if cursor.description else []

    def change(self, sql: str, values: Values = NO_VALUES) -> int:
        """Run a change inside a transaction and return how many rows it changed."""
        return self._execute(sql, values).rowcount

    def _execute(self, sql: str, values: Values) -> "psycopg.Cursor[Any]":
        given = {
            name: as_uri(value) if isinstance(value, bytes) else value
            for name, value in values.items()
        }
        query = _translated(sql) if values else _named(sql)
        # The server may have closed an idle connection: then the next one works at once.
        pause_s = PAUSE_S if self._connection is None else 0.0
        patience = None if self._is_in_transaction else self._patience
        end = time.monotonic() + (patience.seconds if patience else 0.0)
        while True:
            try:
                return self._send(query, given or None)
            except HistoryAway as away:
                if self._is_in_transaction or (pause_s and time.monotonic() + pause_s >= end):
                    raise
                if patience and not self._is_told:
                    self._is_told = True
                    patience.tell(f"{away.message}; trying again for {patience.seconds:.0f} s")
            time.sleep(pause_s)
            pause_s = PAUSE_S

    def _send(self, query: str, values: Values | None) -> "psycopg.Cursor[Any]":
        connection = self._connected()
        try:
            return connection.execute(query, values, self.limit_s)
        except pg.UniqueViolation as cause:
            raise Taken(str(cause)) from None
        except (psycopg.Error, UnicodeEncodeError) as cause:
            raise explained(self.place, cause) or self._lost_at(cause) from None

    def _connected(self) -> Connection:
        if self._connection is not None and self._connection.is_open:
            return self._connection
        self._drop()
        if self._is_in_transaction or (self._away and time.monotonic() < self._again_at):
            raise self._away or self._lost_at(ConnectionError("the connection is closed"))
        try:
            self._connection = connect(self.place, self._conninfo)
        except SetupError as trouble:
            if not (self._is_known or isinstance(trouble, HistoryAway)):
                raise
            # It has worked before: a server that starts again may refuse for a moment.
            self._again_at = time.monotonic() + AWAY_S
            raise self._lost(trouble.message) from None
        self._is_known, self._away = True, None
        return self._connection

    def _lost_at(self, cause: Exception) -> HistoryAway:
        return self._lost(away(self.place, str(cause)).message)

    def _lost(self, words: str) -> HistoryAway:
        """Note that the server is away, and return the error to raise."""
        self._drop()
        self._away = HistoryAway(words, hint=AGAIN)
        return self._away

    @contextmanager
    def transaction(self, *, serial: bool = False) -> Iterator[None]:
        """Commit all changes of the block durably, or none. Serial ones run one after another."""
        with self.locked(_SERIAL if serial else ""):
            yield

    @contextmanager
    def locked(self, lock: str) -> Iterator[None]:
        """Do the same as `transaction`, after more statements that take a lock."""
        try:
            self._execute(_BEGIN.format(round(self._lock_s * 1000)) + lock, NO_VALUES)
        except SetupError:
            # BEGIN may have worked, and the lock not.
            self._roll_back()
            raise
        self._is_in_transaction = True
        try:
            yield
        except BaseException:
            self._is_in_transaction = False
            self._roll_back()
            raise
        self._is_in_transaction = False
        self._commit()

    def _roll_back(self) -> None:
        if self._connection is not None:
            try:
                self._connection.execute("ROLLBACK", None, self.limit_s)
            except psycopg.Error:
                self._drop()

    def _commit(self) -> None:
        if self._connection is None:
            raise self._away or self._lost_at(ConnectionError("the connection is closed"))
        try:
            self._connection.execute("COMMIT", None, self.limit_s)
        except psycopg.Error as cause:
            if known := explained(self.place, cause):
                self._drop()
                raise known from None
            lost = self._lost_at(cause)
            raise Undecided(lost.message, hint=lost.hint) from None

    def day(self, column: str) -> str:
        """Return SQL for the day (UTC) of a time."""
        return f"to_char(to_timestamp({column}) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"

    def is_in(self, column: str, name: str) -> str:
        """Return SQL for: the column is one of the values of the list `:name`."""
        return f"{column} = ANY(:{name})"

    def contains(self, column: str, name: str) -> str:
        """Return SQL for: the column contains the text `:name`."""
        return f"strpos({column}, :{name}) > 0"

    def many(self, words: Sequence[str]) -> object:
        """Return a list as the value that `is_in` reads."""
        return list(words)

    def connected_to(self) -> tuple[str, bool]:
        """Return the server of this connection, and whether the connection is encrypted."""
        raw = self._connected().raw
        return raw.info.hostaddr or raw.info.host, raw.pgconn.ssl_in_use

    def wait_for_locks(self, seconds: float) -> None:
        """Wait this long, instead of 5 s, while another process claims; wait for no server."""
        self._patience, self.limit_s = None, WORKING_S
        self._lock_s = max(LOCK_MIN_S, seconds)

    def rest(self) -> None:
        """Close the connection: a server allows only some, and a generation takes minutes."""
        self._drop()

    def check(self) -> str | None:
        """Return None: the server looks after its files."""
        return None

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close the connection."""
        self._drop()
