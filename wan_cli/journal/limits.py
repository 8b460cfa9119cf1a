"""What all machines together may spend, and how fast they may submit."""

from collections.abc import Sequence
from typing import NamedTuple

from wan_cli.journal.port import Engine
from wan_cli.record import Record

# The price of a submission until its cost is known; refused ones and failures cost nothing.
HELD = (
    "CASE WHEN status IN ('unsent', 'rejected') THEN 0.0"
    " WHEN status = 'error' THEN coalesce(cost_usd, 0.0)"
    " ELSE coalesce(cost_usd, price_usd, 0.0) END"
)
# The pause between two submissions after the first rate limit, and the longest one.
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
# A rate limit stops all machines for at most this long.
LIMITED_MAX_S = 60.0
# Each EASE_EVERY accepted submissions shorten the pause by a tenth, and end it below EASED_S.
EASE_EVERY = 20
EASED_S = 0.05
_TINY_USD = 1e-9


class Limit(NamedTuple):
    """An amount in USD that generations may cost together.

    Args:
        name: what the user calls it: `--max-cost`, `budget_day`.
        usd: the amount.
        budget: the batch whose rows count; None: all generations.
        since: the time from which generations count, in seconds since the epoch.
    """

    name: str
    usd: float
    budget: str | None = None
    since: float = 0.0


class Over(NamedTuple):
    """A limit that one more generation would exceed, and the amount that counts already."""

    limit: Limit
    held_usd: float


def held_usd(engine: Engine, limit: Limit, without: str = "") -> float:
    """Return the amount that counts for a limit: what is paid, and the price of what is not.

    Args:
        engine: the journal.
        limit: which generations count.
        without: the ref of a submission that does not count.
    """
    where = "created_at >= :since AND sandbox = 0"
    if limit.budget is not None:
        where = "budget = :budget"
    held = f"SELECT coalesce(sum({HELD}), 0.0) FROM generations WHERE {where}"
    # Subtracted, not filtered: an index covers the sum, but has no ref.
    rows = engine.run(
        f"SELECT ({held}) - ({held} AND ref = :without)", {**limit._asdict(), "without": without}
    )
    return float(str(rows[0][0]))


def first_over(engine: Engine, limits: Sequence[Limit], record: Record) -> Over | None:
    """Return the first limit that a submission would exceed, None if it fits into all of them.

    It may stand in the journal already: the answer to an earlier attempt's COMMIT was lost.
    """
    for limit in limits:
        held = held_usd(engine, limit, record.ref)
        if held + (record.price_usd or 0.0) > limit.usd + _TINY_USD:
            return Over(limit, held)
    return None


class Pace:
    """How fast all machines together submit for an account: a token bucket that 429s slow down.

    An account is a key and an API. A file of one machine keeps no pace: there, each command slows
    down by itself. Every method raises SetupError if the history cannot be used.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # Whether the last submission of this process had to keep a pace.
        self._is_limited = False

    def wait_s(self, account: str, now: float) -> float:
        """Take the next moment to submit, inside a serial transaction.

        Return 0 if that moment is now, else how long to wait before asking again.
        """
        rows = self._engine.run(
            f"SELECT interval_s, next_at - {self._engine.now} FROM pace WHERE account = :account",
            {"account": account, "now": now},
        )
        if not rows:
            return 0.0
        interval_s, wait_s = (float(str(value)) for value in rows[0])
        self._is_limited = interval_s > 0
        if wait_s > 0 or not self._is_limited:
            return max(0.0, wait_s)
        self._engine.change(
            f"UPDATE pace SET next_at = {self._engine.now} + interval_s WHERE account = :account",
            {"account": account, "now": now},
        )
        return 0.0

    def slow_down(self, account: str, seconds: float, now: float) -> None:
        """Pause all submissions after a rate limit, and submit half as fast from then on.

        Several processes may meet the same limit: it counts once.
        """
        if not self._engine.is_shared:
            return
        time = self._engine.now
        values = {
            "account": account,
            "seconds": min(seconds, LIMITED_MAX_S),
            "first": FIRST_PAUSE_S,
            "longest": LONGEST_PAUSE_S,
            "now": now,
        }
        with self._engine.transaction(serial=True):
            known = self._engine.change(
                f"UPDATE pace SET accepted = 0, interval_s = CASE WHEN limited_until > {time}"
                " THEN interval_s WHEN interval_s = 0.0 THEN :first"
                " WHEN interval_s * 2 > :longest THEN :longest ELSE interval_s * 2 END,"
                f" next_at = CASE WHEN next_at > {time} + :seconds THEN next_at"
                f" ELSE {time} + :seconds END,"
                f" limited_until = {time} + :seconds WHERE account = :account",
                values,
            )
            if not known:
                self._engine.change(
                    "INSERT INTO pace (account, interval_s, next_at, limited_until, accepted)"
                    f" VALUES (:account, :first, {time} + :seconds, {time} + :seconds, 0)",
                    values,
                )
        self._is_limited = True

    def accepted(self, account: str) -> None:
        """Count an accepted submission: after some of them, submit faster again."""
        if not self._is_limited:
            return
        with self._engine.transaction():
            self._engine.change(
                "UPDATE pace SET accepted = accepted + 1, interval_s = CASE"
                f" WHEN (accepted + 1) % {EASE_EVERY} <> 0 THEN interval_s"
                f" WHEN interval_s < {EASED_S} THEN 0.0 ELSE interval_s * 0.9 END"
                " WHERE account = :account AND interval_s > 0",
                {"account": account},
            )
