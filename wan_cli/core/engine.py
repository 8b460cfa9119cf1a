"""The engine: turns each item, a request or an id, into a video.

This thread decides and writes the history; the workers of `lanes` do the I/O and return values.
A heap orders the items by due time, and one queue delivers the answers. Waiting uses no CPU.
"""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from heapq import heappop, heappush
from itertools import count
from math import inf

from wan_cli.core.budget import Budget
from wan_cli.core.interruption import explain, salvage
from wan_cli.core.items import Goal, Item, Order, Step, number_of
from wan_cli.core.lanes import Answer, Question, Ticket, Work, Workers
from wan_cli.core.lease import Lease
from wan_cli.core.patience import fails
from wan_cli.core.progress import Expectations, Tallying
from wan_cli.core.run import EVENTS_MAX, LOCK_S, Run
from wan_cli.core.settle import starts_settling
from wan_cli.core.tools import Timing, Tools
from wan_cli.core.verdicts import no_thread, refused, without_id
from wan_cli.core.watch import starts_watching
from wan_cli.errors import RUN_AGAIN, Interrupted, SetupError, WanError
from wan_cli.events import Event
from wan_cli.record import Outcome, Record
from wan_cli.signals import Deferral, deferred

Outcomes = Generator[Event | Outcome, None, None]
# Handle at most this many answers before the next jobs start.
AT_ONCE = 64
# Before a longer wait than this, release the connection to the journal.
REST_S = 5.0


class Engine:
    """One command's run over any number of items.

    Args:
        tools, timing, goal, budget: as in `Run`.
        concurrency: the most submitted generations in flight at a time; None: no limit.
        kinds: the kinds of work that the command needs: submit, settle, watch, save.
        fail_fast: submit nothing more after the first failure.
    """

    def __init__(
        self,
        tools: Tools,
        timing: Timing,
        goal: Goal,
        kinds: Sequence[Callable[[Run], Work]],
        *,
        budget: Budget | None = None,
        concurrency: int | None = None,
        fail_fast: bool = False,
    ) -> None:
        self._workers = Workers(tools.client, tools.clock)
        expectations = Expectations(tools, timing, self._workers)
        self.run = Run(tools, timing, goal, expectations, budget=budget, fail_fast=fail_fast)
        self._concurrency = inf if concurrency is None else concurrency
        works: list[Work] = [expectations, *(kind(self.run) for kind in kinds)]
        self._works = {work.step: work for work in works}
        self._lanes = {work.lane: work for work in self._works.values()}
        self._open: set[Item] = set()
        self._occupying: set[Item] = set()
        self._due: list[tuple[float, int, Item]] = []
        self._numbers = count()
        self._coming: deque[Order] = deque()
        self._tally = Tallying(self.run)
        self._lease = Lease(tools)
        self._deferral: Deferral | None = None

    def add(self, record: Record, *, deadline: float | None = None, row: int | None = None) -> Item:
        """Add a generation of an earlier command, to poll or to settle; return its item."""
        run = self.run
        item = run.new_item(Step.WATCH, deadline)
        item.row = row
        self._open.add(item)
        if record.accepted:
            starts_watching(run, item, record)
            if record.ready and not run.goal.save and run.goal.wait:
                run.end(item, None, record)
        elif record.status.is_unresolved and run.goal.save:
            starts_settling(run, item, record)
        else:
            item.ref = record.ref
            run.end(item, without_id(record), record)
        self._put(item)
        return item

    def submit(self, order: Order) -> None:
        """Queue a request; the engine submits requests in order, when there is room."""
        self._coming.append(order)

    @property
    def not_submitted(self) -> int:
        """How many requests were left when submitting stopped."""
        return len(self._coming)

    def outcomes(self) -> Outcomes:
        """Yield events, and the outcome of each item as soon as it is known.

        Raises:
            Interrupted: a signal; everything known is on disk.
        """
        self.run.tools.journal.wait_for_locks(LOCK_S)
        with deferred(self._signalled, self._wake) as self._deferral:
            try:
                while True:
                    yield from self._pending_events()
                    if not self._advance():
                        return
            except BaseException as error:
                # A signal, a closed stdout, or a bug: first write down everything paid for.
                self._deferral.raises = False
                unknown = salvage(self.run, self._works.values(), self._workers, self._open)
                if isinstance(error, Interrupted):
                    self._explain(error, unknown)
                raise
            finally:
                for close in self.run.at_end:
                    close()
                self._workers.close()
                self._lease.give_back()

    def _pending_events(self) -> Outcomes:
        """Yield the events to show. Only during a yield may a signal raise at once."""
        assert self._deferral is not None
        while self.run.events:
            event = self.run.events.popleft()
            self._deferral.raises = True
            yield event
            self._deferral.raises = False

    def _advance(self) -> bool:
        """Start the items that are due and handle answers; return False when all have ended."""
        now = self.run.now
        self._lease.beat()
        for lane, work in self._lanes.items():
            lane.give_places(now, wanted=self._is_wanted(work))
            for ticket in lane.overdue(now):
                if ticket.item.step is work.step:
                    self._guarded(work.late, ticket)
        if self.run.refusal:
            self._refuse_all(self.run.refusal)
        self._start(now)
        if not self.run.events:
            ends = not self._coming or self.run.stop or self.run.refusal
            if not self._open and ends:
                return self._received_rest()
            self._receive()
        self._tally.tell(self._open, self._coming, self._concurrency)
        return True

    def _start(self, now: float) -> None:
        """Start the items that are due, while their lanes have room."""
        while self._due and self._due[0][0] <= now:
            due, _, item = heappop(self._due)
            # An item with another due time has moved on, and has a newer entry.
            if item.is_open and item.due == due:
                self._works[item.step].lane.waiting.append(item)
        for lane, work in self._lanes.items():
            while lane.waiting and lane.has_room(now) and len(self.run.events) < EVENTS_MAX:
                self._begin(work, lane.waiting.popleft())
        while self._has_room(now):
            item = self.run.new_item(Step.SUBMIT, self.run.deadline_of_new())
            item.takes(self._coming.popleft())
            self._open.add(item)
            self._begin(self._works[Step.SUBMIT], item)

    def _is_wanted(self, work: Work) -> bool:
        """Whether a queued request, not an item yet, waits for a place in this kind of work."""
        if work.step is not Step.SUBMIT or self.run.stop or self.run.refusal:
            return False
        return bool(self._coming) and len(self._occupying) < self._concurrency

    def _has_room(self, now: float) -> bool:
        """Whether one more request may be submitted."""
        if not self._coming:
            return False
        work = self._works[Step.SUBMIT]
        return self._is_wanted(work) and not work.lane.waiting and work.lane.has_room(now)

    def _begin(self, work: Work, item: Item) -> None:
        if not item.is_open:
            return
        try:
            job = work.begin(item)
            if job is not None:
                self._workers.start(item, job, work)
                self._place(item)
                return
        except WanError as error:
            fails(self.run, item, error)
        except OSError as cause:
            self._has_no_thread(item, cause)
        self._put(item)

    def _put(self, item: Item) -> None:
        """Schedule an item's next step."""
        self._place(item)
        if item.is_open:
            heappush(self._due, (item.due, next(self._numbers), item))

    def _place(self, item: Item) -> None:
        """Update whether an item is open and whether it counts as in flight."""
        self._open -= set() if item.is_open else {item}
        is_counted = self._concurrency < inf and item.is_in_flight
        (self._occupying.add if is_counted else self._occupying.discard)(item)

    def _receive(self) -> None:
        """Wait for the next answer or the next due time, then handle the answers."""
        now = self.run.now
        due = self._due[0][0] if self._due else inf
        wakes = min(
            lane.wakes_at(now, wanted=self._is_wanted(work)) for lane, work in self._lanes.items()
        )
        answers, clock = self._workers.answers, self.run.tools.clock
        seconds = min(due, wakes, self._tally.due, self._lease.due) - now
        if seconds > REST_S:
            self.run.tools.journal.rest()
        for _ in range(AT_ONCE):
            answer = clock.receive(answers, seconds)
            if answer is None:
                return
            self._take(answer)
            seconds = 0.0

    def _received_rest(self) -> bool:
        """Handle answers that came at the end, such as a signal; return whether work is left."""
        while (answer := self.run.tools.clock.receive(self._workers.answers, 0.0)) is not None:
            self._take(answer)
        return bool(self.run.events or self._open)

    def _take(self, answer: Answer) -> None:
        """Handle one answer from a worker."""
        if answer.ticket is None:
            if isinstance(answer.value, Interrupted):
                raise answer.value
            return
        ticket, work = answer.ticket, answer.ticket.work
        if not answer.is_last:
            self._pass_on(ticket, answer.value)
            return
        was_open = work.lane.closed(ticket)
        if was_open and ticket.item.step is work.step:
            self._guarded(work.take, ticket, answer.value)
        elif work.step is Step.SUBMIT and self.run.late_reply:
            self._guarded(self.run.late_reply, ticket, answer.value)

    def _pass_on(self, ticket: Ticket, message: object) -> None:
        """Pass on a job's report or question; refuse a question if the job was abandoned."""
        if ticket.job.on_message is not None and ticket.work.lane.is_open(ticket):
            ticket.job.on_message(ticket, message)
        elif isinstance(message, Question):
            message.answer(None)

    def _guarded(self, call: Callable[..., None], ticket: Ticket, *value: object) -> None:
        """Call a handler; if it fails, the failure is the outcome of this item only."""
        item = ticket.item
        try:
            call(item, *value)
        except WanError as error:
            fails(self.run, item, error)
        if item.step is not Step.DONE or item in self._open:
            self._put(item)

    def _refuse_all(self, refusal: WanError) -> None:
        """End every item that needs the API, which refuses the key. Downloads need no key."""
        for item in sorted(self._open, key=number_of):
            if len(self.run.events) >= EVENTS_MAX:
                return
            # The API may still accept a POST that is under way.
            may_end = item.step is not Step.SAVE and item.ref not in self.run.posting
            if item.is_open and may_end:
                self.run.end(item, refused(refusal, item, self.run.record_if_known(item)))
                self._place(item)

    def _has_no_thread(self, item: Item, cause: OSError) -> None:
        """Wait for a running worker if there is one; else end everything: no thread can start."""
        if any(map(len, self._lanes)):
            item.due = self.run.now + 0.5
            return
        self.run.stop = self.run.stop or SetupError(str(cause), hint=RUN_AGAIN)
        for each in [item, *self._open]:
            if each.is_open:
                self.run.end(each, no_thread(each, cause))
                self._place(each)

    def _signalled(self, number: int) -> None:
        self._workers.answers.put(Answer(None, Interrupted(number)))

    def _wake(self) -> None:
        self._workers.answers.put(Answer(None, None))

    def _explain(self, interrupted: Interrupted, unknown: Sequence[Record]) -> None:
        """Say what happens to everything in flight."""
        items = sorted({*self._open, *self.run.left_running}, key=number_of)
        explain(interrupted, self.run, items, unknown)
