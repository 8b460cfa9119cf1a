"""What the core reports while it works: frozen events, which the output layer shows."""

from collections.abc import Mapping
from typing import NamedTuple

from wan_cli.generation import Status


class Note(NamedTuple):
    """Something worth saying."""

    text: str


class Warned(NamedTuple):
    """Something the user should look at."""

    text: str


class Submitted(NamedTuple):
    """A generation was accepted under an id; `row` is its number in a batch."""

    id: str
    row: int | None = None


class Watching(NamedTuple):
    """A look at a generation: its status, the seconds since its submission, those expected left."""

    id: str
    status: Status
    elapsed_s: float
    left_s: float | None


class Downloading(NamedTuple):
    """Bytes of the video that are here, of so many where the server says."""

    id: str
    received: int
    total: int | None


class Tally(NamedTuple):
    """How far many generations are together: those done, the states of the others, the seconds.

    `elapsed_s` is since they are watched, `left_s` what is expected of the newest of them.
    """

    done: int
    total: int
    states: Mapping[str, int]
    elapsed_s: float
    left_s: float | None


Event = Note | Warned | Submitted | Watching | Downloading | Tally
