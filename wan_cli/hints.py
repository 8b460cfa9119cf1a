"""Hints that work as they stand: what happened in the sandbox goes on in the sandbox."""

import re

# A command and its words up to the next sentence; a comma between quotes is a word's own.
# Not compiled yet: that takes 1 ms, and only a failure in the sandbox needs it.
_COMMAND = (
    r"\bwan (?:generate|status|fetch|list|show|recover|batch|models|balance|doctor)\b"
    r"(?:'[^']*'|\"[^\"]*\"|(?!, | \(|; )[^'\"])*"
)


def in_sandbox(hint: str) -> str:
    """Return a hint whose commands have `--sandbox`, without which they would find nothing."""
    return re.sub(_COMMAND, _with_flag, hint)


def _with_flag(command: re.Match[str]) -> str:
    words = command[0]
    if "--sandbox" in words or "--help" in words:
        return words
    # What follows `--` is a prompt.
    before, dashes, after = words.partition(" -- ")
    return f"{before} --sandbox{dashes}{after}"
