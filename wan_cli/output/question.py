"""A question that costs money: asked on a terminal, answered there."""

import sys

from wan_cli.errors import UsageError

_HINT = "the same command with --yes"


def is_asked() -> bool:
    """Whether there is a terminal to ask on, however simple; a script is not asked."""
    return bool(sys.stderr and sys.stderr.isatty())


def confirm(question: str) -> None:
    """Ask on the terminal, and return where the answer is yes.

    Raises:
        UsageError: it is not, or stdin is not the keyboard, so that there can be no answer.
    """
    if not (sys.stdin and sys.stdin.isatty()):
        raise UsageError(
            f"nothing was sent: stdin is not the keyboard, so nobody can answer: {question}",
            hint=_HINT,
        )
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("not confirmed; nothing was sent", hint=_HINT)
