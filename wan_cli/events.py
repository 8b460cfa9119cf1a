"""The events that the core reports while it works; the output layer shows them. Immutable."""

from collections.abc import Generator, Sequence
from typing import NamedTuple, TypeVar

from wan_cli.generation import Status


class Note(NamedTuple):
    """A message for the user."""

    text: str


class Warned(NamedTuple):
    """A warning for the user."""

    text: str


class Submitted(NamedTuple):
    """A submission was accepted, with this id."""

    id: str


class Watching(NamedTuple):
    """The result of a poll: the status, the seconds since submission, and the expected rest."""

    id: str
    status: Status
    elapsed_s: float
    left_s: float | None


class Downloading(NamedTuple):
    """The bytes received of a video, and the total if the server sends it."""

    id: str
    received: int
    total: int | None


class InFlight(NamedTuple):
    """A generation in flight: its id, its row's number, its state, its age in seconds."""

    handle: str
    row: int | None
    state: str
    elapsed_s: float


class Tally(NamedTuple):
    """The progress of many generations together.

    `ended` counts generations with an outcome, `waiting` those still to be submitted. `rows` has
    those in flight, oldest first; if there are very many, only the first. `left_s` is the expected
    time until all have ended. `spent_usd` is the amount the budget counts, `max_usd` its limit.
    """

    ended: int
    in_flight: int
    waiting: int
    rows: Sequence[InFlight]
    elapsed_s: float
    left_s: float | None
    spent_usd: float = 0.0
    max_usd: float | None = None


Event = Note | Warned | Submitted | Watching | Downloading | Tally
T = TypeVar("T")
# Work that reports events while it goes on, and then returns a result.
Events = Generator[Event, None, T]
