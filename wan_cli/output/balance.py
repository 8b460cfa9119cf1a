"""The account's balance, and what its key may spend and has spent, as lines and as JSON. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from wan_cli.account import KeyLimits, Left, Usage
from wan_cli.core.balance import Standing


class BudgetLeft(NamedTuple):
    """What a budget of the configuration leaves in USD: `name` is `budget_day`, `budget_month`."""

    name: str
    limit_usd: float
    left_usd: float


def balance_text(found: Standing, mark: str, budgets: Sequence[BudgetLeft] = ()) -> str:
    """Return the balance, and on further lines what else is known.

    `mark` names the sandbox, whose balance is all that anybody wants to know.
    """
    lines = [f"{found.balance:.2f} {found.currency}".strip() + mark]
    if mark:
        return lines[0]
    if found.key is not None:
        lines.append(f"key limit: {found.key.limit_words(found.left)}")
        if found.key.disabled:
            lines.append("key: disabled")
        if found.key.scopes is not None:
            lines.append(f"key scopes: {found.key.scope_words}")
    spent = [
        f"{usage.usd:.2f} USD {period}{_requests(usage)}"
        for usage, period in ((found.day, "in 24 hours"), (found.month, "this month"))
        if usage is not None
    ]
    if spent:
        lines.append(f"spent with this key: {', '.join(spent)}")
    lines += [
        f"{budget.name}: {budget.left_usd:.2f} USD left of {budget.limit_usd:.2f} USD"
        for budget in budgets
    ]
    return "\n".join(lines)


def balance_json(found: Standing, budgets: Sequence[BudgetLeft] = ()) -> dict[str, object]:
    """Return the balance, and what else is known, for programs."""
    data: dict[str, object] = {"balance": found.balance, "currency": found.currency}
    if found.key is not None:
        data["key"] = _key_json(found.key, found.left)
    for name, usage in (("spent_24h", found.day), ("spent_month", found.month)):
        if usage is not None:
            data[name] = _known(usd=usage.usd, requests=usage.requests)
    if budgets:
        data["budgets"] = [budget._asdict() for budget in budgets]
    return data


def _key_json(key: KeyLimits, left: Left | None) -> dict[str, object]:
    return _known(
        name=key.name,
        disabled=key.disabled,
        scopes=None if key.scopes is None else list(key.scopes),
        limit_usd=key.limit_usd,
        limit_period=key.period,
        left_usd=left and left.usd,
        left_bound=(left and left.bound) or None,
        month_usd=key.month_usd,
    )


def _known(**values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _requests(usage: Usage) -> str:
    if usage.requests is None:
        return ""
    return f" ({usage.requests} {'request' if usage.requests == 1 else 'requests'})"
