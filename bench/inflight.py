"""10,000 generations in flight in one process: polls per second, and memory.

python -m bench.inflight            measure the wan of this interpreter
python -m bench.inflight serve      the server, which answers that each is still generating
"""
# ruff: noqa: INP001, S603, T201  A script that prints and starts processes.

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.stopwatch import Job, Stopwatch
from wan_cli.journal import Journal

COUNT = 10_000
# Every generation is due again at once, so that the bench measures the fastest possible polling.
INTERVAL_S = 0.5
SECONDS = 15
STILL_MAKING = 8
KEY = "bench-key-0123456789abcdef"
_COUNT_PATH = b"GET /count "
_REPLY = {
    "id": "id",
    "status": "generating",
    "video": None,
    "error": None,
    "meta": {"usage": {"credits_used": 3_150_000}},
}
_INSERT = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :count)
INSERT INTO generations (seq, ref, client_request_id, status, request, created_at, updated_at,
  base_url, key_fingerprint, folder, id, credits_used, cost_usd)
SELECT n, printf('wan-%032x', n), printf('wan-%032x.1', n), 'generating', :request, :now, :now,
  :url, 'fingerprint', '/videos', printf('id-%018d', n), 3150000, 1.575
FROM number
"""


class InFlight(NamedTuple):
    """The polls per second that the server received, and the peak of the memory."""

    polls_per_s: float
    rss_mib: float


class _Answers(asyncio.Protocol):
    """One connection. It only looks for the end of a request, to be faster than the client."""

    looks = 0
    first = last = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *requests, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for request in requests:
            if request.startswith(_COUNT_PATH):
                self._transport.write(_message([_Answers.looks, _Answers.last - _Answers.first]))
                continue
            _Answers.looks += 1
            _Answers.last = time.monotonic()
            _Answers.first = _Answers.first or _Answers.last
            # wan believes a reply only if it names the requested id.
            asked = request.partition(b"generation_id=")[2].partition(b" ")[0].decode()
            self._transport.write(_message(_REPLY | {"id": asked}))


def _message(body: object) -> bytes:
    data = json.dumps(body).encode()
    head = (
        "HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Answers, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def served() -> Iterator[str]:
    """Run the server in another process; yield its URL."""
    command = [sys.executable, "-m", "bench.inflight", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


def build(home: Path, url: str, count: int) -> None:
    """Write a history of `count` unfinished generations."""
    file = home / "history.db"
    Journal.open(file).close()
    request = {"model": "alibaba/wan-2-6-t2v", "prompt": "a fox in the snow " * 8, "duration": 10}
    values = {"count": count, "request": json.dumps(request), "now": time.time(), "url": url}
    connection = sqlite3.connect(file)
    with connection:
        connection.execute(_INSERT, values)
    connection.close()


def measure(
    job: Callable[..., Job], watch: Stopwatch, folder: Path, *, count: int = COUNT
) -> InFlight:
    """Let `wan fetch --all` watch `count` generations for SECONDS.

    Args:
        job: makes a job from a command line and environment variables.
        watch: runs the job.
        folder: the folder for the history.
        count: the number of generations.

    Raises:
        RuntimeError: the command did not exit as it does at its deadline.
    """
    home = folder / "in-flight"
    with served() as url:
        build(home, url, count)
        argv = ("wan", "fetch", "--all", "-q", "--timeout", str(SECONDS))
        env = {"WAN_HOME": str(home), "WAN_BASE_URL": url, "WAN_POLL_INTERVAL": str(INTERVAL_S)}
        run = watch.run(job(*argv, **env))
        if run.code != STILL_MAKING:
            raise RuntimeError(f"wan fetch --all ended with {run.code}")
        with urllib.request.urlopen(f"{url}/count") as answer:  # noqa: S310  It is our server.
            looks, seconds = json.loads(answer.read())
    return InFlight(looks / seconds, run.rss_bytes / (1 << 20))


def main() -> None:
    """Print the measurements."""

    def job(program: str, *argv: str, **env: str) -> Job:
        own = str(Path(sys.executable).with_name(program))
        return Job([own, *argv], {**os.environ, "AIMLAPI_API_KEY": KEY, **env})

    with tempfile.TemporaryDirectory() as name, Stopwatch() as watch:
        found = measure(job, watch, Path(name))
    print(f"{COUNT:,} in flight: {found.polls_per_s:,.0f} polls/s, {found.rss_mib:.1f} MiB")


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(_serve())
    else:
        main()
