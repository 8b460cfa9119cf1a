"""The trace of HTTP exchanges for -v: short, and without keys and signed queries."""

import itertools
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from wan_cli.text import one_line

HIDDEN = "[hidden]"
# Do not hide shorter keys: no real key is so short, and the word may occur in normal text.
SECRET_MIN_CHARS = 8
VALUE_MAX_CHARS = 200
ITEMS_MAX = 3
BODY_MAX_CHARS = 900
# The response headers that help to explain a problem. Never show cookies.
_HEADERS = frozenset(
    {
        "accept-ranges",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "date",
        "etag",
        "location",
        "retry-after",
        "server",
        "via",
        "cf-ray",
        "request-id",
        "x-inference-id",
        "x-request-id",
        "x-wan-sandbox",
    }
)
# Compile these at first use: compiling takes 1 ms, and few commands use -v.
_HIDDEN_FIELDS = r"(?i)api_?key|authorization|credential|password|secret|signature|token$"
# A query in running text ends at a space, a quote, or a bracket.
_QUERY = r"""(?i)(https?:/{1,2}[^\s?"'<>]*)\?[^\s"'<>]*"""
# JSON inside JSON doubles the backslashes.
_ESCAPED = r"\\+u00([2-7][0-9a-fA-F])"
_ESCAPED_SLASH = r"\\+/"


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
    """The end of a video's connection, `seconds` after its request, with `received` bytes."""

    number: int
    seconds: float
    received: int


class Failed(NamedTuple):
    """A request without a usable answer, `seconds` after it was sent."""

    number: int
    seconds: float
    reason: str


Fact = Sent | Answered | Ended | Failed


class Exchange:
    """One request, which reports its outcome to the trace."""

    def __init__(
        self, number: int, tell: Callable[[Fact], None] | None, key: str | None = None
    ) -> None:
        self._number = number
        self._tell = tell
        self._key = key
        self._began = time.monotonic()

    def answered(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Report the status, the relevant headers and the shortened body."""
        if self._tell:
            names, text = header_texts(headers), body_text(body, self._key)
            self._tell(Answered(self._number, self._seconds, status, names, text))

    def ended(self, received: int) -> None:
        """Report the number of bytes of a video that came over this connection."""
        if self._tell:
            self._tell(Ended(self._number, self._seconds, received))

    def failed(self, reason: str) -> None:
        """Report why there is no usable answer."""
        if self._tell:
            self._tell(Failed(self._number, self._seconds, reason))

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began


class Trace:
    """Reports each exchange to `tell`, if given, from any thread."""

    def __init__(self, tell: Callable[[Fact], None] | None = None) -> None:
        self._tell = tell
        self._numbers = itertools.count(1)

    @property
    def is_on(self) -> bool:
        """Whether the trace reports anything."""
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
        """Report a request that is about to be sent.

        Hide `key` in the body and in the answer's body; `headers` must not contain it.
        """
        number = next(self._numbers)
        if self._tell:
            url, shown = url_text(url), body_text(body, key)
            self._tell(Sent(number, method, url, params or {}, headers or {}, shown))
        return Exchange(number, self._tell, key)


def url_text(url: str) -> str:
    """Return a URL without its query, which may be a signature, and without a user name."""
    place = re.sub("^([^/]*//)[^/]*@", r"\1", re.split("[?#]", url, maxsplit=1)[0])
    return f"{place}?…" if "?" in url else place


def header_texts(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the relevant headers of an answer; Location without its query."""
    shown = {}
    for name, value in headers.items():
        if name.lower() in _HEADERS or name.lower().startswith("x-ratelimit"):
            value = url_text(value) if name.lower() == "location" else _text(value)
            shown[name] = one_line(value, VALUE_MAX_CHARS)
    return shown


def body_text(data: bytes, key: str | None = None) -> str:
    """Return a body as one short line: long values and lists cut, secrets and queries hidden."""
    text = data.decode("utf-8", "replace")
    try:
        text = json.dumps(_shortened(json.loads(text)), ensure_ascii=False)
    except (ValueError, RecursionError):
        text = _text(text)
    if key and len(key) >= SECRET_MIN_CHARS and key in (plain := _unescaped(text)):
        text = plain.replace(key, "[key]")
    return one_line(text, BODY_MAX_CHARS)


def _shortened(value: object) -> object:
    if isinstance(value, str):
        return _cut(_text(value))
    if isinstance(value, list):
        rest = len(value) - ITEMS_MAX
        shown = [_shortened(item) for item in value[:ITEMS_MAX]]
        return [*shown, f"… {rest} more"] if rest > 0 else shown
    if isinstance(value, dict):
        return {
            _cut(name): HIDDEN if _is_secret(name, item) else _shortened(item)
            for name, item in value.items()
        }
    return value


def _is_secret(name: str, value: object) -> bool:
    return isinstance(value, str) and bool(re.search(_HIDDEN_FIELDS, name))


def _cut(text: str) -> str:
    if len(text) <= VALUE_MAX_CHARS:
        return text
    return f"{text[: VALUE_MAX_CHARS // 2]}… ({len(text)} characters)"


def _text(text: str) -> str:
    """Return text without the queries of its URLs, even if JSON has escaped the URLs."""
    plain = _unescaped(text)
    hidden = re.sub(_QUERY, r"\1?…", plain)
    return text if hidden == plain else hidden


def _unescaped(text: str) -> str:
    """Return text with JSON's escapes of slashes and ASCII characters undone."""
    text = re.sub(_ESCAPED, lambda found: chr(int(found[1], 16)), text)
    return re.sub(_ESCAPED_SLASH, "/", text)
