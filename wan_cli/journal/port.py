"""The port of the journal: what each of its engines offers, an SQLite file or a database."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from wan_cli.errors import HistoryAway, SetupError

Values = Mapping[str, object]
NO_VALUES: Values = {}
# Returns the parameters of a new connection: a password may be a token that expires.
Conninfo = Callable[[], Mapping[str, str]]


class Patience(NamedTuple):
    """How long to wait for a database that is away before work begins, and who is told."""

    seconds: float
    tell: Callable[[str], None]


class Taken(Exception):
    """A unique index refuses a row: another process has written one for the same purpose."""


class RowRefused(SetupError):
    """The store refuses a row for what is in it; others may be written."""


class Undecided(HistoryAway):
    """The connection broke during COMMIT, so it is unknown whether the changes were written."""


class Engine(Protocol):
    """One store of the journal. Statements are SQL that all engines read, with `:name` values.

    Every method raises SetupError: the journal is damaged, locked, read-only or away. `change` and
    `transaction` also raise Taken, which is no error for users.
    """

    # Names the store in messages; it has no secrets.
    place: str
    warnings: list[str]
    # Whether several machines use it at the same time.
    is_shared: bool
    # Whether the store is a standby of another server, which writes to it alone.
    is_read_only: bool
    # SQL for the time in seconds since the epoch. Statements that use it have the value `now`.
    now: str
    # SQL for one row: the version of the schema, and the number of bytes that the store takes.
    schema_and_size: str

    def run(self, sql: str, values: Values = NO_VALUES) -> list[tuple[object, ...]]:
        """Run a query and return its rows."""

    def change(self, sql: str, values: Values = NO_VALUES) -> int:
        """Run a change inside a transaction and return how many rows it changed.

        Raises:
            Taken: a unique index refuses a row.
        """

    def transaction(self, *, serial: bool = False) -> AbstractContextManager[None]:
        """Commit all changes of the block durably, or none. Serial ones run one after another.

        Raises:
            Undecided: it is unknown whether the changes were committed.
        """

    def day(self, column: str) -> str:
        """Return SQL for the day (UTC) of a time."""

    def is_in(self, column: str, name: str) -> str:
        """Return SQL for: the column is one of the values of the list `:name`."""

    def contains(self, column: str, name: str) -> str:
        """Return SQL for: the column contains the text `:name`."""

    def many(self, words: Sequence[str]) -> object:
        """Return a list as the value that `is_in` reads."""

    def wait_for_locks(self, seconds: float) -> None:
        """Wait this long, instead of 5 s, while another process writes."""

    def rest(self) -> None:
        """Release the connection before a long wait; the next statement opens another one."""

    def check(self) -> str | None:
        """Return None if the store is intact, else a description of the damage."""

    def close(self) -> None:
        """Close the store."""
