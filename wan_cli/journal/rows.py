"""Convert records to rows of the history and back."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote, unquote_to_bytes

from wan_cli.errors import SetupError
from wan_cli.generation import Status
from wan_cli.journal.port import NO_VALUES, Engine, Values
from wan_cli.models import Value
from wan_cli.record import Record
from wan_cli.text import one_line

# `try_` is the column `try`, which is a word of Python.
COLUMNS = tuple(name.rstrip("_") for name in Record._fields)
# Columns that are computed from the request.
DERIVED = ("model", "class", "prompt_folded", "digest")
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
_FLAGS = ("sidecar", "sandbox")
# A path that is not UTF-8 has this form in a database that stores only UTF-8.
_FILE_URI = "file:"


def request_json(record: Record) -> str:
    """Return the request as the history stores it: equal requests give equal texts."""
    return json.dumps(dict(record.request), ensure_ascii=False, separators=(",", ":"))


def to_columns(record: Record) -> dict[str, object]:
    """Return a record as the values of all columns."""
    text = request_json(record)
    values: dict[str, object] = {
        **dict(zip(COLUMNS, record, strict=True)),
        "request": text,
        "status": str(record.status),
        "pictures": json.dumps(dict(record.pictures)) if record.pictures else None,
        **{name: int(getattr(record, name)) for name in _FLAGS},
        **dict(zip(DERIVED, derived(record.request, text), strict=True)),
    }
    for name in _PATHS:
        value = values[name]
        values[name] = path_column(value) if isinstance(value, str) else value
    return values


def derived(request: Mapping[str, Value], text: str) -> tuple[str, str, str, str]:
    """Return the values of DERIVED for a request and its JSON."""
    # A NUL character is valid JSON, but not a valid text in every database.
    prompt = str(request.get("prompt", "")).casefold().replace("\0", " ")
    return str(request.get("model", "")), class_of(request), prompt, digest_of(text)


def digest_of(text: str) -> str:
    """Return the hash by which the history finds equal requests, from a request's JSON."""
    import hashlib  # It loads OpenSSL, which takes 3 ms: only commands that write import it.

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def class_of(request: Mapping[str, object]) -> str:
    """Return the class of a request: generations of one class take equally long."""
    return "/".join(str(request.get(name)) for name in ("model", "resolution", "duration"))


def path_column(path: str) -> str | bytes:
    """Return a path as a value: bytes if it is not UTF-8."""
    if path.startswith(_FILE_URI):
        return as_uri(os.fsencode(path))
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def as_uri(path: bytes) -> str:
    """Return a path that is not UTF-8 as text."""
    return _FILE_URI + quote(path)


def to_record(row: Sequence[object]) -> Record:
    """Return a row as a record. Raises ValueError, KeyError or TypeError if it cannot be read."""
    values = dict(zip(Record._fields, row, strict=True))
    values["status"] = Status(str(values["status"]))
    values["request"] = json.loads(str(values["request"]))
    values["pictures"] = json.loads(str(values["pictures"])) if values["pictures"] else None
    for name in _PATHS:
        value = values[name]
        if isinstance(value, str) and value.startswith(_FILE_URI):
            value = unquote_to_bytes(value.removeprefix(_FILE_URI))
        values[name] = os.fsdecode(value) if isinstance(value, bytes) else value
    for name in _FLAGS:
        values[name] = bool(values[name])
    return Record(**values)  # type: ignore[arg-type]


def select(engine: Engine, where: str, values: Values = NO_VALUES) -> list[Record]:
    """Return the records that match a condition.

    Raises:
        SetupError: the history cannot be read.
    """
    rows = engine.run(f"SELECT {', '.join(COLUMNS)} FROM generations WHERE {where}", values)
    return records_of(engine, rows)


def records_of(engine: Engine, rows: Iterable[Sequence[object]]) -> list[Record]:
    """Return rows as records. Raises SetupError if a row cannot be read."""
    try:
        return [to_record(row) for row in rows]
    except (ValueError, KeyError, TypeError) as cause:
        raise SetupError(
            f"the history {engine.place} has a row that cannot be read:"
            f" {one_line(str(cause), 100)}",
            hint="wan doctor",
        ) from None


def first(engine: Engine, where: str, values: Values = NO_VALUES) -> Record | None:
    """Return the first record that matches a condition, or None."""
    return next(iter(select(engine, where, values)), None)


def any_of(*names: str) -> str:
    """Return the condition that one of the columns is `:word`, using the index of each."""
    each = (f"SELECT seq FROM generations WHERE {name} = :word" for name in names)
    return f"seq IN ({' UNION ALL '.join(each)})"
