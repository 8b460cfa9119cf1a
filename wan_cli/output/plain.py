"""Progress without a terminal: one plain line for each change of state."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from wan_cli.events import Downloading, Event, Note, Submitted, Warned, Watching
from wan_cli.record import Outcome


class Stage(Protocol):
    """A place that shows events."""

    def show(self, event: Event) -> None:
        """Show an event."""

    def aside(self, outcome: Outcome) -> AbstractContextManager[object]:
        """Make room for the result of an outcome during the block."""


class Silent:
    """Shows nothing."""

    def show(self, event: Event) -> None:
        """Show nothing of the event."""

    def aside(self, _outcome: Outcome) -> AbstractContextManager[object]:
        """Do nothing: no display is in the way."""
        return nullcontext()


class Plain:
    """Prints a line for each event with something new."""

    def __init__(self, note: Callable[[str], None], warn: Callable[[str], None]) -> None:
        self._note = note
        self._warn = warn
        self._last: dict[str, str] = {}

    def show(self, event: Event) -> None:
        """Print the event, unless the generation's last line had the same state."""
        match event:
            case Note(text):
                self._note(text)
            case Warned(text):
                self._warn(text)
            case Submitted(generation_id):
                self._note(f"submitted {generation_id}")
            case Watching(generation_id, status):
                self._say_change(generation_id, str(status))
            case Downloading(generation_id):
                self._say_change(generation_id, "downloading")

    def aside(self, _outcome: Outcome) -> AbstractContextManager[object]:
        """Do nothing: plain lines are not in the way."""
        return nullcontext()

    def _say_change(self, generation_id: str, state: str) -> None:
        if self._last.get(generation_id) != state:
            self._last[generation_id] = state
            self._note(f"{generation_id} {state}")
