"""Account: the generations of the fake API's users, their log and their ledger."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fake.catalogue import MODEL
from tests.fake.records import GenerationState, Row, charge, log_row, new_ids, select, stamp
from tests.fake.script import Reply, refusal
from tests.fake.server import Request


@dataclass(slots=True)
class Pages:
    """The paging of the log and the ledger, and a hook between two pages."""

    size: int | None = None  # the most rows on a page, even if the request's limit is higher
    after: Callable[[int], None] | None = None  # called with the offset of each served log page
    extra: list[Row] = field(default_factory=list)

    def limit(self, parameters: Mapping[str, str]) -> int:
        """Return the rows of a page.

        Raises:
            ValueError: not 1 to 100.
        """
        wanted = int(parameters.get("limit", 50))
        if not 1 <= wanted <= 100:
            raise ValueError("limit: expected a number from 1 to 100")
        return min(wanted, self.size or wanted)


class Account:
    """The generations and charges, and how much of them is shown; a test may set any attribute.

    `error` is what the generations to come end in (None: a video); `clock_offset` (seconds) is how
    far the server's clock is ahead. A log or ledger that lags shows no row; without
    `logs_immediately` it shows finished generations only. Without `log_labels` the log does not
    hold the client's labels. `on_accept` is called with each generation that a POST makes, before
    the POST is answered.
    """

    def __init__(self) -> None:
        self.generations: dict[str, GenerationState] = {}
        self.on_accept: Callable[[GenerationState], None] = lambda _state: None
        self.ids: list[str] = []  # the ids to use before random ones
        self.looks = 2
        self.credits_used = 3_150_000
        self.clock_offset = 0.0
        self.error: Row | None = None
        self.logs_immediately = True
        self.log_lag = False
        self.log_labels = True
        self.ledger_lag = False
        self.log_pages = Pages()
        self.ledger_pages = Pages()
        # What GET /v1/key says of a key, beside what it has spent this month.
        self.key: Row = {"name": "tests", "disabled": False, "scopes": None, "limit": None}
        self._new_id = new_ids()

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.clock_offset, UTC)

    def add_generation(self, body: Row | None = None, **values: Any) -> GenerationState:
        """Return a new generation that somebody else made, or that existed before the test."""
        state = GenerationState(
            id=values.pop("id", None) or (self.ids.pop(0) if self.ids else self._new_id()),
            body=body or {"model": MODEL, "prompt": "a fox"},
            client_request_id=values.pop("client_request_id", None),
            key=values.pop("key", ""),
            created=values.pop("created", None) or self.now(),
            looks=values.pop("looks", self.looks),
            credits_used=values.pop("credits_used", self.credits_used),
            error=values.pop("error", self.error),
            **values,
        )
        self.generations[state.id] = state
        return state

    def add_log_row(self, inference_id: str, **values: Any) -> None:
        """Add a row to the log that belongs to no generation here."""
        values.setdefault("created", self.now())
        self.log_pages.extra.append(log_row(inference_id, **values))

    def add_charge(self, reference_id: str, **values: Any) -> None:
        """Add a row to the ledger that belongs to no generation here."""
        values.setdefault("created", self.now())
        self.ledger_pages.extra.append(charge(reference_id, **values))

    def log_rows(self, key: str = "") -> list[Row]:
        """Return the current log, unsorted; with a key, only the key's rows."""
        shown = [] if self.log_lag else self._shown(key)
        return [state.log_row(labels=self.log_labels) for state in shown] + self.log_pages.extra

    def charges(self, key: str = "") -> list[Row]:
        """Return the current ledger, unsorted; with a key, only the key's rows."""
        shown = [] if self.ledger_lag else self._shown(key)
        return [state.charge() for state in shown if not state.error] + self.ledger_pages.extra

    def _shown(self, key: str) -> list[GenerationState]:
        return [
            state
            for state in list(self.generations.values())
            if (self.logs_immediately or state.is_finished) and (not key or state.key in ("", key))
        ]

    def logs(self, request: Request) -> Reply:
        """Answer GET /v2/logs."""
        wanted = request.parameters
        try:
            limit, offset = self.log_pages.limit(wanted), int(wanted.get("offset", 0))
            check_window(wanted.get("start"), wanted.get("end"))
            rows = select(
                self.log_rows(key_of(request)),
                "created",
                wanted.get("start"),
                wanted.get("end"),
                status=wanted.get("status"),
                model=wanted.get("model"),
            )
        except ValueError as cause:
            return refusal(400, str(cause), request.path)
        more = offset + limit < len(rows)
        page = {"limit": limit, "offset": offset, "total": len(rows), "has_more": more}
        if self.log_pages.after is not None:
            self.log_pages.after(offset)
        return Reply(body={"data": rows[offset : offset + limit], "pagination": page})

    def transactions(self, request: Request) -> Reply:
        """Answer GET /v2/billing/transactions."""
        wanted = request.parameters
        try:
            limit = self.ledger_pages.limit(wanted)
            at = int(wanted.get("cursor", "after-0").removeprefix("after-"))
            rows = select(
                self.charges(key_of(request)),
                "created_at",
                wanted.get("from"),
                wanted.get("to"),
                direction=wanted.get("direction"),
                type=wanted.get("type"),
            )
        except ValueError as cause:
            return refusal(400, str(cause), request.path)
        more = at + limit < len(rows)
        page = {"next_cursor": f"after-{at + limit}" if more else None, "has_more": more}
        return Reply(body={"data": rows[at : at + limit], "pagination": page})

    def about_key(self, request: Request) -> Reply:
        """Answer GET /v1/key."""
        key = key_of(request)
        spent = self._usage(key, stamp(self._month()), stamp(self.now()))
        data = {"prefix": key[:8], "monthly_usage": spent["spend"], **self.key}
        return Reply(body={"data": data})

    def usage(self, request: Request) -> Reply:
        """Answer GET /v2/usage."""
        wanted, now = request.parameters, self.now()
        period = wanted.get("period")
        if period not in (None, "24h", "7d", "30d"):
            return refusal(400, "period: expected 24h, 7d or 30d", request.path)
        days = {"7d": 7, "30d": 30}.get(period or "", 1)
        start = wanted.get("start") or stamp(now - timedelta(days=days))
        try:
            check_window(start, wanted.get("end"))
            body = self._usage(key_of(request), start, wanted.get("end") or stamp(now))
        except ValueError as cause:
            return refusal(400, str(cause), request.path)
        return Reply(body=body)

    def _usage(self, key: str, start: str, end: str) -> Row:
        rows = select(self.log_rows(key), "created", start, end, status="succeeded")
        return {
            "api_key_prefix": key[:8],
            "start": start,
            "end": end,
            "spend": sum(row["cost"]["usd"] for row in rows),
            "currency": "USD",
            "requests": len(rows),
        }

    def _month(self) -> datetime:
        return self.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def check_window(start: str | None, end: str | None) -> None:
    """Check a window of times.

    Raises:
        ValueError: more than 92 days.
    """
    if start and end and _time(end) - _time(start) > timedelta(days=92):
        raise ValueError("start, end: expected a window of at most 92 days")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def key_of(request: Request) -> str:
    """Return the key that a request carries, or an empty string."""
    return request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
