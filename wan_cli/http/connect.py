"""How requests reaches a server, for the API and the CDN alike: connections, trust and failures.

It imports requests, which takes longer than a local command runs: import it at first use.
"""

import http.client
import zlib
from typing import Any

import urllib3
from requests import RequestException
from requests.adapters import HTTPAdapter

from wan_cli import __version__
from wan_cli.http.trust import Authorities

# How wan names itself to every server.
USER_AGENT = f"aimlapi-wan/{__version__}"
# What requests and the libraries below it raise.
LIBRARY_ERRORS = (
    RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    zlib.error,
    OSError,
    ValueError,
)
# Part of an error's text, and the failure in plain words.
_REASONS: tuple[tuple[str, str], ...] = (
    # First: its text contains the proxy's own failure, which may match a later row.
    ("ProxyError", "the proxy does not connect"),
    ("NameResolutionError", "the host name cannot be resolved"),
    ("Failed to resolve", "the host name cannot be resolved"),
    ("gaierror", "the host name cannot be resolved"),
    ("Connection refused", "the connection was refused"),
    ("ConnectTimeout", "the connection timed out"),
    ("CERTIFICATE_VERIFY_FAILED", "its TLS certificate is not trusted"),
    ("SSL", "TLS failed"),
    ("certificate authorities", "the file of certificate authorities cannot be read"),
    ("SOCKS", "a SOCKS proxy needs the package pysocks"),
    ("reset by peer", "the connection was reset"),
    ("Broken pipe", "the connection was closed"),
    ("RemoteDisconnected", "the connection was closed without an answer"),
    ("timed out", "no answer in time"),
    ("TimeoutError", "no answer in time"),
    ("BadStatusLine", "the answer is not HTTP"),
    ("IncompleteRead", "the connection broke"),
    ("decompressing", "the compressed data is broken"),
    ("unreachable", "the network is unreachable"),
)
# Another try fails alike until somebody changes something on this machine.
_FINAL = frozenset(
    {
        "its TLS certificate is not trusted",
        "the file of certificate authorities cannot be read",
    }
)


class Adapter(HTTPAdapter):
    """Connections to servers that the authorities vouch for. It verifies always."""

    def __init__(self, authorities: Authorities) -> None:
        self._authorities = authorities
        super().__init__()

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> Any:
        """Return what tells connections apart, and the settings of those with TLS."""
        host, settings = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            settings = {"cert_reqs": "CERT_REQUIRED", "ssl_context": self._authorities.context()}
        return host, settings

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave the connection as it is: requests would parse the bundle for each of them."""

    def proxy_manager_for(self, proxy: Any, **settings: Any) -> Any:
        """Return the connections through a proxy; the authorities vouch for that too."""
        if proxy.lower().startswith("https"):
            settings["proxy_ssl_context"] = self._authorities.context()
        return super().proxy_manager_for(proxy, **settings)


def failure_reason(error: BaseException) -> str:
    """Return a library's error in plain words; its own may hold URLs, and queries with ids."""
    text = f"{type(error).__name__} {error!r}"
    found = next((reason for part, reason in _REASONS if part in text), None)
    return found or f"the connection failed ({type(error).__name__})"


def is_final(reason: str) -> bool:
    """Whether every other try would fail for the same reason."""
    return reason in _FINAL
