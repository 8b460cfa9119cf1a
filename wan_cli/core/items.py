"""Items: each is one generation on its way from a request to a video. No I/O."""

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

# Pauses after failures grow to at most this.
PAUSE_MAX_S = 30.0
# With a short --poll-interval, pauses grow to at least this.
PAUSE_CAP_MIN_S = 1.0


class SharedExpectation:
    """How long generations of one class take. Their items share it, and it may change."""

    __slots__ = ("value",)

    def __init__(self, value: Expectation) -> None:
        self.value = value


NO_EXPECTATION = SharedExpectation(expect((), default_median_s=DEFAULT_MEDIAN_S))


class Step(Enum):
    """The steps of an item. The result of each step decides the next."""

    SUBMIT = "submit"
    SETTLE = "settle"
    WATCH = "watch"
    SAVE = "save"
    DONE = "done"


class Order(NamedTuple):
    """A request to submit, with its purpose.

    `keys` identify a row of a `batch` or a `once` key, which get one generation each; a second one
    needs `retry_failed`, after the first has failed. `row` is the row's number. `again` submits
    even if the API may have accepted an identical submission. `attempts` is the number of the
    last failed attempt that another machine made for the same keys.
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
    # The batch whose budget it counts for.
    budget: str | None = None
    price: Price = NOT_ASKED
    attempts: int = 0
    # Whether the user named the destination.
    is_placed: bool = False
    # Whether this is one of --count N: another generation of the same request cannot replace it.
    is_variation: bool = False

    def owns(self, record: Record) -> bool:
        """Whether a record's submission had the same keys."""
        keys = self.keys.all if self.keys else ()
        return record.row_key in keys or record.other_key in keys


class Goal(NamedTuple):
    """Whether a command waits for its items and saves their videos.

    Args:
        wait: poll until the generation has ended; otherwise poll once.
        save: download the video.
        destination: where to save videos; None: the destination in the history.
        overwrite: replace an existing file.
        stdout: write the video to this stream instead of a file.
        accepts_saved: accept a video that another process has saved at the destination.
        follows: leave a generation to the process of another machine that works on it.
    """

    wait: bool = True
    save: bool = True
    destination: Destination | None = None
    overwrite: bool = False
    stdout: BinaryIO | None = None
    accepts_saved: bool = False
    follows: bool = False


class Item:
    """One generation on its way. Times are seconds of the monotonic clock.

    A run may have 10,000 items, so an item holds only the state that its next step needs. The
    engine reads its record from the history when needed, unless the history lacks it (`record`).
    """

    __slots__ = (
        "alias",
        "alias_id",
        "alias_seen",
        "counted_as",
        "deadline",
        "destination",
        "due",
        "expectation",
        "failures",
        "follows",
        "generation_id",
        "ignored",
        "in_sandbox",
        "is_new",
        "is_saving",
        "kept",
        "known",
        "misses",
        "number",
        "order",
        "polled_at",
        "reason",
        "received",
        "record",
        "ref",
        "renews",
        "row",
        "saved",
        "seen_running",
        "settle_until",
        "settles_earlier",
        "shown_status",
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
        # The request to submit; None for a generation of an earlier command.
        self.order: Order | None = None
        # Where this run saves its video, whatever the record says; None: the goal or the record
        # says it. Others share the object.
        self.destination: Destination | None = None
        self.row: int | None = None
        self.number = 0
        # The ref of its submission in the history, and refs of earlier ones that do not block it.
        self.ref = ""
        self.ignored: frozenset[str] = frozenset()
        self.record: Record | None = None
        # The names of the fields that the history could not store yet.
        self.unsaved: frozenset[str] = frozenset()
        self.status = Status.UNSENT
        self.counted_as: Status | None = None
        # Submitting: the number of attempts, the seconds spent on rate limits, and (below) the
        # reason why the outcome is unknown.
        self.tries = 0
        self.waited_s = 0.0
        # The amount that the budget counts for it.
        self.taken_usd = 0.0
        # Whether this run submitted it, so that this run pays for it.
        self.is_new = False
        self.reason = ""
        self.in_sandbox = False
        self.settle_until = deadline
        # Whether it settles an earlier submission that blocks its own.
        self.settles_earlier = False
        # Polling.
        self.generation_id = ""
        # Whether another process polls for it: read the journal instead.
        self.follows = False
        self.start = self.polled_at = now
        self.expectation = NO_EXPECTATION
        self.known: tuple[Status, int | None] | None = None
        self.shown_status: Status | None = None
        self.seen_running = False
        self.without_url = 0
        # A second id of the generation; an id that replies name in place of it, and how often.
        self.alias: str | None = None
        self.alias_id: str | None = None
        self.alias_seen = 0
        # Failures in a row; log searches or downloads without a result.
        self.failures = 0
        self.misses = 0
        self.renews = False
        # Downloading: whether it has begun, what is kept on disk, and the bytes received at the
        # last progress.
        self.is_saving = False
        # The saved video, until the history has it.
        self.saved: object = None
        self.kept: Kept = NOTHING_KEPT
        self.tries_from = now
        self.received = 0

    def takes(self, order: Order) -> None:
        """Take a request to submit, with its place."""
        self.order, self.row, self.destination = order, order.row, order.destination

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
        """Whether it counts for --concurrency."""
        is_to_save = self.step is Step.SAVE and not self.is_saving
        is_own = not self.follows
        return is_own and (self.step is Step.WATCH or self.is_posting or is_to_save)

    @property
    def elapsed_s(self) -> float:
        """The seconds from the submission to the last poll."""
        return self.polled_at - self.start

    def go(self, step: Step, due: float) -> None:
        """Schedule a step at a time."""
        if step is not self.step:
            self.failures = self.misses = 0
        self.step, self.due = step, due

    def saw(self, status: Status, *, has_url: bool) -> bool:
        """Handle a poll's answer; return whether the generation ended since the last poll.

        Only a generation that wan saw running until its end shows how long generations take.
        """
        is_completed = status is Status.COMPLETED
        ended_now = is_completed and self.seen_running
        self.failures = 0
        self.without_url = self.without_url + 1 if is_completed and not has_url else 0
        self.seen_running = status.is_running
        self.status = status
        return ended_now

    def next_poll(self, now: float, interval_s: float | None) -> float:
        """Return when to poll again: after the fixed interval if set, else as long as expected.

        Never later than the deadline: the last poll is then.
        """
        if interval_s is not None:
            pause_s = interval_s
        elif self.failures or self.status is Status.COMPLETED:
            pause_s = backoff(max(1, self.failures + self.without_url), cap_s=PAUSE_MAX_S)
        else:
            pause_s = next_poll(self.elapsed_s, self.expectation.value) - self.elapsed_s
        return min(self.deadline, now + pause_s)


def number_of(item: Item) -> int:
    """Return an item's number within its run."""
    return item.number


def pause_s(tries: int, interval_s: float | None, *, first_s: float = 0.5) -> float:
    """Return the pause after some tries: it grows, but stays short with a short poll interval."""
    cap_s = (
        PAUSE_MAX_S if interval_s is None else min(PAUSE_MAX_S, max(PAUSE_CAP_MIN_S, interval_s))
    )
    return backoff(tries, first_s=first_s, cap_s=cap_s)
