"""The budgets of a command: --max-cost, and those of the account over all machines."""

from collections.abc import Sequence
from datetime import UTC, datetime

from wan_cli.errors import OverBudget
from wan_cli.journal.limits import Limit, Over
from wan_cli.prices import Price


class Budget:
    """The limits of a command in USD, and the amount used so far.

    Args:
        max_cost_usd: the limit of --max-cost; None: no limit.
        day_usd: the limit for all generations of a day (UTC) in the history.
        month_usd: the limit for all generations of a month (UTC) in the history.
    """

    def __init__(
        self,
        max_cost_usd: float | None,
        *,
        day_usd: float | None = None,
        month_usd: float | None = None,
    ) -> None:
        self._max_usd = max_cost_usd
        self._day_usd = day_usd
        self._month_usd = month_usd
        self._taken_usd = 0.0
        # The name of the batch that --max-cost applies to, on all machines.
        self.batch: str | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit, so that prices matter."""
        return not {self._max_usd, self._day_usd, self._month_usd} <= {None}

    @property
    def max_usd(self) -> float | None:
        """The limit of --max-cost; None: no limit."""
        return self._max_usd

    @property
    def taken_usd(self) -> float:
        """The amount paid so far, plus the prices of generations in flight."""
        return self._taken_usd

    def limits(self, now: float) -> list[Limit]:
        """Return the limits that all machines share. `now` is seconds since the epoch."""
        return [*self._batch_limits(), *account_limits(self._day_usd, self._month_usd, now)]

    def _batch_limits(self) -> list[Limit]:
        if self._max_usd is None or self.batch is None:
            return []
        return [Limit("--max-cost", self._max_usd, self.batch)]

    def add(self, paid_usd: float) -> None:
        """Count an amount that earlier runs paid."""
        self._taken_usd += paid_usd

    def take(self, price: Price) -> float:
        """Reserve the price of one generation before its submission; return the amount in USD.

        Raises as `check`.
        """
        self.check([price])
        self._taken_usd += price.usd or 0.0
        return price.usd or 0.0

    def correct(self, taken_usd: float, cost_usd: float) -> None:
        """Replace a generation's reserved price by its cost; 0: it costs nothing."""
        self._taken_usd += cost_usd - taken_usd

    def check(self, prices: Sequence[Price]) -> None:
        """Check that all prices are known and that their total is within --max-cost.

        Raises:
            OverBudget: they are not; nothing was sent.
        """
        unknown = next((price.why for price in prices if price.usd is None), None)
        if unknown is not None and self.is_limited:
            raise OverBudget(
                f"the price is unknown ({unknown}), so wan cannot keep to {self._name};"
                " nothing was sent",
                hint="wan models",
            )
        usd = sum(price.usd or 0.0 for price in prices)
        if self._max_usd is not None and self._taken_usd + usd > self._max_usd + 1e-9:
            what = "one generation costs" if len(prices) == 1 else f"{len(prices)} generations cost"
            before = f" ({self._taken_usd:.4g} USD before it)" if self._taken_usd else ""
            raise OverBudget(
                f"{what} {usd:.4g} USD{before}, more than --max-cost {self._max_usd:g};"
                " nothing was sent",
                hint="lower --resolution or --duration, or raise --max-cost"
                if len(prices) == 1
                else "a higher --max-cost, or fewer rows",
            )

    @property
    def _name(self) -> str:
        """The first limit, as the user knows it."""
        if self._max_usd is not None:
            return f"--max-cost {self._max_usd:g}"
        if self._day_usd is not None:
            return f"budget_day {self._day_usd:g}"
        return f"budget_month {self._month_usd:g}"


def account_limits(day_usd: float | None, month_usd: float | None, now: float) -> list[Limit]:
    """Return the limits of the day and the month (UTC) of a time, as far as they are set."""
    limits = []
    if day_usd is not None:
        limits.append(Limit("budget_day", day_usd, since=_midnight(now).timestamp()))
    if month_usd is not None:
        limits.append(Limit("budget_month", month_usd, since=month_start(now)))
    return limits


def month_start(now: float) -> float:
    """Return when the month (UTC) of a time began, in seconds since the epoch."""
    return _midnight(now).replace(day=1).timestamp()


def _midnight(now: float) -> datetime:
    return datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def over_budget(over: Over, price: Price) -> OverBudget:
    """Return the error of a submission that would exceed a limit of all machines."""
    limit = over.limit
    hint = f"wan config set {limit.name} USD, or WAN_{limit.name.upper()}=USD"
    hint = "raise --max-cost" if limit.budget else hint
    return OverBudget(
        f"one generation costs {price.usd or 0.0:.4g} USD, and {over.held_usd:.4g} USD of"
        f" {limit.name} {limit.usd:g} is used already; nothing was sent for it",
        hint=hint,
    )
