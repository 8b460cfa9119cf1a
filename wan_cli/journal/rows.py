"""A record as a row of the history and back, and the rows that were made for a key."""

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
_PATHS = ("folder", "name", "file")
# Paid for, or perhaps paid for.
_MADE = "status IN ('sending', 'unknown', 'queued', 'generating', 'completed')"


def request_json(record: Record) -> str:
    """Return the request as it is kept: equal for equal requests."""
    return json.dumps(dict(record.request), ensure_ascii=False, separators=(",", ":"))


def to_column(record: Record, name: str) -> object:
    """Return the value that SQLite keeps of one of a record's."""
    if name == "request":
        return request_json(record)
    value: object = getattr(record, name)
    if name == "pictures":
        return json.dumps(dict(record.pictures)) if record.pictures else None
    if isinstance(value, str) and name in _PATHS:
        return path_column(value)
    return str(value) if isinstance(value, Status) else value


def path_column(path: str) -> str | bytes:
    """Return what SQLite keeps of a path: bytes if it is not UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def to_record(row: sqlite3.Row) -> Record:
    """Return what a row holds. Raises ValueError, KeyError or TypeError where it cannot be read."""
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
    """Return the records that fit a condition.

    Raises:
        SetupError: the history cannot be read.
    """
    with trouble(path):
        rows = connection.execute(
            f"SELECT {', '.join(COLUMNS)} FROM generations WHERE {where}", values
        ).fetchall()
        return [to_record(row) for row in rows]


class Made(NamedTuple):
    """That a request was submitted: for which batch, if any (`is_old`: one whose name is lost)."""

    request: str
    batch: str | None
    is_old: bool
    created_at: float
    base_url: str


class KeyIndex:
    """The records of a history by what they were submitted for.

    Every method raises SetupError where the history cannot be read.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def of(self, *keys: str | None) -> list[Record]:
        """Return what was submitted for any of some keys and not refused, newest first."""
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
        """Return the number of the last attempt for a key whose labels begin with a base."""
        query = "SELECT client_request_id FROM generations WHERE row_key = ?"
        labels = [Label.of(text) for (text,) in self._rows(query, key)]
        return max((label.attempt for label in labels if label.base == base), default=0)

    def urls_of_batch(self, name: str) -> set[str]:
        """Return the base URLs at which a batch of this name has generations."""
        query = (
            "SELECT DISTINCT base_url FROM generations WHERE batch = ?"
            " AND status NOT IN ('unsent', 'rejected')"
        )
        return {str(url) for (url,) in self._rows(query, name)}

    def old_urls(self) -> set[str]:
        """Return the base URLs of rows that are still known by the path of their file."""
        query = f"SELECT DISTINCT base_url FROM generations WHERE {OLD_KEY}"
        return {str(url) for (url,) in self._rows(query)}

    def made(self) -> Iterator[Made]:
        """Yield every submission that was paid for, or perhaps was, oldest first."""
        query = (
            f"SELECT request, batch, {OLD_KEY}, created_at, base_url FROM generations"
            f" WHERE {_MADE} ORDER BY seq"
        )
        for request, batch, is_old, created_at, base_url in self._rows(query):
            yield Made(request, batch, bool(is_old), created_at, base_url)

    def not_on_disk(self, request: str, folder: str, name: str) -> list[Record]:
        """Return the generations of a request for a file that is not there yet, newest first."""
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
