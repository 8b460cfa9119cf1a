"""The engine of a journal in an SQLite file, for one machine."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from wan_cli.errors import RUN_AGAIN, SetupError
from wan_cli.journal.file import connect, copy_into, create, identity, prepare
from wan_cli.journal.port import NO_VALUES, Taken, Values
from wan_cli.journal.trouble import network, trouble, warnings
from wan_cli.text import one_line


class Sqlite:
    """An open SQLite file; see `port.Engine`."""

    is_shared = False
    is_read_only = False
    # The clock of the command, which tests may set.
    now = ":now"
    schema_and_size = (
        "SELECT user_version, page_count * page_size"
        " FROM pragma_user_version, pragma_page_count, pragma_page_size"
    )

    def __init__(
        self, path: Path, connection: sqlite3.Connection, network: str | None = None
    ) -> None:
        self.path = path
        self.place = str(path)
        self.warnings = warnings(path, network)
        self._connection = connection
        self._identity = identity(path)

    @classmethod
    def open(cls, path: Path, network: Callable[[Path], str | None] = network) -> Self:
        """Open a file for reading and writing; create or migrate it if necessary."""
        with trouble(path):
            create(path)
            name = network(path)
            connection = connect(f"{path.as_uri()}?mode=rw", shared=name is None)
            engine = cls(path, connection, name)
        try:
            prepare(path, connection)
        except BaseException:
            engine.close()
            raise
        return engine

    @classmethod
    def open_read_only(cls, path: Path) -> Self:
        """Open a copy in memory of a file that cannot be written; changes are not saved."""
        connection = connect(":memory:")
        memory = cls(path, connection)
        if path.is_file():
            with trouble(path):
                copy_into(connection, path)
        prepare(path, connection, keep_copy=False)
        return memory

    def run(self, sql: str, values: Values = NO_VALUES) -> list[tuple[object, ...]]:
        """Run a query and return its rows."""
        with trouble(self.path):
            return self._connection.execute(sql, values).fetchall()

    def change(self, sql: str, values: Values = NO_VALUES) -> int:
        """Run a change inside a transaction and return how many rows it changed."""
        with trouble(self.path):
            try:
                return self._connection.execute(sql, values).rowcount
            except sqlite3.IntegrityError as cause:
                if "row_key" in str(cause):
                    raise Taken(str(cause)) from None
                raise

    @contextmanager
    def transaction(self, *, serial: bool = False) -> Iterator[None]:  # noqa: ARG002  All are.
        """Commit all changes of the block to disk, or none of them."""
        with trouble(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._refuse_other_file()
            yield
            with trouble(self.path):
                self._connection.execute("COMMIT")
        except BaseException:
            with trouble(self.path):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            raise

    def _refuse_other_file(self) -> None:
        """Refuse to write to a deleted or replaced file: the writes would be lost."""
        if self._identity != identity(self.path):
            raise SetupError(
                f"the history {self.path} was deleted or replaced while it was in use",
                hint=RUN_AGAIN,
            )

    def day(self, column: str) -> str:
        """Return SQL for the day (UTC) of a time."""
        return f"date({column}, 'unixepoch')"

    def is_in(self, column: str, name: str) -> str:
        """Return SQL for: the column is one of the values of the list `:name`."""
        return f"{column} IN (SELECT value FROM json_each(:{name}))"

    def contains(self, column: str, name: str) -> str:
        """Return SQL for: the column contains the text `:name`."""
        return f"instr({column}, :{name}) > 0"

    def many(self, words: Sequence[str]) -> object:
        """Return a list as the value that `is_in` reads."""
        return json.dumps(words)

    def wait_for_locks(self, seconds: float) -> None:
        """Wait this long, instead of 5 s, while another process writes."""
        with trouble(self.path):
            self._connection.execute(f"PRAGMA busy_timeout = {round(seconds * 1000)}")

    def rest(self) -> None:
        """Do nothing: an open file costs nothing."""

    def check(self) -> str | None:
        """Return None if the file is intact, else SQLite's description of the damage."""
        words = str(self.run("PRAGMA quick_check(1)")[0][0])
        return None if words == "ok" else one_line(words, 200)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
