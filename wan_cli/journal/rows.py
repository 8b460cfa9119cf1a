"""Convert records to rows of the history and back, and find the rows of a key."""

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from wan_cli.generation import Status
from wan_cli.identity import Label
from wan_cli.journal.file import OLD_KEY
from wan_cli.journal.trouble import trouble
from wan_cli.record import Record

COLUMNS = Record._fields
# What a record that is known by its id alone learns of its submission.
MADE_FOR = (
    "row_key",
    "other_key",
    "batch",
    "once",
    "row",
    "request",
    "client_request_id",
    "pictures",
)
_PATHS = ("folder", "name", "file")
# Submissions that were paid for, or may have been.
_MADE = "status IN ('sending', 'unknown', 'queued', 'generating', 'completed')"


def request_json(record: Record) -> str:
    """Return the request as the history stores it: equal requests give equal texts."""
    return json.dumps(dict(record.request), ensure_ascii=False, separators=(",", ":"))


def to_column(record: Record, name: str) -> object:
    """Return a field of a record as SQLite stores it."""
    if name == "request":
        return request_json(record)
    value: object = getattr(record, name)
    if name == "pictures":
        return json.dumps(dict(record.pictures)) if record.pictures else None
    if isinstance(value, str) and name in _PATHS:
        return path_column(value)
    return str(value) if isinstance(value, Status) else value


def path_column(path: str) -> str | bytes:
    """Return a path as SQLite stores it: bytes if it is not UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def to_record(row: sqlite3.Row) -> Record:
    """Return a row as a record. Raises ValueError, KeyError or TypeError if it cannot be read."""
    values = dict(row)
    values["status"] = Status(values["status"])
    values["request"] = json.loads(values["request"])
    values["pictures"] = json.loads(values["pictures"]) if values["pictures"] else None
    for name in _PATHS:
        if isinstance(values[name], bytes):
            values[name] = os.fsdecode(values[name])
    values["sidecar"] = bool(values["sidecar"])
    values["sandbox"] = bool(values["sandbox"])
    return Record(**values)


def select(
    path: Path,
    connection: sqlite3.Connection,
    where: str,
    values: Sequence[object] | Mapping[str, object],
) -> list[Record]:
    """Return the records that match a condition.

    Raises:
        SetupError: the history cannot be read.
    """
    with trouble(path):
        rows = connection.execute(
            f"SELECT {', '.join(COLUMNS)} FROM generations WHERE {where}", values
        ).fetchall()
        return [to_record(row) for row in rows]


class Made(NamedTuple):
    """A submitted request and its batch, if any (`is_old`: a batch whose name was not kept)."""

    request: str
    batch: str | None
    is_old: bool
    created_at: float
    base_url: str


class KeyIndex:
    """The records of a history by their keys, which identify their purpose.

    Every method raises SetupError if the history cannot be read.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def of(self, *keys: str | None) -> list[Record]:
        """Return the submissions with any of the keys that were not refused, newest first."""
        given = [key for key in keys if key is not None]
        if not given:
            return []
        marks = ", ".join("?" * len(given))
        where = (
            f"(row_key IN ({marks}) OR other_key IN ({marks}))"
            " AND status NOT IN ('unsent', 'rejected') ORDER BY seq DESC"
        )
        return select(self._path, self._connection, where, given * 2)

    def attempts(self, key: str, base: str) -> int:
        """Return the number of the last attempt for a key, among labels with this base."""
        query = "SELECT client_request_id FROM generations WHERE row_key = ?"
        labels = [Label.of(text) for (text,) in self._rows(query, key)]
        return max((label.attempt for label in labels if label.base == base), default=0)

    def urls_of_batch(self, name: str) -> set[str]:
        """Return the base URLs of the generations of a batch."""
        query = (
            "SELECT DISTINCT base_url FROM generations WHERE batch = ?"
            " AND status NOT IN ('unsent', 'rejected')"
        )
        return {str(url) for (url,) in self._rows(query, name)}

    def old_urls(self) -> set[str]:
        """Return the base URLs of rows whose keys still derive from the path of their file."""
        query = f"SELECT DISTINCT base_url FROM generations WHERE {OLD_KEY}"
        return {str(url) for (url,) in self._rows(query)}

    def made(self) -> Iterator[Made]:
        """Yield every submission that was paid for, or may have been, oldest first."""
        query = (
            f"SELECT request, batch, {OLD_KEY}, created_at, base_url FROM generations"
            f" WHERE {_MADE} ORDER BY seq"
        )
        for request, batch, is_old, created_at, base_url in self._rows(query):
            yield Made(request, batch, bool(is_old), created_at, base_url)

    def not_on_disk(self, request: str, folder: str, name: str) -> list[Record]:
        """Return the generations of a request for a file that is not saved yet, newest first."""
        where = (
            "id IS NOT NULL AND file IS NULL AND status IN ('queued', 'generating', 'completed')"
            " AND folder = ? AND name = ? AND request = ? ORDER BY seq DESC"
        )
        return select(
            self._path, self._connection, where, (path_column(folder), path_column(name), request)
        )

    def _rows(self, query: str, *values: object) -> Iterator[sqlite3.Row]:
        with trouble(self._path):
            yield from self._connection.execute(query, values)


def any_of(*names: str) -> str:
    """Return the condition that one of the columns is `:word`, using the index of each."""
    each = (f"SELECT seq FROM generations WHERE {name} = :word" for name in names)
    return f"seq IN ({' UNION ALL '.join(each)})"
