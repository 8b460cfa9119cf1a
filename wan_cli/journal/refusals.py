"""Explain what a PostgreSQL server refuses, and that it is away."""

import psycopg
from psycopg import errors as pg

from wan_cli.errors import HistoryAway, HistoryLocked, HistoryReadOnly, SetupError
from wan_cli.journal.database import GRANT, OLDEST_READ, VERSION
from wan_cli.journal.port import RowRefused
from wan_cli.text import one_line

AGAIN = "run the same command again when the database is back"
# Words of a server that refuses a connection for good, each with the next command; other failures
# may pass.
_ADDRESS = "wan config get history"
_PASSWORD = "set PGPASSWORD, ~/.pgpass or history_command: wan help config"  # noqa: S105
_WITHOUT_TLS = "add ?sslmode=disable to the URL if the network is your own: wan config get history"
_FOR_GOOD = {
    "does not support SSL": _WITHOUT_TLS,
    "SSL was required": _WITHOUT_TLS,
    "no encryption": "add ?sslmode=require to the URL: wan config get history",
    "SSL off": "add ?sslmode=require to the URL: wan config get history",
    "certificate": "add &sslrootcert=FILE with your provider's certificates to the URL:"
    " wan config get history",
    "password authentication failed": _PASSWORD,
    "no password supplied": _PASSWORD,
    "authentication": _ADDRESS,
    "does not exist": _ADDRESS,
    "pg_hba.conf": _ADDRESS,
    "not permitted to log in": _ADDRESS,
    "permission denied": _ADDRESS,
    "definition of service": _ADDRESS,
}


class Denied(SetupError):
    """The role has not the right to run a statement."""


def refused(place: str, words: str) -> SetupError | None:
    """Return the error of a server that refuses a connection for good, None for other failures."""
    hint = next((hint for known, hint in _FOR_GOOD.items() if known in words), None)
    if hint is None:
        return None
    return SetupError(
        f"the history {place} cannot be opened: {one_line(words, 300)}",
        hint=hint,
    )


def away(place: str, words: str) -> HistoryAway:
    """Return the error of a server that cannot be reached."""
    # The lines after the first one are guesses about the cause.
    return HistoryAway(
        f"the history {place} cannot be reached: {one_line(words.partition(chr(10))[0], 200)}",
        hint=AGAIN,
    )


def other_version(place: str, version: int | None) -> SetupError:
    """Return the error of tables that this wan does not work with; None: there are no tables."""
    if version is None:
        return SetupError(f"the database {place} has no history", hint="wan history migrate")
    if version < OLDEST_READ:
        return SetupError(
            f"the history {place} was written by an older wan (schema {version}, this wan needs"
            f" {OLDEST_READ})",
            hint="wan history migrate, when no older wan uses it any more",
        )
    return SetupError(
        f"the history {place} was written by a newer wan (schema {version}, this wan reads"
        f" {VERSION})",
        hint="pip install --upgrade 'aimlapi-wan[postgres]'",
    )


def not_its_owner(place: str, cause: SetupError) -> SetupError:
    """Return the error of a role that may not create or change the tables."""
    why = cause.message.rpartition("do that: ")[2]
    return SetupError(
        f"this role may not create or change the tables of the history {place}: {why}",
        hint=f"wan history migrate, with a role that may; then: {GRANT}",
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
        return Denied(
            f"the history {place} does not allow this role to do that: {words}", hint=GRANT
        )
    if isinstance(cause, pg.UndefinedTable | pg.UndefinedColumn | pg.UndefinedFunction):
        return SetupError(
            f"the tables of the history {place} are not those of this wan: {words}",
            hint="wan history migrate",
        )
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return None
    return RowRefused(f"the history {place} refuses a row: {words}", hint="wan doctor")
