"""A batch file becomes rows, each with its line. Pure."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from wan_cli.batchfile.formats import CSV, JSON, JSON_LINES, TEXT, TSV
from wan_cli.batchfile.records import json_array, json_lines, skipped, text_rows
from wan_cli.batchfile.row import Mistake, Row, once_of, place_of, request_of
from wan_cli.batchfile.structure import refuse_structure
from wan_cli.batchfile.table import table_rows
from wan_cli.errors import UsageError
from wan_cli.filetypes import Source

_READERS = {
    JSON_LINES: json_lines,
    JSON: json_array,
    CSV: table_rows,
    TSV: table_rows,
    TEXT: text_rows,
}


class Contents(NamedTuple):
    """What a batch file holds: its rows, what is wrong in the others, what was left out."""

    rows: list[Row]
    mistakes: list[Mistake]
    skipped: str = ""


def parse(
    text: str,
    form: str,
    source: Source,
    *,
    scope: str,
    defaults: Mapping[str, object],
    is_sure: bool = False,
) -> Contents:
    """Return what a file holds.

    Args:
        text: the whole of it.
        form: one of the formats.
        source: where it comes from, for messages.
        scope: what tells its rows from equal ones of another file.
        defaults: fields of the API that rows do not have.
        is_sure: the user named the format.

    Raises:
        UsageError: plain text that is no list of prompts but has the structure of something else.
    """
    if form == TEXT:
        refuse_structure(text, source, is_sure=is_sure)
    rows: list[Row] = []
    mistakes: list[Mistake] = []
    equal: Counter[str] = Counter()
    keys: dict[str, Row] = {}
    for number, (line, found) in enumerate(_READERS[form](text), 1):
        if isinstance(found, str):
            mistakes.append(Mistake(line, found))
            continue
        try:
            row = _row(number, line, found, defaults)
            _refuse_other_use(keys, row)
        except UsageError as wrong:
            mistakes.append(Mistake(line, wrong.message))
            continue
        body = row.request.to_json()
        equal[body] += 1
        rows.append(row._replace(key=_key(scope, body, equal[body])))
    return Contents(rows, mistakes, skipped(text) if form == TEXT else "")


def _row(number: int, line: int, found: dict[str, object], defaults: Mapping[str, object]) -> Row:
    request = request_of(found, defaults)
    output, name = (place_of(found, word) for word in ("output", "name"))
    return Row(number, line, "", request, output, name, once_of(found))


def _refuse_other_use(keys: dict[str, Row], row: Row) -> None:
    """Let one key of `once` stand for one request."""
    if row.once is None:
        return
    first = keys.setdefault(row.once, row)
    if first.request != row.request:
        raise UsageError(
            f"once: {row.once!r} is the key of another request, in line {first.line}", hint=""
        )


def _key(scope: str, body: str, nth: int) -> str:
    """Return a name for the nth of equal rows, the same whatever rows are around it."""
    whole = json.dumps([scope, body, nth])
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]
