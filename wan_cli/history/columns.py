"""A record as a row of the history, and back."""

import json
import sqlite3

from wan_cli.generation import Status
from wan_cli.record import Record

COLUMNS = Record._fields


def request_json(record: Record) -> str:
    """Return the request as it is kept: equal for equal requests."""
    return json.dumps(dict(record.request), ensure_ascii=False, separators=(",", ":"))


def to_column(record: Record, name: str) -> object:
    """Return the value that SQLite keeps of one of a record's."""
    if name == "request":
        return request_json(record)
    value: object = getattr(record, name)
    return str(value) if isinstance(value, Status) else value


def to_record(row: sqlite3.Row) -> Record:
    """Return what a row holds. Raises ValueError, KeyError or TypeError where it cannot be read."""
    values = dict(row)
    values["status"] = Status(values["status"])
    values["request"] = json.loads(values["request"])
    values["sidecar"] = bool(values["sidecar"])
    values["sandbox"] = bool(values["sandbox"])
    return Record(**values)
