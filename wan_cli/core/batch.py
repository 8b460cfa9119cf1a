"""wan batch: many rows, some in flight at a time; each is submitted once, however often you run."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from wan_cli.core.budget import Budget
from wan_cli.core.engine import Engine, Outcomes
from wan_cli.core.files import is_elsewhere, placed
from wan_cli.core.items import Goal, Order
from wan_cli.core.lease import in_record, is_of_other
from wan_cli.core.lookup import look_up, unsearched
from wan_cli.core.plan import Entry, Plan
from wan_cli.core.save import DOWNLOADS, Saving
from wan_cli.core.settle import Settling
from wan_cli.core.submit import Submitting
from wan_cli.core.survey import Survey, is_known, made_elsewhere, prepare, survey
from wan_cli.core.tools import Timing, Tools
from wan_cli.core.verdicts import ended
from wan_cli.core.watch import Watching
from wan_cli.destination import are_saved
from wan_cli.errors import (
    RUN_AGAIN,
    GenerationFailed,
    Interrupted,
    KeyNotAllowed,
    LocalFileError,
    NoCredits,
    Rejected,
    WanError,
)
from wan_cli.events import Events, Note, Warned
from wan_cli.record import Outcome, Record


class Terms(NamedTuple):
    """How to run a batch. `timing` applies to each generation from its own submission."""

    timing: Timing
    budget: Budget
    concurrency: int
    downloads: int = DOWNLOADS
    wait: bool = True
    overwrite: bool = False
    sidecar: bool = False
    again: bool = False
    retry_failed: bool = False
    fail_fast: bool = False
    lookup: bool = True


class Batch:
    """One run of a batch.

    Args:
        tools: the client, the journal and the clock.
        terms: the options of this run.
        plan: the rows.
    """

    def __init__(self, tools: Tools, terms: Terms, plan: Plan) -> None:
        self.tools = tools
        self.terms = terms
        self._source = plan.source
        self.plan = plan
        self._budget = plan.budget
        self._lines = {entry.row.number: entry.row.line for entry in plan.entries}
        # Folders that received copies of videos already on disk: one entry for each video.
        self._copied: list[str] = []

    def agree(self) -> Events[Survey]:
        """Return the work to do, after checking everything that can be checked locally.

        Raises:
            UsageError: files exist and must not be replaced, or a key is for another request.
            LocalFileError: a folder cannot be used.
            WanError: the account's log cannot be read; nothing was sent.
        """
        terms, journal = self.terms, self.tools.journal
        found = survey(journal, self.plan, retry_failed=terms.retry_failed)
        if terms.lookup:
            found = yield from self._look_up(found)
        for words in made_elsewhere(journal, self.plan, found):
            yield Warned(words)
        found = prepare(self._source, found, overwrite=terms.overwrite, sidecar=terms.sidecar)
        terms.budget.add(found.paid_usd)
        if terms.budget.max_usd is not None:
            terms.budget.batch = self._budget
            journal.join_budget(self._budget, self.plan.keys)
        return found

    def _look_up(self, found: Survey) -> Events[Survey]:
        """Search the account's log for rows that the history does not know.

        Always search for a `once` key: it promises more than a batch does.
        """
        new = found.coming[: len(found.coming) - found.unresolved]
        if found.known or found.unresolved or is_known(self.tools.journal, self.plan.batch):
            new = [entry for entry in new if entry.row.once is not None]
        if not new:
            return found
        orders = [self._order(entry) for entry in new]
        try:
            pairs = yield from look_up(self.tools, orders, self.terms.timing)
        except (KeyNotAllowed, NoCredits, Rejected) as failure:
            if any(entry.row.once is not None for entry in new):
                raise unsearched(failure) from None
            yield Warned(
                f"this key may not read the account's log ({failure.message}), so wan cannot see"
                " whether other machines worked on this batch"
            )
            return found
        except WanError as failure:
            raise unsearched(failure) from None
        made = {order.row: (order.attempts, record) for order, record in pairs}
        known, coming = list(found.known), []
        for entry in found.coming:
            attempts, record = made.get(entry.row.number, (0, None))
            if record is None:
                coming.append(entry._replace(attempts=attempts))
            else:
                known.append((entry, record))
        return found._replace(known=known, coming=coming)

    def run(self, found: Survey) -> Outcomes:
        """Submit the new rows, some at a time, and save each video as soon as it is ready.

        Raises:
            Interrupted: a signal; running the same command again continues.
        """
        terms = self.terms
        goal = Goal(wait=terms.wait, save=True, overwrite=terms.overwrite, follows=True)
        engine = Engine(
            self.tools,
            terms.timing,
            goal,
            [Submitting, Settling, Watching, partial(Saving, downloads=terms.downloads)],
            budget=terms.budget,
            concurrency=terms.concurrency,
            fail_fast=terms.fail_fast,
        )
        outcomes = engine.outcomes()
        safe = bool(found.known)
        try:
            yield from self._continue(engine, found)
            yield from self._impossible(engine, found)
            for entry in self._in_own_order(found):
                engine.submit(self._order(entry))
                for words in entry.row.request.warnings:
                    yield Warned(self._at(entry.row.number, words))
            for event in outcomes:
                safe = safe or (isinstance(event, Outcome) and event.error is None)
                yield self._named(event) if isinstance(event, Outcome) else event
        except Interrupted as interrupted:
            with suppress(Interrupted):
                # The signal may have come while an event was printed: let the engine explain it.
                outcomes.throw(interrupted)
            _explain(interrupted, safe=safe)
            raise
        if left := engine.not_submitted:
            yield Warned(f"{_rows(left)} not submitted; to continue, {RUN_AGAIN}")

    def _in_own_order(self, found: Survey) -> Sequence[Entry]:
        """Return the rows to submit; each of several machines begins with another one."""
        journal, new = self.tools.journal, len(found.coming) - found.unresolved
        if not journal.is_shared or new < 1:
            return found.coming
        first = int(journal.workers.me, 16) % new
        return [*found.coming[first:new], *found.coming[:first], *found.coming[new:]]

    def _order(self, entry: Entry) -> Order:
        terms, row = self.terms, entry.row
        return Order(
            row.request,
            entry.destination,
            sidecar=terms.sidecar,
            again=terms.again,
            keys=row.keys,
            batch=self.plan.batch.name,
            once=row.once,
            row=row.number,
            retry_failed=terms.retry_failed or row.once is not None,
            budget=self._budget,
            price=entry.price,
            attempts=entry.attempts,
        )

    def _continue(self, engine: Engine, found: Survey) -> Outcomes:
        """Continue the rows that have a generation; count the finished ones in one line."""
        earlier = 0
        saved = are_saved([record for _, record in found.known])
        for (entry, record), is_saved in zip(found.known, saved, strict=True):
            for event in self._continue_with(engine, entry, record, is_saved=is_saved):
                earlier += isinstance(event, Outcome) and event.is_earlier
                yield event
        if earlier:
            yield Note(f"{_rows(earlier)} finished by earlier runs")
        if self._copied:
            yield Note(_copied_words(self._copied))

    def _continue_with(
        self, engine: Engine, entry: Entry, record: Record, *, is_saved: bool
    ) -> Outcomes:
        """Wait for a row's generation, or report how it ended."""
        row, place = entry.row, entry.destination
        error: WanError | None = ended(record)
        has_ended = error is not None or is_saved
        if is_saved:
            if is_elsewhere(record, place):
                record, error = self._placed(entry, record)
        elif error is None:
            if not is_of_other(self.tools, record):
                # A process of another machine may save the video where the record says.
                record = self.tools.save_new(record, row=row.number, **in_record(place))
            if self.terms.wait:
                deadline = engine.run.deadline_of_new()
                engine.add(record, deadline=deadline, row=row.number).destination = place
                return
        yield self._named(Outcome(record, error, row.number, is_earlier=has_ended))

    def _placed(self, entry: Entry, record: Record) -> tuple[Record, LocalFileError | None]:
        """Copy a row's video to the destination of this run."""
        terms = self.terms
        try:
            record, is_copied = placed(
                self.tools,
                record,
                entry.destination,
                overwrite=terms.overwrite,
                sidecar=terms.sidecar,
            )
        except LocalFileError as trouble:
            return record, trouble
        if is_copied and record.file:
            self._copied.append(record.file.rpartition("/")[0])
        return record, None

    def _impossible(self, engine: Engine, found: Survey) -> Outcomes:
        """Report the rows whose video could not be saved; wan submits none of them."""
        for entry, error in found.impossible:
            row = entry.row
            if self.terms.fail_fast:
                engine.run.stop = error
            words = error.with_hint(f"change the row, then {RUN_AGAIN}")
            yield self._named(Outcome(None, words, row.number))

    def _named(self, outcome: Outcome) -> Outcome:
        """Return the outcome with its row named in the error message."""
        error = outcome.error
        if error is None or outcome.row is None:
            return outcome
        if isinstance(error, Rejected):
            error = error.with_hint(f"correct the row, then {RUN_AGAIN}")
        if isinstance(error, GenerationFailed):
            error = error.with_hint("change the row, or add --retry-failed to the same command")
        words = self._at(outcome.row, error.message)
        return outcome._replace(error=error.with_message(words))

    def _at(self, number: int, words: str) -> str:
        return f"{self._source}:{self._lines[number]}: {words}"


def _rows(count: int) -> str:
    return "1 row was" if count == 1 else f"{count} rows were"


def _copied_words(folders: Sequence[str]) -> str:
    """Return one line about all the videos that were copied."""
    many = "1 video was" if len(folders) == 1 else f"{len(folders)} videos were"
    places = sorted(set(folders))
    more = f" and {len(places) - 1} other folders" if len(places) > 1 else ""
    return f"{many} saved elsewhere: copied to {places[0]}{more}"


def _explain(interrupted: Interrupted, *, safe: bool) -> None:
    """Explain what a signal means for a batch: running the same command again continues it."""
    words = interrupted.message
    if safe and not interrupted.is_explained:
        words = "interrupted; submitted generations are safe"
    interrupted.explain(words, hint=RUN_AGAIN, record=None)
