"""wan balance: the account's balance, what the key may still spend, and what it has spent.

Only the balance is needed. The API may refuse the rest to a key, or not have it at all.
"""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from wan_cli.account import KeyLimits, Left, Usage
from wan_cli.api.client import Client
from wan_cli.api.exchange import iso
from wan_cli.core.budget import month_start
from wan_cli.errors import NotFound, WanError

T = TypeVar("T")
# The time limit for all that is not needed together.
EXTRA_SECONDS = 5.0
KEY = "/v1/key"
USAGE = "/v2/usage"
DAY_S = 86_400.0
# Times of a query have whole seconds, and those of a `Date` too: include the current second.
SECONDS_S = 2.0


class Standing(NamedTuple):
    """What an account has left, and what its key has spent; None: the API did not say.

    Args:
        balance: the account's balance.
        currency: the balance's currency.
        key: what the key may do.
        left: what the key's limit leaves.
        day: what the key has spent in the last 24 hours.
        month: what the key has spent in this month (UTC).
        why: why a part is missing, if that is a failure; "" if the API does not have it.
    """

    balance: float
    currency: str
    key: KeyLimits | None = None
    left: Left | None = None
    day: Usage | None = None
    month: Usage | None = None
    why: str = ""


def standing(client: Client, now: float) -> Standing:
    """Return the balance, and what else the API says within a few seconds.

    `now` is this machine's time in seconds since the epoch. Raises as `Client.balance`.
    """
    balance, currency = client.balance()
    extra = Extra(client, now)
    key = extra.key()
    day, month = extra.last(DAY_S), extra.month()
    return Standing(balance, currency, key, extra.left(key, day), day, month, extra.why)


class Extra:
    """Questions about the key. None is needed: a failure gives None, and `why` has the first."""

    def __init__(self, client: Client, now: float) -> None:
        self.why = ""
        self._client = client
        self._now = now + (client.server_offset_s or 0.0)
        self._end = time.monotonic() + EXTRA_SECONDS

    def key(self) -> KeyLimits | None:
        """Return what the key may do: GET /v1/key."""
        return self._asked(KEY, {}, KeyLimits.parse)

    def last(self, seconds: float) -> Usage | None:
        """Return what the key has spent in the last seconds: GET /v2/usage."""
        if seconds == DAY_S:
            return self._asked(USAGE, {"period": "24h"}, Usage.parse)
        return self._since(self._now - seconds)

    def month(self) -> Usage | None:
        """Return what the key has spent in this month (UTC): GET /v2/usage."""
        return self._since(month_start(self._now))

    def left(self, key: KeyLimits | None, day: Usage | None = None) -> Left | None:
        """Return what the key's limit leaves; `day` is the usage of the last 24 hours, if known."""
        if key is None or key.limit_usd is None:
            return None
        if key.period_s is None:
            return key.left()
        if key.period_s == DAY_S and day is not None:
            return key.left(day)
        return key.left(self.last(key.period_s))

    def _since(self, start: float) -> Usage | None:
        return self._asked(
            USAGE, {"start": iso(start), "end": iso(self._now + SECONDS_S)}, Usage.parse
        )

    def _asked(
        self,
        path: str,
        params: Mapping[str, str],
        parse: Callable[[Mapping[str, object]], T | None],
    ) -> T | None:
        try:
            left_s = max(0.0, self._end - time.monotonic())
            found = parse(self._client.get(path, params, seconds=left_s))
            why = "" if found is not None else f"wan cannot read the answer of {path}"
        except NotFound:
            # Not every service with this API has it.
            return None
        except WanError as failure:
            found, why = None, failure.message
        self.why = self.why or why
        return found
