"""One GET to the CDN, with its redirects. wan sends no key, no cookie and no .netrc there."""

import contextlib
from functools import partial
from typing import Any

from requests import Request, Response
from requests.utils import get_environ_proxies, select_proxy

from wan_cli import mp4
from wan_cli.download.address import (
    Network,
    check_url,
    first_forbidden,
    host_of,
    is_loopback_name,
    redirected,
    resolve,
    target_of,
)
from wan_cli.download.body import HttpBody, guarded
from wan_cli.download.outcome import Reason
from wan_cli.download.ranges import Answer, BadAnswer, RangeRequest, read_answer
from wan_cli.download.transfer import Broken, Limits
from wan_cli.errors import DownloadFailed
from wan_cli.http.connect import USER_AGENT, Adapter
from wan_cli.http.deadline import within
from wan_cli.http.trace import Exchange, Trace
from wan_cli.http.trust import Authorities

MAX_REDIRECTS = 3
CONNECT_SECONDS = 10.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Refusals that have nothing to do with the URL: a timeout, too early, too many requests.
_NOT_OF_THE_URL = frozenset({408, 425, 429})
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": USER_AGENT}


class Cdn:
    """Opens connections, each with its own adapter: an abandoned one cannot harm the others."""

    def __init__(self, network: Network, *, limits: Limits, hint: str) -> None:
        self._network = network
        self._trace = network.trace or Trace()
        self._limits = limits
        self._hint = hint

    def get(self, url: str, wanted: RangeRequest) -> "HttpBody":
        """Return the open response.

        Raises:
            Broken: the response is unusable; another try may succeed.
            BadAnswer: the response does not fit the request.
            DownloadFailed: the server redirects to an address that wan does not download from.
        """
        pace = self._limits.pace
        seconds = min(pace.connect, self._limits.deadline - pace.clock())
        sent = self._trace.sent("GET", url, headers=wanted.headers())
        call = partial(self._follow, url, wanted, sent)
        try:
            return guarded(
                partial(within, seconds, call, name="wan-connect", discard=HttpBody.close)
            )
        except (Broken, BadAnswer, DownloadFailed) as failure:
            sent.failed(str(failure))
            raise

    def _follow(self, url: str, wanted: RangeRequest, sent: Exchange) -> "HttpBody":
        with contextlib.ExitStack() as closing:
            for _ in range(MAX_REDIRECTS + 1):
                url = check_url(url, loopback=self._network.loopback, hint=self._hint)
                adapter = _Verbatim(self._network.authorities, target_of(url))
                closing.callback(adapter.close)
                response = self._send(adapter, url, wanted)
                closing.callback(response.close)
                sent.answered(response.status_code, response.headers)
                if response.status_code not in _REDIRECTS:
                    answer = _judge(response, wanted)
                    closing.callback(_tell_end, sent, response)
                    return HttpBody(response, answer, closing.pop_all(), self._limits)
                url = redirected(url, response.headers.get("Location", ""))
            raise DownloadFailed(
                f"the video's server redirects more than {MAX_REDIRECTS} times", hint=self._hint
            )

    def _send(self, adapter: Adapter, url: str, wanted: RangeRequest) -> Response:
        pace = self._limits.pace
        # No session: a session reads .netrc, keeps cookies, and reads a redirect's whole body.
        proxies = {} if is_loopback_name(host_of(url)) else get_environ_proxies(url)
        self._check_address(url, proxied=select_proxy(url, proxies) is not None)
        request = Request("GET", url, headers={**_HEADERS, **wanted.headers()}).prepare()
        return adapter.send(
            request,
            stream=True,
            timeout=(min(CONNECT_SECONDS, pace.connect), pace.window),
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


class _Verbatim(Adapter):
    """Connections for one request, whose path and query are sent unchanged.

    requests and urllib3 rewrite percent-encoding (`%7E` becomes `~`, `%2b` becomes `%2B`), but the
    signature of a URL may cover the original bytes.
    """

    def __init__(self, authorities: Authorities, target: str) -> None:
        super().__init__(authorities)
        self._target = target

    def get_connection_with_tls_context(self, *args: Any, **settings: Any) -> Any:
        """Return the pool for a request."""
        pool: Any = super().get_connection_with_tls_context(*args, **settings)
        target, usual = self._target, pool.ConnectionCls

        class Verbatim(usual):  # type: ignore[misc, valid-type]
            def putrequest(self, method: str, url: str, *rest: Any, **options: Any) -> None:
                # A proxy for plain http gets a whole URL; wan uses no proxy for loopback.
                super().putrequest(method, target if url[:1] == "/" else url, *rest, **options)

        pool.ConnectionCls = Verbatim
        return pool


def _tell_end(sent: Exchange, response: Response) -> None:
    sent.ended(response.raw.tell())


def _judge(response: Response, wanted: RangeRequest) -> Answer:
    status = response.status_code
    if status in (200, 206, 416):
        headers = {name.lower(): value for name, value in response.headers.items()}
        return read_answer(status, headers, wanted)
    of_url = 400 <= status < 500 and status not in _NOT_OF_THE_URL
    # A missing video may appear soon: a CDN takes a while to copy it to all of its servers.
    reason = Reason.EXPIRED if of_url and status != 404 else Reason.MAY_PASS
    wants_url = of_url or mp4.is_document(response.raw.read(mp4.HEAD_BYTES, decode_content=False))
    raise Broken(f"the server answered {status}", reason, wants_url=wants_url)
