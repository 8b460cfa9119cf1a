"""Progress of a batch without a terminal: a line for each finished row, and one every minute."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wan_cli.events import Event, Note, Tally, Warned
from wan_cli.listing import READY, SAVED
from wan_cli.output.faces import clock, money
from wan_cli.output.results import FAILED, UNKNOWN, Results
from wan_cli.record import Outcome

HEARTBEAT_S = 60.0
ROUNDING_S = 0.5


class Lines:
    """Prints a line when a row ends, but none for its states before."""

    def __init__(
        self, note: Callable[[str], None], warn: Callable[[str], None], results: Results
    ) -> None:
        self._note = note
        self._warn = warn
        self._results = results
        self._next_s = HEARTBEAT_S - ROUNDING_S

    def show(self, event: Event) -> None:
        """Print a note or a warning; print the progress of the rows every minute."""
        match event:
            case Note(text):
                self._note(text)
            case Warned(text):
                self._warn(text)
            case Tally() if event.elapsed_s >= self._next_s:
                # Sums of seconds may be a little less than a whole minute.
                beats = (event.elapsed_s + ROUNDING_S) // HEARTBEAT_S + 1
                self._next_s = beats * HEARTBEAT_S - ROUNDING_S
                self._note(heartbeat(self._results, event))

    @contextmanager
    def aside(self, outcome: Outcome) -> Iterator[None]:
        """Print the line of a row after its result, unless an earlier run ended it."""
        yield
        if not outcome.is_earlier:
            self._note(self._results.line_of(outcome))


def heartbeat(results: Results, tally: Tally) -> str:
    """Return the progress of all rows: [3/12] 2 saved · 1 failed · 4 in flight · 5 waiting."""
    return f"[{results.ended}/{results.total}] " + " · ".join(parts_of(results, tally))


def parts_of(results: Results, tally: Tally, passed_s: float = 0.0) -> list[str]:
    """Return the counts, the money and the times of a run, each as a few words.

    `passed_s` is the number of seconds since the tally was made.
    """
    counts = results.counts
    parts = [f"{counts[SAVED]:,} {results.done}"]
    parts += [f"{counts[state]:,} {state}" for state in (FAILED, READY, UNKNOWN) if counts[state]]
    parts.append(f"{results.in_flight:,} in flight")
    if tally.waiting:
        parts.append(f"{tally.waiting:,} waiting")
    left = results.total - results.ended - results.in_flight - tally.waiting
    if left > 0 and not tally.waiting:
        parts.append(f"{left:,} not submitted")
    if tally.spent_usd or tally.max_usd is not None:
        parts.append(spent(results, tally))
    parts.append(clock(tally.elapsed_s + passed_s))
    left_s = 0.0 if tally.left_s is None else tally.left_s - passed_s
    if left_s >= 1:
        parts.append(f"about {clock(left_s)} left")
    return parts


def spent(results: Results, tally: Tally) -> str:
    """Return the amount spent, and the budget if there is one."""
    limit = f" of {money(tally.max_usd)}" if tally.max_usd is not None else " spent"
    return f"{money(tally.spent_usd)}{limit}" + (" (sandbox)" if results.in_sandbox else "")
