"""Where a video may be downloaded from: https, and no address inside this network."""

import ipaddress
import socket
from typing import NamedTuple
from urllib.parse import SplitResult, urljoin, urlsplit

from wan_cli.errors import DownloadFailed
from wan_cli.http.authorities import Authorities

# Programs that tunnel all traffic let the local resolver answer from this range in place of the
# real, public address.
_TUNNEL = ipaddress.ip_network("198.18.0.0/15")


class Network(NamedTuple):
    """What surrounds a download: who vouches for servers, and whether the API is on loopback.

    Only where it is may the video come from this machine too.
    """

    authorities: Authorities
    loopback: bool = False


def check_url(url: str, *, loopback: bool, hint: str = "wan list") -> str:
    """Return the URL if a video may be asked for there.

    Only https; plain http where `loopback` is True (the API itself is on this machine) and the
    host is this machine. No message holds the query, which is what makes a URL a key.

    Raises:
        DownloadFailed: it may not.
    """
    parts = _split(url)
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


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    # urlsplit drops tabs and newlines silently: then what was checked is not what would be sent.
    usable = url.isprintable() and " " not in url and "\\" not in url and port != 0
    return parts if usable else None


def host_of(url: str) -> str:
    """Return the host of a URL that was checked."""
    return urlsplit(url).hostname or ""


def redirected(url: str, location: str) -> str:
    """Return the URL that a Location header stands for; an unusable one comes back as it is."""
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
