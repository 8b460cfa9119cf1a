"""What the core reports while it works: frozen events, which the output layer shows."""

from collections.abc import Sequence
from typing import NamedTuple

from wan_cli.generation import Status


class Note(NamedTuple):
    """Something worth saying."""

    text: str


class Warned(NamedTuple):
    """Something the user should look at."""

    text: str


class Submitted(NamedTuple):
    """A generation was accepted under an id."""

    id: str


class Watching(NamedTuple):
    """The result of a poll: the status, the seconds since its submission, those expected left."""

    id: str
    status: Status
    elapsed_s: float
    left_s: float | None


class Downloading(NamedTuple):
    """Bytes of the video that are here, of so many where the server says."""

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
    """How far many generations are together.

    `ended` have an outcome, `waiting` are still to be submitted. `rows` are those in flight, oldest
    first; of very many the first ones only. `left_s` is expected until all have ended. `spent_usd`
    is what the budget counts, `max_usd` its limit.
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
