"""The standard streams: what they can show, and writes that report failures."""

import os
import sys
from contextlib import suppress
from typing import BinaryIO, TextIO

from wan_cli.errors import LocalFileError, UsageError
from wan_cli.secrets import without_passwords
from wan_cli.text import clean


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal that can move its cursor."""
    return bool(stream and stream.isatty() and os.environ.get("TERM", "dumb") != "dumb")


def width_of_stdout() -> int | None:
    """Return the width of stdout in cells, or None if it is not a terminal."""
    if not sys.stdout.isatty():
        return None
    import shutil  # Takes 3 ms; only terminals need it.

    return max(1, shutil.get_terminal_size().columns)


def colored(word: str, color: str | None, stream: TextIO | None = None) -> str:
    """Return a word in bold color if the stream shows colors (NO_COLOR, FORCE_COLOR are obeyed).

    The stream is stderr unless another one is given.
    """
    if os.environ.get("NO_COLOR") or not (word and color):
        return word
    if os.environ.get("FORCE_COLOR") or is_terminal(stream or sys.stderr):
        return f"\x1b[1;{color}m{word}\x1b[0m"
    return word


def colored_on_stdout(word: str, color: str | None) -> str:
    """Return a word in bold color if stdout shows colors."""
    return colored(word, color, sys.stdout)


def folded(text: str) -> str:
    """Return a text as one clean line without passwords, cut if it is very long."""
    return without_passwords(" ".join(clean(text, 2000).split()))


def talk(line: str) -> None:
    """Write a line on stderr; ignore a closed stderr."""
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass


def write_stdout(text: str) -> None:
    """Write and flush a result, so that wan can still report a full disk.

    If stdout was closed when the process began, write the result on stderr.

    Raises:
        LocalFileError: stdout cannot be written.
        StdoutClosed: the reader closed the pipe.
    """
    if _is_closed():
        talk(text.removesuffix("\n"))
        return
    sys.stdout.write(text)
    sys.stdout.flush()


def stdout_for_video(*, force: bool) -> BinaryIO:
    """Return stdout as the stream of a video.

    Raises:
        LocalFileError: stdout was closed when the process began: the video would be lost.
        UsageError: stdout is a terminal, and `force` is not set.
    """
    if _is_closed():
        raise LocalFileError("standard output is closed", hint="-o FILE")
    if sys.stdout.isatty() and not force:
        raise UsageError(
            "a video would garble the terminal", hint="-o - | mpv -, or -o FILE, or add --force"
        )
    return sys.stdout.buffer


def _is_closed() -> bool:
    """Whether stdout was closed when the process began."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return bool(getattr(raw, "was_closed", False))


def ring() -> None:
    """Ring the bell of the terminal, if stderr is one."""
    if sys.stderr.isatty():
        with suppress(OSError):
            sys.stderr.write("\a")
            sys.stderr.flush()
