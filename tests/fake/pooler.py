"""PgBouncer in transaction mode: each transaction may run in another connection of the server."""

import os
import signal
from typing import Self
from urllib.parse import urlsplit

from tests.fake.keeper import Absent, Keeper, find_program
from tests.fake.postgres import Postgres
from tests.fake.waiting import wait_until

_SETTINGS = """
[databases]
* = host={host} port={port} user=wan

[pgbouncer]
pool_mode = transaction
auth_type = any
listen_port = 6432
unix_socket_dir = {folder}
pidfile = {folder}/pgbouncer.pid
logfile = {folder}/log
default_pool_size = {size}
"""


class Pooler:
    """A pooler with few connections to a server, during a `with` block."""

    def __init__(self, postgres: Postgres, size: int = 2) -> None:
        """Prepare a pooler.

        Raises:
            Absent: PgBouncer is not installed, or the server is not one of the tests' own.
        """
        self._program = find_program("pgbouncer", "/usr/sbin")
        if self._program is None:
            raise Absent("no PgBouncer: apt-get install pgbouncer")
        address = postgres.address
        if isinstance(address, tuple):
            raise Absent("the pooler has no password for a server that is not the tests' own")
        self._values = {"host": address.parent, "port": address.suffix.lstrip("."), "size": size}
        self._keeper = Keeper("pooler")

    def __enter__(self) -> Self:
        folder = self._keeper.folder
        settings = self._keeper.write("ini", _SETTINGS.format(folder=folder, **self._values))
        self._keeper.run(str(self._program), "-q", "-d", settings)
        wait_until((folder / ".s.PGSQL.6432").exists)
        return self

    def __exit__(self, *error: object) -> None:
        pid = self._keeper.pid("pgbouncer")
        if pid is not None:
            # It removes its file after SIGTERM only.
            os.kill(pid, signal.SIGTERM)
        self._keeper.__exit__()

    def url(self, url: str) -> str:
        """Return the URL of the same database through the pooler."""
        return f"postgresql://wan@{urlsplit(url).path}?host={self._keeper.folder}&port=6432"
