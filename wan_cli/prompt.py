"""The prompt from exactly one source: the argument, stdin, or a file."""

import os
import stat
import sys
from pathlib import Path

from wan_cli.errors import UsageError
from wan_cli.text import check_encodable, decode_utf8

LIMIT_BYTES = 1 << 20
_HINT = 'wan generate "a fox in the snow"'


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
        return _read_file(file)
    if argument == "-" or file is not None or (argument is None and _stdin_is_piped()):
        return _read_stdin()
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


def _read_stdin() -> str:
    if sys.stdin is None:
        raise UsageError("the prompt is to come from stdin, which is closed", hint=_HINT)
    return _decoded(sys.stdin.buffer.read(LIMIT_BYTES + 1), "stdin")


def _read_file(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return _decoded(stream.read(LIMIT_BYTES + 1), str(file))
    except OSError as cause:
        raise UsageError(f"cannot read {file}: {cause.strerror}", hint=_HINT) from None


def _decoded(data: bytes, source: str) -> str:
    if len(data) > LIMIT_BYTES:
        raise UsageError(f"{source} holds more than 1 MiB: not a prompt", hint=_HINT)
    return decode_utf8(data, source).rstrip("\r\n")
