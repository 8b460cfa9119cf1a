"""Connections to PostgreSQL: opened with a clear error, and given up if the server hangs."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import dup
from typing import Any

import psycopg

from wan_cli.errors import SetupError
from wan_cli.journal.port import Conninfo
from wan_cli.journal.refusals import away, refused

# A statement of a command in its work, and any other one, may take this long. The clock is on this
# side: a server that has stopped keeps no time limit.
WORKING_S = 5.0
READING_S = 15.0
# The options of each connection: it must notice soon that the server's machine is gone.
_OPTIONS: dict[str, Any] = {
    "autocommit": True,
    "client_encoding": "UTF8",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "wan",
    # It binds values on this side: a pooler may lose prepared statements.
    "cursor_factory": psycopg.ClientCursor,
}


class Connection:
    """One connection. Statements raise psycopg's errors."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self.raw = connection
        # A handle of our own: a timer must never break what has its number later.
        self._socket = socket.socket(fileno=dup(connection.fileno()))

    @property
    def is_open(self) -> bool:
        """Whether statements may still work."""
        return not self.raw.closed

    def execute(self, query: str, values: object, seconds: float) -> "psycopg.Cursor[Any]":
        """Run a statement; break the connection if the server does not answer in time."""
        with self._limit(seconds):
            return self.raw.execute(query, values)  # type: ignore[call-overload, no-any-return]

    @contextmanager
    def _limit(self, seconds: float) -> Iterator[None]:
        timer = threading.Timer(seconds, self._break)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _break(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it, without waiting for the server."""
        with suppress(psycopg.Error):
            self.raw.close()
        self._socket.close()


def connect(place: str, conninfo: Conninfo) -> Connection:
    """Open a connection.

    Raises:
        HistoryAway: the server cannot be reached.
        SetupError: the server refuses, or the database cannot hold every text.
    """
    options: dict[str, Any] = {**_OPTIONS, **conninfo()}
    try:
        connection = psycopg.connect(**options)
    except (psycopg.Error, UnicodeError) as cause:
        secret = str(options.get("password") or "")
        words = str(cause).replace(secret, "***") if secret else str(cause)
        raise refused(place, words, cause) or away(place, words) from None
    connection.prepare_threshold = None
    encoding = connection.info.parameter_status("server_encoding")
    if encoding not in (None, "UTF8"):
        connection.close()
        raise SetupError(
            f"the database {place} has the encoding {encoding}, and a history needs UTF8",
            hint="createdb --encoding=UTF8 --template=template0 NAME",
        )
    return Connection(connection)
