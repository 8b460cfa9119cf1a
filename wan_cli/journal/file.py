"""The file of the journal: create it privately, open it durably, migrate it."""

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from wan_cli.errors import SetupError
from wan_cli.journal.totals import TOTALS, UNRESOLVED
from wan_cli.journal.trouble import damaged, lock_trouble, trouble, unlockable
from wan_cli.storage import make_private

BUSY_TIMEOUT_S = 5.0
BUSY_PAUSE_S = 0.01
# Generations that are paid for or running, and not on disk.
TO_FETCH = "id IS NOT NULL AND file IS NULL AND status IN ('queued', 'generating', 'completed')"

# Rows of batches from before batch names were kept: their keys derive from the file's path.
OLD_KEY = "row_key IS NOT NULL AND batch IS NULL AND once IS NULL"

# Step N migrates the file from version N to N + 1 (PRAGMA user_version).
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE IF NOT EXISTS generations (
            seq INTEGER PRIMARY KEY,
            ref TEXT NOT NULL UNIQUE,
            client_request_id TEXT NOT NULL,
            status TEXT NOT NULL,
            request TEXT NOT NULL,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL,
            base_url TEXT NOT NULL,
            key_fingerprint TEXT NOT NULL,
            folder TEXT NOT NULL,
            name TEXT,
            name_template TEXT,
            sidecar INTEGER NOT NULL DEFAULT 0,
            pid INTEGER,
            id TEXT,
            finished_at REAL,
            credits_used INTEGER,
            cost_usd REAL,
            video_url TEXT,
            file TEXT,
            bytes INTEGER,
            error_code TEXT,
            error_message TEXT,
            error_hint TEXT,
            exit_code INTEGER
        )""",
        "CREATE INDEX IF NOT EXISTS generations_id ON generations (id)",
        "CREATE INDEX IF NOT EXISTS generations_created_at ON generations (created_at)",
    ),
    (
        # For settling: the second id of a reply that had two, and the server's clock.
        "ALTER TABLE generations ADD COLUMN other_id TEXT",
        "ALTER TABLE generations ADD COLUMN server_offset_s REAL",
        "CREATE INDEX generations_open ON generations (status)"
        " WHERE status IN ('sending', 'unknown')",
    ),
    (
        # A covering index: computing a total need not read the rows.
        "CREATE INDEX generations_spent"
        " ON generations (created_at, status, credits_used, cost_usd)",
        "DROP INDEX IF EXISTS generations_created_at",
    ),
    (
        # A batch that runs again finds its submissions by these.
        "ALTER TABLE generations ADD COLUMN row_key TEXT",
        "ALTER TABLE generations ADD COLUMN row INTEGER",
        "CREATE INDEX generations_row ON generations (row_key) WHERE row_key IS NOT NULL",
    ),
    (
        # Status `claimed` comes before the connection is opened, `sending` before the body.
        "DROP INDEX IF EXISTS generations_open",
        f"CREATE INDEX generations_open ON generations (status) WHERE {UNRESOLVED}",
    ),
    (
        # Generations of a served sandbox: nothing was charged.
        "ALTER TABLE generations ADD COLUMN sandbox INTEGER NOT NULL DEFAULT 0",
    ),
    (
        # The keys of rows now derive from the batch's name, no longer from the file's path. A
        # row_key without a batch and a --once key is an old one, until its batch runs again.
        "ALTER TABLE generations ADD COLUMN other_key TEXT",
        "ALTER TABLE generations ADD COLUMN batch TEXT",
        "ALTER TABLE generations ADD COLUMN once TEXT",
        "CREATE INDEX generations_other ON generations (other_key) WHERE other_key IS NOT NULL",
        "CREATE INDEX generations_batch ON generations (batch, base_url) WHERE batch IS NOT NULL",
        f"CREATE INDEX generations_old ON generations (base_url) WHERE {OLD_KEY}",
    ),
    (
        # The paths of a request's local pictures, by their hashes.
        "ALTER TABLE generations ADD COLUMN pictures TEXT",
        # The host of the pid: machines and containers may share a home folder.
        "ALTER TABLE generations ADD COLUMN host TEXT",
        # With these indexes, only a search reads the whole of a long history.
        "CREATE INDEX generations_other_id ON generations (other_id) WHERE other_id IS NOT NULL",
        "CREATE INDEX generations_label ON generations (client_request_id)",
        "CREATE INDEX generations_once ON generations (once) WHERE once IS NOT NULL",
        f"CREATE INDEX generations_due ON generations (seq) WHERE {TO_FETCH}",
        "CREATE INDEX generations_class ON generations (json_extract(request, '$.model'),"
        " json_extract(request, '$.resolution'), json_extract(request, '$.duration'), seq)"
        " WHERE status = 'completed' AND finished_at IS NOT NULL",
        *TOTALS,
    ),
    (
        # A file name has eight characters of the id, and a path names the video saved there.
        "CREATE INDEX generations_id8 ON generations"
        " (substr(replace(replace(id, '-', ''), '_', ''), 1, 8))",
        "CREATE INDEX generations_file ON generations (file) WHERE file IS NOT NULL",
    ),
    (
        # The hash of the saved video: it proves that a file or an object is this video.
        "ALTER TABLE generations ADD COLUMN sha256 TEXT",
    ),
)
VERSION = len(MIGRATIONS)
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
def transaction(path: Path, connection: sqlite3.Connection) -> Iterator[None]:
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
    with transaction(path, connection):
        # Another process may have migrated it meanwhile: read the version again.
        for step in MIGRATIONS[_version(connection) :]:
            _migrate(connection, step)
        connection.execute(f"PRAGMA user_version = {VERSION}")


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
