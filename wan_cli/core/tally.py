"""How far many generations are together: told when it has changed, and not too often."""

from collections.abc import Collection, Sequence
from heapq import nsmallest
from itertools import islice
from math import inf
from typing import TYPE_CHECKING

from wan_cli.core.items import Item, Order, Step
from wan_cli.events import InFlight, Tally
from wan_cli.schedule import time_left, time_left_of_all

if TYPE_CHECKING:
    from wan_cli.core.run import Run

# A display of few need not change more often than this; going through very many takes longer.
TALLY_S = 0.2
VERY_MANY = 500
VERY_MANY_S = 1.0
# Without any change, it is told this often: a log shows that the command is alive.
HEARTBEAT_S = 60.0
# More rows than any screen has.
ROWS_MAX = 100
# Of the rows that wait, this many tell how long one takes.
SAMPLE = 50
# A generation that takes longer than expected still takes this share of what was expected.
OVERDUE_SHARE = 0.1


class Tallying:
    """Tells how far a run is. `due` is when it has something to tell (monotonic seconds)."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._told: object = None
        self._next = self._heartbeat = run.began
        self.due = inf

    def tell(self, items: Collection[Item], to_come: Sequence[Order], places: float) -> None:
        """Tell how far the run is, if that has changed and was not told a moment ago.

        Args:
            items: what has no outcome yet.
            to_come: what is not submitted yet.
            places: how many may be in flight.
        """
        run, now = self._run, self._run.now
        self.due = inf
        if not (items or to_come):
            return
        counts = tuple(run.counts.items())
        state = run.done, len(items), len(to_come), len(run.posting), counts
        tells_at = self._heartbeat if state == self._told else self._next
        if now < tells_at:
            self.due = tells_at
            return
        self._told = state
        self._next = now + (TALLY_S if len(items) < VERY_MANY else VERY_MANY_S)
        beats = (now - run.began) // HEARTBEAT_S + 1
        self._heartbeat = self.due = run.began + beats * HEARTBEAT_S
        run.tell(self._tally(items, () if run.stop or run.refusal else to_come, places))

    def _tally(self, items: Collection[Item], to_come: Sequence[Order], places: float) -> Tally:
        run, now = self._run, self._run.now
        # A submission that pauses between two attempts waits like those that have not begun.
        in_flight = [i for i in items if i.step is not Step.SUBMIT or i.ref in run.posting]
        first = nsmallest(ROWS_MAX, in_flight, key=_start)
        return Tally(
            run.done,
            len(in_flight),
            len(items) - len(in_flight) + len(to_come),
            [InFlight(_handle(i), i.row, _state(i), now - i.start) for i in first],
            now - run.began,
            self._left_s(items, to_come, places),
            run.budget.taken_usd,
            run.budget.max_usd,
        )

    def _left_s(
        self, items: Collection[Item], to_come: Sequence[Order], places: float
    ) -> float | None:
        """Return the seconds until all have ended, None if nobody knows."""
        now = self._run.now
        if to_come:
            each_s = self._each_s(to_come)
            lefts = [_left_s(item, now, each_s) for item in items]
            # Nothing waits without a limit.
            return time_left_of_all(lefts, len(to_come), each_s, int(min(places, 10_000)))
        watched = [item for item in items if item.step is Step.WATCH and item.status.is_running]
        if not watched:
            return None
        newest = max(watched, key=_start)
        return time_left(now - newest.start, newest.law.value)

    def _each_s(self, orders: Sequence[Order]) -> float:
        """Return the seconds that one of the orders takes, by a sample of them."""
        sample = list(islice(orders, 0, None, max(1, len(orders) // SAMPLE)))
        law_of = self._run.expectations.of_request
        return sum(law_of(order.request.body()).value.mean_s for order in sample) / len(sample)


def _start(item: Item) -> float:
    return item.start


def _left_s(item: Item, now: float, each_s: float) -> float:
    if item.step is Step.SAVE:
        return 0.0
    whole_s = item.law.value.mean_s if item.step is Step.WATCH else each_s
    return max(whole_s * OVERDUE_SHARE, whole_s - (now - item.start))


def _handle(item: Item) -> str:
    return item.asked_id or item.ref


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
