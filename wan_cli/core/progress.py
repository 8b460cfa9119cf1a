"""The expected durations of generations, and the progress of a run."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from heapq import nsmallest
from itertools import islice
from math import inf
from typing import TYPE_CHECKING

from wan_cli.api.client import Client
from wan_cli.core.items import Item, Order, SharedExpectation, Step
from wan_cli.core.lanes import Desk, Job, Lane, Workers
from wan_cli.core.tools import Timing, Tools
from wan_cli.errors import SetupError
from wan_cli.events import InFlight, Tally, Watching
from wan_cli.models import Value, find_schema
from wan_cli.record import Record
from wan_cli.schedule import DEFAULT_MEDIAN_S, expect, time_left, time_left_of_all

if TYPE_CHECKING:
    from wan_cli.core.run import Run

# With this many finished generations in the history, wan need not ask the API.
LEARNED_FROM = 10
METRICS_SECONDS = 5.0
# Update the display at most this often; with very many items, counting them takes longer.
TALLY_S = 0.2
VERY_MANY = 500
VERY_MANY_S = 1.0
# Report this often even without changes, so that a log shows the command is alive.
HEARTBEAT_S = 60.0
# More rows than any screen has.
ROWS_MAX = 100
# Estimate the duration of a waiting row from a sample of this size.
SAMPLE = 50
# Expect an overdue generation to take this share of its expected duration longer.
OVERDUE_SHARE = 0.1


class Expectations:
    """The expected durations of one run, by class (model, resolution, duration).

    wan asks the API for its median in the background, and uses it once it has come.
    """

    step = Step.DONE

    def __init__(self, tools: Tools, timing: Timing, workers: Workers) -> None:
        self.lane = Lane(1)
        self._tools = tools
        self._timing = timing
        self._workers = workers
        self._known: dict[tuple[object, ...], SharedExpectation] = {}
        self._durations: dict[tuple[object, ...], list[float]] = {}
        self._asked: set[str] = set()

    def of(self, record: Record) -> SharedExpectation:
        """Return the expectation from the history; if it has few, ask for the live median too."""
        expectation = self.of_request(record.request)
        few = len(self._durations[_kind(record.request)]) < LEARNED_FROM
        if few and self._timing.poll_interval_s is None:
            self._ask(record.model)
        return expectation

    def of_request(self, request: Mapping[str, Value]) -> SharedExpectation:
        """Return the expectation for a request's class, from the history."""
        kind = _kind(request)
        if kind not in self._known:
            try:
                durations = list(self._tools.journal.durations(request))
            except SetupError:
                durations = []
            self._durations[kind] = durations
            schema = find_schema(str(request.get("model", "")))
            first_s = schema.median_s if schema else DEFAULT_MEDIAN_S
            median_s = self._timing.median_s or first_s
            self._known[kind] = SharedExpectation(expect(durations, default_median_s=median_s))
        return self._known[kind]

    def event(self, item: Item) -> Watching:
        """Return the event that shows an item being polled."""
        left_s = (
            time_left(item.elapsed_s, item.expectation.value) if item.status.is_running else None
        )
        return Watching(item.generation_id, item.status, item.elapsed_s, left_s)

    def take(self, item: Item, value: object) -> None:
        """Use the live median of a model; ignore a failure."""
        if not isinstance(value, float):
            return
        for kind, durations in self._durations.items():
            if kind[0] == item.ref:
                self._known[kind].value = expect(durations, default_median_s=value)

    def late(self, item: Item) -> None:
        """Do nothing: without a median in time, the history's expectation stays."""

    def begin(self, item: Item) -> Job | None:
        """Do nothing: `_ask` starts its own jobs."""

    def _ask(self, model: str) -> None:
        if not model or model in self._asked:
            return
        self._asked.add(model)
        seconds = min(METRICS_SECONDS, self._timing.left(self._tools.clock))
        question = Item(Step.DONE, 0.0, 0.0)
        question.ref = model  # This item is not a generation.
        job = Job(partial(_median, model=model, seconds=seconds), seconds)
        try:
            self._workers.start(question, job, self)
        except OSError:
            return


def _kind(request: Mapping[str, Value]) -> tuple[object, ...]:
    return tuple(str(request.get(name)) for name in ("model", "resolution", "duration"))


def _median(client: Client, _desk: Desk, *, model: str, seconds: float) -> float | None:
    return client.median_duration_s(model, seconds=seconds)


class Tallying:
    """Reports the progress of a run. `due` is the time of the next report (monotonic seconds)."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._last_state: object = None
        self._next = self._heartbeat = run.began
        self.due = inf

    def tell(self, items: Collection[Item], to_come: Sequence[Order], places: float) -> None:
        """Report the progress if it has changed, but not more often than every TALLY_S.

        Args:
            items: the items without an outcome.
            to_come: the requests not submitted yet.
            places: the most generations in flight at a time.
        """
        run, now = self._run, self._run.now
        self.due = inf
        if not (items or to_come):
            return
        counts = tuple(run.counts.items())
        state = run.done, len(items), len(to_come), len(run.posting), counts
        tells_at = self._heartbeat if state == self._last_state else self._next
        if now < tells_at:
            self.due = tells_at
            return
        self._last_state = state
        self._next = now + (TALLY_S if len(items) < VERY_MANY else VERY_MANY_S)
        beats = (now - run.began) // HEARTBEAT_S + 1
        self._heartbeat = self.due = run.began + beats * HEARTBEAT_S
        run.tell(self._tally(items, () if run.stop or run.refusal else to_come, places))

    def _tally(self, items: Collection[Item], to_come: Sequence[Order], places: float) -> Tally:
        run, now = self._run, self._run.now
        # Count a submission that pauses between two attempts as waiting.
        waiting = [i for i in items if i.step is Step.SUBMIT and i.ref not in run.posting]
        in_flight = [i for i in items if i.step is not Step.SUBMIT or i.ref in run.posting]
        first = nsmallest(ROWS_MAX, in_flight, key=_start)
        return Tally(
            run.done,
            len(in_flight),
            len(waiting) + len(to_come),
            [InFlight(_handle(i), i.row, _state(i), now - i.start) for i in first],
            now - run.began,
            self._left_s(items, to_come, places),
            # The budget includes the prices of items still to be sent.
            run.budget.taken_usd - sum(item.taken_usd for item in waiting),
            run.budget.max_usd,
        )

    def _left_s(
        self, items: Collection[Item], to_come: Sequence[Order], places: float
    ) -> float | None:
        """Return the seconds until all items have ended, None if unknown."""
        now = self._run.now
        if to_come:
            each_s = self._each_s(to_come)
            lefts = [_left_s(item, now, each_s) for item in items]
            # With no limit on places, nothing would wait.
            return time_left_of_all(lefts, len(to_come), each_s, int(min(places, 10_000)))
        watched = [item for item in items if item.step is Step.WATCH and item.status.is_running]
        if not watched:
            return None
        newest = max(watched, key=_start)
        return time_left(now - newest.start, newest.expectation.value)

    def _each_s(self, orders: Sequence[Order]) -> float:
        """Return the mean seconds that an order takes, estimated from a sample."""
        sample = list(islice(orders, 0, None, max(1, len(orders) // SAMPLE)))
        expectation_of = self._run.expectations.of_request
        return sum(expectation_of(order.request.body()).value.mean_s for order in sample) / len(
            sample
        )


def _start(item: Item) -> float:
    return item.start


def _left_s(item: Item, now: float, each_s: float) -> float:
    if item.step is Step.SAVE:
        return 0.0
    whole_s = item.expectation.value.mean_s if item.step is Step.WATCH else each_s
    return max(whole_s * OVERDUE_SHARE, whole_s - (now - item.start))


def _handle(item: Item) -> str:
    return item.generation_id or item.ref


def _state(item: Item) -> str:
    """Return the state of an item in the words of `wan list`."""
    match item.step:
        case Step.SUBMIT:
            return "submitting"
        case Step.SETTLE:
            return "unknown"
        case Step.SAVE:
            return "downloading" if item.is_saving else "ready"
    return str(item.status)
