"""What the story needs: the client, the history, the clock and who pays."""

import time
from collections.abc import Callable, Generator
from contextlib import closing
from math import inf
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from wan_cli.api.client import Client
from wan_cli.download.address import Network, is_loopback_name
from wan_cli.errors import Interrupted, LocalFileError, NotRecorded, SetupError, WanError
from wan_cli.generation import Status
from wan_cli.history import History
from wan_cli.progress import Event, Pause
from wan_cli.record import Outcome, Record

T = TypeVar("T")
Story = Generator[Event, None, T]


class Clock(NamedTuple):
    """Time as an argument: `now` for what is written down, `monotonic` for deadlines."""

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Patience(NamedTuple):
    """How long and how often: the monotonic time of the deadline, seconds between looks.

    `median_s` is how long a generation takes where the history does not tell yet, if that is known.
    `stamina_s` is for how long a download that gets no further is tried again: others may wait.
    """

    deadline: float
    poll_interval_s: float | None = None
    median_s: float | None = None
    stamina_s: float = inf

    def left(self, clock: Clock) -> float:
        """Return the seconds until the deadline, never below 0."""
        return max(0.0, self.deadline - clock.monotonic())


class Context(NamedTuple):
    """The tools of one command. `keeps` is false where the history cannot be written."""

    client: Client
    history: History
    key_fingerprint: str
    keeps: bool = True
    clock: Clock = Clock()

    @property
    def is_on_loopback(self) -> bool:
        """Whether the API is on this machine; only then may a video come from it too."""
        return is_loopback_name(urlsplit(self.client.base_url).hostname or "")

    @property
    def network(self) -> Network:
        """What a download needs to know of the API's place."""
        return Network(self.client.authorities, self.is_on_loopback)

    def save(self, record: Record, **changes: object) -> Record:
        """Return the record with changes, after they (and nothing else of it) are on disk."""
        changed = record._replace(updated_at=self.clock.now(), **changes)  # type: ignore[arg-type]
        if self.keeps:
            self.history.save(changed, ("updated_at", *changes))
        return changed

    def save_new(self, record: Record, **changes: object) -> Record:
        """Do as `save`, but for what is on disk already: nothing new is worth no wait for it."""
        if all(getattr(record, name) == value for name, value in changes.items()):
            return record
        return self.save(record, **changes)

    def patience(
        self, timeout_s: float, poll_interval_s: float | None, median_s: float | None = None
    ) -> Patience:
        """Return a deadline of so many seconds from now."""
        return Patience(self.clock.monotonic() + timeout_s, poll_interval_s, median_s)


def failed(ctx: Context, record: Record, error: WanError) -> Outcome:
    """Return the outcome of a failure, with what the history knows by now."""
    if isinstance(error, SetupError) and record.id:
        error = unreadable(record.id, error)
    try:
        return Outcome(ctx.history.reread(record) if ctx.keeps else record, error)
    except SetupError:
        return Outcome(record, error)


def unreadable(generation_id: str, trouble: SetupError) -> LocalFileError:
    """Return the trouble with the history as that of a generation.

    Its own exit code would say that nothing is spent.
    """
    return LocalFileError(
        f"generation {generation_id} is safe, but {trouble.message}",
        hint=f"wan doctor, then: wan fetch {generation_id}",
        stdout=generation_id,
    )


def not_recorded(generation_id: str, cause: SetupError) -> NotRecorded:
    """Return the error of an id that the history does not take: it must reach the user."""
    return NotRecorded(
        f"generation {generation_id} was accepted, but it could not be written down: {cause}",
        hint=f"keep the id, then: wan fetch {generation_id}",
        stdout=generation_id,
    )


def explain(interrupted: Interrupted, record: Record) -> None:
    """Say what a signal means for a generation."""
    if record.id is None and not record.status.is_unresolved:
        return
    hint = f"wan fetch {record.id}"
    if record.id is None:
        hint = "wan recover"
        words = f" while submitting {record.ref}: it is unknown whether it was accepted"
    elif record.status is Status.COMPLETED:
        words = f"; the video of {record.id} is safe on the server"
    else:
        words = f"; generation {record.id} goes on and is safe"
    interrupted.explain(f"interrupted{words}", hint=hint, record=record)


def with_pauses(ctx: Context, story: Story[T]) -> Story[T]:
    """Tell a story, and sleep where it pauses. A signal meanwhile is the story's to explain."""
    with closing(story):
        try:
            event = next(story)
            while True:
                try:
                    if isinstance(event, Pause):
                        ctx.clock.sleep(event.seconds)
                    else:
                        yield event
                except Interrupted as interrupted:
                    event = story.throw(interrupted)
                else:
                    event = next(story)
        except StopIteration as end:
            value: T = end.value
            return value
