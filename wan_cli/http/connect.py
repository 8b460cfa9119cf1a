"""Connections to the API and the CDN through requests: trusted certificates and failure reasons.

This module imports requests, which takes longer than a whole local command: import it late.
"""

import http.client
import zlib
from typing import Any

import urllib3
from requests import RequestException
from requests.adapters import HTTPAdapter

from wan_cli import __version__
from wan_cli.http.trust import Authorities

# The name that wan sends to every server.
USER_AGENT = f"aimlapi-wan/{__version__}"
# The exceptions of requests and the libraries below it.
LIBRARY_ERRORS = (
    RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    zlib.error,
    OSError,
    ValueError,
)
# A part of an error's text, and the reason in plain words.
_REASONS: tuple[tuple[str, str], ...] = (
    # Keep this first: its text includes the proxy's own failure, which may match a later row.
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
# Another try fails too until the user changes something on this machine.
_FINAL = frozenset(
    {
        "its TLS certificate is not trusted",
        "the file of certificate authorities cannot be read",
    }
)


class Adapter(HTTPAdapter):
    """Connections to servers with certificates from the authorities; it always verifies them."""

    def __init__(self, authorities: Authorities) -> None:
        self._authorities = authorities
        super().__init__()

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> Any:
        """Return the keys that identify a connection pool, and the settings for TLS."""
        host, settings = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            settings = {"cert_reqs": "CERT_REQUIRED", "ssl_context": self._authorities.context()}
        return host, settings

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Do nothing: requests would parse the bundle for each connection."""

    def proxy_manager_for(self, proxy: Any, **settings: Any) -> Any:
        """Return the connections through a proxy, whose certificate is verified too."""
        if proxy.lower().startswith("https"):
            settings["proxy_ssl_context"] = self._authorities.context()
        return super().proxy_manager_for(proxy, **settings)


def failure_reason(error: BaseException) -> str:
    """Return a library's error in plain words; its own text may contain URLs, with ids."""
    text = f"{type(error).__name__} {error!r}"
    found = next((reason for part, reason in _REASONS if part in text), None)
    return found or f"the connection failed ({type(error).__name__})"


def is_final(reason: str) -> bool:
    """Whether every retry would fail for the same reason."""
    return reason in _FINAL
