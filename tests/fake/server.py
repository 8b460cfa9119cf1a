"""An HTTP/1.1 server over raw sockets, so that a test can change any byte of an exchange."""

import contextlib
import http.client
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from types import TracebackType
from typing import BinaryIO, Literal, Self
from urllib.parse import parse_qsl

HeaderList = list[tuple[str, str]]
# Faults of a connection before TLS, or before its first byte is read: it waits for `release()`,
# or is closed. A client over TLS has certainly sent nothing then.
ConnectFault = Literal["hang", "close"]


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request; `headers` ignores the case of names."""

    method: str
    target: str
    headers: Message

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))


def head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return a status line and headers, including the empty line."""
    known = status in HTTPStatus.__members__.values()
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase if known else 'Unheard Of'}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Connection:
    """One connection: reads requests and sends bytes; `keep` says whether it stays open."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.keep = True
        # Whether it has answered a request and waits for the next one.
        self.is_idle = False
        self._reader: BinaryIO = sock.makefile("rb")

    def read_request(self) -> Request | None:
        """Return the next request, or None if the peer closed the connection."""
        words = self._reader.readline(1 << 16).decode("latin-1").split()
        if len(words) != 3:
            return None
        headers = http.client.parse_headers(self._reader)
        self.keep = headers.get("Connection", "").lower() != "close"
        return Request(words[0], words[1], headers)

    def read_body(self, headers: Message) -> bytes:
        """Return the whole body.

        Raises:
            ConnectionError: the peer disconnected before the end of the body.
        """
        if headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._read_chunks()
        return self._read(int(headers.get("Content-Length", 0)))

    def _read_chunks(self) -> bytes:
        body = b""
        while True:
            line = self._reader.readline(100)
            if not line.endswith(b"\n"):
                raise ConnectionError("the body was cut")
            chunk = self._read(int(line.partition(b";")[0], 16))
            self._read(2)
            if not chunk:
                return body
            body += chunk

    def _read(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) < size:
            raise ConnectionError("the body was cut")
        return data

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.keep = False

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._reader.close()
        self.sock.close()


class Server:
    """Listens on its own port of 127.0.0.1 during a `with` block.

    `on_connect` holds the faults of the next connections; they are counted in `connections` too.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.connections = 0
        self.on_connect: deque[ConnectFault] = deque()
        self.port = 0
        self._context = context
        self._stopping = threading.Event()
        self._released = threading.Event()
        self._refusing = threading.Event()
        self._wake_address: tuple[str, int] | None = None
        self._lock = threading.RLock()
        self._open: set[Connection] = set()
        self._threads: list[threading.Thread] = []

    @property
    def base_url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        # Keeps the port reserved while the server does not listen.
        self._keeper = socket.socket()
        self._keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._keeper.bind(("127.0.0.1", 0))
        self.port = self._keeper.getsockname()[1]
        self.listen()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._released.set()
        if not self._refusing.is_set():
            self._stop_listening()
        self._keeper.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    # SSLSocket.shutdown would remove the TLS state of the reading thread.
                    socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def refuse(self) -> None:
        """Refuse connections until `listen`, and close idle connections.

        Requests that are being served are answered. Called before a POST is answered, it cuts no
        other POST of a client that sends one at a time.
        """
        self._refusing.set()
        self._stop_listening()
        with self._lock:
            for connection in self._open:
                if connection.is_idle:
                    with contextlib.suppress(OSError):
                        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    def listen(self) -> None:
        """Accept connections at the start and after `refuse`, on the same port."""
        self._refusing.clear()
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _stop_listening(self) -> None:
        # On every system, a connection of our own wakes accept(); it still accepts earlier ones.
        with socket.socket() as wake:
            wake.bind(("127.0.0.1", 0))
            self._wake_address = wake.getsockname()
            wake.connect(("127.0.0.1", self.port))
            self._accepting.join()
        self._listener.close()

    def release(self) -> None:
        """Send every hanging reply now, and later ones without a delay."""
        self._released.set()

    def hang(self) -> None:
        """Wait for `release` or until the server stops."""
        self._released.wait()
        self.pause(0)

    def pause(self, seconds: float) -> None:
        """Wait; the connection ends if the server stops.

        Raises:
            ConnectionError: the server ends.
        """
        if self._stopping.wait(seconds):
            raise ConnectionError("the server ends")

    def handle(self, request: Request, connection: Connection) -> None:
        """Answer one request."""
        raise NotImplementedError

    def _accept(self) -> None:
        while True:
            sock, address = self._listener.accept()
            if address == self._wake_address:
                sock.close()
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(sock)

    def _start(self, sock: socket.socket) -> None:
        if self._context is not None:
            try:
                sock = self._context.wrap_socket(
                    sock, server_side=True, do_handshake_on_connect=False
                )
            except OSError:
                sock.close()
                return
        connection = Connection(sock)
        with self._lock:
            self.connections += 1
            fault = self.on_connect.popleft() if self.on_connect else None
            thread = threading.Thread(target=self._serve, args=(connection, fault), daemon=True)
            self._open.add(connection)
            self._threads.append(thread)
        thread.start()

    def _serve(self, connection: Connection, fault: ConnectFault | None) -> None:
        try:
            if fault == "hang":
                self.hang()
            if fault == "close":
                return
            if isinstance(connection.sock, ssl.SSLSocket):
                connection.sock.do_handshake()
            while connection.keep and (request := connection.read_request()):
                connection.is_idle = False
                self.handle(request, connection)
                connection.is_idle = True
                if self._refusing.is_set():
                    return
        except OSError:
            pass  # The peer disconnected or the server stops; tests do both.
        finally:
            with self._lock:
                self._open.discard(connection)
                connection.close()
