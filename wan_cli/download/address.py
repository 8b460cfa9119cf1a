"""Where a video may be downloaded from: https, and no address inside this network."""

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
# Programs that tunnel all traffic let the local resolver answer from this range in place of the
# real, public address.
_TUNNEL = ipaddress.ip_network("198.18.0.0/15")


class Network(NamedTuple):
    """What surrounds a download: who vouches for servers, and whether the API is on loopback.

    Only where it is may the video come from this machine too. The trace is told of each connection.
    """

    authorities: Authorities
    loopback: bool = False
    trace: Trace | None = None


def check_url(url: str, *, loopback: bool, hint: str = "wan list") -> str:
    """Return the URL as it is to be sent, if a video may be asked for there.

    It stays byte for byte what it is, since a signature is over it; only what no URL can hold (a
    space, control characters, letters that are not ASCII) is percent-encoded. Only https is taken;
    plain http where `loopback` is True (the API itself is on this machine) and the host is this
    machine. No message holds the query, which is what makes a URL a key.

    Raises:
        DownloadFailed: a video may not be asked for there.
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
    """Return a URL with path and query free of what no URL can hold; "" if it is no URL."""
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
    """Return the host of a URL that was checked."""
    return urlsplit(url).hostname or ""


def target_of(url: str) -> str:
    """Return what a server is asked for by a URL that was checked: the path and the query."""
    match = _URL.fullmatch(url)
    target = match[2].partition("#")[0] if match else ""
    return target if target.startswith("/") else f"/{target}"


def redirected(url: str, location: str) -> str:
    """Return the URL that a Location header stands for; an unusable one comes back as it is."""
    if _URL.fullmatch(location.strip(_SURROUNDINGS)):
        return location
    try:
        return urljoin(url, location)
    except ValueError:
        return location


def is_loopback_name(host: str) -> bool:
    """Whether a host stands for this machine by its name alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def resolve(url: str) -> list[str]:
    """Return the addresses of a URL's host (it may block as long as the resolver likes).

    Raises:
        OSError: there are none.
        UnicodeError: the host is no name.
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
