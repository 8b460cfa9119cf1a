"""The tools of every part of the core: the client, the journal, and the clock."""

import os
import queue
import time
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from wan_cli.api.client import Client
from wan_cli.download.address import Network, is_loopback_name
from wan_cli.journal import Journal
from wan_cli.record import Record

T = TypeVar("T")


class Clock:
    """The clock, passed as an argument. `speed` makes time run faster, for tests."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._began_at = time.time()
        self._began = time.monotonic()

    def now(self) -> float:
        """Return seconds since the epoch, for timestamps in the history."""
        if self._speed == 1.0:
            return time.time()
        return self._began_at + (time.monotonic() - self._began) * self._speed

    def monotonic(self) -> float:
        """Return seconds that never jump, for deadlines."""
        return self._began + (time.monotonic() - self._began) * self._speed

    def sleep(self, seconds: float) -> None:
        """Sleep for some seconds."""
        time.sleep(seconds / self._speed)

    def receive(self, answers: "queue.SimpleQueue[T]", seconds: float) -> T | None:
        """Return the next answer, or None if none came within `seconds`."""
        try:
            # Waiting for years would overflow.
            return answers.get(seconds > 0, min(max(seconds, 0.0) / self._speed, 3600.0))
        except queue.Empty:
            return None


# The clock of this process. A test sets a faster one before it calls main().
CLOCK: ContextVar[Clock] = ContextVar("clock", default=Clock())  # noqa: B039


@cache
def this_host() -> str:
    """Return a name for the machine, its last boot and the container of this process.

    A process id is only meaningful together with these.
    """
    return " ".join(
        [os.uname().nodename, _word(Path("/proc/sys/kernel/random/boot_id")), _namespace()]
    ).strip()


def _word(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


class Timing(NamedTuple):
    """When to stop and how often to poll.

    Args:
        deadline: the monotonic time at which to stop waiting.
        poll_interval_s: a fixed interval between polls; None: learn it from the history. It also
            caps the pauses after failures.
        median_s: the median duration to expect while the history has none.
        each_s: the time limit for each generation from its submission, in place of `deadline`.
    """

    deadline: float
    poll_interval_s: float | None = None
    median_s: float | None = None
    each_s: float | None = None

    def left(self, clock: Clock) -> float:
        """Return the seconds until the deadline, never below 0."""
        return max(0.0, self.deadline - clock.monotonic())


class Tools(NamedTuple):
    """The tools of one command. `keeps` is false if the history cannot be written."""

    client: Client
    journal: Journal
    key_fingerprint: str
    keeps: bool = True
    clock: Clock = Clock()
    # The folder for videos on their way to a bucket.
    spool: Path = Path("spool")

    @property
    def is_on_loopback(self) -> bool:
        """Whether the API is on this machine; only then may videos come from this machine too."""
        return is_loopback_name(urlsplit(self.client.base_url).hostname or "")

    @property
    def network(self) -> Network:
        """The network settings for downloads, derived from the API's address."""
        return Network(self.client.authorities, self.is_on_loopback, self.client.trace)

    def save(self, record: Record, **changes: object) -> Record:
        """Write only the changes to disk, then return the changed record.

        If another process has written more than this one knows, return that instead.

        Raises:
            SetupError: the history cannot be written.
        """
        changed = record._replace(updated_at=self.clock.now(), **changes)  # type: ignore[arg-type]
        if self.keeps and not self.journal.save(changed, ("updated_at", *changes)):
            return self.journal.reread(changed)
        return changed

    def save_new(self, record: Record, **changes: object) -> Record:
        """Call `save`, but write nothing if every value is already on disk."""
        if all(getattr(record, name) == value for name, value in changes.items()):
            return record
        return self.save(record, **changes)

    def own_time(self, server_time: float | None) -> float:
        """Return a time of the server by the clock of this machine; now, if it is None."""
        if server_time is None:
            return self.clock.now()
        return server_time - (self.client.server_offset_s or 0.0)

    def timing(
        self, timeout_s: float, poll_interval_s: float | None, median_s: float | None = None
    ) -> Timing:
        """Return a timing with its deadline `timeout_s` from now."""
        return Timing(self.clock.monotonic() + timeout_s, poll_interval_s, median_s)
