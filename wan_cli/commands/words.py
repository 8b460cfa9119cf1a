"""Check the words that name generations, before wan needs a key or calls the API."""

import os
from collections.abc import Sequence

from wan_cli.commands.workspace import Workspace
from wan_cli.config.paths import paths
from wan_cli.errors import UsageError, WanError
from wan_cli.journal import Journal
from wan_cli.listing import Listing
from wan_cli.output import Output
from wan_cli.text import one_line


def check_words(space: Workspace, out: Output, words: Sequence[str]) -> None:
    """Refuse words that cannot name a generation.

    Raises:
        UsageError: `@last` without a history, another word with @, the beginning of an id that is
            too short, or an id that only the sandbox knows.
    """
    from wan_cli.core.named import check_word, may_be_id

    file = space.sandbox_history
    has_sandbox = not space.sandbox and file.is_file()
    # A whole id needs no check, so do not open the history twice.
    if not has_sandbox and all(may_be_id(word) for word in words):
        return
    with space.journal(out) as journal:
        for word in words:
            try:
                check_word(journal, word)
            except UsageError as error:
                also = count_in_sandbox(space) if word == "@last" else ""
                raise (error.with_message(f"{error.message}; {also}") if also else error) from None
        unknown = [word for word in words if journal.find(word) is None]
    if not has_sandbox or not unknown:
        return
    with Journal.open_read_only(file) as sandbox:
        for word in unknown:
            if sandbox.find(word) is not None:
                raise UsageError(
                    f"{one_line(word, 60)} is a generation of the sandbox",
                    hint="add --sandbox to the same command",
                )


def count_in_sandbox(space: Workspace) -> str:
    """Return how many generations the sandbox's history has, with the command that lists them.

    "" in the sandbox itself, or if its history has none or cannot be read.
    """
    file = space.sandbox_history
    if space.sandbox or not file.is_file():
        return ""
    try:
        with Journal.open_read_only(file) as journal:
            count = journal.total(Listing()).generations
    except WanError:
        return ""
    many = "1 generation" if count == 1 else f"{count:,} generations"
    return f"the sandbox has {many}: wan list --sandbox" if count else ""


def is_known_id(word: str) -> bool:
    """Whether the history, or the sandbox's history, has an id that begins with a word."""
    try:
        places = paths(os.environ)
        for file in (places.history_file, places.sandbox_dir / "history.db"):
            if file.is_file():
                with Journal.open_read_only(file) as journal:
                    if journal.find(word):
                        return True
    except WanError:
        return False
    return False
