"""PostgreSQL from the system's package, as a server of the tests' own."""

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import pytest

from tests.fake.keeper import Absent, Keeper, find_program
from tests.fake.waiting import wait_until

# A server that exists already, for example postgresql://user@host/postgres. Its user must be
# allowed to create databases.
OTHER_SERVER = "WAN_TEST_POSTGRES"
# Debian's package puts the programs into no folder of PATH.
_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
# The default settings, except that the server listens only on a socket in its own folder, and that
# it does not wait for the disk: the system outlives each server that a test crashes, so what a
# server has written is not lost, and what it has only promised to write still is.
_SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
external_pid_file = '{folder}/postgres.pid'
shared_buffers = 16MB
fsync = off
"""


class Postgres:
    """A server. `with Postgres() as postgres:` starts one, unless WAN_TEST_POSTGRES names one."""

    def __init__(self) -> None:
        """Prepare a server.

        Raises:
            Absent: PostgreSQL is not installed, or cannot run here.
        """
        self._other = os.environ.get(OTHER_SERVER)
        self._made = 0
        if self._other:
            return
        initdb = find_program("initdb", *_FOLDERS)
        if initdb is None:
            raise Absent(f"no PostgreSQL: apt-get install postgresql, or set {OTHER_SERVER}")
        # A link may lead to it from a folder without the others.
        self.programs = initdb.resolve().parent
        self.keeper = Keeper("postgres")

    def __enter__(self) -> Self:
        if not self._other:
            self._create()
            self.start()
        return self

    def __exit__(self, *error: object) -> None:
        if not self._other:
            self.keeper.__exit__()

    @property
    def address(self) -> Path | tuple[str, int]:
        """Where the server listens: a socket's path, or a host and a port."""
        url = urlsplit(self.url("postgres"))
        host = dict(parse_qsl(url.query)).get("host") or url.hostname or "localhost"
        port = url.port or 5432
        return Path(host) / f".s.PGSQL.{port}" if host.startswith("/") else (host, port)

    @property
    def is_other(self) -> bool:
        """Whether the server is not the tests' own."""
        return bool(self._other)

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        base = self._other or f"postgresql://wan@/?host={self.keeper.folder}"
        return urlunsplit(urlsplit(base)._replace(path=f"/{database}"))

    def create(self) -> str:
        """Return the URL of a new, empty database."""
        self._made += 1
        name = f"wan_test_{os.getpid()}_{self._made}"
        self.execute(self._main, f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database and end its connections."""
        name = urlsplit(url).path.lstrip("/")
        self.execute(self._main, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(
        self, url: str, sql: str, values: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Run statements in a connection of their own; return the rows of the last one."""
        import psycopg
        from psycopg.rows import dict_row

        with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
            # Without values, several statements may be one string.
            cursor = connection.execute(sql.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start the server again, unless it runs; return when it accepts connections."""
        if not self._other and self.keeper.pid("postgres") is None:
            self._control("start", "-w", "-l", str(self.keeper.folder / "log"))

    def crash(self) -> None:
        """End the server as a crash would: what was not flushed is lost."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """End the server: it rolls back and disconnects everybody."""
        self._end(signal.SIGINT)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Stop the server for the time of the block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def configure(self, **settings: str) -> None:
        """Change settings of the whole server that need no restart."""
        for name, value in settings.items():
            self.execute(self._main, f"ALTER SYSTEM SET {name} = '{value}'")
        self.execute(self._main, "SELECT pg_reload_conf()")

    @property
    def _main(self) -> str:
        return self._other or self.url("postgres")

    def _create(self) -> None:
        data = self.keeper.folder / "data"
        words = ["-U", "wan", "-E", "UTF8", "--locale=C", "--auth=trust", "--no-sync"]
        self.keeper.run(self.programs / "initdb", "-D", data, *words)
        with (data / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS.format(folder=self.keeper.folder))

    def _control(self, *words: str) -> None:
        self.keeper.run(self.programs / "pg_ctl", "-s", "-D", self.keeper.folder / "data", *words)

    def _end(self, number: signal.Signals) -> None:
        if self._other:
            pytest.skip(f"the server of {OTHER_SERVER} is not ours to stop")
        pid = self.keeper.pid("postgres")
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        # It removes the file last, after its shared memory.
        wait_until(lambda: self.keeper.pid("postgres") is None)
