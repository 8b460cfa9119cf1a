"""What the budgets of the configuration leave."""

from wan_cli.commands.workspace import Workspace
from wan_cli.core.budget import account_limits
from wan_cli.errors import SetupError
from wan_cli.output import Output
from wan_cli.output.balance import BudgetLeft


def budgets_left(out: Output, space: Workspace, now: float) -> list[BudgetLeft]:
    """Return what the budgets of the configuration leave; none in the sandbox, which is free."""
    settings = space.settings
    limits = account_limits(settings.budget_day, settings.budget_month, now)
    if space.sandbox or not limits:
        return []
    try:
        with space.journal(out) as journal:
            return [
                BudgetLeft(limit.name, limit.usd, max(0.0, limit.usd - journal.held_usd(limit)))
                for limit in limits
            ]
    except SetupError as trouble:
        # The balance needs no history.
        out.warn(f"what the budgets leave is unknown: {trouble.message}")
        return []
