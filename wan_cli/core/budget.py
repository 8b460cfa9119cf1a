"""The budget of a run: what may be paid in all, and how much of it is taken."""

from collections.abc import Sequence

from wan_cli.errors import OverBudget
from wan_cli.prices import Price


class Budget:
    """What may be paid in all, in USD, and what of it is taken; None: there is no limit."""

    def __init__(self, max_cost_usd: float | None) -> None:
        self._max_usd = max_cost_usd
        self._taken_usd = 0.0

    @property
    def is_limited(self) -> bool:
        """Whether prices matter."""
        return self._max_usd is not None

    @property
    def max_usd(self) -> float | None:
        """What may be paid in all; None: there is no limit."""
        return self._max_usd

    @property
    def taken_usd(self) -> float:
        """What is paid so far, with the prices of what is in flight."""
        return self._taken_usd

    def add(self, paid_usd: float) -> None:
        """Count what was paid before."""
        self._taken_usd += paid_usd

    def take(self, price: Price) -> float:
        """Take the price of one generation, before it is submitted; return what was taken, in USD.

        Raises as `check`.
        """
        self.check([price])
        self._taken_usd += price.usd or 0.0
        return price.usd or 0.0

    def correct(self, taken_usd: float, cost_usd: float) -> None:
        """Count what a generation costs in place of what was taken for it; 0: it costs nothing."""
        self._taken_usd += cost_usd - taken_usd

    def check(self, prices: Sequence[Price]) -> None:
        """Let prices pass that are known and all together within the budget.

        Raises:
            OverBudget: nothing was sent.
        """
        if self._max_usd is None:
            return
        unknown = next((price.why for price in prices if price.usd is None), None)
        if unknown is not None:
            raise OverBudget(
                f"the price is not known ({unknown}), so --max-cost {self._max_usd:g} cannot be"
                " kept; nothing was sent",
                hint="wan models",
            )
        usd = sum(price.usd or 0.0 for price in prices)
        if self._taken_usd + usd > self._max_usd + 1e-9:
            what = "one generation costs" if len(prices) == 1 else f"{len(prices)} generations cost"
            before = f" ({self._taken_usd:.4g} USD before it)" if self._taken_usd else ""
            raise OverBudget(
                f"{what} {usd:.4g} USD{before}, more than --max-cost {self._max_usd:g};"
                " nothing was sent",
                hint="wan models" if len(prices) == 1 else "a higher --max-cost, or fewer rows",
            )
