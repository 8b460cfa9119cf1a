"""One generation that is waited for: when to look next, and what looks mean. Pure."""

from math import inf

from wan_cli.generation import Status
from wan_cli.schedule import Expectation, backoff, next_look

# `completed` without a URL is asked again so often.
NO_URL_TRIES = 5


class Wait:
    """How the looks at a generation went. Times are seconds of the monotonic clock.

    Of very many there is one each: it holds no record, only what the next look depends on.

    Args:
        ref: the submission's.
        asked_id: what the API is asked for.
        start: when it was submitted.
        now: when the wait begins.
        expectation: how long it may take.
        status: as recorded.
    """

    __slots__ = (
        "_without_url",
        "asked_id",
        "deadline",
        "expectation",
        "failures",
        "known",
        "looked_at",
        "ref",
        "said",
        "seen_running",
        "start",
        "status",
    )

    def __init__(
        self,
        ref: str,
        asked_id: str,
        start: float,
        now: float,
        expectation: Expectation,
        status: Status,
    ) -> None:
        self.ref = ref
        self.asked_id = asked_id
        self.start = start
        self.looked_at = now
        self.expectation = expectation
        self.status = status
        # The state and the credits that are on disk, where an answer with no more is nothing new.
        self.known: tuple[Status, int | None] | None = None
        # Of many, each may have one of its own.
        self.deadline = inf
        # What was said of it last.
        self.said: Status | None = None
        self.failures = 0
        self.seen_running = False
        self._without_url = 0

    @property
    def elapsed_s(self) -> float:
        """The seconds from the submission to the last look."""
        return self.looked_at - self.start

    @property
    def has_no_url(self) -> bool:
        """Whether it was completed without a URL so often that none is to be expected."""
        return self._without_url >= NO_URL_TRIES

    def failed(self) -> bool:
        """Take in that a look brought no answer; return whether the one before it did."""
        self.failures += 1
        return self.failures == 1

    def saw(self, status: Status, *, has_url: bool) -> bool:
        """Take in an answer; return whether it ended since the last look, which saw it running.

        Only what was watched to its end tells how long a generation takes.
        """
        is_completed = status is Status.COMPLETED
        ended_now = is_completed and self.seen_running
        self.failures = 0
        self._without_url += is_completed and not has_url
        self.seen_running = status.is_running
        self.status = status
        return ended_now

    def next_due(self, now: float, deadline: float, interval_s: float | None) -> float:
        """Return when to look again: after a fixed interval, else by what is expected.

        Never later than the deadline, at which there is a last look.
        """
        return min(deadline, now + self._pause_s(interval_s))

    def _pause_s(self, interval_s: float | None) -> float:
        if interval_s is not None:
            return interval_s
        if self.failures or self.status is Status.COMPLETED:
            return backoff(max(1, self.failures + self._without_url))
        return next_look(self.elapsed_s, self.expectation) - self.elapsed_s
