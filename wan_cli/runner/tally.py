"""How far many generations are together: counted at each change, told not too often."""

from collections import Counter
from collections.abc import Collection

from wan_cli.generation import Status
from wan_cli.progress import Tally
from wan_cli.runner.wait import Wait
from wan_cli.schedule import time_left

# A line that says how far many are need not move more often.
TALLY_S = 0.2


class Count:
    """How many are in which state. Times are seconds of the monotonic clock.

    `is_told` says whether nothing has changed since it was told.
    """

    def __init__(self, now: float) -> None:
        self._began = now
        self._due = now
        self._states: Counter[Status] = Counter()
        self._done = 0
        self._elsewhere = (0, 0)
        self.is_told = False

    def begins(self, status: Status) -> None:
        """Count one more."""
        self._states[status] += 1
        self.is_told = False

    def moves(self, old: Status, new: Status) -> None:
        """Count one as being in another state."""
        self._states[old] -= 1
        self._states[new] += 1

    def ends(self, status: Status) -> None:
        """Count one as done that was in this state."""
        self._states[status] -= 1
        self._done += 1
        self.is_told = False

    def beside(self, done: int, to_come: int) -> None:
        """Count also those that ended without being watched, and those that will be watched."""
        if (done, to_come) != self._elsewhere:
            self._elsewhere = done, to_come
            self.is_told = False

    def tell(self, now: float, waits: Collection[Wait], *, at_once: bool = False) -> Tally | None:
        """Return how far they are, None where that is known already or was told a moment ago."""
        if self.is_told or not waits or (now < self._due and not at_once):
            return None
        self.is_told, self._due = True, now + TALLY_S
        done, to_come = self._elsewhere
        done += self._done
        newest = max(waits, key=lambda wait: wait.start)
        # How long those will take that are not even submitted, nobody knows.
        left_s = None if to_come else time_left(now - newest.start, newest.expectation)
        states = {str(each): n for each, n in self._states.items() if n and each.is_running}
        return Tally(done, done + len(waits) + to_come, states, now - self._began, left_s)
