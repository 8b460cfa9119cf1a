"""Help as text: rows in two columns, wrapped to the screen. This module imports nothing slow."""

import os

# A tuple, so that no import is needed to name it.
Rows = tuple[tuple[str, str], ...]
DEFAULT_WIDTH = 80
MIN_WIDTH = 20
# Longer lines are hard to read, however wide the screen is.
MAX_WIDTH = 100
_CODE_WIDTH = 3


def columns() -> int:
    """Return the width of the help: COLUMNS, else that of the terminal, else 80."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and len(given) < 6:
        width = int(given)
    else:
        try:
            width = os.get_terminal_size(1).columns
        except OSError:
            width = 0
    return min(max(width or DEFAULT_WIDTH, MIN_WIDTH), MAX_WIDTH)


def wrapped(text: str, width: int, indent: str = "", first: str | None = None) -> str:
    """Return a text in lines of at most `width`; a word that is longer has a line of its own.

    Args:
        text: one paragraph.
        width: the cells of a line.
        indent: the beginning of each line.
        first: the beginning of the first line, if it differs.
    """
    lines: list[str] = []
    line = indent if first is None else first
    bare = True
    for word in _pieces(text, width - len(indent)):
        if not bare and len(line) + 1 + len(word) > width:
            lines.append(line.rstrip())
            line, bare = indent, True
        line += word if bare else f" {word}"
        bare = bare and not word
    return "\n".join([*lines, line.rstrip()]).replace("\0", " ") + "\n"


def _pieces(text: str, room: int) -> list[str]:
    """Return the words of a text; "[default: 4]" is one word if it fits on a line."""
    glued = text.replace("[default: ", "[default:\0").split(" ")
    return [piece for word in glued for piece in (word.split("\0") if len(word) > room else [word])]


def table(rows: Rows, width: int) -> str:
    """Return rows of two columns; a cell that is too long has lines of its own."""
    widest = max(10, width // 3)
    column = max((len(term) for term, _says in rows if len(term) <= widest), default=widest)
    indent = " " * (column + 4)
    lines = []
    for term, says in rows:
        has_room = len(indent) + max(map(len, says.split(" "))) <= width
        if len(term) <= column and has_room:
            lines.append(wrapped(says, width, indent, f"  {term:<{column}}  "))
        else:
            lines.append(wrapped(term, width, "    ", "  "))
            lines.append(wrapped(says, width, indent if has_room else " " * 6))
    return "".join(lines)


def section(title: str, rows: Rows, width: int) -> str:
    """Return a titled table, after a blank line; nothing without rows."""
    return f"\n{title}:\n{table(rows, width)}" if rows else ""


def exit_codes(codes: dict[int, str], width: int) -> str:
    """Return exit codes as rows, the numbers right-aligned."""
    return table(tuple((f"{code:>{_CODE_WIDTH}}", says) for code, says in codes.items()), width)


def examples(rows: Rows, width: int) -> str:
    """Return command lines, each under a comment; a long one continues after a backslash."""
    lines = []
    for command, says in rows:
        lines.append(wrapped(says, width, "  # "))
        lines.append(_command(command, width))
    return "".join(lines)


def _command(command: str, width: int) -> str:
    """Return a command line that a shell can read, whatever the width."""
    lines = []
    line = "  "
    for word in _words(command):
        # The space and the backslash take two cells.
        if line.strip() and len(line) + 1 + len(word) > width - 2:
            lines.append(f"{line} \\")
            line = "   "
        line += f" {word}" if line.strip() or lines else word
    return "\n".join([*lines, line]) + "\n"


def _words(command: str) -> list[str]:
    """Return the words of a command line; text in double quotes is one word."""
    words: list[str] = []
    for part in command.split(" "):
        if words and words[-1].count('"') % 2:
            words[-1] += f" {part}"
        else:
            words.append(part)
    return words
