"""wan batch: many rows, some of them in flight, each submitted once however often it is run."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from wan_cli.core.engine import Engine, Outcomes
from wan_cli.core.files import is_elsewhere, placed
from wan_cli.core.items import Goal, Order
from wan_cli.core.lookup import Events, look_up, unsearched
from wan_cli.core.plan import Entry, Plan
from wan_cli.core.save import DOWNLOADS, Saving
from wan_cli.core.settle import Settling
from wan_cli.core.submit import Submitting
from wan_cli.core.survey import Survey, is_known, made_elsewhere, prepare, survey
from wan_cli.core.tools import Budget, Timing, Tools
from wan_cli.core.verdicts import ended
from wan_cli.core.watch import Watching
from wan_cli.destination import is_on_disk
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
from wan_cli.events import Note, Warned
from wan_cli.record import Outcome, Record


class Terms(NamedTuple):
    """How a batch is run. `timing` gives each generation its time from its submission on."""

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
        terms: how it is run.
        plan: its rows.
    """

    def __init__(self, tools: Tools, terms: Terms, plan: Plan) -> None:
        self.tools = tools
        self.terms = terms
        self._source = plan.source
        self.plan = plan
        self._lines = {entry.row.number: entry.row.line for entry in plan.entries}
        # The folders to which videos were copied that were on disk already, once for each.
        self._copied: list[str] = []

    def agree(self) -> Events[Survey]:
        """Return what is to be done, after everything that can be wrong on this side was tried.

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
        return found

    def _look_up(self, found: Survey) -> Events[Survey]:
        """Search the account's log for the rows of a batch that the history does not know.

        A key of `once` is searched for in any case: it promises more than a batch.
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
                f"this key may not read the account's log ({failure.message}): what other machines"
                " made for this batch cannot be seen"
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
        """Submit what is to be submitted, some at a time, and save all videos as they are ready.

        Raises:
            Interrupted: a signal; running the same command again continues.
        """
        terms = self.terms
        goal = Goal(wait=terms.wait, save=True, overwrite=terms.overwrite)
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
            for entry in found.coming:
                engine.submit(self._order(entry))
                for words in entry.row.request.warnings:
                    yield Warned(self._at(entry.row.number, words))
            for event in outcomes:
                safe = safe or (isinstance(event, Outcome) and event.error is None)
                yield self._named(event) if isinstance(event, Outcome) else event
        except Interrupted as interrupted:
            with suppress(Interrupted):
                # It may have come while something was shown: the engine knows what it means.
                outcomes.throw(interrupted)
            _explain(interrupted, safe=safe)
            raise
        if left := engine.not_submitted:
            yield Warned(f"{_rows(left)} not submitted; to continue, {RUN_AGAIN}")

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
            price=entry.price,
            attempts=entry.attempts,
        )

    def _continue(self, engine: Engine, found: Survey) -> Outcomes:
        """Continue with the rows that have a generation; say in one line how many are finished."""
        earlier = 0
        for entry, record in found.known:
            for event in self._continue_with(engine, entry, record):
                earlier += isinstance(event, Outcome) and event.is_earlier
                yield event
        if earlier:
            yield Note(f"{_rows(earlier)} finished by earlier runs")
        if self._copied:
            yield Note(_copied_words(self._copied))

    def _continue_with(self, engine: Engine, entry: Entry, record: Record) -> Outcomes:
        """Wait for a generation that a row has, or tell how it ended."""
        row, place = entry.row, entry.destination
        error: WanError | None = ended(record)
        has_ended = error is not None or is_on_disk(record)
        if is_on_disk(record):
            if is_elsewhere(record, place):
                record, error = self._placed(entry, record)
        elif error is None:
            record = self.tools.save_new(
                record,
                row=row.number,
                folder=str(place.folder),
                name=place.name,
                name_template=place.name_template,
            )
            if self.terms.wait:
                engine.add(record, deadline=engine.run.deadline_of_new(), row=row.number)
                return
        yield self._named(Outcome(record, error, row.number, is_earlier=has_ended))

    def _placed(self, entry: Entry, record: Record) -> tuple[Record, LocalFileError | None]:
        """Copy the video of a row to where this run wants it."""
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
        """Tell which rows fail because their video could not be saved; nothing is paid for them."""
        for entry, error in found.impossible:
            row = entry.row
            if self.terms.fail_fast:
                engine.run.stop = error
            words = error.with_hint(f"change the row, then {RUN_AGAIN}")
            yield self._named(Outcome(None, words, row.number))

    def _named(self, outcome: Outcome) -> Outcome:
        """Return an outcome whose failure names its row."""
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
    """Return one line for all videos that were copied."""
    many = "1 video was" if len(folders) == 1 else f"{len(folders)} videos were"
    places = sorted(set(folders))
    more = f" and {len(places) - 1} other folders" if len(places) > 1 else ""
    return f"{many} on disk elsewhere: copied to {places[0]}{more}"


def _explain(interrupted: Interrupted, *, safe: bool) -> None:
    """Say what a signal means for a batch: the same command continues with all of it."""
    words = interrupted.message
    if safe and not interrupted.is_explained:
        words = "interrupted; what was submitted is safe"
    interrupted.explain(words, hint=RUN_AGAIN, record=None)
