"""Rows of CSV and TSV, as spreadsheets write them. Pure."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice

from wan_cli.batchfile.records import Lines
from wan_cli.batchfile.row import COLUMNS, TEXTS, Reading
from wan_cli.text import one_line

CELL_MAX_CHARS = 2**26
# After this many broken records, checking further lines tells the user little.
BROKEN_MAX = 20
_SIGNS = ",;\t"
# The separator of a table with one column: no text contains it.
_NO_SIGN = "\x1f"
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab"}
# Excel writes this line before the header, and drops it when it reads the file.
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[,;\t]*\s*', re.IGNORECASE)
_QUOTED = re.compile(r'\s*"(?:[^"]|"")*"')
_SPACE_BEFORE_QUOTE = re.compile(r'\s+".*"\s*', re.DOTALL)
_UNQUOTED = "a quote is not closed, or not doubled inside a quoted cell"

Record = tuple[int, list[str] | str]


def table_rows(text: str, reading: Reading) -> Lines:
    """Yield the rows under the line that names the columns."""
    csv.field_size_limit(CELL_MAX_CHARS)
    lines = list(io.StringIO(text, newline=""))
    start, sign = _start_of(lines)
    records = _records(lines, sign, start)
    line, first = next(records, (0, []))
    if isinstance(first, str):
        yield line, first
        return
    names = column_names(first)
    wrong = _wrong_header(names, first, reading) if names else None
    if wrong:
        yield line, wrong
        return
    for line, cells in records:
        yield line, cells if isinstance(cells, str) else _row(names, cells, sign)


def column_names(cells: Sequence[str]) -> list[str]:
    """Return the names of columns, spelled like fields: `Aspect Ratio` is aspect_ratio."""
    names = [re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in cells]
    # A spreadsheet may add empty columns.
    while names and not names[-1]:
        names.pop()
    return names


def _start_of(lines: Sequence[str]) -> tuple[int, str]:
    """Return the index of the line that names the columns, and the separator of cells."""
    start = next((index for index, line in enumerate(lines) if line.strip()), 0)
    match = _SEPARATOR_LINE.fullmatch(lines[start]) if lines else None
    if match:
        return start + 1, match[1]
    header = lines[start] if lines else ""
    signs = [sign for sign in _SIGNS if sign in header]
    if not signs:
        return start, _sign_of_one_column(lines[start + 1 :])
    return start, max(signs, key=lambda sign: _known_names(header, sign))


def _known_names(header: str, sign: str) -> int:
    return sum(name in COLUMNS for name in column_names(header.split(sign)))


def _sign_of_one_column(lines: Sequence[str]) -> str:
    """Return the separator of cells if the header is a single name.

    A spreadsheet puts quotes around a cell with a separator. If it used another separator, or a
    person wrote the file, a comma is part of the prompt, and white space follows it.
    """
    rests = [_QUOTED.sub("", line, count=1).rstrip("\r\n") for line in lines]
    between = {sign: re.compile(rf"{sign}(?!\s)" if sign != "\t" else sign) for sign in _SIGNS}
    return next(
        (sign for sign in _SIGNS if any(between[sign].search(rest) for rest in rests)), _NO_SIGN
    )


def _records(lines: Sequence[str], sign: str, start: int) -> Iterator[Record]:
    """Yield the line and the cells of each record that is not empty, or the mistake there.

    After a broken record, continue with the line after the record's first line.
    """
    broken = 0
    while start < len(lines):
        reader = csv.reader(islice(lines, start, None), strict=True, delimiter=sign)
        line = start + 1
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield line, cells
                line = start + reader.line_num + 1
            return
        except csv.Error as cause:
            is_quote = "expected after" in str(cause) or "unexpected end" in str(cause)
            yield line, f"not CSV: {_UNQUOTED if is_quote else cause}"
        start, broken = line, broken + 1
        if broken == BROKEN_MAX:
            yield line, "later lines are not checked: too many are not CSV"
            return


def _row(names: Sequence[str], cells: Sequence[str], sign: str) -> dict[str, object] | str:
    """Return the fields of a record; an empty cell is a field that is not set."""
    if any(cell.strip() for cell in cells[len(names) :]):
        quote = f"; put quotes around a text that contains a {_NAMES.get(sign, 'separator')}"
        columns = "1 column" if len(names) == 1 else f"{len(names)} columns"
        return f"{len(cells)} cells under {columns}{quote}"
    if len(cells) == 1 < len(names) and cells[0].lstrip().startswith("#"):
        return "looks like a comment, which CSV does not have: remove the line"
    row: dict[str, object] = {}
    for name, cell in zip(names, cells, strict=False):
        if _SPACE_BEFORE_QUOTE.fullmatch(cell):
            return f"{name}: a space before a quote makes the quote text: remove the space"
        value = cell if name in TEXTS else cell.strip()
        if value.strip():
            row[name] = value
    return row


def _wrong_header(names: Sequence[str], cells: Sequence[str], reading: Reading) -> str | None:
    if not any(name in COLUMNS for name in names):
        return (
            "the first line must name the columns, such as prompt,duration; this one is"
            f" {one_line(cells[0], 60)!r}{' …' if len(names) > 1 else ''}"
        )
    if "" in names:
        return f"column {names.index('') + 1} has no name (the first line names the columns)"
    unknown = reading.unknown_column(names)
    if unknown:
        return f"{unknown} (the first line names the columns)"
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        return f"duplicate column {one_line(twice, 60)!r}"
    return None if "prompt" in names else "the first line names the columns, and prompt is missing"
