"""A TCP proxy before PostgreSQL that breaks a connection at a chosen message."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tests.fake.server import ConnectFault, Connection, Server

# ReadyForQuery: the server has answered everything so far.
_READY = b"Z\x00\x00\x00\x05"
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """What happens once, at the next client's message that has `at` in it.

    `before`: the server never gets the message. `after`: the server acts on it, and the client does
    not get its answer. Then the connection is cut, is silent until `release()`, or goes on after
    `delay` seconds. With `since`, an earlier message of the same transaction must have that in it.
    """

    at: bytes = b"COMMIT"
    when: Literal["before", "after"]
    how: Literal["cut", "hang", "delay"] = "cut"
    since: bytes = b""
    delay: float = 0.0


class Proxy(Server):
    """Listens on its own port of 127.0.0.1. `refuse()` and `listen()` are an outage and its end.

    `fired` holds the breaks that have happened, `statements` the SQL of the clients. `commits`
    counts the transactions that the server has committed, whatever the client was told.
    """

    def __init__(self, address: Path | tuple[str, int]) -> None:
        super().__init__()
        self.fired: list[Break] = []
        self.commits = 0
        self.statements: list[str] = []
        self._address = address
        self._breaks: list[Break] = []
        self._flowing = threading.Event()
        self._flowing.set()

    def url(self, url: str) -> str:
        """Return the URL of the same database through the proxy."""
        parts = urlsplit(url)
        user = f"{parts.username}@" if parts.username else ""
        query = [(name, value) for name, value in parse_qsl(parts.query) if name != "host"]
        netloc = f"{user}127.0.0.1:{self.port}"
        return urlunsplit(parts._replace(netloc=netloc, query=urlencode(query)))

    def break_at(self, *breaks: Break) -> None:
        """Add breaks; each happens once, in any connection."""
        with self._lock:
            self._breaks.extend(breaks)

    def cut(self) -> None:
        """End all connections."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)

    def hang(self) -> None:
        """Wait for `release` or until the server stops."""
        self._flowing.wait()
        super().pause(0)

    def silence(self) -> None:
        """Pass no byte on, in any connection, until `release`."""
        self._flowing.clear()

    def release(self) -> None:
        """Go on after a silence."""
        self._flowing.set()

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Cut and refuse all connections during the block."""
        self.refuse()
        self.cut()
        try:
            yield
        finally:
            self.listen()

    def __exit__(self, *error: object) -> None:
        self._flowing.set()
        super().__exit__(None, None, None)

    def next_break(self, message: bytes, transaction: bytes) -> Break | None:
        """Return and remove the break that this message triggers."""
        with self._lock:
            for item in self._breaks:
                if item.at in message and item.since in transaction:
                    self._breaks.remove(item)
                    return item
        return None

    def _serve(self, connection: Connection, _fault: ConnectFault | None) -> None:
        try:
            with contextlib.suppress(OSError), _connect(self._address) as server:
                _Link(self, connection.sock, server).run()
        finally:
            with self._lock:
                self._open.discard(connection)
                connection.close()


class _Link:
    """One client and its connection to the server."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        # The break whose answer is withheld, and what came of the answer.
        self._withheld: Break | None = None
        self._answer = b""

    def run(self) -> None:
        """Pass bytes on until one side ends."""
        back = threading.Thread(target=self._back, daemon=True)
        back.start()
        try:
            self._forth()
        finally:
            _end(self._server)
            back.join()

    def _forth(self) -> None:
        transaction = b""
        for message in _messages(self._client):
            if b"BEGIN" in message:
                transaction = b""
            self._proxy.statements += _statements(message)
            found = self._proxy.next_break(message, transaction)
            transaction += message
            if found is not None and found.when == "before" and not self._act(found):
                return
            if found is not None and found.when == "after":
                self._withheld = found
            self._proxy.hang()
            self._server.sendall(message)

    def _back(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._server.recv(_CHUNK):
                self._proxy.commits += data.count(b"COMMIT\x00")
                if self._withheld is not None:
                    self._answer += data
                    if _READY not in self._answer:
                        continue
                    if not self._act(self._withheld):
                        break
                    data, self._answer, self._withheld = self._answer, b"", None
                self._proxy.hang()
                self._client.sendall(data)
        _end(self._client)

    def _act(self, found: Break) -> bool:
        """Break the connection; return whether it goes on."""
        if found.how == "hang":
            self._proxy.silence()
        self._proxy.fired.append(found)
        if found.how == "hang":
            self._proxy.hang()
        if found.how == "delay":
            self._proxy.pause(found.delay)
        return found.how != "cut"


def _messages(client: socket.socket) -> Iterator[bytes]:
    """Yield what a client sends, message by message; the first ones have no letter."""
    data = b""
    head = 0
    while chunk := client.recv(_CHUNK):
        data += chunk
        while len(data) >= head + 4:
            size = head + int.from_bytes(data[head : head + 4])
            if len(data) < size:
                break
            message, data = data[:size], data[size:]
            # After the version 3.0 of the protocol, the usual messages begin.
            if not head and message[4:6] == b"\x00\x03":
                head = 1
            yield message


def _statements(message: bytes) -> list[str]:
    """Return the SQL of a message: Query has only that, Parse has a name before it."""
    fields = message[5:].split(b"\x00")
    sql = {b"Q": fields[:1], b"P": fields[1:2]}.get(message[:1], [])
    return [each.decode() for each in sql]


def _connect(address: Path | tuple[str, int]) -> socket.socket:
    if not isinstance(address, Path):
        return socket.create_connection(address)
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.connect(str(address))
    except OSError:
        sock.close()
        raise
    return sock


def _end(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
