"""Serves a large mp4 over TLS from another process, so that serving does not slow the bench.

nginx serves it if it is installed, otherwise a small Python server.
"""
# ruff: noqa: INP001, S603  A part of a script, which starts processes.

import shutil
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import certifi
import trustme

from tests.fake.api import FakeApi
from tests.fake.mp4 import make_mp4

_NGINX = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; sendfile on; types {{ video/mp4 mp4; }}
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} ssl; root {folder}/www;
    ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;
  }}
}}
"""


def bundle(api: FakeApi, folder: Path) -> str:
    """Return a file of the usual certificates and the servers' own, as large as a real bundle."""
    assert api.ca_pem is not None
    file = folder / "bundle.pem"
    own = folder / "ca.pem"
    parts = [Path(certifi.where()).read_bytes(), api.ca_pem.read_bytes()]
    parts += [own.read_bytes()] if own.exists() else []
    file.write_bytes(b"\n".join(parts))
    return str(file)


@contextmanager
def serve(api: FakeApi, folder: Path, size: int) -> Iterator[str]:
    """Serve a complete mp4 of `size` bytes; yield its URL. Add its certificate to the bundle."""
    (folder / "www").mkdir(exist_ok=True)
    write_mp4(folder / "www" / "video.mp4", size)
    authority = trustme.CA()
    (folder / "ca.pem").write_bytes(authority.cert_pem.bytes())
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        folder / "server.pem"
    )
    bundle(api, folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    nginx = shutil.which("nginx")
    if nginx:
        settings = folder / "nginx.conf"
        settings.write_text(_NGINX.format(folder=folder, port=port))
        argv = [nginx, "-c", str(settings), "-p", str(folder)]
    else:
        argv = [sys.executable, "-m", "bench.files", str(folder), str(port)]
    with subprocess.Popen(argv) as server:
        try:
            _wait_for(port)
            yield f"https://127.0.0.1:{port}/video.mp4?Expires=4102444800&Signature=s"
        finally:
            server.terminate()


def write_mp4(path: Path, size: int) -> None:
    """Write a complete mp4 of `size` bytes; most of them are a hole in the file."""
    head = make_mp4(1_000)
    at = head.index(b"mdat") - 4
    with path.open("wb") as file:
        file.write(head[:at])
        file.write(struct.pack(">I4s", size - at, b"mdat"))
        file.truncate(size)


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the server of the large file does not start")


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def copyfile(self, source, outputfile) -> None:  # type: ignore[no-untyped-def]
        """Send pieces of 1 MiB instead of the default 64 KiB."""
        shutil.copyfileobj(source, outputfile, 1 << 20)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Ignore clients that disconnect: some read only the beginning first."""


def main() -> None:
    """Serve a folder until the process is killed."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])

    class InFolder(_Handler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder / "www"))  # type: ignore[arg-type]

    with _Server(("127.0.0.1", port), InFolder) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
