"""Client: one method per endpoint (public reference of api.aimlapi.com, as of 2026-08-21)."""

import time
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from functools import partial
from typing import Self

from wan_cli.account import Charge, LogRow, rows_of
from wan_cli.api.exchange import Body, ExchangeFailed, Reply, iso, traced
from wan_cli.api.outcome import Ambiguous, NotSent, Refused, Submission, judge
from wan_cli.api.replies import about_it, about_us, as_number, json_object, refusal, server_words
from wan_cli.errors import NotFound, NotTheApi, Unreachable, WanError
from wan_cli.generation import Generation
from wan_cli.http.trace import Trace
from wan_cli.http.trust import TRUST_HINT, Authorities
from wan_cli.numbers import LARGEST, sane

GENERATIONS = "/v2/video/generations"
# Only a sandbox sends this header.
SANDBOX_HEADER = "x-wan-sandbox"
# The longest that wan waits for the answer to a submission.
SUBMIT_SECONDS = 300.0
GET_SECONDS = 30.0
PAGE_ROWS = 100
PAGES_MAX = 200
# The time limit for all pages of the log or the ledger together.
ACCOUNT_SECONDS = 60.0
# Stop after this many pages in a row without new rows, even if the server says there are more.
STALE_PAGES_MAX = 3
# Statuses that pass: wan retries a GET until the deadline.
_TRANSIENT = frozenset({408, 425, 429})


class Client:
    """A client of AI/ML API with one key.

    `server_offset_s` is the server's clock minus ours, from the newest `Date` header, or None.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None,
        *,
        key_origin: str = "",
        key_remedy: str = "",
        trace: Trace | None = None,
    ) -> None:
        self.base_url = base_url
        self.trace = trace or Trace()
        # The source of the key, and the hint to show if the API refuses it.
        self._key_origin = key_origin
        self._key_remedy = key_remedy
        self.server_offset_s: float | None = None
        # Whether a reply came from a sandbox.
        self.is_sandbox = False
        self._date: str | None = None
        self.authorities = Authorities()
        if base_url.startswith("https:"):
            self.authorities.read_ahead()
        # Importing requests takes longer than a whole local command.
        from wan_cli.api.transport import Transport

        self._transport = Transport(base_url, key, self.authorities)
        self._traced = partial(traced, base_url=base_url, key=key, trace=self.trace)
        self._send = self._traced(self._transport.exchange)

    def for_thread(self) -> Self:
        """Return a client for another thread; the caller must limit the total time of a call."""
        client = copy(self)
        client._send = self._traced(self._transport.line().exchange)  # noqa: SLF001  Of this class.
        return client

    def submit(
        self,
        payload: bytes,
        client_request_id: str,
        *,
        seconds: float = SUBMIT_SECONDS,
        may_begin: Callable[[], bool] = lambda: True,
    ) -> Submission:
        """Submit once: POST /v2/video/generations. Each call may be charged; never retry here.

        Call `may_begin` before the first byte of the body; if it returns False, send nothing.
        """
        body = Body(payload, may_begin)
        try:
            reply = self._exchange(
                "POST",
                GENERATIONS,
                seconds=seconds,
                headers={"X-Client-Request-Id": client_request_id},
                body=body,
            )
        except ExchangeFailed as failure:
            if body.abandon():
                return Ambiguous(str(failure))
            return NotSent(str(failure), failure.is_final)
        outcome = judge(reply, client_request_id)
        return Refused(self._about_us(outcome.error)) if isinstance(outcome, Refused) else outcome

    def _about_us(self, error: WanError) -> WanError:
        return about_us(error, self.base_url, self._key_origin, self._key_remedy)

    def generation(
        self, generation_id: str, *, alias: str | None = None, seconds: float = GET_SECONDS
    ) -> Generation:
        """Return the state of a generation: GET /v2/video/generations?generation_id=ID.

        `alias` is a second id of the same generation, which a reply may have instead.

        Raises:
            NotAboutIt: the reply is about another generation.
            Unreachable: no usable answer came; a retry may help.
            KeyRefused: 401 or 403.
            NotFound: 404, which may also come just after a submission.
            Rejected: any other refusal.
        """
        reply = self.get(
            GENERATIONS, {"generation_id": generation_id}, seconds=seconds, waiting=True
        )
        return about_it(Generation.parse(reply), generation_id, alias)

    def log(
        self,
        start: float,
        end: float,
        *,
        seconds: float = ACCOUNT_SECONDS,
        page_seconds: float = GET_SECONDS,
    ) -> Iterator[LogRow]:
        """Yield all rows of the log in a window (seconds since the epoch, server's clock).

        GET /v2/logs, within `seconds` in total and `page_seconds` for each page. Rows come newest
        first, so a new row during paging pushes another onto the next page a second time: yield
        each row once. Do not rely on the server's count of rows. Raises as `get`.
        """
        deadline = time.monotonic() + seconds
        seen: set[str] = set()
        offset = stale = 0
        window = {"start": iso(start), "end": iso(end), "limit": str(PAGE_ROWS)}
        while stale < STALE_PAGES_MAX:
            params = window | {"offset": str(offset)}
            left = min(page_seconds, deadline - time.monotonic())
            rows = rows_of(self.get("/v2/logs", params, seconds=left))
            if not rows:
                return
            known = len(seen)
            for row in (LogRow.parse(row) for row in rows):
                if row and row.id not in seen:
                    seen.add(row.id)
                    yield row
            stale = stale + 1 if len(seen) == known else 0
            # Advance by the rows received: a server may send shorter pages than requested.
            offset += len(rows)

    def charges(
        self, start: float, end: float, *, seconds: float = ACCOUNT_SECONDS
    ) -> Iterator[Charge]:
        """Yield all charges of the ledger for models in a window.

        GET /v2/billing/transactions, following `next_cursor`, within `seconds` in total. Raises as
        `get`.
        """
        deadline = time.monotonic() + seconds
        params = {
            "direction": "CHARGE",
            "type": "MODEL_USAGE",
            "from": iso(start),
            "to": iso(end),
            "limit": str(PAGE_ROWS),
        }
        for _ in range(PAGES_MAX):
            left = min(GET_SECONDS, deadline - time.monotonic())
            answer = self.get("/v2/billing/transactions", params, seconds=left)
            yield from (charge for row in rows_of(answer) if (charge := Charge.parse(row)))
            page = answer.get("pagination")
            cursor = page.get("next_cursor") if isinstance(page, dict) else None
            if not isinstance(cursor, str) or not cursor or params.get("cursor") == cursor:
                return
            params["cursor"] = cursor

    def balance(self) -> tuple[float, str]:
        """Return the account's balance and its currency: GET /v2/billing. Raises as `get`."""
        answer = self.get("/v2/billing", {})
        balance, currency = answer.get("current_balance"), answer.get("currency")
        amount = sane(as_number(balance), least=-LARGEST)
        if amount is None:
            raise self._unreachable("its answer has no balance")
        return amount, currency if isinstance(currency, str) else ""

    def models(
        self, model: str, *, etag: str | None = None, seconds: float = GET_SECONDS
    ) -> tuple[str | None, dict[str, object] | None]:
        """Return the rows of a model with its price: GET /v1/models, through `kept`."""
        params = {"id": model, "include": "pricing"}
        return self.kept("/v1/models", params, etag=etag, seconds=seconds)

    def kept(
        self, path: str, params: Mapping[str, str], *, etag: str | None, seconds: float
    ) -> tuple[str | None, dict[str, object] | None]:
        """Return the ETag and the object of a GET, None if unchanged (304). Raises as `get`."""
        headers = {"If-None-Match": etag} if etag else {}
        reply = self._asked(path, params, seconds=seconds, headers=headers)
        if reply.status == 304 and etag:
            return etag, None
        return reply.headers.get("ETag"), self._object(reply)

    def median_duration_s(self, model: str, *, seconds: float = GET_SECONDS) -> float | None:
        """Return a model's live median duration in seconds: GET /models/metrics?aliases=MODEL.

        None if the model was not used lately. Raises as `get`.
        """
        rows = self.get("/models/metrics", {"aliases": model}, seconds=seconds).get("models")
        for row in rows if isinstance(rows, list) else []:
            metrics = row.get("metrics") if isinstance(row, dict) else None
            duration = metrics.get("duration_ms") if isinstance(metrics, dict) else None
            median = sane(duration.get("p50")) if isinstance(duration, dict) else None
            if row.get("alias") == model and median is not None:
                return median / 1000
        return None

    def get(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        seconds: float = GET_SECONDS,
        waiting: bool = False,
    ) -> dict[str, object]:
        """Return the JSON object of a GET's answer, within `seconds`.

        Raises:
            Unreachable: a network error, 3xx, 408, 425, 429, 5xx, or an answer that is no object.
            KeyRefused, NoCredits, NotFound, Rejected: the API refused the request.
        """
        return self._object(self._asked(path, params, seconds=seconds), waiting=waiting)

    def _asked(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        seconds: float = GET_SECONDS,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        try:
            return self._exchange("GET", path, seconds=seconds, params=params, headers=headers)
        except ExchangeFailed as failure:
            raise self._unreachable(str(failure), is_final=failure.is_final) from None

    def _object(self, reply: Reply, *, waiting: bool = False) -> dict[str, object]:
        if 400 <= reply.status < 500 and reply.status not in _TRANSIENT:
            error = refusal(reply, waiting=waiting)
            if isinstance(error, NotTheApi):
                # A server between wan and the API refused it: a retry may help.
                raise Unreachable(error.message, hint=error.hint)
            raise error if isinstance(error, NotFound) else self._about_us(error)
        if not 200 <= reply.status < 300:
            words = server_words(reply)
            why = f"it answered {words} ({reply.status})"
            raise self._unreachable(why, retry_after_s=reply.retry_after_s)
        data = json_object(reply)
        if data is None:
            raise self._unreachable("its answer is not JSON")
        return data

    def _unreachable(
        self, why: str, *, is_final: bool = False, retry_after_s: float | None = None
    ) -> Unreachable:
        return Unreachable(
            f"cannot reach the API at {self.base_url}: {why}",
            hint=TRUST_HINT if is_final else "wan doctor",
            retry_after_s=retry_after_s,
            is_final=is_final,
        )

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        seconds: float,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> Reply:
        reply = self._send(method, path, seconds=seconds, params=params, headers=headers, body=body)
        self.is_sandbox = self.is_sandbox or SANDBOX_HEADER in reply.headers
        date = reply.headers.get("Date")
        # `Date` has whole seconds: the first reply in each second gives the best offset.
        if date != self._date and (server_time := reply.server_time) is not None:
            self._date = date
            self.server_offset_s = server_time - time.time()
        return reply
