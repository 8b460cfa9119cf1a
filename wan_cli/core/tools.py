"""What every part of the core works with: the client, the journal and the clock."""

import queue
import time
from contextvars import ContextVar
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from wan_cli.api.client import Client
from wan_cli.download.address import Network, is_loopback_name
from wan_cli.journal import Journal
from wan_cli.record import Record

T = TypeVar("T")


class Clock:
    """Time as an argument. `speed` lets time pass faster for tests of whole processes."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._began_at = time.time()
        self._began = time.monotonic()

    def now(self) -> float:
        """Return seconds since the epoch, for what is written down."""
        if self._speed == 1.0:
            return time.time()
        return self._began_at + (time.monotonic() - self._began) * self._speed

    def monotonic(self) -> float:
        """Return seconds that never jump, for deadlines."""
        return self._began + (time.monotonic() - self._began) * self._speed

    def sleep(self, seconds: float) -> None:
        """Let seconds pass."""
        time.sleep(seconds / self._speed)

    def receive(self, answers: "queue.SimpleQueue[T]", seconds: float) -> T | None:
        """Return the next answer, or None if none came within `seconds`."""
        try:
            # A wait of years would overflow.
            return answers.get(seconds > 0, min(max(seconds, 0.0) / self._speed, 3600.0))
        except queue.Empty:
            return None


# The clock of this process. A test sets a faster one before it calls main().
CLOCK: ContextVar[Clock] = ContextVar("clock", default=Clock())  # noqa: B039


class Timing(NamedTuple):
    """When to stop and how often to poll.

    Args:
        deadline: the monotonic time at which to stop waiting.
        poll_interval_s: a fixed interval between polls; None learns it from the history. It also
            caps the pauses after trouble.
        median_s: how long a generation takes where the history does not tell yet, if known.
        each_s: seconds for each generation from its submission on, in place of one deadline.
    """

    deadline: float
    poll_interval_s: float | None = None
    median_s: float | None = None
    each_s: float | None = None

    def left(self, clock: Clock) -> float:
        """Return the seconds until the deadline, never below 0."""
        return max(0.0, self.deadline - clock.monotonic())


class Tools(NamedTuple):
    """The tools of one command. `keeps` is false where the history cannot be written."""

    client: Client
    journal: Journal
    key_fingerprint: str
    keeps: bool = True
    clock: Clock = Clock()

    @property
    def is_on_loopback(self) -> bool:
        """Whether the API is on this machine; only then may a video come from it too."""
        return is_loopback_name(urlsplit(self.client.base_url).hostname or "")

    @property
    def network(self) -> Network:
        """What a download needs to know about the API's place."""
        return Network(self.client.authorities, self.is_on_loopback, self.client.trace)

    def save(self, record: Record, **changes: object) -> Record:
        """Return the record with its changes, after they (and nothing else of it) are on disk.

        Raises:
            SetupError: the history cannot be written.
        """
        changed = record._replace(updated_at=self.clock.now(), **changes)  # type: ignore[arg-type]
        if self.keeps:
            self.journal.save(changed, ("updated_at", *changes))
        return changed

    def save_new(self, record: Record, **changes: object) -> Record:
        """Do what `save` does, but write nothing when every value is already on disk."""
        if all(getattr(record, name) == value for name, value in changes.items()):
            return record
        return self.save(record, **changes)

    def timing(
        self, timeout_s: float, poll_interval_s: float | None, median_s: float | None = None
    ) -> Timing:
        """Return a deadline that many seconds from now."""
        return Timing(self.clock.monotonic() + timeout_s, poll_interval_s, median_s)
