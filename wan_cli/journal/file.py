"""The file of the journal: create it privately, open it durably, migrate it."""

import json
import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from wan_cli.errors import SetupError
from wan_cli.journal.rows import derived
from wan_cli.journal.schema import MIGRATIONS, VERSION
from wan_cli.journal.trouble import damaged, lock_trouble, trouble, unlockable
from wan_cli.storage import make_private

BUSY_TIMEOUT_S = 5.0
BUSY_PAUSE_S = 0.01
_MAGIC = b"SQLite format 3\0"


def create(path: Path) -> None:
    """Create the file with mode 0600; SQLite itself would use the umask. -wal gets the same mode.

    Raises:
        SetupError: the file is not a history. SQLite would overwrite a short file.
        HistoryReadOnly: the file system cannot lock the file.
        OSError: the file cannot be created.
    """
    make_private(path.parent)
    flags = os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags, 0o600)
    except IsADirectoryError:
        raise damaged(path, "it is a folder") from None
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise damaged(path, "it is not a file")
        # An empty file is fine: its process was killed before SQLite wrote to it.
        if file.read(len(_MAGIC)) not in (b"", _MAGIC):
            raise damaged(path, "it is not a database")
        if words := lock_trouble(descriptor):
            raise unlockable(path, words)


def identity(path: Path) -> tuple[int, int] | None:
    """Return the device and inode of a file, None if it does not exist."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def connect(uri: str, *, shared: bool = True) -> sqlite3.Connection:
    """Open a database; each commit to a writable one is durable.

    Args:
        uri: the file and the mode.
        shared: whether its processes can share memory, which WAL needs. On a network file system
            they cannot.
    """
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        # Setting WAL changes the file, so never do it to a file of a newer wan.
        if "mode=rw" in uri and not shared:
            _keep_a_rollback_journal(connection)
        elif "mode=rw" in uri and _version(connection) <= VERSION:
            _when_free(connection, "PRAGMA journal_mode = WAL")
        # NORMAL would not fsync between the record and the POST. Without WAL, FULL would not fsync
        # the folder after a commit removes the rollback journal from it.
        connection.execute(f"PRAGMA synchronous = {'FULL' if shared else 'EXTRA'}")
    except BaseException:
        connection.close()
        raise
    return connection


def _keep_a_rollback_journal(connection: sqlite3.Connection) -> None:
    # Without shared memory, only one process at a time can read a file in WAL mode.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    if _when_free(connection, "PRAGMA user_version") <= VERSION:
        _when_free(connection, "PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA locking_mode = NORMAL")
        # The next access releases the lock.
        _version(connection)


def _when_free(connection: sqlite3.Connection, statement: str) -> Any:
    # While another process switches the same new file to WAL, SQLite fails with "busy" at once.
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            return connection.execute(statement).fetchone()[0]
        except sqlite3.OperationalError as cause:
            busy = cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() >= deadline:
                raise
        time.sleep(BUSY_PAUSE_S)


def copy_into(target: sqlite3.Connection, path: Path) -> None:
    """Copy a file that cannot be written into an open database."""
    with path.open("rb") as file:
        locks = lock_trouble(file.fileno()) is None
    for mode in ("mode=ro", "mode=ro&immutable=1")[0 if locks else 1 :]:
        try:
            with closing(connect(f"{path.as_uri()}?{mode}")) as source:
                source.backup(target)
                return
        except sqlite3.OperationalError:
            # The folder cannot hold a -shm file: open it as immutable, without the -wal's content.
            if "immutable" in mode:
                raise


@contextmanager
def _transaction(path: Path, connection: sqlite3.Connection) -> Iterator[None]:
    """Commit all changes of the block to disk, or none of them."""
    with trouble(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def prepare(path: Path, connection: sqlite3.Connection, *, keep_copy: bool = True) -> None:
    """Migrate the file to this version of the schema in one transaction; keep a copy first."""
    with trouble(path):
        version = _version(connection)
        if version == VERSION:
            return
        if version > VERSION:
            raise SetupError(
                f"the history {path} was written by a newer wan (schema {version},"
                f" this wan reads {VERSION})",
                hint="pip install --upgrade aimlapi-wan",
            )
    if version and keep_copy:
        _keep_copy(path, connection, version)
    connection.create_function("derived", 2, _derived, deterministic=True)
    with _transaction(path, connection):
        # Another process may have migrated it meanwhile: read the version again.
        for step in MIGRATIONS[_version(connection) :]:
            _migrate(connection, step)
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _derived(text: object, number: int) -> str | None:
    """Return a column that is computed from a request's JSON, None if it cannot be read."""
    try:
        return derived(json.loads(str(text)), str(text))[number]
    except (ValueError, AttributeError):
        return None


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _migrate(connection: sqlite3.Connection, step: tuple[str, ...]) -> None:
    for statement in step:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as cause:
            # If only the version number was reset, the columns exist already.
            if "duplicate column" not in str(cause) and "already exists" not in str(cause):
                raise


def _keep_copy(path: Path, connection: sqlite3.Connection, version: int) -> None:
    target = path.with_name(f"{path.name}.v{version}")
    with trouble(path):
        if target.exists():
            return
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        copy = sqlite3.connect(target)
        connection.backup(copy)
        copy.close()
