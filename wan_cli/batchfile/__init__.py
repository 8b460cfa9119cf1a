"""Read a batch file into rows, each with its line. Pure."""

from collections import Counter
from typing import NamedTuple

from wan_cli.batchfile.formats import CSV, JSON, JSON_LINES, TEXT, TSV
from wan_cli.batchfile.records import Lines, json_array, json_lines, skipped, text_rows
from wan_cli.batchfile.row import Mistake, Reading, Row, once_of, place_of, request_of
from wan_cli.batchfile.structure import refuse_structure
from wan_cli.batchfile.table import table_rows
from wan_cli.errors import UsageError
from wan_cli.filetypes import Source
from wan_cli.identity import BatchName, Keys

_READERS = {
    JSON_LINES: json_lines,
    JSON: json_array,
    TEXT: text_rows,
}


class Contents(NamedTuple):
    """The content of a batch file: its rows, its mistakes, and a note of skipped lines."""

    rows: list[Row]
    mistakes: list[Mistake]
    skipped: str = ""


def parse(
    text: str,
    form: str,
    source: Source,
    *,
    batch: BatchName,
    reading: Reading,
    is_sure: bool = False,
) -> Contents:
    """Return the content of a file.

    Args:
        text: the whole file.
        form: one of the formats.
        source: where it comes from, for messages.
        batch: its name, which distinguishes its rows from equal rows of another batch.
        reading: how to read rows.
        is_sure: the user named the format.

    Raises:
        UsageError: the file is plain text with the structure of something other than prompts.
    """
    if form == TEXT:
        refuse_structure(text, source, is_sure=is_sure)
    rows: list[Row] = []
    mistakes: list[Mistake] = []
    equal: Counter[str] = Counter()
    keys: dict[str, Row] = {}
    repeated = 0
    for number, (line, found) in enumerate(_lines(text, form, reading), 1):
        if isinstance(found, str):
            mistakes.append(Mistake(line, found))
            continue
        try:
            row = _row(number, line, found, reading)
            if _repeats(keys, row):
                repeated += 1
                continue
        except UsageError as wrong:
            mistakes.append(Mistake(line, wrong.message))
            continue
        body = row.request.to_json()
        equal[body] += 1
        named = batch.keys(body, equal[body], row.once)
        rows.append(row._replace(keys=named, nth=equal[body]))
    left_out = [skipped(text)] if form == TEXT else []
    if repeated:
        words = "1 row that repeats" if repeated == 1 else f"{repeated} rows that repeat"
        left_out.append(f"{words} a key of once")
    return Contents(rows, mistakes, ", ".join(filter(None, left_out)))


def _lines(text: str, form: str, reading: Reading) -> Lines:
    if form in (CSV, TSV):
        return table_rows(text, reading)
    return _READERS[form](text)


def _row(number: int, line: int, found: dict[str, object], reading: Reading) -> Row:
    request = request_of(found, reading)
    output, name = (place_of(found, word) for word in ("output", "name"))
    return Row(number, line, Keys(""), request, output, name, once_of(found))


def _repeats(keys: dict[str, Row], row: Row) -> bool:
    """Whether an earlier row has the same `once` key: one video serves both.

    Raises:
        UsageError: the earlier row has another request or destination.
    """
    if row.once is None:
        return False
    first = keys.setdefault(row.once, row)
    what = f"once: {row.once!r} is the key of"
    if first.request != row.request:
        raise UsageError(f"{what} another request, in line {first.line}", hint="")
    if (first.output, first.name) != (row.output, row.name):
        raise UsageError(f"{what} line {first.line} too, which saves its video elsewhere", hint="")
    return first is not row
