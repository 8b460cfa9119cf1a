"""A pseudo-terminal for whole commands, and the text left on its screen."""

import re
import sys
from collections.abc import Mapping
from typing import Any

import pexpect

from tests.fake.process import Wan

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def at_a_terminal(wan: Wan, *argv: str, term: str = "xterm") -> Any:
    """Start a command on a pseudo-terminal that the test types on."""
    return pexpect.spawn(
        sys.executable,
        ["-m", "wan_cli", *argv],
        env={**wan.env, "TERM": term},
        cwd=str(wan.work),
        timeout=30,
        encoding="utf-8",
    )


def on_terminal(
    wan: Wan, *argv: str, columns: int = 80, env: Mapping[str, str] | None = None
) -> tuple[int | None, str]:
    """Run a command on a pseudo-terminal; return its exit code and everything that it wrote."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "wan_cli", *argv],
        env={**wan.env, "TERM": "xterm", "COLUMNS": str(columns), **(env or {})},
        cwd=str(wan.work),
        dimensions=(24, columns),
        timeout=30,
        encoding="utf-8",
    )
    child.expect(pexpect.EOF)
    child.close()
    wan("--version")  # The invariants check only the home of the fixture's own runs.
    return child.exitstatus, child.before or ""


def screen(written: str) -> list[str]:
    """Return the lines that stay visible after the control codes of rich."""
    lines, at, column = [""], 0, 0
    for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if piece == "\n":
            at += 1
            lines += [""] * (at + 1 - len(lines))
        elif piece == "\r":
            column = 0
        elif piece == "\x1b[2K":
            lines[at] = ""
        elif re.fullmatch(r"\x1b\[[0-9]*A", piece):
            at = max(0, at - int(piece[2:-1] or 1))
        elif not piece.startswith("\x1b"):
            lines[at] = lines[at][:column] + piece + lines[at][column + len(piece) :]
            column += len(piece)
    return [line.rstrip() for line in lines if line.strip()]
