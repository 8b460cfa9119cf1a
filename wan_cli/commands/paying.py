"""What a command may pay: its budget, the prices of its requests, and the user's consent."""

from collections.abc import Sequence

from wan_cli.api.client import GET_SECONDS, Client
from wan_cli.commands.arguments import not_negative
from wan_cli.commands.workspace import Workspace
from wan_cli.core.prices import UNLIMITED_SECONDS, ask_prices
from wan_cli.core.tools import Budget
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
    """Print requests and their prices, for which no key is needed; return the exit code.

    `taken` was submitted before, and what it costs is not known yet.

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
    """Say what requests cost, hold that against the budget, and get the user's consent.

    `taken` was submitted before, and what it costs is not known yet. A budget waits for a price
    as long as the command has; otherwise nobody waits for it for long. Consent is the answer of
    a terminal, or a budget where there is none. The sandbox needs none.

    Raises:
        OverBudget: they are over the budget, or not known.
        UsageError: nobody agrees to pay them.
    """
    asks = needs_consent and not space.sandbox and can_ask()
    if needs_consent and requests and not (asks or space.sandbox or budget.is_limited):
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
    """Return what may be paid, by --max-cost or the settings.

    Raises:
        UsageError: not an amount.
    """
    limit = not_negative("--max-cost", max_cost)
    return Budget(space.settings.max_cost if limit is None else limit)
