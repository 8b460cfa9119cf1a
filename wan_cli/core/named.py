"""Check the words that name a generation: ID, PREFIX, @last, @KEY, or a saved file."""

from wan_cli.errors import UsageError
from wan_cli.generation import parse_id
from wan_cli.journal import MIN_PREFIX, Journal
from wan_cli.text import one_line


def may_be_id(word: str) -> bool:
    """Whether a word can be an id or a prefix of one, whether or not the history has it."""
    return parse_id(word) is not None and not word.startswith("@") and len(word) >= MIN_PREFIX


def check_word(journal: Journal, word: str) -> None:
    """Check that a word can name a generation.

    Raises:
        UsageError: it cannot; the message says why.
    """
    shown = one_line(word, 60)
    if word == "@last":
        if journal.find(word) is None:
            raise UsageError("@last: the history is empty", hint='wan generate "a fox in the snow"')
    elif word.startswith("@"):
        if journal.find(word) is None:
            raise UsageError(
                f"{shown}: the history has no generation made with --once {shown[1:]}",
                hint=f'wan generate "a fox in the snow" --once {shown[1:] or "KEY"}',
            )
    elif parse_id(word) is None and journal.find(word) is None:
        raise UsageError(f"{shown!r} cannot be an id", hint="wan list")
    elif len(word) < MIN_PREFIX and journal.find(word) is None:
        raise UsageError(
            f"{shown!r} is too short: type {MIN_PREFIX} or more characters of the id",
            hint="wan list",
        )
