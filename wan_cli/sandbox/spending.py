"""The routes of the key: what it may do, and what it has spent."""

import time
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wan_cli.sandbox.catalogue import usd
from wan_cli.sandbox.replies import ApiError, iso, json_reply, query_choice, query_time, require_key
from wan_cli.sandbox.store import Store

_PERIODS_S = {"24h": 86_400.0, "7d": 7 * 86_400.0, "30d": 30 * 86_400.0}
_WINDOW_MAX_S = 92 * 86_400.0
_PREFIX_CHARS = 8


class Spending:
    """The read-only routes of the key. Every key may do everything, and all have one account."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/v1/key", self.key), Route("/v2/usage", self.usage)]

    async def key(self, request: Request) -> Response:
        """Answer with the key, which has no limit."""
        require_key(request)
        now = time.time()
        first = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0)
        spent, _requests = self._spent(first.replace(microsecond=0).timestamp(), now)
        key = {
            "name": "sandbox",
            "disabled": False,
            "prefix": _prefix(request),
            "scopes": None,
            "limit": None,
            "monthly_usage": spent,
        }
        return json_reply({"data": key})

    async def usage(self, request: Request) -> Response:
        """Answer with the cost of the finished generations of a period."""
        require_key(request)
        period = query_choice(request, "period", tuple(_PERIODS_S))
        end = query_time(request, "end")
        end = time.time() if end is None else end
        start = query_time(request, "start")
        if start is None:
            start = end - _PERIODS_S[period or "24h"]
        if end - start > _WINDOW_MAX_S:
            raise ApiError(400, "start, end: expected a window of at most 92 days")
        spent, requests = self._spent(start, end)
        usage = {
            "api_key_prefix": _prefix(request),
            "start": iso(start),
            "end": iso(end),
            "spend": spent,
            "currency": "USD",
            "requests": requests,
        }
        return json_reply(usage)

    def _spent(self, start: float, end: float) -> tuple[float, int]:
        """Return the cost in USD of the finished generations of a window, and their number."""
        costs = [
            generation.cost
            for generation in self._store.finished()
            if not generation.fails and start <= generation.created <= end
        ]
        return usd(sum(costs)), len(costs)


def _prefix(request: Request) -> str:
    return request.headers.get("authorization", "").partition(" ")[2].strip()[:_PREFIX_CHARS]
