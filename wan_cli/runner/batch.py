"""A batch: many rows, some of them in flight, each submitted once however often it is run."""

from collections import deque
from collections.abc import Callable
from math import inf
from typing import NamedTuple

from wan_cli.batch import Row
from wan_cli.errors import (
    GenerationFailed,
    Interrupted,
    KeyRefused,
    NotRecorded,
    OutcomeUnknown,
    OverBudget,
    SetupError,
    WanError,
)
from wan_cli.progress import Event, Note, Warned
from wan_cli.record import Outcome, Record
from wan_cli.runner.context import Clock, Context, Patience
from wan_cli.runner.deliver import Delivery, meanwhile, not_submitted, ready_of, saved
from wan_cli.runner.look import ended
from wan_cli.runner.many import Many, Outcomes
from wan_cli.runner.plan import Entry, Survey
from wan_cli.runner.pricing import Budget
from wan_cli.runner.save import is_on_disk
from wan_cli.runner.submit import Wish, new_ref, submit

AGAIN = "the same command again"
# A submission that waits before another try looks after the others so often.
SLICE_S = 0.25
# What befalls one row and would befall all that follow.
_FATAL = (KeyRefused, OverBudget, SetupError, NotRecorded)


class Terms(NamedTuple):
    """How a batch is run. `patience` gives a generation its deadline, from its submission on."""

    patience: Callable[[], Patience]
    budget: Budget
    concurrency: int
    wait: bool = True
    overwrite: bool = False
    sidecar: bool = False
    again: bool = False
    retry_failed: bool = False
    fail_fast: bool = False


class Batch:
    """One run of a batch.

    Args:
        ctx: the tools.
        terms: how it is run.
        source: what the file is called in messages.
    """

    def __init__(self, ctx: Context, terms: Terms, source: str) -> None:
        self._ctx = ctx
        self._terms = terms
        self._source = source
        self._many = Many(ctx, terms.patience()._replace(deadline=inf))
        self._delivery = Delivery(overwrite=terms.overwrite)
        self._coming: deque[Entry] = deque()
        self._rows: dict[str, Row] = {}
        self._done = 0
        self._is_stopped = False
        self._at_hand: Record | None = None
        # While a submission waits before another try, the others are looked after.
        clock = Clock(ctx.clock.now, ctx.clock.monotonic, self._sleep)
        self._between = ctx._replace(clock=clock)

    def run(self, found: Survey) -> Outcomes:
        """Submit what is to be submitted, some at a time, and save all videos as they are ready."""
        self._coming.extend(found.coming)
        try:
            for entry, record in found.known:
                yield from self._go_on_with(entry, record)
            yield from self._submit_some()
            for told in self._many.watch():
                yield from self._take_in(told)
                yield from self._submit_some()
        except Interrupted as interrupted:
            self._explain(interrupted)
            raise
        if self._coming:
            left = len(self._coming)
            words = "1 row was" if left == 1 else f"{left} rows were"
            yield Warned(f"{words} not submitted; for the rest: {AGAIN}")

    def _go_on_with(self, entry: Entry, record: Record) -> Outcomes:
        """Wait for a generation that a row has, or tell how it ended."""
        self._rows[record.ref] = entry.row
        error = ended(record)
        if is_on_disk(record):
            yield Note(f"{record.id} is on disk already")
        elif error is None:
            place = entry.destination
            record = self._ctx.save_new(
                record,
                row=entry.row.number,
                folder=str(place.folder),
                name=place.name,
                name_template=place.name_template,
            )
            if self._terms.wait:
                self._many.add(record, self._terms.patience().deadline)
                return
        yield self._ended(Outcome(record, error), is_watched=False)

    def _submit_some(self) -> Outcomes:
        """Submit as long as there is room."""
        while self._coming and not self._is_stopped and len(self._many) < self._terms.concurrency:
            yield from self._submit(self._coming.popleft())
            self._many.count.beside(self._done, len(self._coming))

    def _submit(self, entry: Entry) -> Outcomes:
        ref, price, terms = new_ref(), entry.price, self._terms
        wish = Wish(
            entry.destination,
            sidecar=terms.sidecar,
            again=terms.again,
            row_key=entry.row.key,
            row=entry.row.number,
            retry_failed=terms.retry_failed,
        )
        for words in entry.row.request.warnings:
            yield Warned(self._at(entry.row, words))
        try:
            terms.budget.take(price)
            story = submit(self._between, entry.row.request, wish, terms.patience(), ref=ref)
            record = yield from story
        except WanError as failure:
            yield self._refused(entry, ref, failure)
            return
        terms.budget.correct(price, record.cost_usd)
        self._at_hand, at_hand = record, self._at_hand
        yield Note(f"submitted {record.id} (row {entry.row.number})")
        self._at_hand = at_hand
        yield from self._go_on_with(entry, record)

    def _refused(self, entry: Entry, ref: str, failure: WanError) -> Outcome:
        """Return the outcome of a row that has no generation, as far as it is known."""
        if not isinstance(failure, OutcomeUnknown | NotRecorded | OverBudget):
            self._terms.budget.correct(entry.price, 0.0)
        try:
            outcome = not_submitted(self._ctx, ref, failure)
        except WanError as nothing_written:
            outcome = Outcome(None, nothing_written)
        if outcome.record:
            self._rows[ref] = entry.row
        elif outcome.error:
            outcome.error.message = self._at(entry.row, outcome.error.message)
        return self._ended(outcome, is_watched=False)

    def _take_in(self, told: Event | Outcome) -> Outcomes:
        """Tell what happened; save the video that can be saved, and look after the others."""
        ready = ready_of(told, self._delivery)
        if ready is None:
            yield self._ended(told) if isinstance(told, Outcome) else told
            return
        self._at_hand = ready
        story = saved(self._ctx, ready, self._delivery, self._terms.patience())
        outcome = yield from meanwhile(story, self._others)
        self._at_hand = None
        yield self._ended(outcome)

    def _others(self) -> Outcomes:
        self._many.go_on()
        yield from self._submit_some()

    def _ended(self, outcome: Outcome, *, is_watched: bool = True) -> Outcome:
        """Return the outcome with its row; what would befall all others too stops the batch."""
        record, error = outcome.record, outcome.error
        self._done += not is_watched
        if error is None:
            return outcome
        row = self._rows.get(record.ref) if record else None
        if row:
            error.message = self._at(row, error.message)
        if isinstance(error, GenerationFailed):
            error.hint = "change the row, or: the same command with --retry-failed"
        if self._terms.fail_fast or isinstance(error, _FATAL):
            self._is_stopped = True
        return outcome

    def _at(self, row: Row, words: str) -> str:
        return f"{self._source}:{row.line}: {words}"

    def _sleep(self, seconds: float) -> None:
        clock = self._ctx.clock
        end = clock.monotonic() + seconds
        while (left := end - clock.monotonic()) > 0:
            self._many.go_on()
            clock.sleep(min(left, SLICE_S))

    def _explain(self, interrupted: Interrupted) -> None:
        """Say what a signal means for all; the same command goes on with all of it."""
        submission, words = interrupted.record, interrupted.message
        self._many.explain(interrupted, self._at_hand)
        if isinstance(submission, Record) and submission.status.is_unresolved:
            others = f"; {len(self._many)} others go on and are safe" if len(self._many) else ""
            interrupted.explain(words + others, hint=AGAIN, record=submission)
        else:
            interrupted.explain(interrupted.message, hint=AGAIN, record=None)
