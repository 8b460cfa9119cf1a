"""Items: one generation each, on its way from a request to a video. No I/O."""

from enum import Enum
from typing import BinaryIO, NamedTuple

from wan_cli.destination import Destination
from wan_cli.download.outcome import NOTHING_KEPT, Kept
from wan_cli.generation import Status
from wan_cli.identity import Keys
from wan_cli.models import GenerationRequest
from wan_cli.prices import NOT_ASKED, Price
from wan_cli.record import Record
from wan_cli.schedule import DEFAULT_MEDIAN_S, Expectation, backoff, expect, next_poll

# Pauses after trouble grow to this.
PAUSE_MAX_S = 30.0
# A short --poll-interval lets them grow to this.
PAUSE_CAP_MIN_S = 1.0


class Law:
    """How long the generations of one class take; shared by their items, and it may change."""

    __slots__ = ("value",)

    def __init__(self, value: Expectation) -> None:
        self.value = value


NO_LAW = Law(expect((), default_median_s=DEFAULT_MEDIAN_S))


class Step(Enum):
    """The kinds of work of an item. The next one follows from what the last one brought."""

    SUBMIT = "submit"
    SETTLE = "settle"
    WATCH = "watch"
    SAVE = "save"
    DONE = "done"


class Order(NamedTuple):
    """What to submit, and for whom.

    `keys` name what it is for, a row of a `batch` or the key of `once`: that has one generation;
    another one only with `retry_failed`, after that one has failed. `row` is the row's number.
    `again` submits although an identical submission may have been accepted. `attempts` is the
    number of the last attempt that another machine made for the same keys, in vain.
    """

    request: GenerationRequest
    destination: Destination
    sidecar: bool = False
    again: bool = False
    keys: Keys | None = None
    batch: str | None = None
    once: str | None = None
    row: int | None = None
    line: int | None = None
    retry_failed: bool = False
    price: Price = NOT_ASKED
    attempts: int = 0
    # Whether the user has named the destination.
    is_placed: bool = False
    # Whether it is one of --count N: another generation of the same request does not replace it.
    is_variation: bool = False

    def may_continue_with(self, record: Record) -> bool:
        """Whether the generation of an identical request will do."""
        if self.keys is None:
            return not self.is_variation
        return self.owns(record)

    def owns(self, record: Record) -> bool:
        """Whether a record is of a submission for the same keys."""
        keys = self.keys.all if self.keys else ()
        return record.row_key in keys or record.other_key in keys


class Goal(NamedTuple):
    """How far a command takes its items.

    Args:
        wait: poll until the generation has ended; otherwise ask once.
        save: download the video.
        destination: where videos go; None: where the history says.
        overwrite: replace an existing file.
        stdout: the stream that gets the video in place of a file.
        accepts_saved: a video that another process has saved at the destination is enough.
    """

    wait: bool = True
    save: bool = True
    destination: Destination | None = None
    overwrite: bool = False
    stdout: BinaryIO | None = None
    accepts_saved: bool = False


class Item:
    """One generation on its way. Times are seconds of the monotonic clock.

    There may be 10,000: an item holds what the next step depends on. Its record is read from the
    history when it is needed, unless the history cannot give it (`record`).
    """

    __slots__ = (
        "alias",
        "alias_id",
        "alias_seen",
        "counted_as",
        "deadline",
        "due",
        "failures",
        "generation_id",
        "is_play",
        "is_saving",
        "is_withdrawn",
        "kept",
        "known",
        "law",
        "misses",
        "number",
        "order",
        "over",
        "polled_at",
        "reason",
        "received",
        "record",
        "ref",
        "renews",
        "row",
        "said",
        "seen_running",
        "settle_until",
        "stands_for",
        "start",
        "status",
        "step",
        "taken_usd",
        "tries",
        "tries_from",
        "unsaved",
        "waited_s",
        "without_url",
    )

    def __init__(self, step: Step, deadline: float, now: float) -> None:
        self.step = step
        self.deadline = deadline
        self.due = now
        # What it submits; None for a generation of an earlier command.
        self.order: Order | None = None
        self.row: int | None = None
        self.number = 0
        # The name of its submission in the history, and earlier ones that do not stand in its way.
        self.ref = ""
        self.over: frozenset[str] = frozenset()
        self.record: Record | None = None
        # The names of what the history has not taken yet.
        self.unsaved: frozenset[str] = frozenset()
        self.status = Status.UNSENT
        self.counted_as: Status | None = None
        # Submitting: how many attempts, how long a rate limit made it wait, why it is unknown.
        self.tries = 0
        self.waited_s = 0.0
        # What the budget counts for it, in USD.
        self.taken_usd = 0.0
        # Whether it is not submitted after all, and has no outcome: submitting has stopped.
        self.is_withdrawn = False
        self.reason = ""
        self.is_play = False
        self.settle_until = deadline
        # Whether it settles an earlier submission that stands in the way of its own.
        self.stands_for = False
        # Polling.
        self.generation_id = ""
        self.start = self.polled_at = now
        self.law = NO_LAW
        self.known: tuple[Status, int | None] | None = None
        self.said: Status | None = None
        self.seen_running = False
        self.without_url = 0
        # A second id of the generation; and one that replies name in its place, and how often.
        self.alias: str | None = None
        self.alias_id: str | None = None
        self.alias_seen = 0
        # Failures in a row; log searches or downloads without a result.
        self.failures = 0
        self.misses = 0
        self.renews = False
        # Downloading: whether it has begun, and the bytes that had come when it last moved on.
        self.is_saving = False
        self.kept: Kept = NOTHING_KEPT
        self.tries_from = now
        self.received = 0

    @property
    def is_open(self) -> bool:
        """Whether it has no outcome yet."""
        return self.step is not Step.DONE

    @property
    def is_posting(self) -> bool:
        """Whether its submission is under way, or paused between two attempts."""
        return self.step is Step.SUBMIT and self.tries > 0

    @property
    def is_in_flight(self) -> bool:
        """Whether it takes one of the places that --concurrency gives."""
        is_to_save = self.step is Step.SAVE and not self.is_saving
        return self.step is Step.WATCH or self.is_posting or is_to_save

    @property
    def elapsed_s(self) -> float:
        """The seconds from the submission to the last poll."""
        return self.polled_at - self.start

    def go(self, step: Step, due: float) -> None:
        """Take the next step at a time."""
        if step is not self.step:
            self.failures = self.misses = 0
        self.step, self.due = step, due

    def saw(self, status: Status, *, has_url: bool) -> bool:
        """Take in a poll's answer; return whether it ended since the last one saw it running.

        Only a generation that was watched to its end tells how long one takes.
        """
        is_completed = status is Status.COMPLETED
        ended_now = is_completed and self.seen_running
        self.failures = 0
        self.without_url = self.without_url + 1 if is_completed and not has_url else 0
        self.seen_running = status.is_running
        self.status = status
        return ended_now

    def next_poll(self, now: float, interval_s: float | None) -> float:
        """Return when to poll again: after a fixed interval, else by what is expected.

        Never later than the deadline, at which there is a last poll.
        """
        if interval_s is not None:
            pause_s = interval_s
        elif self.failures or self.status is Status.COMPLETED:
            pause_s = backoff(max(1, self.failures + self.without_url), cap_s=PAUSE_MAX_S)
        else:
            pause_s = next_poll(self.elapsed_s, self.law.value) - self.elapsed_s
        return min(self.deadline, now + pause_s)


def number_of(item: Item) -> int:
    """Return an item's place among those of its run."""
    return item.number


def pause_s(tries: int, interval_s: float | None, *, first_s: float = 0.5) -> float:
    """Return how long to pause after that many tries: growing, and short where polls are fast."""
    cap_s = (
        PAUSE_MAX_S if interval_s is None else min(PAUSE_MAX_S, max(PAUSE_CAP_MIN_S, interval_s))
    )
    return backoff(tries, first_s=first_s, cap_s=cap_s)
