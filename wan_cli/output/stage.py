"""Choose how to show events: not at all, as lines, or on a terminal."""

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol

from wan_cli.output.plain import Plain, Silent, Stage
from wan_cli.output.streams import is_terminal

if TYPE_CHECKING:
    from wan_cli.output.results import Results
    from wan_cli.output.verbose import Verbose


class Talk(Protocol):
    """Prints notes and warnings."""

    def note(self, *texts: str) -> None:
        """Print a note."""

    def warn(self, text: str) -> None:
        """Print a warning."""


def stage(
    talk: Talk, results: "Results | None", verbose: "Verbose | None", *, quiet: bool
) -> AbstractContextManager[Stage]:
    """Return the stage for events; `results` counts the outcomes of several generations."""
    shown: AbstractContextManager[Stage]
    if quiet or not can_draw():
        shown = nullcontext(Silent() if quiet else _lines(talk, results))
    else:
        shown = _screen(results)
        shown = verbose.above(shown) if verbose else shown
    if results is None:
        return shown
    from wan_cli.output.results import counted

    return counted(shown, results)


def can_draw() -> bool:
    """Whether stderr is a terminal that a person watches, and not the log of a CI job."""
    in_ci = os.environ.get("CI", "").strip().lower() not in ("", "0", "false", "no")
    return is_terminal(sys.stderr) and not in_ci


def _lines(talk: Talk, results: "Results | None") -> Stage:
    if results is None or not results.is_batch:
        return Plain(talk.note, talk.warn)
    from wan_cli.output.lines import Lines

    return Lines(talk.note, talk.warn, results)


def _screen(results: "Results | None") -> AbstractContextManager[Stage]:
    # rich costs 65 ms: only a terminal needs it.
    if results is None:
        from wan_cli.output.live import live

        return live()
    from wan_cli.output.board import board

    return board(results)
