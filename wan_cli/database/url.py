"""Parse the URL of a database as libpq does, and refuse what libpq would misread.

wan parses the URL itself: libpq repeats parts of a malformed one, its password too, in its message.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote_to_bytes

from wan_cli.database.address import HIDDEN, SECRETS, Address, ip_of
from wan_cli.errors import UsageError

SCHEMES = ("postgresql", "postgres")
EXAMPLE = "postgresql://USER@HOST/DATABASE"
_SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_TARGETS = ("any", "read-write", "read-only", "primary", "standby", "prefer-standby")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "sslmode": _SSLMODES,
    "target_session_attrs": _TARGETS,
    "load_balance_hosts": ("disable", "random"),
    "channel_binding": ("disable", "prefer", "require"),
    "gssencmode": ("disable", "prefer", "require"),
}
_NUMBERS = (
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)
# Parts of the URL before the query, which may be in the query too.
_PARTS = ("user", "password", "dbname", "port", "host")
# The parameters of libpq that wan passes on.
_PARAMETERS = frozenset(
    {
        *_CHOICES,
        *_NUMBERS,
        *SECRETS,
        *_PARTS,
        "application_name",
        "fallback_application_name",
        "gssdelegation",
        "gsslib",
        "hostaddr",
        "krbsrvname",
        "options",
        "passfile",
        "require_auth",
        "requirepeer",
        "service",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslcert",
        "sslcertmode",
        "sslcrl",
        "sslcrldir",
        "sslkey",
        "sslnegotiation",
        "sslrootcert",
        "sslsni",
    }
)
# Patterns are not compiled here: only a machine with a shared history needs them.
_HOST = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?"
_HOST_AND_PORT = r"(?:\[(?P<ipv6>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[^:]*))?"


def parse_address(text: str) -> Address:
    """Return the address that a URL names.

    Raises:
        UsageError: it is malformed. The message shows no part of it but the name of a parameter.
    """
    scheme, mark, rest = text.strip().partition("://")
    if not mark or scheme.lower() not in SCHEMES:
        raise _wrong(f"does not begin with {SCHEMES[0]}://")
    if re.search(r"[\s\x00-\x1f\x7f-\x9f]", rest):
        raise _wrong("contains white space or a control character: write a space as %20")
    before, _, query = rest.partition("?")
    authority, _, database = before.partition("/")
    if "@" in database + query or authority.count("@") > 1:
        raise _wrong(
            "has an @ in a wrong place: in a password, write @ as %40, / as %2F and ? as %3F"
        )
    pairs = [
        *_authority(authority),
        ("dbname", _decoded(database)),
        *(_parameter(part, query) for part in query.split("&") if part),
    ]
    return _address([(name, value) for name, value in pairs if value])


def _address(pairs: list[tuple[str, str]]) -> Address:
    """Return the address with these parts and parameters, after checking their values."""
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _wrong(f"gives {twice} twice")
    if HIDDEN in (values.get("password"), *(values.get(name) for name in SECRETS)):
        raise _wrong(f"has {HIDDEN} in place of a secret: write the secret itself")
    for name, value in values.items():
        _check_parameter(name, value)
    parts = {name: values.pop(name, "") for name in _PARTS}
    hosts, ports = (tuple(parts[name].split(",")) for name in ("host", "port"))
    if len(ports) not in (1, len(hosts)):
        raise _wrong(f"has {len(ports)} ports for {len(hosts)} hosts")
    return Address(
        user=parts["user"],
        password=parts["password"],
        hosts=hosts if any(hosts) else (),
        ports=ports if any(ports) else (),
        database=parts["dbname"],
        parameters=tuple(values.items()),
    )


def _authority(authority: str) -> Iterator[tuple[str, str]]:
    """Yield the parts before the database: USER:PASSWORD@HOST:PORT,HOST:PORT."""
    who, _, where = authority.rpartition("@")
    user, _, password = who.partition(":")
    yield "user", _decoded(user)
    yield "password", _decoded(password)
    places = [re.fullmatch(_HOST_AND_PORT, part) for part in where.split(",")]
    found = [place for place in places if place]
    if len(found) < len(places):
        raise _wrong("has a host with more than one colon: write an IPv6 address in [ ]")
    if any(place["ipv6"] is not None and ":" not in place["ipv6"] for place in found):
        raise _wrong("has no IPv6 address between [ and ]")
    yield "host", _listed(_decoded(place["ipv6"] or place["name"] or "") for place in found)
    yield "port", _listed(place["port"] or "" for place in found)


def _listed(values: Iterable[str]) -> str:
    """Return values with commas between them, or nothing if all are empty."""
    text = ",".join(values)
    return text if text.strip(",") else ""


def _parameter(part: str, query: str) -> tuple[str, str]:
    """Return the decoded name and value of a part of the query."""
    name, mark, value = part.partition("=")
    if not mark:
        raise _wrong("has a parameter without a value: write NAME=VALUE")
    if name == "ssl" and value == "true":
        return "sslmode", "require"  # As libpq and JDBC.
    if name not in _PARAMETERS:
        # After a password with a raw "&", the name may be a part of that password.
        is_safe = re.fullmatch(r"[a-z_]{1,40}", name) and not re.search("password|key", query)
        raise _wrong(f"has a parameter that wan does not know{f': {name}' if is_safe else ''}")
    return name, _decoded(value)


def _check_parameter(name: str, value: str) -> None:
    """Raise UsageError if a part or a parameter has an impossible value."""
    choices = _CHOICES.get(name)
    if choices and value not in choices:
        raise _wrong(f"has a wrong {name}: choose one of {', '.join(choices)}")
    if name in _NUMBERS and not re.fullmatch(r"[0-9]{1,9}", value):
        raise _wrong(f"has a wrong {name}: write a whole number")
    if name == "port" and not all(_is_port(port) for port in value.split(",")):
        raise _wrong("has a port that is not a number from 1 to 65535")
    if name in ("host", "hostaddr") and not all(_is_host(host) for host in value.split(",")):
        raise _wrong(f"has a {name} that is no name, no IP address and no folder of a socket")


def _is_port(text: str) -> bool:
    return not text or bool(re.fullmatch("[0-9]{1,5}", text) and 0 < int(text) < 2**16)


def _is_host(host: str) -> bool:
    """Whether a host is empty, the folder of a socket (@: an abstract one), a name or an IP."""
    if not host or host[0] in "/@":
        return host.isprintable()
    return ip_of(host) is not None or re.fullmatch(_HOST, host) is not None


def _decoded(text: str) -> str:
    """Return text without its percent escapes.

    No error is raised inside an `except`: the error that it handles holds the text.
    """
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise _wrong("contains a % without two hexadecimal digits after it: write % as %25")
    data = unquote_to_bytes(text.encode("utf-8", "surrogatepass"))
    if b"\0" in data or data.decode("utf-8", "ignore").encode() != data:
        raise _wrong("contains an escape that is not UTF-8 text")
    return data.decode()


def _wrong(fault: str) -> UsageError:
    return UsageError(f"the database URL {fault}", hint=f"wan config set history {EXAMPLE}")
