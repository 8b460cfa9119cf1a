"""The trace of HTTP exchanges that -v shows: frozen facts, free of keys and signed queries."""

import itertools
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from wan_cli.http.redacted import body_text, header_texts, url_text


class Sent(NamedTuple):
    """A request that is about to be sent. `number` is the number of its exchange."""

    number: int
    method: str
    url: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: str


class Answered(NamedTuple):
    """The head of an answer, `seconds` after its request; `body` is empty for a video."""

    number: int
    seconds: float
    status: int
    headers: Mapping[str, str]
    body: str


class Ended(NamedTuple):
    """A video's connection is closed, `seconds` after its request; `received` counts its bytes."""

    number: int
    seconds: float
    received: int


class Failed(NamedTuple):
    """There is no usable answer, `seconds` after the request."""

    number: int
    seconds: float
    reason: str


Fact = Sent | Answered | Ended | Failed


class Exchange:
    """One request whose outcome is told to the trace."""

    def __init__(
        self, number: int, tell: Callable[[Fact], None] | None, key: str | None = None
    ) -> None:
        self._number = number
        self._tell = tell
        self._key = key
        self._began = time.monotonic()

    def answered(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Tell the status, the headers that matter and the body, shortened."""
        if self._tell:
            names, text = header_texts(headers), body_text(body, self._key)
            self._tell(Answered(self._number, self._seconds, status, names, text))

    def ended(self, received: int) -> None:
        """Tell how many bytes of a video came over this connection."""
        if self._tell:
            self._tell(Ended(self._number, self._seconds, received))

    def failed(self, reason: str) -> None:
        """Tell why there is no usable answer."""
        if self._tell:
            self._tell(Failed(self._number, self._seconds, reason))

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began


class Trace:
    """Tells each exchange to `tell`, from any thread; without `tell` to nobody."""

    def __init__(self, tell: Callable[[Fact], None] | None = None) -> None:
        self._tell = tell
        self._numbers = itertools.count(1)

    @property
    def is_on(self) -> bool:
        """Whether anybody is told."""
        return self._tell is not None

    def sent(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        key: str | None = None,
    ) -> Exchange:
        """Tell that a request is about to be sent.

        `key` is hidden in its body and in that of its answer; `headers` must not hold it.
        """
        number = next(self._numbers)
        if self._tell:
            url, shown = url_text(url), body_text(body, key)
            self._tell(Sent(number, method, url, params or {}, headers or {}, shown))
        return Exchange(number, self._tell, key)
