"""The routes of the account: logs, billing and the ledger."""

import base64
import binascii
import json
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wan_cli.sandbox.catalogue import usd
from wan_cli.sandbox.replies import (
    ApiError,
    iso,
    json_reply,
    query_choice,
    query_integer,
    query_time,
    require_key,
)
from wan_cli.sandbox.store import PLAY_MONEY_CREDITS, Store, StoredGeneration

_LIMIT_DEFAULT, _LIMIT_MAX = 50, 100
_LOG_WINDOW_MAX_S = 92 * 24 * 3600
_TRANSACTION_TYPES = (
    "PAYMENT",
    "BONUS",
    "REFUND",
    "ADJUSTMENT",
    "MODEL_USAGE",
    "CREDITS_EXPIRED",
    "INIT",
)


@dataclass(frozen=True, slots=True, order=True)
class _Transaction:
    """A row of the account's ledger; a later row compares greater."""

    time: float
    reference_id: str
    direction: str
    kind: str
    credits: int
    model: str | None


class Account:
    """The read-only routes of the account."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v2/logs", self.logs),
            Route("/v2/billing", self.billing),
            Route("/v2/billing/transactions", self.transactions),
            Route("/sandbox/ledger", self.ledger),
        ]

    async def logs(self, request: Request) -> Response:
        """Answer with a row for each finished generation, newest first."""
        require_key(request)
        start, end = query_time(request, "start"), query_time(request, "end")
        if start is not None and end is not None and end - start > _LOG_WINDOW_MAX_S:
            raise ApiError(400, "start, end: expected a window of at most 92 days")
        status = query_choice(request, "status", ("succeeded", "failed"))
        model = request.query_params.get("model")
        limit = query_integer(request, "limit", _LIMIT_DEFAULT, 1, _LIMIT_MAX)
        offset = query_integer(request, "offset", 0, 0, 10**9)
        rows = [
            _log_row(generation)
            for generation in self._store.finished()
            if (start is None or start <= generation.created)
            and (end is None or generation.created <= end)
            and status in (None, _log_status(generation))
            and model in (None, generation.body["model"])
        ]
        pagination = {
            "limit": limit,
            "offset": offset,
            "total": len(rows),
            "has_more": offset + limit < len(rows),
        }
        return json_reply({"data": rows[offset : offset + limit], "pagination": pagination})

    async def billing(self, request: Request) -> Response:
        """Answer with the rest of the play money."""
        require_key(request)
        return json_reply({"current_balance": usd(self._store.balance()), "currency": "USD"})

    async def transactions(self, request: Request) -> Response:
        """Answer with the account's ledger, newest first."""
        require_key(request)
        direction = query_choice(request, "direction", ("TOPUP", "CHARGE"))
        kind = query_choice(request, "type", _TRANSACTION_TYPES)
        start, end = query_time(request, "from"), query_time(request, "to")
        limit = query_integer(request, "limit", _LIMIT_DEFAULT, 1, _LIMIT_MAX)
        last = _read_cursor(request)
        rows = [
            row
            for row in self._transactions()
            if direction in (None, row.direction)
            and kind in (None, row.kind)
            and (start is None or start <= row.time)
            and (end is None or row.time <= end)
            and (last is None or (row.time, row.reference_id) < last)
        ]
        has_more = len(rows) > limit
        page = rows[:limit]
        pagination = {
            "next_cursor": _cursor(page[-1]) if has_more else None,
            "has_more": has_more,
        }
        return json_reply(
            {"data": [_transaction_row(row) for row in page], "pagination": pagination}
        )

    async def ledger(self, _request: Request) -> Response:
        """Answer with every received submission, oldest first. This is not part of the API."""
        posts = [
            {
                "time": iso(post.time),
                "client_request_id": post.label,
                "body": post.body,
                "generation_id": post.generation_id,
            }
            for post in self._store.posts()
        ]
        return json_reply({"posts": posts})

    def _transactions(self) -> list[_Transaction]:
        opening = _Transaction(
            self._store.opened, "", "TOPUP", "INIT", PLAY_MONEY_CREDITS, model=None
        )
        refills = [
            _Transaction(at, f"refill-{nth}", "TOPUP", "BONUS", PLAY_MONEY_CREDITS, model=None)
            for nth, at in enumerate(self._store.refills(), 1)
        ]
        charges = [
            _Transaction(
                generation.due,
                generation.id,
                "CHARGE",
                "MODEL_USAGE",
                generation.cost,
                str(generation.body["model"]),
            )
            for generation in self._store.finished()
            if not generation.fails
        ]
        return sorted([opening, *refills, *charges], key=lambda row: (row.time, row.reference_id))[
            ::-1
        ]


def _log_status(generation: StoredGeneration) -> str:
    return "failed" if generation.fails else "succeeded"


def _log_row(generation: StoredGeneration) -> dict[str, object]:
    return {
        "created": iso(generation.created),
        "status": _log_status(generation),
        "origin": "api",
        "model": generation.body["model"],
        "cost": {"usd": usd(generation.cost), "credits": generation.cost},
        "tokens": {"input": 0, "output": 0, "total": 0},
        "request_id": None,
        "inference_id": generation.id,
        "client_request_id": generation.label,
    }


def _transaction_row(row: _Transaction) -> dict[str, object]:
    return {
        "created_at": iso(row.time),
        "direction": row.direction,
        "type": row.kind,
        "amount": {"usd": usd(row.credits), "credits": row.credits},
        "model": row.model,
        "reference_id": row.reference_id or None,
    }


def _cursor(row: _Transaction) -> str:
    return base64.urlsafe_b64encode(json.dumps([row.time, row.reference_id]).encode()).decode()


def _read_cursor(request: Request) -> tuple[float, str] | None:
    """Return the time and id of the last row that the client has seen."""
    text = request.query_params.get("cursor")
    if text is None:
        return None
    try:
        at, reference_id = json.loads(base64.urlsafe_b64decode(text))
        return float(at), str(reference_id)
    except (binascii.Error, ValueError, TypeError):
        raise ApiError(400, "cursor: expected a next_cursor of this endpoint") from None
