"""Explain what a PostgreSQL server refuses, and that it is away."""

import psycopg
from psycopg import errors as pg

from wan_cli.errors import HistoryAway, HistoryLocked, HistoryReadOnly, SetupError
from wan_cli.text import one_line

# Words of a server that refuses a connection for good; other failures may pass.
_FOR_GOOD = (
    "authentication",
    "does not exist",
    "no password supplied",
    "pg_hba.conf",
    "not permitted to log in",
    "permission denied",
    "does not support SSL",
    "certificate",
    "definition of service",
)

AGAIN = "run the same command again when the database is back"


def refused(place: str, words: str) -> SetupError | None:
    """Return the error of a server that refuses a connection for good, None for other failures."""
    if not any(known in words for known in _FOR_GOOD):
        return None
    return SetupError(
        f"the history {place} cannot be opened: {one_line(words, 300)}",
        hint="wan config get history",
    )


def away(place: str, words: str) -> HistoryAway:
    """Return the error of a server that cannot be reached."""
    # The lines after the first one are guesses about the cause.
    return HistoryAway(
        f"the history {place} cannot be reached: {one_line(words.partition(chr(10))[0], 200)}",
        hint=AGAIN,
    )


def explained(place: str, cause: Exception) -> SetupError | None:
    """Return the error for a statement that the server refused, None if the server is away."""
    words = one_line(str(cause), 200)
    if isinstance(cause, pg.LockNotAvailable | pg.QueryCanceled | pg.DeadlockDetected):
        return HistoryLocked(
            f"the history {place} is locked by another process ({words})",
            hint="try again in a moment",
        )
    if isinstance(cause, pg.ReadOnlySqlTransaction | pg.DiskFull) or "recovery" in words:
        return HistoryReadOnly(f"the history {place} cannot be written: {words}", hint="wan doctor")
    if isinstance(cause, pg.InsufficientPrivilege):
        return SetupError(
            f"the history {place} does not allow this role to do that: {words}",
            hint="GRANT SELECT, INSERT, UPDATE on its tables to the role",
        )
    if isinstance(cause, pg.UndefinedTable | pg.UndefinedColumn | pg.UndefinedFunction):
        return SetupError(
            f"the tables of the history {place} are not those of this wan: {words}",
            hint="wan history migrate",
        )
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return None
    return SetupError(f"the history {place} refuses a row: {words}", hint="wan doctor")
