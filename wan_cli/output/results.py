"""The results of a command's generations so far: counts, names and costs."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from wan_cli.errors import GenerationFailed, OutcomeUnknown
from wan_cli.events import Event, Tally
from wan_cli.generation import Status
from wan_cli.listing import READY, SAVED
from wan_cli.output.faces import clock, elapsed_s, money
from wan_cli.output.plain import Stage
from wan_cli.record import Outcome, Record
from wan_cli.text import one_line

FAILED, UNKNOWN, IN_FLIGHT = "failed", "unknown", "in flight"
NAME_MAX_CHARS = 80
# No screen is wider; do not measure more of a prompt than this.
PROMPT_MAX_CHARS = 500


def result_of(outcome: Outcome) -> str:
    """Return the result of one generation, in the words of `wan list`."""
    record, error = outcome.record, outcome.error
    status = record.status if record else None
    if isinstance(error, OutcomeUnknown) or (status and status.is_unresolved):
        return UNKNOWN
    if status and status.is_running:
        return IN_FLIGHT
    if error is None:
        return SAVED
    # The video is ready, but could not be downloaded or written.
    return READY if status is Status.COMPLETED else FAILED


class Results:
    """The results of one command over several generations.

    Args:
        now: the monotonic clock of the command.
        total: the number of generations; None: the tally gives it.
        names: the names of a batch's rows, by number.
        prompts: the prompts of the rows without a name of their own, by number.
        done: the word for a successful generation.
        is_batch: the generations are the rows of a file.
        in_sandbox: nothing is charged.
    """

    def __init__(
        self,
        now: Callable[[], float],
        *,
        total: int | None = None,
        names: Mapping[int, str] | None = None,
        prompts: Mapping[int, str] | None = None,
        done: str = SAVED,
        is_batch: bool = False,
        in_sandbox: bool = False,
    ) -> None:
        self._now = now
        self._began = now()
        self._total = total
        self._names = names or {}
        self._prompts = prompts or {}
        self.done = done
        self.is_batch = is_batch
        self.in_sandbox = in_sandbox
        self.counts: Counter[str] = Counter()
        self.earlier = 0
        # The cost of all the generations, and of those that this run submitted.
        self.cost_usd = self.spent_usd = 0.0
        self.failed_names: list[str] = []
        # Whether a generation failed on the server: only --retry-failed submits it again.
        self.has_failed_on_server = False
        self.tally: Tally | None = None
        self._in_all = self._ended_then = 0

    @property
    def ended(self) -> int:
        """The number of generations with an outcome."""
        return self.counts.total()

    @property
    def total(self) -> int:
        """The number of generations."""
        return max(self.ended, self._in_all if self._total is None else self._total)

    @property
    def in_flight(self) -> int:
        """The number in flight: those of the tally that have not ended since."""
        in_flight = self.tally.in_flight if self.tally else 0
        return max(0, in_flight - (self.ended - self._ended_then))

    @property
    def elapsed_s(self) -> float:
        """The seconds since the command started its work."""
        return self._now() - self._began

    def name_of(self, row: int | None, handle: str) -> str:
        """Return the name of a generation in all output: its row's name, else its id."""
        name = handle if row is None else self._names.get(row, f"row {row}")
        return one_line(name, NAME_MAX_CHARS)

    def prompt_of(self, row: int | None) -> str:
        """Return the beginning of the prompt of a row without a name; "" for others."""
        return one_line(self._prompts.get(row or 0, ""), PROMPT_MAX_CHARS)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        state = result_of(outcome)
        self.counts[state] += 1
        self.earlier += outcome.is_earlier
        if outcome.record:
            cost_usd = outcome.record.cost_usd or 0.0
            self.cost_usd += cost_usd
            self.spent_usd += cost_usd if outcome.is_new else 0.0
        if state == FAILED:
            self.failed_names.append(self.name_of(outcome.row, _handle(outcome.record)))
        if isinstance(outcome.error, GenerationFailed):
            self.has_failed_on_server = True

    def update(self, tally: Tally) -> None:
        """Take over the counts of a tally."""
        self.tally = tally
        self._ended_then = self.ended
        self._in_all = self.ended + tally.in_flight + tally.waiting

    def line_of(self, outcome: Outcome) -> str:
        """Return the line of an outcome: [3/12] fox-a  saved  $0.79  3:24  FILE."""
        record, state = outcome.record, result_of(outcome)
        word = self.done if state == SAVED else state
        parts = [f"[{self.ended}/{self.total}] {self.name_of(outcome.row, _handle(record))}", word]
        if record and record.id:
            parts += [money(record.cost_usd), clock(elapsed_s(record))]
            parts.append(shown_path(record.file) if record.file and state == SAVED else record.id)
        return "  ".join(part for part in parts if part)


class Counted:
    """A stage that passes events to another stage, and counts the results."""

    def __init__(self, stage: Stage, results: Results) -> None:
        self._stage = stage
        self._results = results

    def show(self, event: Event) -> None:
        """Show an event."""
        if isinstance(event, Tally):
            self._results.update(event)
        self._stage.show(event)

    def aside(self, outcome: Outcome) -> AbstractContextManager[object]:
        """Count an outcome, and make room for it during the block."""
        self._results.add(outcome)
        return self._stage.aside(outcome)


@contextmanager
def counted(stage: AbstractContextManager[Stage], results: Results) -> Iterator[Stage]:
    """Enter a stage that counts the results."""
    with stage as entered:
        yield Counted(entered, results)


def shown_path(file: str) -> str:
    """Return a path as a person would type it: relative if it is below the working folder."""
    try:
        here = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118  Keeps links.
    except OSError:
        return file
    return file.removeprefix(here)


def _handle(record: Record | None) -> str:
    return record.handle if record else ""
