"""The filter of a listing, and the spending on its records. Pure."""

import time
from datetime import datetime
from typing import NamedTuple

from wan_cli.errors import UsageError
from wan_cli.generation import Status
from wan_cli.numbers import seconds_of
from wan_cli.text import check_encodable, one_line

# Words for a status that people use.
_ALIASES = {"failed": "error", "running": "generating", "done": "completed"}
# States of the list that the server does not distinguish: whether a video is on disk.
SAVED, READY = "saved", "ready"
# The values of `wan list --status`, the states of the list first.
STATES = (SAVED, READY, "generating", "queued", "failed", "unknown")
DEFAULT_LIMIT = 20
# SQLite reads this as no limit.
NO_LIMIT = -1


class Listing(NamedTuple):
    """The filter: a state, a time (seconds since the epoch), a text, and the highest number.

    `status` is a status, SAVED or READY; "unknown" is every submission without an outcome.
    """

    status: str | None = None
    since: float = 0.0
    search: str | None = None
    limit: int = DEFAULT_LIMIT


class Spent(NamedTuple):
    """The cost of some generations. `day` is UTC; day and model are "" for the total of all."""

    generations: int
    credits: int
    usd: float
    day: str = ""
    model: str = ""


def parse_status(word: str | None) -> str | None:
    """Return the status, SAVED or READY that a word means.

    Raises:
        UsageError: there is no such state.
    """
    word = _ALIASES.get(word or "", word)
    if word is not None and word not in {*Status, SAVED, READY}:
        known = f"{', '.join(STATES)}; or, as in --json: {', '.join(Status)}"
        raise UsageError(
            f"--status: {one_line(word, 40)!r} is not one of: {known}", hint="wan list --help"
        )
    return word


def parse_limit(limit: int | None, *, everything: bool) -> int:
    """Return the number of records to list, from --limit and --all.

    Raises:
        UsageError: both are given.
    """
    if everything and limit is not None:
        raise UsageError("--limit and --all are mutually exclusive", hint="wan list --all")
    return NO_LIMIT if everything else limit or DEFAULT_LIMIT


def parse_search(word: str | None) -> str | None:
    """Return the text to search prompts for.

    Raises:
        UsageError: it is not UTF-8.
    """
    return None if word is None else check_encodable(word, "--search")


def parse_since(word: str | None) -> float:
    """Return the time that `7d`, `12h` (before now) or `2026-08-21` means; 0 for none.

    Raises:
        UsageError: the word is neither a span nor a date.
    """
    if word is None:
        return 0.0
    seconds = seconds_of(word)
    if seconds is not None:
        return time.time() - seconds
    try:
        return datetime.fromisoformat(word).timestamp()
    except (ValueError, OverflowError):
        raise UsageError(
            f"--since: {one_line(word, 40)!r} is neither a span nor a date",
            hint="--since 7d, --since 12h or --since 2026-08-21",
        ) from None
