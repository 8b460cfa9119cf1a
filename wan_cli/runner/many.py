"""Watching many generations at once: one heap of next looks, and a few threads that ask.

The threads do nothing but ask. The caller's thread alone decides, and is at the history.
"""

from collections import deque
from collections.abc import Generator
from heapq import heappop, heappush
from math import inf

from wan_cli.api.client import GET_SECONDS
from wan_cli.errors import (
    Interrupted,
    KeyRefused,
    NotFound,
    SetupError,
    Unfinished,
    Unreachable,
    WanError,
)
from wan_cli.generation import Generation
from wan_cli.progress import Event, Note, Watching
from wan_cli.record import Outcome, Record
from wan_cli.runner.context import Context, Patience, explain, failed, unreadable
from wan_cli.runner.look import about, look_seconds, may_pass, still, written
from wan_cli.runner.tally import Count
from wan_cli.runner.wait import Wait
from wan_cli.runner.watch import PAST_DEADLINE, Expectations, begin, has_video, taken_in
from wan_cli.runner.workers import SLOW_S, Question, Workers

# What is finished waits in memory to be saved: no more than so many records.
NEWS_MAX = 100
# How long to wait where too many looks hang for one more.
CROWDED_S = 0.25
# So many ids are named one by one.
NAMED_MAX = 3

Outcomes = Generator[Event | Outcome, None, None]


class Many:
    """Generations that are watched at once.

    Of each only its `Wait` is kept: its record is read again when there is something new of it.
    """

    def __init__(self, ctx: Context, patience: Patience) -> None:
        self._ctx = ctx
        self._patience = patience
        self._expectations = Expectations(ctx, patience)
        self._workers = Workers(ctx.client)
        self._waits: dict[str, Wait] = {}
        self._due: list[tuple[float, int, Wait]] = []
        self._numbers = 0
        # Those that the history cannot give again: of another machine, or where it is not written.
        self._kept: dict[str, Record] = {}
        self._news: deque[Event | Outcome] = deque()
        self._troubles: set[str] = set()
        self._refusal: KeyRefused | None = None
        self._ready = 0
        # When whoever watches is to be called, also if nothing happens.
        self.wake_at = inf
        self.count = Count(ctx.clock.monotonic())

    def __len__(self) -> int:
        """Return how many are watched, or ready and not told yet."""
        return len(self._waits) + self._ready

    def add(self, record: Record, deadline: float | None = None) -> None:
        """Watch this one too, from a look now on; it has an id, and may have its own deadline."""
        wait = begin(self._ctx, record, self._expectations.of(record))
        wait.deadline = self._patience.deadline if deadline is None else deadline
        if record.error_code is None and record.video_url is None and record.cost_usd is not None:
            wait.known = record.status, record.credits_used
        if not record.request or not self._ctx.keeps:
            self._kept[record.ref] = record
        self._waits[record.ref] = wait
        self.count.begins(wait.status)
        self._put(wait, wait.looked_at)

    def watch(self) -> Outcomes:
        """Look until all are final; yield what happens, and each outcome as it is known.

        An outcome without an error has the record of a video that can be saved. It may be saved
        before the next one is asked for, with `go_on` called meanwhile. At `wake_at` something is
        yielded in any case.
        """
        self._tell_tally()
        while self._waits or self._news:
            while self._news:
                told = self._news.popleft()
                self._ready -= isinstance(told, Outcome) and told.error is None
                yield told
            if self._refusal:
                yield from self._end_of_all(self._refusal)
            elif self._waits:
                self.go_on(wait=True)
                self._wake()

    def go_on(self, *, wait: bool = False) -> None:
        """Ask for what is due, and take in what was answered; `wait` for the next of both."""
        if len(self._news) >= NEWS_MAX:
            return
        now = self._ctx.clock.monotonic()
        self._hand_out(now)
        if wait and not self._workers.is_busy:
            if self.count.is_told and self._due:
                least_s = 0.0 if self._workers.has_room else CROWDED_S
                self._ctx.clock.sleep(max(least_s, min(self._due[0][0], self.wake_at) - now))
            else:
                # What is shown while nothing happens is to be what there is.
                self._tell_tally(at_once=True)
            return
        for ref, value in self._workers.answers(self._idle_s(now) if wait else 0.0):
            if ref in self._waits:
                self._take_in(self._waits[ref], value)
        self._tell_tally()

    def explain(self, interrupted: Interrupted, at: Record | None = None) -> None:
        """Say what a signal means for all that are left, one of which may be being saved."""
        ids = [wait.asked_id for wait in self._waits.values()]
        ready = [told for told in self._news if isinstance(told, Outcome) and told.error is None]
        ids += [outcome.record.handle for outcome in ready if outcome.record]
        if at is not None:
            explain(interrupted, at)
            ids.append(at.handle)
        if not ids or ids == [at and at.handle]:
            return
        words, hint = f"{len(ids)} generations go on and are safe", "wan fetch --all"
        if len(ids) == 1:
            words = f"generation {ids[0]} goes on and is safe"
        elif len(ids) <= NAMED_MAX:
            words = f"generations {', '.join(ids)} go on and are safe"
        is_foreign = any(not record.request for record in self._kept.values())
        if len(ids) <= NAMED_MAX or is_foreign:
            # The history may not know them all yet.
            hint = f"wan fetch {' '.join(ids)}"
        interrupted.explain(f"interrupted; {words}", hint=hint, record=None)

    def _put(self, wait: Wait, due: float) -> None:
        self._numbers += 1
        heappush(self._due, (due, self._numbers, wait))

    def _wake(self) -> None:
        if self._ctx.clock.monotonic() >= self.wake_at:
            self.wake_at = inf
            self.count.is_told = False
            self._tell_tally(at_once=True)

    def _hand_out(self, now: float) -> None:
        """Ask for what is due; end what it is too late to ask for."""
        while self._due and self._due[0][0] <= now and len(self._news) < NEWS_MAX:
            wait = self._due[0][2]
            seconds = look_seconds(self._ctx, wait.deadline)
            if seconds > 0 and not self._workers.has_room:
                return
            heappop(self._due)
            if wait.ref not in self._waits:
                continue  # It has ended otherwise.
            if seconds <= 0:
                self._end(wait, late(wait))
                continue
            wait.looked_at = now
            self._workers.ask(Question(wait.ref, wait.asked_id, seconds))

    def _idle_s(self, now: float) -> float:
        """Return for how long there is nothing to hand out."""
        until_due_s = self._due[0][0] - now if self._due else GET_SECONDS
        least_s = 0.0 if self._workers.has_room else SLOW_S
        return max(least_s, min(until_due_s, self.wake_at - now))

    def _take_in(self, wait: Wait, value: Generation | Exception) -> None:
        if look_seconds(self._ctx, wait.deadline) <= 0:
            # What comes too late is not worth a wait for the disk.
            self._end(wait, late(wait))
            return
        try:
            if isinstance(value, Generation):
                self._answered(wait, value)
            elif isinstance(value, WanError):
                self._unanswered(wait, value)
            else:
                raise value
        except WanError as error:
            self._end(wait, error)

    def _answered(self, wait: Wait, generation: Generation) -> None:
        if wait.failures:
            # It is over: the next trouble is another one.
            self._troubles.clear()
        told = generation.status, generation.credits_used
        is_known = told == wait.known and generation.status.is_running and not generation.url
        if is_known:
            wait.saw(generation.status, has_url=False)
        elif has_video(self._written(wait, generation)):
            self._tell(wait)
            self._end(wait, None)
            return
        self._tell(wait)
        self._again(wait)

    def _written(self, wait: Wait, generation: Generation) -> Record:
        """Return the record with what is new, after that is on disk. Raises as `taken_in`."""
        record = written(self._ctx, self._record(wait), generation, wait.asked_id)
        self._keep(record)
        self.count.moves(wait.status, record.status)
        wait.status = record.status
        record = taken_in(self._ctx, record, wait)
        self._keep(record)
        wait.known = generation.status, generation.credits_used
        return record

    def _unanswered(self, wait: Wait, failure: WanError) -> None:
        if isinstance(failure, KeyRefused):
            self._refusal = failure
            return
        is_down = isinstance(failure, Unreachable)
        record = None if is_down and wait.status.is_running else self._record(wait)
        if is_down and record and has_video(record):
            # An earlier command has seen its URL: it may do without the API.
            self._end(wait, None)
            return
        if isinstance(failure, NotFound) and record and self._has_another_id(wait, record):
            wait.asked_id = str(record.other_id)
            self._put(wait, wait.looked_at)
            return
        failure = about(failure, wait.asked_id)
        if record and not may_pass(self._ctx, record, failure):
            raise failure
        wait.failed()
        if record:
            wait.asked_id = record.handle
        if failure.message not in self._troubles:
            # Of many that fail alike, one sentence.
            self._troubles.add(failure.message)
            self._news.append(Note(f"{failure.message}; asking again"))
        self._again(wait)

    def _has_another_id(self, wait: Wait, record: Record) -> bool:
        """Whether the reply to the submission named two ids, and the other was not asked for."""
        return record.other_id is not None and wait.asked_id == record.id

    def _again(self, wait: Wait) -> None:
        now = self._ctx.clock.monotonic()
        if now >= wait.deadline:
            self._end(wait, late(wait))
            return
        self._put(wait, wait.next_due(now, wait.deadline, self._patience.poll_interval_s))

    def _end(self, wait: Wait, error: WanError | None) -> None:
        try:
            record = self._record(wait)
            outcome = failed(self._ctx, record, error) if error else Outcome(record)
        except SetupError as trouble:
            outcome = Outcome(None, unreadable(wait.asked_id, trouble))
        del self._waits[wait.ref]
        self._kept.pop(wait.ref, None)
        self.count.ends(wait.status)
        self._ready += outcome.error is None
        self._news.append(outcome)

    def _end_of_all(self, refusal: KeyRefused) -> Outcomes:
        """Yield the outcomes of all that are left: the key is refused."""
        while self._waits:
            wait = next(iter(self._waits.values()))
            self._end(wait, about(refusal, wait.asked_id))
            yield self._news.pop()

    def _record(self, wait: Wait) -> Record:
        return self._kept.get(wait.ref) or self._ctx.history.at(wait.ref)

    def _keep(self, record: Record) -> None:
        if record.ref in self._kept:
            self._kept[record.ref] = record

    def _tell(self, wait: Wait) -> None:
        if wait.said is not wait.status:
            wait.said = wait.status
            self.count.is_told = False
            # How long it will take is told of all together.
            self._news.append(Watching(wait.asked_id, wait.status, wait.elapsed_s, None))

    def _tell_tally(self, *, at_once: bool = False) -> None:
        now = self._ctx.clock.monotonic()
        tally = self.count.tell(now, self._waits.values(), at_once=at_once)
        if tally:
            self._news.append(tally)


def late(wait: Wait) -> Unfinished:
    """Return the error of a generation that was still being made at the deadline."""
    return still(wait.asked_id, wait.status, PAST_DEADLINE)
