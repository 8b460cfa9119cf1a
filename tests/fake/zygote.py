"""A process that has imported all of wan and forks a command for each request.

Starting Python and importing takes ten times as long as most commands. A fork of this process is
as real: a process of its own, with its argv, environment, streams, signals, main() and exit code.
"""

import json
import os
import selectors
import signal
import socket
import sys
import traceback
from importlib import import_module
from typing import Any

REQUEST_MAX = 100_000
_IMPORTED = (
    "wan_cli.main",
    "wan_cli.process",
    "wan_cli.cli",
    "wan_cli.api.transport",
    "wan_cli.download.connection",
    "wan_cli.journal.postgres",
    "wan_cli.commands.balance",
    "wan_cli.commands.doctor",
    "wan_cli.commands.fetch",
    "wan_cli.commands.generate",
    "wan_cli.commands.list",
    "wan_cli.commands.models",
    "wan_cli.commands.recover",
    "wan_cli.commands.status",
)


def main() -> None:
    """Serve the socket whose number is the first argument, until it is closed."""
    for name in _IMPORTED:
        import_module(name)
    sock = socket.socket(fileno=int(sys.argv[1]))
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is sock:
                    if not _fork(sock, selector):
                        return
                else:
                    _bury(sock, selector, key)


def _fork(sock: socket.socket, selector: selectors.BaseSelector) -> bool:
    """Start the requested command; return whether there was a request."""
    data, fds, _, _ = socket.recv_fds(sock, REQUEST_MAX, 3)
    if not data:
        return False
    pid = os.fork()
    if pid == 0:
        selector.close()
        sock.close()
        _become(json.loads(data), fds)
    for fd in fds:
        os.close(fd)
    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, pid)
    sock.send(json.dumps({"started": pid}).encode())
    return True


def _bury(
    sock: socket.socket, selector: selectors.BaseSelector, key: selectors.SelectorKey
) -> None:
    _, status = os.waitpid(key.data, 0)
    selector.unregister(key.fileobj)
    os.close(key.fd)
    sock.send(json.dumps({"ended": key.data, "status": status}).encode())


def _become(request: dict[str, Any], fds: list[int]) -> None:
    """Run the command until the process exits."""
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
    for fd in fds:
        os.close(fd)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = ["wan", *request["argv"]]
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    if request["speed"] != 1.0:
        tools = import_module("wan_cli.core.tools")
        tools.CLOCK.set(tools.Clock(request["speed"]))
    try:
        import_module("wan_cli.main").main()
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    except BaseException:  # noqa: BLE001  As the interpreter does it.
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
