"""What a command may pay: its budget, the prices of its requests, and the user's consent."""

from collections.abc import Sequence

from wan_cli.api.client import GET_SECONDS, Client
from wan_cli.commands.arguments import not_negative
from wan_cli.commands.workspace import Workspace
from wan_cli.core.budget import Budget
from wan_cli.core.prices import UNLIMITED_SECONDS, ask_prices
from wan_cli.models import GenerationRequest
from wan_cli.numbers import parse_duration
from wan_cli.output import Output
from wan_cli.output.faces import price_words
from wan_cli.output.question import can_ask, confirm, no_consent
from wan_cli.prices import NOT_ASKED, Price


def dry_run(
    space: Workspace,
    out: Output,
    budget: Budget,
    timeout: str | None,
    requests: Sequence[GenerationRequest],
    taken: Sequence[GenerationRequest] = (),
) -> int:
    """Print requests and their prices; return the exit code. No key is needed.

    `taken` holds earlier submissions whose cost is not known yet.

    Raises:
        OverBudget: the command would cost too much.
    """
    seconds = min(GET_SECONDS, parse_duration("--timeout", timeout) or space.settings.timeout)
    with space.client(with_key=False) as client:
        whole = [*requests, *taken]
        prices = ask_prices(client, space.paths.cache_dir, whole, seconds=seconds)
    code = out.dry_run(requests, prices[: len(requests)])
    budget.check(prices)
    return code


def check_prices(
    space: Workspace,
    out: Output,
    client: Client,
    budget: Budget,
    left_s: float,
    requests: Sequence[GenerationRequest],
    taken: Sequence[GenerationRequest] = (),
    *,
    needs_consent: bool = False,
) -> list[Price]:
    """Print the price of requests, check it against the budget, and get the user's consent.

    `taken` holds earlier submissions whose cost is not known yet. With a budget, wan waits for
    prices as long as the command may run; without one, only briefly. Consent is an answer on
    the terminal or, without a terminal, a budget. The sandbox needs no consent.

    Raises:
        OverBudget: the prices exceed the budget, or are unknown.
        UsageError: the user does not agree to pay.
    """
    asks = needs_consent and not space.sandbox and can_ask()
    if needs_consent and requests and not (asks or space.sandbox or budget.max_usd is not None):
        raise no_consent()
    if not requests or not (asks or budget.is_limited or out.talks):
        return [NOT_ASKED] * len(requests)
    seconds = min(GET_SECONDS if budget.is_limited else UNLIMITED_SECONDS, left_s)
    whole = [*requests, *(taken if budget.is_limited else ())]
    prices = ask_prices(client, space.paths.cache_dir, whole, seconds=seconds)
    while len(prices) > len(requests):
        budget.take(prices.pop())
    budget.check(prices)
    if asks:
        confirm(f"price: {price_words(prices)}; submit?")
    else:
        out.prices(prices)
    return prices


def budget_of(space: Workspace, max_cost: float | None) -> Budget:
    """Return the budget of --max-cost or `max_cost`, and those of the account.

    Raises:
        UsageError: --max-cost is not an amount.
    """
    limit = not_negative("--max-cost", max_cost)
    settings = space.settings
    return Budget(
        settings.max_cost if limit is None else limit,
        day_usd=None if space.sandbox else settings.budget_day,
        month_usd=None if space.sandbox else settings.budget_month,
    )
