"""HTTP exchanges with the API. Exceptions of the HTTP libraries become ExchangeFailed here."""

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
    """The key as an auth object: .netrc would replace a plain header."""

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
        # Use no session: it would add .netrc, cookies and redirects.
        self._adapter = Adapter(authorities)
        # Without TLS (on loopback), a proxy could read the key: use none.
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
        """Send one request and return its reply, within `seconds` in total.

        Do not follow redirects: only this host may get the key.

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
        # Send a body that costs money over a new connection: a reused one may be half dead.
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
        """Return a Line for another thread, with its own connection."""
        adapter = Adapter(self._authorities)
        return Line(lambda path: self._beginning(adapter, path), self._received, self._post)

    def _post(
        self, method: str, path: str, seconds: float, headers: Mapping[str, str], body: Body
    ) -> Reply:
        """Send a body that costs money over a new connection: a reused one may be half dead.

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
            # If a server quotes the key, it must not reach the screen.
            body = self._quoted.sub(b"[key]", body)
            if any(self._secret in value for value in headers.values()):
                kept = {name: value for name, value in headers.items() if self._secret not in value}
                headers = CaseInsensitiveDict(kept)
        return Reply(status, headers, body, whole)


class _Beginning(NamedTuple):
    """The prepared part that all GETs of one path share."""

    pool: Any
    target: str
    headers: dict[str, str]

    def __repr__(self) -> str:
        """Omit the headers: they contain the key."""
        return f"_Beginning(target={self.target!r})"


class Line:
    """GETs of one thread in quick succession: prepare their common part only once.

    Preparing each request in requests would take as long as the exchange itself.
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

        `seconds` limits each wait in it. The caller must limit the total time.

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
    """Return a pattern that matches a key in JSON, where any character may be escaped."""
    forms = (rf"(?:\\?{re.escape(char)}|\\u00(?i:{ord(char):02x}))" for char in key)
    return re.compile("".join(forms).encode())


def _read(raw: Any, encoding: str) -> tuple[bytes, bool]:
    """Return the body's first MiB, and whether that is the whole body."""
    pieces = bytearray()
    try:
        while len(pieces) <= ANSWER_LIMIT_BYTES:
            piece = raw.read(PIECE_BYTES, decode_content=False)
            if not piece:
                break
            pieces += piece
        if encoding != "identity":
            # The server compressed it although we asked for identity. Limit the unpacked size.
            unpacked = zlib.decompressobj(wbits=47).decompress(pieces, ANSWER_LIMIT_BYTES + 1)
            pieces = bytearray(unpacked)
    except LIBRARY_ERRORS:
        return bytes(pieces[:ANSWER_LIMIT_BYTES]), False
    return bytes(pieces[:ANSWER_LIMIT_BYTES]), len(pieces) <= ANSWER_LIMIT_BYTES


def _need_socks(proxies: Iterable[str]) -> None:
    """Check that a SOCKS proxy can be used.

    Raises:
        SetupError: the package for SOCKS is not installed.
    """
    if not any(proxy.lower().startswith("socks") for proxy in proxies):
        return
    from importlib.util import find_spec  # Takes 3 ms; only a SOCKS proxy needs it.

    if find_spec("socks") is None:
        raise SetupError(
            "a SOCKS proxy needs a package that is not installed (PySocks)",
            hint="pip install 'aimlapi-wan[socks]'",
        )
