"""wan batch: many rows, some of them in flight, each submitted once however often it is run."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from wan_cli.core.budget import Budget
from wan_cli.core.engine import Engine, Outcomes
from wan_cli.core.items import Goal, Order
from wan_cli.core.plan import Entry, Survey, prepare, survey
from wan_cli.core.save import DOWNLOADS
from wan_cli.core.tools import Timing, Tools
from wan_cli.core.verdicts import ended
from wan_cli.destination import is_on_disk
from wan_cli.errors import RUN_AGAIN, GenerationFailed, Interrupted, Rejected
from wan_cli.models import GenerationRequest
from wan_cli.prices import Price
from wan_cli.progress import Note, Warned
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


class Batch:
    """One run of a batch.

    Args:
        tools: the client, the journal and the clock.
        terms: how it is run.
        source: what the file is called in messages.
    """

    def __init__(self, tools: Tools, terms: Terms, source: str) -> None:
        self._tools = tools
        self._terms = terms
        self._source = source
        self._lines: dict[int, int] = {}

    def agree(
        self,
        entries: Sequence[Entry],
        price: Callable[
            [Sequence[GenerationRequest], Sequence[GenerationRequest]], Sequence[Price]
        ],
    ) -> Survey:
        """Return what is to be done, after everything that can be wrong on this side was tried.

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
        found = survey(self._tools.history, entries, retry_failed=terms.retry_failed)
        found = prepare(self._source, found, overwrite=terms.overwrite, sidecar=terms.sidecar)
        terms.budget.add(found.paid_usd)
        return found.priced(price(found.requests, found.at_unknown_cost))

    def run(self, found: Survey) -> Outcomes:
        """Submit what is to be submitted, some at a time, and save all videos as they are ready.

        Raises:
            Interrupted: a signal; running the same command again continues.
        """
        terms = self._terms
        goal = Goal(wait=terms.wait, save=True, overwrite=terms.overwrite)
        engine = Engine(
            self._tools,
            terms.timing,
            goal,
            budget=terms.budget,
            concurrency=terms.concurrency,
            downloads=terms.downloads,
            fail_fast=terms.fail_fast,
        )
        safe = bool(found.known)
        try:
            for entry, record in found.known:
                yield from self._continue_with(engine, entry, record)
            yield from self._impossible(engine, found)
            for entry in found.coming:
                self._lines[entry.row.number] = entry.row.line
                engine.submit(self._order(entry))
                for words in entry.row.request.warnings:
                    yield Warned(self._at(entry.row.number, words))
            for told in engine.outcomes():
                safe = safe or (isinstance(told, Outcome) and told.error is None)
                yield self._named(told) if isinstance(told, Outcome) else told
        except Interrupted as interrupted:
            _explain(interrupted, safe=safe)
            raise
        if left := engine.not_submitted:
            words = "1 row was" if left == 1 else f"{left} rows were"
            yield Warned(f"{words} not submitted; to continue, {RUN_AGAIN}")

    def _order(self, entry: Entry) -> Order:
        terms, row = self._terms, entry.row
        return Order(
            row.request,
            entry.destination,
            sidecar=terms.sidecar,
            again=terms.again,
            row_key=row.key,
            row=row.number,
            retry_failed=terms.retry_failed,
            price=entry.price,
        )

    def _continue_with(self, engine: Engine, entry: Entry, record: Record) -> Outcomes:
        """Wait for a generation that a row has, or tell how it ended."""
        row, place = entry.row, entry.destination
        self._lines[row.number] = row.line
        error = ended(record)
        if is_on_disk(record):
            yield Note(f"{record.id} is on disk already")
            if place.name and record.file != str(place.folder / place.name):
                words = f"its video is {record.file}, saved before"
                yield Warned(self._at(row.number, words))
        elif error is None:
            record = self._tools.save_new(
                record,
                row=row.number,
                folder=str(place.folder),
                name=place.name,
                name_template=place.name_template,
            )
            if self._terms.wait:
                engine.add(record, deadline=engine.run.deadline_of_new(), row=row.number)
                return
        yield self._named(Outcome(record, error, row.number))

    def _impossible(self, engine: Engine, found: Survey) -> Outcomes:
        """Tell which rows fail because their video could not be saved; nothing is paid for them."""
        for entry, error in found.impossible:
            row = entry.row
            self._lines[row.number] = row.line
            if self._terms.fail_fast:
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


def _explain(interrupted: Interrupted, *, safe: bool) -> None:
    """Say what a signal means for a batch: the same command continues with all of it."""
    words = interrupted.message
    if safe and "nothing was submitted" in words:
        words = "interrupted; what was submitted is safe"
    interrupted.explain(words, hint=RUN_AGAIN, record=None)
