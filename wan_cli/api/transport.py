"""One HTTP exchange with the API, in which every exception of the libraries ends."""

import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import urllib3
from requests import PreparedRequest, Request
from requests.auth import AuthBase
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies

from wan_cli.api.exchange import PIECE_BYTES, Body, ExchangeFailed, Reply
from wan_cli.errors import RUN_AGAIN, SetupError
from wan_cli.http.connect import LIBRARY_ERRORS, USER_AGENT, Adapter, failure_reason, is_final
from wan_cli.http.deadline import NoThread, within
from wan_cli.http.trace import SECRET_MIN_CHARS
from wan_cli.http.trust import Authorities

ANSWER_LIMIT_BYTES = 1 << 20
CONNECT_TIMEOUT_S = 10.0
_HEADERS = {
    "User-Agent": USER_AGENT,
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
}


class _Bearer(AuthBase):
    """The key as an auth object: with a plain header, .netrc would replace it."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Transport:
    """Exchanges with one base URL."""

    def __init__(self, base_url: str, key: str | None, authorities: Authorities) -> None:
        self._base_url = base_url
        self._auth = _Bearer(key) if key else None
        self._secret = key if key and len(key) >= SECRET_MIN_CHARS else None
        self._quoted = _as_quoted(self._secret) if self._secret else None
        self._authorities = authorities
        # What a session would add is not wanted: .netrc, cookies, redirects.
        self._adapter = Adapter(authorities)
        # On loopback there is no TLS to keep the key from a proxy.
        encrypted = urlsplit(base_url).scheme == "https"
        self._proxies = get_environ_proxies(base_url) if encrypted else {}
        _need_socks(self._proxies.values())

    def exchange(
        self,
        method: str,
        path: str,
        *,
        seconds: float,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> Reply:
        """Send one request and return its reply, within `seconds` in all.

        Redirects are not followed: the key stays with this host.

        Raises:
            ExchangeFailed: there is no reply.
        """
        request = Request(
            method,
            self._base_url + path,
            params=params,
            headers={**_HEADERS, **(headers or {})},
            data=body,
            auth=self._auth,
        )
        # A body that costs money goes over a connection of its own: a kept one may be half dead.
        adapter = Adapter(self._authorities) if body else self._adapter

        def call() -> Reply:
            return self._call(adapter, request, seconds)

        try:
            return within(seconds, call, name=f"{method} {path}")
        except TimeoutError:
            raise ExchangeFailed(f"no answer within {seconds:.3g} s") from None
        except NoThread:
            raise SetupError("no thread could be started (EAGAIN)", hint=RUN_AGAIN) from None
        except LIBRARY_ERRORS as cause:
            raise _failed(cause) from None

    def _call(self, adapter: Adapter, request: Request, seconds: float) -> Reply:
        timeout = (min(CONNECT_TIMEOUT_S, seconds), seconds)
        sent = adapter.send(request.prepare(), stream=True, timeout=timeout, proxies=self._proxies)
        with sent as response:
            return self._received(response.status_code, response.headers, response.raw)

    def line(self) -> "Line":
        """Return a way to ask from another thread, over a connection of its own."""
        adapter = Adapter(self._authorities)
        return Line(lambda path: self._beginning(adapter, path), self._received, self._post)

    def _post(
        self, method: str, path: str, seconds: float, headers: Mapping[str, str], body: Body
    ) -> Reply:
        """Send a body that costs money, over a connection of its own: a kept one may be half dead.

        Raises:
            ExchangeFailed: there is no reply.
        """
        url, whole = self._base_url + path, {**_HEADERS, **headers}
        request = Request(method, url, headers=whole, data=body, auth=self._auth)
        try:
            return self._call(Adapter(self._authorities), request, seconds)
        except LIBRARY_ERRORS as cause:
            raise _failed(cause) from None

    def _beginning(self, adapter: Adapter, path: str) -> "_Beginning":
        request = Request("GET", self._base_url + path, headers=_HEADERS, auth=self._auth).prepare()
        pool = adapter.get_connection_with_tls_context(request, True, self._proxies)
        return _Beginning(pool, request.path_url, dict(request.headers))

    def _received(self, status: int, headers: Mapping[str, str], raw: Any) -> Reply:
        body, whole = _read(raw, headers.get("Content-Encoding", "identity"))
        if self._secret and self._quoted:
            # A server that quotes the key must not bring it to the screen.
            body = self._quoted.sub(b"[key]", body)
            if any(self._secret in value for value in headers.values()):
                kept = {name: value for name, value in headers.items() if self._secret not in value}
                headers = CaseInsensitiveDict(kept)
        return Reply(status, headers, body, whole)


class _Beginning(NamedTuple):
    """What GETs of one path have in common."""

    pool: Any
    target: str
    headers: dict[str, str]

    def __repr__(self) -> str:
        """Leave the headers out: the key is among them."""
        return f"_Beginning(target={self.target!r})"


class Line:
    """GETs of one thread, in quick succession: what they have in common is prepared once.

    What requests does anew for each request takes as long as the exchange itself.
    """

    def __init__(
        self,
        begin: Callable[[str], _Beginning],
        receive: Callable[[int, Mapping[str, str], Any], Reply],
        post: Callable[[str, str, float, Mapping[str, str], Body], Reply],
    ) -> None:
        self._begin = begin
        self._post = post
        self._receive = receive
        self._begun: dict[str, _Beginning] = {}

    def exchange(
        self,
        method: str,
        path: str,
        *,
        seconds: float,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> Reply:
        """Send one request and return its reply, as `Transport.exchange` does.

        `seconds` bounds each wait within it. Whoever started the thread bounds it as a whole.

        Raises:
            ExchangeFailed: there is no reply.
        """
        if body is not None:
            return self._post(method, path, seconds, headers or {}, body)
        try:
            if path not in self._begun:
                self._begun[path] = self._begin(path)
            begun = self._begun[path]
            raw = begun.pool.urlopen(
                method,
                f"{begun.target}?{urlencode(params or {})}",
                headers={**begun.headers, **(headers or {})},
                redirect=False,
                retries=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=min(CONNECT_TIMEOUT_S, seconds), read=seconds),
            )
            with raw:
                return self._receive(raw.status, raw.headers, raw)
        except LIBRARY_ERRORS as cause:
            raise _failed(cause) from None


def _failed(error: BaseException) -> ExchangeFailed:
    reason = failure_reason(error)
    return ExchangeFailed(reason, is_final=is_final(reason))


def _as_quoted(key: str) -> re.Pattern[bytes]:
    """Return what a key may look like in JSON, where any character may be escaped."""
    forms = (rf"(?:\\?{re.escape(char)}|\\u00(?i:{ord(char):02x}))" for char in key)
    return re.compile("".join(forms).encode())


def _read(raw: Any, encoding: str) -> tuple[bytes, bool]:
    """Return the body's first MiB, and whether that is all of it and it came whole."""
    pieces = bytearray()
    try:
        while len(pieces) <= ANSWER_LIMIT_BYTES:
            piece = raw.read(PIECE_BYTES, decode_content=False)
            if not piece:
                break
            pieces += piece
        if encoding != "identity":
            # Sent though identity was asked for. A bomb must not unpack beyond the limit.
            unpacked = zlib.decompressobj(wbits=47).decompress(pieces, ANSWER_LIMIT_BYTES + 1)
            pieces = bytearray(unpacked)
    except LIBRARY_ERRORS:
        return bytes(pieces[:ANSWER_LIMIT_BYTES]), False
    return bytes(pieces[:ANSWER_LIMIT_BYTES]), len(pieces) <= ANSWER_LIMIT_BYTES


def _need_socks(proxies: Iterable[str]) -> None:
    """Refuse a SOCKS proxy that cannot be used.

    Raises:
        SetupError: its package is not installed.
    """
    if not any(proxy.lower().startswith("socks") for proxy in proxies):
        return
    from importlib.util import find_spec  # 3 ms, where there is a SOCKS proxy alone.

    if find_spec("socks") is None:
        raise SetupError(
            "a SOCKS proxy needs a package that is not installed (PySocks)",
            hint="pip install 'aimlapi-wan[socks]'",
        )
