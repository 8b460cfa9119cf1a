"""A process that has imported all of wan and forks a command for each request.

Starting Python and importing takes ten times as long as most commands. A fork of this process is
as real: a process of its own, with its argv, environment, streams, signals, main() and exit code.
"""

import functools
import gc
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import traceback
from importlib import import_module
from types import ModuleType
from typing import Any

import wan_cli

REQUEST_MAX = 100_000
# Only some commands need these, and they are large.
_SANDBOX = "wan_cli.sandbox"


def main() -> None:
    """Serve the socket whose number is the first argument, until it is closed."""
    _import(wan_cli)
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


def _import(package: ModuleType) -> None:
    """Import all modules of a package, and leave them alone when garbage is collected.

    A fork that looked at each object would copy the memory of all.
    """
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if module.name not in (_SANDBOX, "wan_cli.__main__"):
            imported = import_module(module.name)
            if module.ispkg:
                _import(imported)
    gc.collect()
    gc.freeze()


@functools.cache
def _import_sandbox() -> None:
    _import(import_module(_SANDBOX))


def _fork(sock: socket.socket, selector: selectors.BaseSelector) -> bool:
    """Start the requested command; return whether there was a request."""
    data, fds, _, _ = socket.recv_fds(sock, REQUEST_MAX, 3)
    if not data:
        return False
    request = json.loads(data)
    if {"sandbox", "--sandbox"} & {*request["argv"]}:
        _import_sandbox()
    pid = os.fork()
    if pid == 0:
        selector.close()
        sock.close()
        _become(request, fds)
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
