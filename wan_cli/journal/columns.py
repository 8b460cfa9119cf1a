"""A record as a row of the history, and back."""

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from wan_cli.generation import Status
from wan_cli.journal.trouble import trouble
from wan_cli.record import Record

COLUMNS = Record._fields
_PATHS = ("folder", "name", "file")


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
