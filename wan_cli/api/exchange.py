"""Requests to the API and replies from it, as values that need no HTTP library."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import NamedTuple

from wan_cli.http.trace import Trace
from wan_cli.schedule import retry_after

PIECE_BYTES = 1 << 16
_CALENDAR_END = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


class ExchangeFailed(Exception):
    """There is no reply. The message is the reason, without URL and key.

    `is_final`: another try would fail too, as with an untrusted certificate.
    """

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


class Reply(NamedTuple):
    """A reply. `whole` is false if the body was cut off, too long or unreadable."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool

    @property
    def server_time(self) -> float | None:
        """The server's time from the `Date` header, in seconds since the epoch."""
        try:
            date = parsedate_to_datetime(self.headers.get("Date", ""))
        except (ValueError, TypeError, OverflowError):
            return None
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()

    @property
    def retry_after_s(self) -> float | None:
        """How long the server asks to wait, None if it does not say."""
        value = self.headers.get("Retry-After")
        return retry_after([] if value is None else [value], date=self.headers.get("Date"))


class Body:
    """A request body that remembers whether reading began: an unread body was not sent."""

    def __init__(self, data: bytes, may_begin: Callable[[], bool] = lambda: True) -> None:
        self.data = data
        self._may_begin = may_begin
        self._at = 0
        self._begun = False
        self._abandoned = False
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[bytes]:
        # requests treats an iterable as a stream; http.client then calls read().
        return iter(lambda: self.read(PIECE_BYTES), b"")

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; call `may_begin` for permission before the first.

        Raises:
            OSError: sending may not begin, or this exchange was abandoned.
        """
        if not self._begun and not self._may_begin():
            self.abandon()
        with self._lock:
            if self._abandoned:
                raise OSError("abandoned before the body was sent")
            self._begun = True
        start = self._at
        self._at = len(self.data) if size < 0 else min(len(self.data), start + size)
        return self.data[start : self._at]

    def abandon(self) -> bool:
        """Prevent reading from beginning; return whether it had begun before."""
        with self._lock:
            self._abandoned = True
            return self._begun


def traced(
    send: Callable[..., Reply], base_url: str, key: str | None, trace: Trace
) -> Callable[..., Reply]:
    """Wrap `send` so that it reports each request and its outcome to the trace.

    The trace never has the key: `send` adds its header later, and bodies are shown without it.
    """
    if not trace.is_on:
        return send

    def exchange(
        method: str,
        path: str,
        *,
        seconds: float,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> Reply:
        data = body.data if body else b""
        sent = trace.sent(
            method, base_url + path, params=params, headers=headers, body=data, key=key
        )
        try:
            reply = send(method, path, seconds=seconds, params=params, headers=headers, body=body)
        except ExchangeFailed as failure:
            sent.failed(str(failure))
            raise
        sent.answered(reply.status, reply.headers, reply.body)
        return reply

    return exchange


def iso(seconds: float) -> str:
    """Return a time in the form of the API's query parameters: 2026-08-01T00:00:00Z."""
    # An absurdly wrong clock must not cause an arithmetic error.
    within_calendar = min(max(seconds, 0.0), _CALENDAR_END)
    return datetime.fromtimestamp(within_calendar, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
