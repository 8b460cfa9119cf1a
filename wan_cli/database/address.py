"""Where a shared history is: the parts of a URL, without their secrets wherever they are shown."""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote

HIDDEN = "***"
# Parameters whose values are secrets, beside the password.
SECRETS = ("sslpassword", "scram_client_key", "scram_server_key")


class Address(NamedTuple):
    """Where the history is: the parts of a URL, decoded. Empty parts are left to libpq.

    Attributes:
        hosts: names, IP addresses, or folders of Unix sockets.
        ports: as many as hosts, or one for all hosts, or none.
        parameters: the names and values of libpq's other parameters.
    """

    user: str = ""
    password: str = ""
    hosts: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    database: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        """Leave out the password and other secrets."""
        return f"Address({self.masked!r})"

    @property
    def place(self) -> str:
        """The URL without its password and parameters, for messages; a service has its name."""
        service = dict(self.parameters).get("service")
        query = f"?service={quote(service, safe='')}" if service else ""
        return self._url(self.hosts or self._places(), "", query)

    @property
    def masked(self) -> str:
        """The whole URL for display, with *** for each secret."""
        shown = (
            f"{name}={HIDDEN if name in SECRETS else quote(value, safe='/')}"
            for name, value in self.parameters
        )
        query = "&".join(shown)
        password = f":{HIDDEN}" if self.password else ""
        return self._url(self.hosts, password, f"?{query}" if query else "")

    @property
    def has_secret(self) -> bool:
        """Whether the URL holds a password or another secret."""
        return bool(self.password or {*SECRETS} & {name for name, _ in self.parameters})

    @property
    def is_local(self) -> bool:
        """Whether each connection stays on this machine: a Unix socket, or loopback."""
        return _are_local(self._places())

    def conninfo(self, env: Mapping[str, str], password: str | None = None) -> dict[str, str]:
        """Return the keyword arguments for `psycopg.connect`; what is missing, libpq decides.

        A connection that leaves this machine is encrypted unless the URL, PGSSLMODE or a service
        says otherwise. `options` of the URL is among the arguments: another `options` replaces it.

        Args:
            env: the environment, which libpq reads too.
            password: the password if the URL has none.
        """
        given = {
            "host": ",".join(self.hosts),
            "port": ",".join(self.ports),
            "user": self.user,
            "password": self.password or password or "",
            "dbname": self.database,
            "sslmode": self._sslmode(env),
        }
        given |= dict(self.parameters)
        return {name: value for name, value in given.items() if value}

    def _places(self) -> tuple[str, ...]:
        address = dict(self.parameters).get("hostaddr")
        return tuple(address.split(",")) if address else self.hosts

    def _sslmode(self, env: Mapping[str, str]) -> str:
        """Return the sslmode that the URL leaves open; empty: libpq decides."""
        given = dict(self.parameters)
        service = given.get("service") or env.get("PGSERVICE")
        if env.get("PGSSLMODE") or service:
            return ""
        # As libpq, which reads these two only if the URL has no host.
        places = self._places() or tuple(
            (env.get("PGHOSTADDR") or env.get("PGHOST") or "").split(",")
        )
        if _are_local(places):
            return ""
        # libpq refuses to check less with sslrootcert=system.
        has_root = given.get("sslrootcert") or env.get("PGSSLROOTCERT")
        return "verify-full" if has_root else "require"

    def _url(self, hosts: tuple[str, ...], password: str, query: str) -> str:
        user = quote(self.user, safe="")
        hosts = hosts or ("",)
        ports = self.ports or ("",)
        if len(ports) == 1:
            ports *= len(hosts)
        places = (
            _in_url(host) + (f":{port}" if port else "")
            for host, port in zip(hosts, ports, strict=True)
        )
        who = f"{user}{password}@" if user or password else ""
        database = quote(self.database, safe="")
        return f"postgresql://{who}{','.join(places)}/{database}{query}"


def ip_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address that a host is, or None."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _are_local(hosts: Iterable[str]) -> bool:
    return all(
        host == "" or host[0] in "/@" or host.lower() == "localhost" or _is_loopback(host)
        for host in hosts
    )


def _is_loopback(host: str) -> bool:
    address = ip_of(host)
    return address is not None and address.is_loopback


def _in_url(host: str) -> str:
    """Return a host as it is written in a URL."""
    return f"[{quote(host, safe=':')}]" if ":" in host and host[0] not in "/@" else quote(host, "")
