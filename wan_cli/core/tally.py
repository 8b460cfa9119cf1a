"""How far many generations are together: told when it has changed, and not too often."""

from math import inf
from typing import TYPE_CHECKING

from wan_cli.events import Tally

if TYPE_CHECKING:
    from wan_cli.core.run import Run

# A line that says how far many are need not move more often.
TALLY_S = 0.2


class Tallying:
    """Tells how far a run is. `due` is when it has something to tell (monotonic seconds)."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._told: object = None
        self._next = run.began
        self.due = inf

    def tell(self, in_progress: int, to_come: int) -> None:
        """Tell how far the run is, where that is news and was not told a moment ago."""
        run = self._run
        states = {str(status): n for status, n in run.counts.items() if n > 0 and status.is_running}
        total = run.done + in_progress + to_come
        state = run.done, total, states
        self.due = inf
        if total < 2 or state == self._told or not (in_progress or to_come):
            return
        now = run.now
        if now < self._next:
            self.due = self._next
            return
        self._told, self._next = state, now + TALLY_S
        left_s = None if to_come else run.time_left()
        run.tell(Tally(run.done, total, states, now - run.began, left_s))
