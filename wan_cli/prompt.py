"""Prompts from outside: one from exactly one source (the argument, stdin, a file), or a batch."""

import os
import stat
import sys
from pathlib import Path
from typing import NamedTuple

from wan_cli.errors import UsageError
from wan_cli.text import check_encodable, decode_utf8

LIMIT_BYTES = 1 << 20
BATCH_LIMIT_BYTES = 1 << 26
_HINT = 'wan generate "a fox in the snow"'
_BATCH_HINT = "wan batch prompts.txt"


def read_prompt(argument: str | None, file: Path | None) -> str:
    """Return the prompt exactly, but for a line's end at its end where it is read.

    Raises:
        UsageError: no source, two sources, a file that cannot be read, or not UTF-8.
    """
    if argument is not None and file is not None:
        raise UsageError(
            "there are two prompts: an argument and --prompt-file", hint="leave one of them out"
        )
    if file is not None and str(file) != "-":
        return _read_file(file, _Source(str(file), LIMIT_BYTES, _HINT)).rstrip("\r\n")
    if argument == "-" or file is not None or (argument is None and _stdin_is_piped()):
        return _read_stdin(_Source("stdin", LIMIT_BYTES, _HINT)).rstrip("\r\n")
    if argument is None:
        raise UsageError("there is no prompt", hint=_HINT)
    return check_encodable(argument, "the prompt")


def _stdin_is_piped() -> bool:
    """Whether stdin is a pipe or a file: not a terminal, not /dev/null, not closed."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def read_batch(file: Path) -> str:
    """Return what a batch file holds, or stdin where its name is `-`.

    Raises:
        UsageError: it cannot be read, is not UTF-8, or is too large to be one.
    """
    source = _Source("stdin" if str(file) == "-" else str(file), BATCH_LIMIT_BYTES, _BATCH_HINT)
    return _read_stdin(source) if str(file) == "-" else _read_file(file, source)


class _Source(NamedTuple):
    """What is read: its name in messages, the bytes it may have, the command to type instead."""

    name: str
    limit_bytes: int
    hint: str


def _read_stdin(source: _Source) -> str:
    if sys.stdin is None:
        raise UsageError("it is to come from stdin, which is closed", hint=source.hint)
    return _decoded(sys.stdin.buffer.read(source.limit_bytes + 1), source)


def _read_file(file: Path, source: _Source) -> str:
    try:
        with file.open("rb") as stream:
            return _decoded(stream.read(source.limit_bytes + 1), source)
    except OSError as cause:
        raise UsageError(f"cannot read {file}: {cause.strerror}", hint=source.hint) from None


def _decoded(data: bytes, source: _Source) -> str:
    if len(data) > source.limit_bytes:
        mib = source.limit_bytes >> 20
        raise UsageError(f"{source.name} holds more than {mib} MiB: too much", hint=source.hint)
    return decode_utf8(data, source.name)
