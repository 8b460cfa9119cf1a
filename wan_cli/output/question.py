"""Ask on the terminal for consent to pay."""

import sys
from typing import TextIO

from wan_cli.errors import UsageError

_HINT = "run the same command with --yes"


def can_ask() -> bool:
    """Whether wan can ask: stdin is a terminal, and so is stdout or stderr."""
    return _is_terminal(sys.stdin) and (_is_terminal(sys.stderr) or _is_terminal(sys.stdout))


def _is_terminal(stream: TextIO | None) -> bool:
    return bool(stream and stream.isatty())


def confirm(question: str, *, unless: str = "not confirmed; nothing was sent") -> None:
    """Ask on the terminal, and return if the answer is yes.

    Raises:
        UsageError: the answer is not yes; `unless` is its message.
    """
    screen = sys.stderr if _is_terminal(sys.stderr) else sys.stdout
    screen.write(f"{question} [y/N] ")
    screen.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError(unless, hint=_HINT)


def no_consent() -> UsageError:
    """Return the error of several generations without consent to pay."""
    return UsageError(
        "several generations cost money, and there is no terminal to ask on; nothing was sent",
        hint="run the same command with --yes, or with --max-cost USD",
    )
