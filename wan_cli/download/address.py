"""The URLs that wan downloads a video from: https, and no address inside this network."""

import contextlib
import ipaddress
import re
import socket
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from wan_cli.errors import DownloadFailed
from wan_cli.http.trace import Trace
from wan_cli.http.trust import Authorities

# Scheme and host; path, query and fragment.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)(.*)", re.DOTALL)
_NOT_IN_URL = re.compile(r"[^\x21-\x7e]+")
_SURROUNDINGS = "".join(map(chr, range(0x21)))
# With programs that tunnel all traffic, the local resolver answers with addresses from this range
# instead of the real, public ones.
_TUNNEL = ipaddress.ip_network("198.18.0.0/15")


class Network(NamedTuple):
    """The surroundings of a download: trusted authorities, and whether the API is on loopback.

    Only if the API is on loopback may the video come from this machine too. The trace records each
    connection.
    """

    authorities: Authorities
    loopback: bool = False
    trace: Trace | None = None


def check_url(url: str, *, loopback: bool, hint: str = "wan list") -> str:
    """Return the URL to request, if wan may download a video from it.

    The URL keeps its bytes, since its signature covers them; only characters that no URL can hold
    (spaces, control characters, letters outside ASCII) are percent-encoded. The scheme must be
    https; plain http is allowed if `loopback` is True (the API itself is on this machine) and the
    host is this machine. No message holds the query: anyone with the query can watch the video.

    Raises:
        DownloadFailed: wan may not download a video from this URL.
    """
    parts = _split(url := _sendable(url))
    if parts is None or not parts.hostname:
        raise DownloadFailed("the URL of the video is not valid", hint=hint)
    host = parts.hostname
    if parts.username is not None or parts.password is not None:
        raise DownloadFailed(f"the URL of the video on {host} holds a user name", hint=hint)
    if parts.scheme != "https" and not (
        parts.scheme == "http" and loopback and is_loopback_name(host)
    ):
        raise DownloadFailed(f"the URL of the video on {host} is not https", hint=hint)
    return url


def _sendable(url: str) -> str:
    """Return a URL with its path and query percent-encoded where needed; "" if it is not a URL."""
    match = _URL.fullmatch(url.strip(_SURROUNDINGS))
    if match is None or not match[1].isprintable() or {" ", "\\"} & {*match[1]}:
        return ""
    with contextlib.suppress(UnicodeEncodeError):
        return match[1] + _NOT_IN_URL.sub(lambda found: quote(found[0], safe=""), match[2])
    return ""


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return parts if port != 0 else None


def host_of(url: str) -> str:
    """Return the host of a checked URL."""
    return urlsplit(url).hostname or ""


def target_of(url: str) -> str:
    """Return the path and query of a checked URL, as they are sent to the server."""
    match = _URL.fullmatch(url)
    target = match[2].partition("#")[0] if match else ""
    return target if target.startswith("/") else f"/{target}"


def redirected(url: str, location: str) -> str:
    """Return the URL that a Location header points to; return an unusable header unchanged."""
    if _URL.fullmatch(location.strip(_SURROUNDINGS)):
        return location
    try:
        return urljoin(url, location)
    except ValueError:
        return location


def is_loopback_name(host: str) -> bool:
    """Whether the name of a host alone shows that it is this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def resolve(url: str) -> list[str]:
    """Return the addresses of a URL's host; may block for as long as the resolver does.

    Raises:
        OSError: the host has no address.
        UnicodeError: the host is not a valid name.
    """
    parts = urlsplit(url)
    found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def first_forbidden(addresses: list[str], *, loopback: bool) -> str | None:
    """Return the first address that lies inside this network, or None.

    Args:
        addresses: IP addresses as text.
        loopback: whether this machine is allowed.
    """
    return next((text for text in addresses if _is_inside(text, loopback=loopback)), None)


def _is_inside(text: str, *, loopback: bool) -> bool:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return True
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback:
        return not loopback
    if address.version == 4 and address in _TUNNEL:
        return False
    return not address.is_global or address.is_multicast
