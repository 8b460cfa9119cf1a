"""The standard streams: what they can show, and writing to them so that trouble is seen."""

import os
import sys
from contextlib import suppress
from typing import BinaryIO, TextIO

from wan_cli.errors import LocalFileError, UsageError
from wan_cli.text import clean


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal that can move its cursor."""
    return bool(stream and stream.isatty() and os.environ.get("TERM", "dumb") != "dumb")


def width_of_stdout() -> int | None:
    """Return the cells of the terminal that stdout is, None where it is none."""
    if not sys.stdout.isatty():
        return None
    import shutil  # 3 ms, for terminals alone.

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
    """Return a text as one clean line, cut where it is very long."""
    return " ".join(clean(text, 2000).split())


def talk(line: str) -> None:
    """Write a line on stderr; where stderr is gone, there is nobody to talk to."""
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        pass


def write_stdout(text: str) -> None:
    """Write a result at once, so that a full disk is seen while it can still be said.

    Raises:
        LocalFileError: it cannot be written.
        StdoutClosed: nobody reads any more.
    """
    sys.stdout.write(text)
    sys.stdout.flush()


def stdout_for_video(*, force: bool) -> BinaryIO:
    """Return stdout as the stream of a video.

    Raises:
        LocalFileError: it was closed when the process began: the video would vanish.
        UsageError: it is a terminal, and not `force`.
    """
    raw = getattr(sys.stdout.buffer, "raw", None)
    if getattr(raw, "was_closed", False):
        raise LocalFileError("standard output is closed", hint="-o FILE")
    if sys.stdout.isatty() and not force:
        raise UsageError(
            "a video would garble the terminal", hint="-o - | mpv -, or -o FILE, or add --force"
        )
    return sys.stdout.buffer


def ring() -> None:
    """Ring the bell of the terminal, if stderr is one."""
    if sys.stderr.isatty():
        with suppress(OSError):
            sys.stderr.write("\a")
            sys.stderr.flush()
