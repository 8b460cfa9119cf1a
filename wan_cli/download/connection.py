"""One GET to the CDN, with its redirects: no key, no cookie, no .netrc goes there."""

import contextlib
import http.client
import socket
import threading
import time
import zlib
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import urllib3

from wan_cli import __version__
from wan_cli.deadline import within
from wan_cli.download.address import (
    Network,
    check_url,
    first_forbidden,
    host_of,
    is_loopback_name,
    redirected,
    resolve,
)
from wan_cli.download.ranges import Answer, Asked, BadAnswer, read_answer
from wan_cli.download.transfer import Broken, Pace
from wan_cli.errors import DownloadFailed
from wan_cli.http.adapter import Adapter
from wan_cli.http.light import (
    ProxyError,
    Request,
    Response,
    SSLError,
    Timeout,
    get_environ_proxies,
    select_proxy,
)

T = TypeVar("T")

MAX_REDIRECTS = 3
CONNECT_SECONDS = 10.0
READ_BYTES = 2**16
SMALL_READ_BYTES = 2**10
DECODED_BYTES = 2**20
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# The URL may have expired: the API may have a fresh one.
_RENEWABLE = frozenset({401, 403, 404, 410})
_ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": f"wan-cli/{__version__}"}
# What requests and the libraries below it raise (its own errors are OSErrors).
_TROUBLE = (
    OSError,
    ValueError,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    zlib.error,
)


def _guarded(call: Callable[[], T]) -> T:
    """Return what a call of the library returns; every exception of the library ends here.

    Its words are not passed on: they hold the whole URL.
    """
    try:
        return call()
    except _TROUBLE as error:
        raise Broken(_words(error)) from None


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError | Timeout | urllib3.exceptions.TimeoutError):
        return "the server did not answer in time"
    if isinstance(error, socket.gaierror):
        return "the server's name could not be resolved"
    if isinstance(error, SSLError):
        return "the server's certificate was not accepted, or TLS failed"
    if isinstance(error, ProxyError):
        return "the proxy failed"
    if isinstance(error, zlib.error):
        return "the server sent broken compressed data"
    return "the connection broke"


class Cdn:
    """Opens connections. Each has its own adapter, so that one that was given up harms none."""

    def __init__(
        self,
        network: Network,
        *,
        deadline: float,
        pace: Pace,
        hint: str,
    ) -> None:
        self._network = network
        self._deadline = deadline
        self._pace = pace
        self._hint = hint

    def get(self, url: str, asked: Asked) -> "HttpBody":
        """Return the open answer.

        Raises:
            Broken: no usable answer; another try may bring one.
            BadAnswer: it does not fit what was asked.
            DownloadFailed: the server leads to where a video may not come from.
        """
        seconds = min(self._pace.connect, self._deadline - self._pace.clock())
        call = partial(self._follow, url, asked)
        return _guarded(partial(within, seconds, call, name="wan-connect", discard=HttpBody.close))

    def _follow(self, url: str, asked: Asked) -> "HttpBody":
        with contextlib.ExitStack() as closing:
            adapter = Adapter(self._network.authorities)
            closing.callback(adapter.close)
            for _ in range(MAX_REDIRECTS + 1):
                response = self._send(adapter, url, asked)
                closing.callback(response.close)
                if response.status_code not in _REDIRECTS:
                    answer = _judge(response, asked)
                    return HttpBody(response, answer, closing.pop_all(), self._deadline, self._pace)
                url = redirected(url, response.headers.get("Location", ""))
            raise DownloadFailed(
                f"the video's server redirects more than {MAX_REDIRECTS} times", hint=self._hint
            )

    def _send(self, adapter: Adapter, url: str, asked: Asked) -> Response:
        check_url(url, loopback=self._network.loopback, hint=self._hint)
        # No session: it looks into .netrc, keeps cookies, and reads the whole body of a redirect.
        proxies = {} if is_loopback_name(host_of(url)) else get_environ_proxies(url)
        self._check_address(url, proxied=select_proxy(url, proxies) is not None)
        request = Request("GET", url, headers={**_HEADERS, **asked.headers()}).prepare()
        return adapter.send(
            request,
            stream=True,
            timeout=(min(CONNECT_SECONDS, self._pace.connect), self._pace.window),
            proxies=proxies,
        )

    def _check_address(self, url: str, *, proxied: bool) -> None:
        # Behind a proxy only the proxy knows the address.
        addresses = [] if proxied else resolve(url)
        if first_forbidden(addresses, loopback=self._network.loopback) is not None:
            raise DownloadFailed(
                f"the video's server {host_of(url)} has an address inside this network",
                hint=self._hint,
            )


def _judge(response: Response, asked: Asked) -> Answer:
    status = response.status_code
    if status not in (200, 206, 416):
        raise Broken(f"the server answered {status}", renew=status in _RENEWABLE)
    headers = {name.lower(): value for name, value in response.headers.items()}
    answer = read_answer(status, headers, asked)
    if answer.encoding and answer.encoding not in _ENCODINGS:
        raise BadAnswer("a body in an encoding that was not asked for")
    return answer


class HttpBody:
    """The body of an open answer."""

    def __init__(
        self,
        response: Response,
        answer: Answer,
        resources: contextlib.ExitStack,
        deadline: float,
        pace: Pace,
    ) -> None:
        self.answer = answer
        self._raw = response.raw
        self._resources = resources
        self._deadline = deadline
        self._pace = pace
        self._lent = False
        self._watch: threading.Thread | None = None
        self._awaited_since: float | None = None
        self._closed = threading.Event()
        # 32 + 15: a gzip or a zlib header, whichever there is.
        self._decoder = zlib.decompressobj(47) if answer.encoding else None

    def read(self, *, fill: int = 0) -> bytes:
        """Return what is there, waiting for at least one byte, or `fill` bytes; b"" at the end.

        Raises:
            Broken: the connection broke, or ended too early.
        """
        if self.answer.start == self.answer.end:
            return b""  # What comes with a 416 is not the video.
        return _guarded(partial(self._read, fill) if self._decoder is None else self._read_decoded)

    def _read(self, fill: int = 0) -> bytes:
        left = self._deadline - self._pace.clock()
        if left <= self._pace.window:
            return self._read_within(left)
        if fill and hasattr(self._raw, "shutdown"):
            return self._read_whole(fill)
        return self._read_some()

    def _read_within(self, left: float) -> bytes:
        # The socket's own timeout would come after the deadline.
        self._lent = True
        data = within(
            left,
            self._read_or_close,
            name="wan-read",
            discard=lambda _data: self._resources.close(),
        )
        self._lent = False
        return data

    def _read_whole(self, size: int) -> bytes:
        """Wait for so many bytes, as long as a stall may take: a drip renews the socket's limit."""
        if self._watch is None:
            self._watch = threading.Thread(target=self._end_stalls, name="wan-watch", daemon=True)
            self._watch.start()
        self._awaited_since = time.monotonic()
        try:
            data: bytes = self._raw.read(size, decode_content=False)
            return data
        finally:
            self._awaited_since = None

    def _end_stalls(self) -> None:
        window = self._pace.window
        while not self._closed.wait(min(1.0, window / 4)):
            since = self._awaited_since
            if since is not None and time.monotonic() - since > window:
                self._raw.shutdown()
                return

    def _read_some(self) -> bytes:
        # Only urllib3 2.2 can return what is there; those before it wait for all that is asked for.
        if hasattr(self._raw, "read1"):
            data: bytes = self._raw.read1(READ_BYTES, decode_content=False)
        else:
            data = self._raw.read(SMALL_READ_BYTES, decode_content=False)
        return data

    def _read_or_close(self) -> bytes:
        try:
            return self._read_some()
        except _TROUBLE:
            self._resources.close()
            raise

    def _read_decoded(self) -> bytes:
        decoder = self._decoder
        assert decoder is not None
        while True:
            data = decoder.unconsumed_tail or self._read()
            if not data:
                if not decoder.eof:
                    raise Broken("the connection ended inside compressed data")
                return b""
            if decoded := decoder.decompress(data, DECODED_BYTES):
                return decoded

    def close(self) -> None:
        """Let go of the connection; where a read was given up, that read does it at its end."""
        self._closed.set()
        if not self._lent:
            self._resources.close()
