"""Explain what a PostgreSQL server refuses, and that it is away."""

from collections.abc import Callable

import psycopg
from psycopg import errors as pg

from wan_cli.errors import HistoryAway, HistoryLocked, HistoryReadOnly, SetupError
from wan_cli.journal.port import RowRefused
from wan_cli.journal.tables import GRANT, OLDEST_READ, VERSION
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
    "invalid ": _ADDRESS,
    "could not parse": _ADDRESS,
    "could not match": _ADDRESS,
}


class Denied(SetupError):
    """The role has not the right to run a statement."""


def refused(place: str, words: str, cause: Exception) -> SetupError | None:
    """Return the error of a connection that can never work, None for other failures.

    libpq names no kind of failure: only its words, and the server's, tell them apart.
    """
    hint = next((hint for known, hint in _FOR_GOOD.items() if known in words), None)
    if isinstance(cause, psycopg.ProgrammingError | UnicodeError):
        # The parameters themselves make no sense.
        hint = hint or _ADDRESS
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
    """Return the error for a statement that the server refused.

    None: the connection is broken, or the server has ended the transaction.
    """
    words = one_line(str(cause), 200)
    if "recovery" in words and isinstance(cause, psycopg.NotSupportedError):
        return _read_only(place, words)
    error = next((error for kinds, error in _EXPLAINED if isinstance(cause, kinds)), None)
    return error(place, words) if error else None


def _locked(place: str, words: str) -> SetupError:
    return HistoryLocked(
        f"the history {place} is locked by another process ({words})",
        hint="try again in a moment",
    )


def _read_only(place: str, words: str) -> SetupError:
    return HistoryReadOnly(f"the history {place} cannot be written: {words}", hint="wan doctor")


def _denied(place: str, words: str) -> SetupError:
    return Denied(f"the history {place} does not allow this role to do that: {words}", hint=GRANT)


def _other_tables(place: str, words: str) -> SetupError:
    return SetupError(
        f"the tables of the history {place} are not those of this wan: {words}",
        hint="wan history migrate",
    )


def _row_refused(place: str, words: str) -> SetupError:
    return RowRefused(f"the history {place} refuses a row: {words}", hint="wan doctor")


def _statement_refused(place: str, words: str) -> SetupError:
    return SetupError(f"the history {place} refuses a statement: {words}", hint="wan doctor")


# The first line that fits counts.
_EXPLAINED: tuple[tuple[tuple[type[Exception], ...], Callable[[str, str], SetupError]], ...] = (
    ((pg.LockNotAvailable, pg.QueryCanceled, pg.DeadlockDetected), _locked),
    ((pg.ReadOnlySqlTransaction, pg.DiskFull), _read_only),
    ((pg.InsufficientPrivilege,), _denied),
    ((pg.UndefinedTable, pg.UndefinedColumn, pg.UndefinedFunction), _other_tables),
    ((psycopg.DataError, psycopg.IntegrityError, UnicodeEncodeError), _row_refused),
    ((psycopg.ProgrammingError, psycopg.NotSupportedError), _statement_refused),
)
