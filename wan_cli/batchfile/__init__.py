"""A batch file becomes rows, each with its line: JSON Lines, CSV or plain text. Pure."""

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from wan_cli.errors import UsageError
from wan_cli.models import FIELD_NAMES, GenerationRequest
from wan_cli.text import check_encodable, one_line

JSON_LINES, CSV, TEXT = FORMATS = ("jsonl", "csv", "text")
_SUFFIXES = {".jsonl": JSON_LINES, ".ndjson": JSON_LINES, ".csv": CSV, ".txt": TEXT}
# What a row may say beside the fields of the API: where its video goes.
_PLACE = ("output", "name")
_COLUMNS = ("prompt", "model", *FIELD_NAMES, *_PLACE)
_FLAG = re.compile(r"--[a-z]+(?:-[a-z]+)*")
CELL_MAX_CHARS = 2**26


class Row(NamedTuple):
    """One video that is wanted.

    `number` counts the rows of the file from 1, `line` its lines. `key` names the row whenever the
    same file is read: rows before it may come and go. `output` and `name` say where it is saved.
    """

    number: int
    line: int
    key: str
    request: GenerationRequest
    output: str | None = None
    name: str | None = None


class Mistake(NamedTuple):
    """What is wrong in a line."""

    line: int
    words: str


def parse_format(word: str | None, name: str, text: str) -> str:
    """Return the format of a file: as it is named, else by its name, else by how it begins.

    Raises:
        UsageError: no such format.
    """
    if word is not None:
        if word not in FORMATS:
            raise UsageError(
                f"--format: {one_line(word, 40)!r} is not one of: {', '.join(FORMATS)}",
                hint="wan batch --help",
            )
        return word
    suffix = next((suffix for suffix in _SUFFIXES if name.lower().endswith(suffix)), None)
    if suffix:
        return _SUFFIXES[suffix]
    return JSON_LINES if text.lstrip().startswith("{") else TEXT


def parse(
    text: str, form: str, *, scope: str, defaults: Mapping[str, object]
) -> tuple[list[Row], list[Mistake]]:
    """Return the rows of a file and what is wrong in the others.

    Args:
        text: what the file holds.
        form: one of FORMATS.
        scope: what tells its rows from equal ones of another file.
        defaults: fields of the API that rows do not have.
    """
    rows: list[Row] = []
    mistakes: list[Mistake] = []
    alike: Counter[str] = Counter()
    for number, (line, found) in enumerate(_READERS[form](text), 1):
        if isinstance(found, str):
            mistakes.append(Mistake(line, found))
            continue
        try:
            output, name = (_place(found, word) for word in _PLACE)
            fields = {key: value for key, value in found.items() if key not in _PLACE}
            request = GenerationRequest.parse({**defaults, **_set(fields)})
        except UsageError as wrong:
            mistakes.append(Mistake(line, _as_columns(wrong.message)))
            continue
        body = request.to_json()
        alike[body] += 1
        rows.append(Row(number, line, _key(scope, body, alike[body]), request, output, name))
    return rows, mistakes


def _as_columns(words: str) -> str:
    """Return what is said of flags as said of a row's fields."""
    return _FLAG.sub(lambda flag: _as_column(flag[0]), words)


def _as_column(flag: str) -> str:
    name = flag.removeprefix("--").replace("-", "_")
    plain = name.removeprefix("no_")
    if plain not in FIELD_NAMES:
        return flag
    return plain if plain == name else f"{plain} false"


def _key(scope: str, body: str, nth: int) -> str:
    """Return a name for the nth of equal rows, the same whatever rows are around it."""
    whole = json.dumps([scope, body, nth])
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _set(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _place(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or "\x00" in value:
        raise UsageError(f"{name}: {one_line(str(value), 80)!r} is not a file's name", hint="")
    return check_encodable(value, name)


Lines = Iterator[tuple[int, dict[str, object] | str]]


def _text_rows(text: str) -> Lines:
    """Yield a prompt a line. Only a line's end ends it, as no other separator of Unicode does."""
    for number, line in enumerate(text.split("\n"), 1):
        prompt = line.removesuffix("\r")
        if prompt.strip():
            yield number, {"prompt": prompt}


def _json_rows(text: str) -> Lines:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, _json_row(line)


def _json_row(line: str) -> dict[str, object] | str:
    try:
        row = json.loads(line, object_pairs_hook=_once)
    except (ValueError, RecursionError) as cause:
        return f"not JSON: {one_line(str(cause), 120)}"
    except UsageError as wrong:
        return wrong.message
    if not isinstance(row, dict):
        return 'not an object: {"prompt": "a fox in the snow"}'
    return _known(row)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    twice = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
    if twice:
        raise UsageError(f"{one_line(twice[0], 60)!r} stands there twice", hint="")
    return dict(pairs)


def _csv_rows(text: str) -> Lines:
    records = _csv_records(text)
    line, first = next(records, (0, []))
    if isinstance(first, str):
        yield line, first
        return
    names = [cell.strip().lower() for cell in first]
    # A spreadsheet may add empty columns.
    while names and not names[-1]:
        names.pop()
    wrong = _wrong_header(names) if names else None
    if wrong:
        yield line, wrong
        return
    for line, cells in records:
        if isinstance(cells, str):
            yield line, cells
        elif any(cells[len(names) :]):
            yield line, f"{len(cells)} cells under {len(names)} columns"
        else:
            # An empty cell is a field that is not set.
            yield line, {name: cell for name, cell in zip(names, cells, strict=False) if cell}


def _csv_records(text: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the line and the cells of each record that is not empty, or at last what is wrong."""
    csv.field_size_limit(CELL_MAX_CHARS)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(text))
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as cause:
            yield line, f"not CSV: {cause}"
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _delimiter(text: str) -> str:
    """Return what stands between the names of the columns: not every spreadsheet takes a comma."""
    first = text.lstrip().partition("\n")[0]
    return next((sign for sign in ",;\t" if sign in first), ",")


def _wrong_header(names: list[str]) -> str | None:
    known = _known(dict.fromkeys(names))
    if isinstance(known, str):
        return f"{known} (the first line names the columns)"
    if len(known) < len(names):
        return "a column stands there twice"
    return None if "prompt" in names else "the first line names the columns, and prompt is missing"


def _known(row: dict[str, object]) -> dict[str, object] | str:
    """Return a row, or what is wrong where it has what no row can have."""
    unknown = next((name for name in row if name not in _COLUMNS), None)
    if unknown is None:
        return row
    return f"no such field: {one_line(unknown, 60)!r}; a row may have: {', '.join(_COLUMNS)}"


_READERS = {JSON_LINES: _json_rows, CSV: _csv_rows, TEXT: _text_rows}
