"""Tables for people: columns that fit the screen, and text measured in the cells it takes. Pure."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence

# Returns a word in a color, as terminals number them, or as it is.
Color = Callable[[str, str | None], str]
GAP = "  "
# The last column keeps this many cells, or what it needs: other columns make room for it.
LAST_MIN = 24


def width_of(text: str) -> int:
    """Return the cells that a text takes in a terminal."""
    if text.isascii():
        return len(text)
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


def padded(text: str, width: int) -> str:
    """Return the text with spaces up to so many cells."""
    return text + " " * (width - width_of(text))


class Grid:
    """Rows under heads, in the first of some layouts that fits the screen.

    Args:
        heads: the head of each column, by its name.
        rows: the cell of each column, by its name.
        layouts: names of columns, the layout with the most columns first; the last one is taken
            if none fits. Only the last column of a layout is cut.
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
