"""Edit the text of the configuration file in place, so that comments stay, and lock the file.

Each change edits one line. The functions return None if that is not possible.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wan_cli.errors import SetupError
from wan_cli.storage import make_private

# Compiled only to edit a file: it takes 1 ms.
_HEADER = r"\s*\[+\s*([^\[\]]*?)\s*\]+\s*(#.*)?$"


def with_value(text: str, table: str, name: str, value: object) -> str | None:
    """Return the text with a key of a table ("" for the top) set to a value, or None."""
    import tomli_w

    line = tomli_w.dumps({name: value}).rstrip("\n")
    if "\n" in line:
        return None
    lines = text.splitlines()
    at = _line_of(lines, table, name)
    if at is None:
        return _joined(_inserted(lines, table, line))
    comment = _comment_of(lines[at])
    if comment is None:
        return None
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    lines[at] = f"{indent}{line}{comment}"
    return _joined(lines)


def without_key(text: str, table: str, name: str) -> str | None:
    """Return the text without a key of a table, or None."""
    lines = text.splitlines()
    at = _line_of(lines, table, name)
    if at is None or _comment_of(lines[at]) is None:
        return None
    del lines[at]
    return _joined(lines)


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _line_of(lines: list[str], table: str, name: str) -> int | None:
    """Return the line that sets a key, or None if there is none or it is unclear."""
    current = ""
    key = re.compile(rf"\s*(?:{re.escape(name)}|\"{re.escape(name)}\"|'{re.escape(name)}')\s*=")
    for number, line in enumerate(lines):
        header = re.match(_HEADER, line)
        if header:
            current = header[1].strip("\"' ")
        elif current == table and key.match(line):
            return number
    return None


def _comment_of(line: str) -> str | None:
    """Return the comment of a line, with the space before it; None if the value continues."""
    import tomllib

    value = line.partition("=")[2]
    marks = [at for at, char in enumerate(value) if char == "#"]
    for end in [*marks, len(value)]:
        try:
            tomllib.loads(f"x ={value[:end]}")
        except tomllib.TOMLDecodeError:
            continue
        kept = value[:end].rstrip()
        return value[len(kept) :]
    return None


def _inserted(lines: list[str], table: str, line: str) -> list[str]:
    """Add a line at the end of its table, and the table if it is missing; return the lines."""
    headers = [number for number, each in enumerate(lines) if re.match(_HEADER, each)]
    names = [str(re.match(_HEADER, lines[number])[1]) for number in headers]  # type: ignore[index]
    if table and table not in names:
        return [*lines, *([""] if lines else []), f"[{table}]", line]
    start = headers[names.index(table)] + 1 if table else 0
    end = next((number for number in headers if number >= start), len(lines))
    at = end
    # Comments right before the next table belong to that table.
    while at > start and (not lines[at - 1].strip() or _is_of_next(lines, at, end)):
        at -= 1
    return [*lines[:at], line, *lines[at:]]


def _is_of_next(lines: list[str], at: int, end: int) -> bool:
    return end < len(lines) and lines[at - 1].lstrip().startswith("#")


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Keep other commands from changing the file during the block.

    Lock the folder: the file itself is replaced, and a lock file would be one more file.

    Raises:
        SetupError: the folder cannot be created or written.
    """
    try:
        make_private(file.parent)
        handle = os.open(file.parent, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as cause:
        raise SetupError(
            f"{file} cannot be written: {cause.strerror}", hint=f"ls -ld '{file.parent}'"
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
