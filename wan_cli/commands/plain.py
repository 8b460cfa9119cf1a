"""Read the most common command lines without typer, whose import takes longer than they run.

They contain only words and switches. The parser reads all others, including help and mistakes.
"""

from collections.abc import Callable, Sequence
from functools import partial

_SWITCHES = {
    "--json": ("json", True),
    "-q": ("quiet", True),
    "--quiet": ("quiet", True),
    "-v": ("verbose", True),
    "--verbose": ("verbose", True),
    "--sandbox": ("sandbox", True),
    "--no-sandbox": ("sandbox", False),
}
# The switches of single commands.
_OWN_SWITCHES = {"list": {"--all": ("everything", True)}}
_WITH_IDS = frozenset({"fetch", "show", "status"})
_WITHOUT_IDS = frozenset({"list"})
_TEXTS = frozenset({"help", "completion"})


def action_of(name: str, args: Sequence[str]) -> Callable[[], int] | None:
    """Return the action of a command line, or None if the parser has to read it."""
    known = _SWITCHES | _OWN_SWITCHES.get(name, {})
    ids = [arg for arg in args if arg not in known]
    if name in _TEXTS:
        return _text(name, ids, args)
    if name not in (_WITH_IDS if ids else _WITHOUT_IDS):
        return None
    if any(word.startswith("-") for word in ids):
        return None
    switches = dict(known[arg] for arg in args if arg in known)
    return partial(_action(name), *([ids] if ids else []), **switches)


def _action(name: str) -> Callable[..., int]:
    """Return the action of a command. Import its module only here: help does not need it."""
    if name == "fetch":
        from wan_cli.commands.fetching import fetch

        return fetch
    if name == "status":
        from wan_cli.commands.polling import status_

        return status_
    from wan_cli.commands.actions import list_, show

    return show if name == "show" else list_


def _text(name: str, words: list[str], args: Sequence[str]) -> Callable[[], int] | None:
    """Return the action of `wan help` or `wan completion`, or None if the parser has to read it."""
    if any(word.startswith("-") for word in words):
        return None
    if "--sandbox" in args or "--no-sandbox" in args:
        return None
    from wan_cli.commands.helping import TEXTS

    switches = dict(_SWITCHES[arg] for arg in args if arg in _SWITCHES)
    return partial(TEXTS[name], words, **switches)
