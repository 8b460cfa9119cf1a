"""A batch: many rows, some of them in flight, each submitted once however often it is run."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import NamedTuple

from wan_cli.batchfile.row import Row
from wan_cli.errors import (
    GenerationFailed,
    Interrupted,
    KeyRefused,
    LocalFileError,
    NoCredits,
    NotRecorded,
    OutcomeUnknown,
    OverBudget,
    RateLimited,
    Rejected,
    SetupError,
    Unreachable,
    WanError,
)
from wan_cli.models import GenerationRequest
from wan_cli.prices import Price
from wan_cli.progress import Event, Note, Pause, Warned
from wan_cli.record import Outcome, Record
from wan_cli.runner.context import Context, Patience, Story
from wan_cli.runner.deliver import Delivery, meanwhile, not_submitted, ready_of, saved
from wan_cli.runner.look import ended
from wan_cli.runner.many import Many, Outcomes
from wan_cli.runner.plan import Entry, Survey, prepare, survey
from wan_cli.runner.pricing import Budget
from wan_cli.runner.save import is_on_disk
from wan_cli.runner.submit import new_ref, submit
from wan_cli.runner.twin import Wish

AGAIN = "the same command again"
# What befalls one row and would befall all that follow: a full disk too takes no more videos.
_FATAL = (KeyRefused, OverBudget, SetupError, LocalFileError)
# What is likely to befall the next ones too; after so many in a row no more are tried.
_NOT_OF_THE_ROW = (NoCredits, RateLimited, Unreachable)
IN_VAIN_MAX = 3


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


class _Attempt:
    """A submission that is under way: it may pause, and then the others go on."""

    def __init__(self, entry: Entry, ref: str, story: Story[Record], patience: Patience) -> None:
        self.entry = entry
        self.ref = ref
        self.story = story
        self.patience = patience
        self.until = 0.0


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
        self._attempt: _Attempt | None = None
        self._saving: Record | None = None
        self._done = 0
        self._safe = 0
        # The last rows that failed by something that is not theirs.
        self._in_vain = 0
        self._is_stopped = False

    def agree(
        self,
        entries: Sequence[Entry],
        price: Callable[
            [Sequence[GenerationRequest], Sequence[GenerationRequest]], Sequence[Price]
        ],
    ) -> Survey:
        """Return what is to be done, after all that can be wrong on this side was looked for.

        Args:
            entries: the rows.
            price: has what is to be submitted, and what was submitted at an unknown cost, agreed
                to, and returns the prices of the former.

        Raises:
            UsageError: files exist and must not be replaced, or the price is not agreed to.
            OverBudget: it is too much.
            LocalFileError: a folder cannot be used.
        """
        terms = self._terms
        found = survey(self._ctx.history, entries, retry_failed=terms.retry_failed)
        prepare(self._source, found.coming, overwrite=terms.overwrite, sidecar=terms.sidecar)
        terms.budget.add(found.paid_usd)
        return found.priced(price(found.requests, found.at_unknown_cost))

    def run(self, found: Survey) -> Outcomes:
        """Submit what is to be submitted, some at a time, and save all videos as they are ready."""
        self._coming.extend(found.coming)
        try:
            for entry, record in found.known:
                yield from self._go_on_with(entry, record, self._terms.patience())
            yield from self._submit_some()
            while len(self._many) or self._attempt:
                for told in self._many.watch():
                    yield from self._take_in(told)
                    yield from self._submit_some()
                if self._attempt:
                    self._ctx.clock.sleep(max(0.0, self._attempt.until - self._now()))
                yield from self._submit_some()
        except Interrupted as interrupted:
            self._explain(interrupted)
            raise
        if self._coming:
            left = len(self._coming)
            words = "1 row was" if left == 1 else f"{left} rows were"
            yield Warned(f"{words} not submitted; for the rest: {AGAIN}")

    def _now(self) -> float:
        return self._ctx.clock.monotonic()

    def _go_on_with(self, entry: Entry, record: Record, patience: Patience) -> Outcomes:
        """Wait for a generation that a row has, or tell how it ended."""
        self._rows[record.ref] = entry.row
        self._safe += 1
        error, place = ended(record), entry.destination
        if is_on_disk(record):
            yield Note(f"{record.id} is on disk already")
            if place.name and record.file != str(place.folder / place.name):
                yield Warned(self._at(entry.row, f"its video is {record.file}, saved before"))
        elif error is None:
            record = self._ctx.save_new(
                record,
                row=entry.row.number,
                folder=str(place.folder),
                name=place.name,
                name_template=place.name_template,
            )
            if self._terms.wait:
                self._many.add(record, patience.deadline)
                return
        yield self._ended(Outcome(record, error), is_watched=False)

    def _submit_some(self) -> Outcomes:
        """Submit as long as there is room, or go on with the submission that has paused."""
        while self._is_due:
            if self._attempt is None:
                entry = self._coming.popleft()
                for words in entry.row.request.warnings:
                    yield Warned(self._at(entry.row, words))
                self._attempt = self._begun(entry)
            yield from self._drive(self._attempt)
            self._many.count.beside(self._done, len(self._coming) + (self._attempt is not None))

    @property
    def _is_due(self) -> bool:
        if self._attempt:
            return self._now() >= self._attempt.until
        has_room = len(self._many) < self._terms.concurrency
        return bool(self._coming) and has_room and not self._is_stopped

    def _begun(self, entry: Entry) -> _Attempt:
        ref, terms, patience = new_ref(), self._terms, self._terms.patience()
        wish = Wish(
            entry.destination,
            sidecar=terms.sidecar,
            again=terms.again,
            row_key=entry.row.key,
            row=entry.row.number,
            retry_failed=terms.retry_failed,
        )
        story = self._paid_for(entry, submit(self._ctx, entry.row.request, wish, patience, ref=ref))
        return _Attempt(entry, ref, story, patience)

    def _paid_for(self, entry: Entry, story: Story[Record]) -> Story[Record]:
        """Tell the story of a submission, with its price taken out of the budget."""
        budget, price = self._terms.budget, entry.price
        budget.take(price)
        try:
            record = yield from story
        except WanError as failure:
            if not isinstance(failure, OutcomeUnknown | NotRecorded):
                budget.correct(price, 0.0)
            raise
        budget.correct(price, record.cost_usd)
        return record

    def _drive(self, attempt: _Attempt) -> Outcomes:
        """Go on with a submission until it pauses or ends."""
        try:
            while not isinstance(event := next(attempt.story), Pause):
                yield event
        except StopIteration as end:
            yield from self._submitted(attempt, end.value)
        except WanError as failure:
            self._attempt = None
            yield self._refused(attempt, failure)
        else:
            attempt.until = self._many.wake_at = self._now() + event.seconds

    def _submitted(self, attempt: _Attempt, record: Record) -> Outcomes:
        self._attempt, self._in_vain = None, 0
        yield from self._go_on_with(attempt.entry, record, attempt.patience)
        yield Note(f"submitted {record.id} (row {attempt.entry.row.number})")

    def _refused(self, attempt: _Attempt, failure: WanError) -> Outcome:
        """Return the outcome of a row that has no generation, as far as it is known."""
        row = attempt.entry.row
        self._in_vain = self._in_vain + 1 if isinstance(failure, _NOT_OF_THE_ROW) else 0
        if isinstance(failure, Rejected):
            failure.hint = "mend the row, then: the same command again"
        try:
            outcome = not_submitted(self._ctx, attempt.ref, failure)
        except WanError as nothing_written:
            outcome = Outcome(None, nothing_written)
        if outcome.record:
            self._rows[outcome.record.ref] = row
        elif outcome.error:
            outcome.error.message = self._at(row, outcome.error.message)
        return self._ended(outcome, is_watched=False)

    def _take_in(self, told: Event | Outcome) -> Outcomes:
        """Tell what happened; save the video that can be saved, and look after the others."""
        ready = ready_of(told, self._delivery)
        if ready is None:
            yield self._ended(told) if isinstance(told, Outcome) else told
            return
        self._saving = ready
        story = saved(self._ctx, ready, self._delivery, self._terms.patience())
        outcome = yield from meanwhile(story, self._others)
        self._saving = None
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
        is_hopeless = isinstance(error, _FATAL) or self._in_vain >= IN_VAIN_MAX
        self._is_stopped = self._is_stopped or self._terms.fail_fast or is_hopeless
        return outcome

    def _at(self, row: Row, words: str) -> str:
        return f"{self._source}:{row.line}: {words}"

    def _explain(self, interrupted: Interrupted) -> None:
        """Say what a signal means for all; the same command goes on with all of it."""
        if self._attempt:
            with suppress(Interrupted, StopIteration):
                self._attempt.story.throw(interrupted)
        submission, words = interrupted.record, interrupted.message
        if self._safe:
            interrupted.message = "interrupted; what was submitted is safe"
        self._many.explain(interrupted, self._saving)
        if isinstance(submission, Record) and submission.status.is_unresolved:
            if others := len(self._many):
                goes = "1 other goes on and is" if others == 1 else f"{others} others go on and are"
                words = f"{words}; {goes} safe"
            interrupted.explain(words, hint=AGAIN, record=submission)
        else:
            interrupted.explain(interrupted.message, hint=AGAIN, record=None)
