"""Serves the sandbox on loopback, in a thread of this process."""

import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from wan_cli.errors import SetupError, UsageError
from wan_cli.sandbox.account import Account
from wan_cli.sandbox.cdn import Cdn, Signer
from wan_cli.sandbox.connection import HangUpProtocol
from wan_cli.sandbox.generations import Generations
from wan_cli.sandbox.model_routes import Models
from wan_cli.sandbox.pictures import Pictures
from wan_cli.sandbox.renders import Renders
from wan_cli.sandbox.replies import ApiError, refused
from wan_cli.sandbox.spending import Spending
from wan_cli.sandbox.store import Store

Tell = Callable[[str, str, int], None]
HOST = "127.0.0.1"
_BACKLOG = 128
# Longer than a client waits between two polls, so that no reply is lost on a closing connection.
_KEEP_ALIVE_S = 75
_LOOK_AGAIN_S = 0.002
_STOP_TIMEOUT_S = 0.9


def _tell_nobody(_method: str, _path: str, _status: int) -> None:
    """Ignore a reply."""


class Sandbox:
    """The video API on a port of this machine, with its data in one folder.

    A context manager: it serves inside the `with` block.
    """

    def __init__(
        self, folder: Path, *, port: int = 0, speed: float = 1.0, tell: Tell | None = None
    ) -> None:
        """Keep the settings; open nothing yet.

        Args:
            folder: the folder of generations, videos and the ledger; created (mode 0700) if
                missing.
            port: the port; 0 means any free port.
            speed: 1 means about two seconds for a generation, 2 means one second.
            tell: called in the server's thread with method, path and status of each reply.

        Raises:
            UsageError: the speed is not above 0.
        """
        if not speed > 0:
            raise UsageError(
                f"the speed {speed} is not above 0", hint="wan sandbox --speed 0.01 (real waits)"
            )
        self._folder = folder
        self._port = port
        self._speed = speed
        self._tell = tell or _tell_nobody
        self._serving: _Serving | None = None

    @property
    def base_url(self) -> str:
        """The URL of the server; its port is known inside the `with` block."""
        port = self._serving.port if self._serving else self._port
        return f"http://{HOST}:{port}"

    def __enter__(self) -> Self:
        """Start to serve; do nothing if it is already serving.

        Raises:
            SetupError: the port is in use, or the folder cannot be used.
        """
        if self._serving is None:
            self._serving = _Serving(self._folder, self._port, self._speed, self._tell)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop within a second; abandon running renders, which start again later."""
        serving, self._serving = self._serving, None
        if serving is not None:
            serving.stop()

    def serve_forever(self) -> None:
        """Serve until this thread gets an exception, such as from a signal, then stop.

        Raises:
            SetupError: the port is in use, or the folder cannot be used.
        """
        with self:
            threading.Event().wait()


class _Serving:
    """A running sandbox: its socket, its store and its thread."""

    def __init__(self, folder: Path, port: int, speed: float, tell: Tell) -> None:
        self._socket = _listen(port)
        try:
            self._store = Store(folder)
        except SetupError:
            self._socket.close()
            raise
        try:
            pictures = Pictures(folder / "pictures")
            self._renders = Renders(folder / "videos", pictures.folder)
        except SetupError:
            self._store.close()
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        app = _app(self._store, pictures, self._renders, speed)
        self._server = uvicorn.Server(_config(_Door(app, tell)))
        # uvicorn installs signal handlers only in the main thread, so signals still reach wan.
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="sandbox", daemon=True
        )
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(_LOOK_AGAIN_S)

    def stop(self) -> None:
        self._renders.close()
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(_STOP_TIMEOUT_S)
        self._socket.close()
        self._store.close()


def _app(store: Store, pictures: Pictures, renders: Renders, speed: float) -> Starlette:
    signer = Signer(store.secret)
    parts = (
        Generations(store, pictures, renders, signer, speed),
        Cdn(store, renders, signer),
        Account(store),
        Spending(store),
        Models(speed),
    )
    app = Starlette(
        routes=[route for part in parts for route in part.routes()],
        exception_handlers={ApiError: refused, HTTPException: refused},
    )
    app.router.redirect_slashes = False
    return app


class _Door:
    """Answers only requests to a name of this machine, and reports each reply.

    A web page may point a host name of its own at this machine; its requests carry that name.
    """

    def __init__(self, app: Starlette, tell: Tell) -> None:
        self._app = app
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope.get("headers", ()))
        host = headers.get(b"host", b"").decode("latin-1")

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-wan-sandbox", b"1")]
                self._tell(str(scope["method"]), str(scope["path"]), int(message["status"]))
            await send(message)

        if not _is_of_this_machine(host):
            reply = PlainTextResponse("the sandbox does not serve this host\n", status_code=421)
            await reply(scope, receive, answered)
            return
        await self._app(scope, receive, answered)


def _is_of_this_machine(host: str) -> bool:
    name = host.rpartition(":")[0] if re.search(r":[0-9]*$", host) and host != "[::1]" else host
    return name.lower() in {"127.0.0.1", "localhost", "[::1]", "::1"}


def _config(app: _Door) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=HangUpProtocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=0,
    )


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as cause:
        listener.close()
        raise SetupError(
            f"the sandbox cannot listen on {HOST}:{port}: {getattr(cause, 'strerror', cause)}",
            hint="choose another port, or let the system choose one: wan sandbox --port 0",
        ) from None
    return listener
