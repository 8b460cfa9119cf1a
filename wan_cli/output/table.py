"""The table of the history, fitted to the width at hand. Pure."""

import unicodedata
from collections.abc import Sequence

from wan_cli.output.faces import elapsed_s, money, seconds
from wan_cli.record import Record
from wan_cli.text import one_line

_GAP = "  "
_STATUS_WIDTH = len("generating")
_SHORT_ID = 8
_WIDE = 70


def width_of(text: str) -> int:
    """Return the cells that a text takes in a terminal."""
    return sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fitted(text: str, width: int) -> str:
    """Return the text cut to so many cells, with an ellipsis as the sign of it."""
    if width_of(text) <= width:
        return text
    kept, used = [], 0
    for char in text:
        used += _cells(char)
        if used > width - 1:
            break
        kept.append(char)
    return "".join(kept) + "…" if width > 0 else ""


def _padded(text: str, width: int) -> str:
    return text + " " * (width - width_of(text))


def history_table(records: Sequence[Record], width: int | None, now: float) -> list[str]:
    """Return the lines of a table: id, status, age, cost, and what it is.

    Args:
        records: newest first.
        width: cells of the terminal; None for a pipe, where nothing is cut.
        now: seconds since the epoch, for the ages.
    """
    if not records:
        return []
    narrow = width is not None and width < _WIDE
    rows = [_cells_of(record, now, narrow=narrow) for record in records]
    widths = [max(width_of(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = []
    for row in rows:
        cells = [_padded(cell, size) for cell, size in zip(row[:-1], widths, strict=True)]
        line = _GAP.join([*cells, row[-1]]).rstrip()
        lines.append(line if width is None else fitted(line, width))
    return lines


def _cells_of(record: Record, now: float, *, narrow: bool) -> list[str]:
    what = one_line(record.prompt, 200) or record.file or ""
    if narrow:
        # Six characters of an id are enough for every command.
        return [one_line(record.handle, _SHORT_ID + 1), str(record.status), what]
    age = seconds(now - record.created_at) + " ago"
    took = seconds(elapsed_s(record)) if record.id else ""
    return [
        one_line(record.handle, 80),
        str(record.status),
        age,
        took,
        money(record.cost_usd),
        what,
    ]
