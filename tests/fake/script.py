"""Scripted replies for a server: a queue of replies with their faults."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, Protocol, TypeVar

from tests.fake.server import Connection, HeaderList, Server, head

# A header with the value None removes the server's header; a list of pairs may hold
# a name twice.
Headers = Mapping[str, str | None] | list[tuple[str, str | None]]
Fault = Literal[
    "reset",  # TCP reset instead of a reply
    "close",  # end of the connection instead of a reply
    "cut",  # complete headers, half of the body, end of the connection
    "hang",  # the reply comes only after `release()`
    "drip",  # a byte every `delay` seconds
    "garbage",  # not HTTP
    "no-headers-end",  # the connection ends within the headers
    "reset-before-body",  # a POST's body is not read, and the POST not recorded
    "close-after",  # a good reply, then the connection closes
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One reply of the API. `delay` in seconds.

    `body` None is what the server would say by itself at this status. `{id}` and `{url}` in the
    body or a header stand for the generation's id and its video's URL. `accept` says whether a POST
    made (and charged) a generation whatever the reply says; by default a status of 2xx does. With
    `crossed` the whole reply, its headers too, is that to the same question about the generation
    made before this one, or else the newest other one.
    """

    status: int = 200
    body: dict[str, Any] | bytes | None = None
    headers: Headers = field(default_factory=dict)
    delay: float = 0.0
    fault: Fault | None = None
    accept: bool | None = None
    crossed: bool = False
    lasting: bool = False

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def accepts(self) -> bool:
        return self.is_success if self.accept is None else self.accept


def refusal(status: int, message: str, path: str = "") -> Reply:
    """Return a refusal in the API's format."""
    body = {
        "message": message,
        "path": path,
        "requestId": "00000000-0000-4000-8000-000000000000",
        "statusCode": status,
        "timestamp": "2026-08-21T10:00:00.000Z",
    }
    return Reply(status=status, body=body)


# A proxy or firewall answers instead of the API.
FIREWALL = Reply(
    status=403,
    body=b"<!doctype html><title>Blocked</title><h1>Sorry, you have been blocked</h1>",
    headers={"Content-Type": "text/html"},
)
# A log or ledger without rows yet.
NO_ROWS = Reply(body={"data": [], "pagination": {"has_more": False}})


class _Scripted(Protocol):
    @property
    def lasting(self) -> bool: ...


R = TypeVar("R", bound=_Scripted)


def repeat(reply: R, times: int) -> list[R]:
    """Return the reply `times` times: `api.on_post(*repeat(Reply(status=429), 2))`."""
    return [reply] * times


def forever(reply: R) -> R:
    """Return the reply for this request and all later ones."""
    return replace(reply, lasting=True)  # type: ignore[type-var]


class Script(Generic[R]):
    """A queue of replies; if it is empty, the server answers by itself."""

    def __init__(self) -> None:
        self._replies: deque[R] = deque()

    def __call__(self, *replies: R) -> None:
        """Add replies for the next requests."""
        self._replies.extend(replies)

    def clear(self) -> None:
        self._replies.clear()

    def next(self) -> R | None:
        try:
            reply = self._replies.popleft()
        except IndexError:
            return None
        if reply.lasting:
            self._replies.appendleft(reply)
        return reply


def merge(default: Iterable[tuple[str, str]], given: Headers) -> HeaderList:
    """Return the default headers, overridden by the given ones."""
    pairs = list(given.items()) if isinstance(given, Mapping) else given
    names = {name.lower() for name, _ in pairs}
    kept = [(name, value) for name, value in default if name.lower() not in names]
    return kept + [(name, value) for name, value in pairs if value is not None]


def deliver(server: Server, connection: Connection, reply: Reply, defaults: HeaderList) -> None:
    """Send a finished reply with its fault; its headers override the defaults."""
    body = json.dumps(reply.body).encode() if isinstance(reply.body, dict) else reply.body or b""
    if reply.status not in (204, 304):
        defaults = [*defaults, ("Content-Length", str(len(body)))]
    message = head(reply.status, merge(defaults, reply.headers))
    if reply.fault != "drip":
        server.pause(reply.delay)
    send = _FAULTS.get(reply.fault or "")
    if send is None:
        connection.send(message + body)
        return
    connection.keep = connection.keep and reply.fault in ("hang", "drip")
    send(server, connection, reply, message, body)


_Send = Callable[[Server, Connection, Reply, bytes, bytes], None]


def _reset(_s: Server, connection: Connection, _r: Reply, _m: bytes, _b: bytes) -> None:
    connection.reset()


def _close(_s: Server, _c: Connection, _r: Reply, _m: bytes, _b: bytes) -> None:
    """Send nothing and do not keep the connection."""


def _cut(_s: Server, connection: Connection, _r: Reply, message: bytes, body: bytes) -> None:
    connection.send(message + body[: len(body) // 2])


def _hang(server: Server, connection: Connection, _r: Reply, message: bytes, body: bytes) -> None:
    server.hang()
    connection.send(message + body)


def _drip(
    server: Server, connection: Connection, reply: Reply, message: bytes, body: bytes
) -> None:
    connection.send(message)
    for byte in body:
        connection.send(bytes([byte]))
        server.pause(reply.delay)


def _garbage(_s: Server, connection: Connection, _r: Reply, _m: bytes, _b: bytes) -> None:
    connection.send(b"\x00\xffSSH-2.0-not-a-web-server\r\n\r\n")


def _no_headers_end(
    _s: Server, connection: Connection, _r: Reply, message: bytes, _b: bytes
) -> None:
    connection.send(message[:-4])


def _close_after(
    _s: Server, connection: Connection, _r: Reply, message: bytes, body: bytes
) -> None:
    connection.send(message + body)


_FAULTS: dict[str, _Send] = {
    "reset": _reset,
    "close": _close,
    "cut": _cut,
    "hang": _hang,
    "drip": _drip,
    "garbage": _garbage,
    "no-headers-end": _no_headers_end,
    "reset-before-body": _reset,
    "close-after": _close_after,
}
