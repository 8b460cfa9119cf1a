"""Tables for people: columns that fit the screen, and text measured in terminal cells. Pure."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence

# Returns a word in the color of a terminal's color number, or unchanged.
Color = Callable[[str, str | None], str]
GAP = "  "
# The last column gets at least this many cells, or as many as it needs.
LAST_MIN = 24


def width_of(text: str) -> int:
    """Return the width of a text in terminal cells."""
    if text.isascii():
        return len(text)
    return sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fitted(text: str, width: int) -> str:
    """Return the text, cut to `width` cells with an ellipsis if it is longer."""
    if width_of(text) <= width:
        return text
    kept, used = [], 0
    for char in text:
        used += _cells(char)
        if used > width - 1:
            break
        kept.append(char)
    return "".join(kept) + "…" if width > 0 else ""


def padded(text: str, width: int) -> str:
    """Return the text, padded with spaces to `width` cells."""
    return text + " " * (width - width_of(text))


class Grid:
    """Rows under heads, in the first layout that fits the screen.

    Args:
        heads: the head of each column, by its name.
        rows: the cell of each column, by its name.
        layouts: lists of column names, the longest list first. If no layout fits, the last is
            used. Only the last column of a layout is cut.
        width: cells of the screen.
    """

    def __init__(
        self,
        heads: Mapping[str, str],
        rows: Sequence[Mapping[str, str]],
        layouts: Sequence[Sequence[str]],
        width: int,
    ) -> None:
        self._width = width
        self._all = [heads, *rows]
        names = {name for layout in layouts for name in layout}
        self._widths = {name: max(width_of(row[name]) for row in self._all) for name in names}
        self.columns = next(filter(self._fits, layouts), layouts[-1])

    def _fits(self, layout: Sequence[str]) -> bool:
        taken = sum(self._widths[name] + len(GAP) for name in layout[:-1])
        return self._width - taken >= min(LAST_MIN, self._widths[layout[-1]])

    def lines(self) -> list[list[str]]:
        """Return the cells of each line, the heads first; each is padded, and ends with the gap."""
        return [self._line(row) for row in self._all]

    def _line(self, row: Mapping[str, str]) -> list[str]:
        left, cells = self._width, []
        for name in self.columns[:-1]:
            cell = fitted(padded(row[name], self._widths[name]) + GAP, left)
            cells.append(cell)
            left -= width_of(cell)
        return [*cells, fitted(row[self.columns[-1]], left)]
