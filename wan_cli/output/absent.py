"""The list of submissions that wan recover --settle-absent would give up."""

from collections.abc import Sequence

from wan_cli.output.faces import money
from wan_cli.prices import Price
from wan_cli.record import Record
from wan_cli.text import one_line


def absent_lines(records: Sequence[Record], prices: Sequence[Price], now: float) -> list[str]:
    """Return a line about each submission, and one about all of them. `now` is in seconds."""
    lines = [
        f"{record.client_request_id}: {(now - record.created_at) / 3600:.0f} h old,"
        f" {_amount(price.usd)}, {one_line(record.prompt, 60)}"
        for record, price in zip(records, prices, strict=True)
    ]
    unpriced = sum(price.usd is None for price in prices)
    total = _amount(sum(price.usd or 0.0 for price in prices) if unpriced < len(prices) else None)
    more = f" and {unpriced} of unknown price" if 0 < unpriced < len(prices) else ""
    many = "1 submission" if len(records) == 1 else f"{len(records)} submissions"
    return [*lines, f"{many} without a trace, {total}{more}: they may then be submitted again"]


def _amount(usd: float | None) -> str:
    return "unknown price" if usd is None else money(usd)
