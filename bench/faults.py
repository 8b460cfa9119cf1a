"""Runs the same faults against `wan`, a loop with requests and a script with curl.

    python -m bench.faults     (`make bench-faults`; about a minute on two cores)

Prints a Markdown table and writes nothing. The amounts come from the ledger of the fake API in
tests/fake; a video counts if a file on disk equals it byte for byte.
"""
# ruff: noqa: INP001, S603, SLF001, T201  A script that prints and starts processes.

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import requests

from tests.fake.api import GENERATIONS, FakeApi
from tests.fake.cdn import CdnReply
from tests.fake.script import Reply, repeat

KEY = "the-key-of-the-bench"
BODY = {"model": "alibaba/wan-2-6-t2v", "prompt": "a fox in the snow"}
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
# Scaled down from 10 s between polls and a timeout of a minute for a POST.
POLL_S = 0.1
TIMEOUT_S = 2.0
LOOKS = 100
# How long the port refuses connections in the row of the refused connection.
CLOSED_S = 1.2
HTML = b"<html><body>Please sign in to the network</body></html>"
HTML_HEADERS = {"Content-Type": "text/html", "x-inference-id": None}

# A tool gets the API, its base URL and a folder to save into; it returns a note for the table.
Tool = Callable[[FakeApi, str, Path], str]
Arm = Callable[[FakeApi], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row: a fault, and the function that sets it up in the fake API."""

    name: str
    arm: Arm
    closed_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """The result of one tool with one fault."""

    posts: int
    usd: float
    videos: int
    note: str = ""

    def __str__(self) -> str:
        return f"{self.posts} / {self.usd:.3f} / {self.videos}{self.note}"


def on_post(*replies: Reply) -> Arm:
    """Answer the next POSTs with these replies."""
    return lambda api: api.on_post(*replies)


def on_download(reply: CdnReply) -> Arm:
    """Answer the next download with this reply."""
    return lambda api: api.cdn.on_get(reply)


def expired_url(api: FakeApi) -> None:
    """Make the first URL an expired one; the next poll returns a valid one."""
    url = api.cdn.url("expired")
    api.cdn.expire()
    done = {"id": "{id}", "status": "completed", "video": {"url": url}}
    api.on_get(Reply(body=done))


FAULTS = (
    Fault("none", lambda _api: None),
    Fault("reply lost: reset after it was accepted", on_post(Reply(fault="reset"))),
    Fault("closed without a reply, after it was accepted", on_post(Reply(fault="close"))),
    Fault("502 after it was accepted", on_post(Reply(status=502, accept=True))),
    Fault("504 before it was accepted", on_post(Reply(status=504))),
    Fault(
        "500 with the id in `x-inference-id`",
        on_post(Reply(status=500, accept=True, headers={"x-inference-id": "{id}"})),
    ),
    Fault("no answer in time, after it was accepted", on_post(Reply(fault="hang"))),
    Fault("200 with a page of HTML", on_post(Reply(body=HTML, headers=HTML_HEADERS))),
    Fault(
        "307 to itself, after it was accepted",
        on_post(Reply(status=307, accept=True, headers={"Location": GENERATIONS})),
    ),
    Fault(
        "307 to itself, before it was accepted",
        on_post(Reply(status=307, headers={"Location": GENERATIONS})),
    ),
    Fault("429, then accepted", on_post(Reply(status=429, headers={"Retry-After": "1"}))),
    Fault("503 at two polls", lambda api: api.on_get(*repeat(Reply(status=503), 2))),
    Fault("download cut in half", on_download(CdnReply(cut_after=100_000))),
    Fault("the URL has expired", expired_url),
    Fault(
        "HTML in place of the video",
        on_download(CdnReply(body=HTML, headers={"Content-Type": "text/html"})),
    ),
    Fault("connection refused, for a second", lambda _api: None, closed_s=CLOSED_S),
)


def wan(api: FakeApi, base_url: str, folder: Path) -> str:
    """Run `wan generate`; if it fails, follow its hint: `wan recover; wan fetch --all`."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "WAN_HOME": str(folder / "home"),
        "AIMLAPI_API_KEY": KEY,
        "WAN_BASE_URL": base_url,
        "WAN_POLL_INTERVAL": str(POLL_S),
    }

    def run(*argv: str) -> int:
        command = [sys.executable, "-m", "wan_cli", *argv]
        ended = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True)
        if ended.returncode == 1:
            raise RuntimeError(f"a bug in wan:\n{ended.stderr}")
        return ended.returncode

    # The service fills the account's log later, here only after the command has given up.
    api.log_lag = True
    if run("generate", "--timeout", str(2 * TIMEOUT_S), BODY["prompt"]) == 0:
        return ""
    api.log_lag = False
    run("recover")
    run("fetch", "--all", "--timeout", "20")
    return " †"


def requests_loop(_api: FakeApi, base_url: str, folder: Path) -> str:
    """Run the loop of the vendor's sample, with the retries of the vendor's SDK."""
    url = base_url + GENERATIONS
    reply = _post_as_the_sdk(url)
    if reply.status_code >= 400:
        return ""
    generation_id = reply.json()["id"]
    for _ in range(LOOKS):
        time.sleep(POLL_S)
        parameters = {"generation_id": generation_id}
        reply = requests.get(url, params=parameters, headers=HEADERS, timeout=TIMEOUT_S)
        if reply.status_code >= 400:
            break
        state = reply.json()
        if state["status"] not in ("queued", "generating"):
            video = requests.get(state["video"]["url"], timeout=TIMEOUT_S)
            (folder / "video.mp4").write_bytes(video.content)
            break
    return ""


def _post_as_the_sdk(url: str) -> requests.Response:
    """POST; retry twice at most, after a lost connection, a timeout, 408, 409, 429 or 5xx."""
    for wait_s in (0.5, 1.0):
        try:
            reply = requests.post(url, json=BODY, headers=HEADERS, timeout=TIMEOUT_S)
        except (requests.ConnectionError, requests.Timeout):
            pass
        else:
            if reply.status_code not in (408, 409, 429) and reply.status_code < 500:
                return reply
        time.sleep(wait_s)
    return requests.post(url, json=BODY, headers=HEADERS, timeout=TIMEOUT_S)


def curl_script(_api: FakeApi, base_url: str, folder: Path) -> str:
    """POST, poll and download with `curl --retry 5 --retry-all-errors`."""
    url = base_url + GENERATIONS
    generation_id = json.loads(_curl(url, "--data", json.dumps(BODY)))["id"]
    for _ in range(LOOKS):
        time.sleep(POLL_S)
        state = json.loads(_curl(f"{url}?generation_id={generation_id}"))
        if state["status"] not in ("queued", "generating"):
            _curl(state["video"]["url"], "--output", str(folder / "video.mp4"), key=False)
            break
    return ""


def _curl(url: str, *options: str, key: bool = True) -> bytes:
    command = ["curl", "--silent", "--fail", "--retry", "5", "--retry-all-errors"]
    command += ["--retry-delay", "1", "--max-time", str(TIMEOUT_S)]
    for name, value in HEADERS.items() if key else ():
        command += ["--header", f"{name}: {value}"]
    return subprocess.run([*command, *options, url], capture_output=True).stdout


TOOLS: dict[str, Tool] = {
    "`wan`": wan,
    "loop with requests": requests_loop,
    "curl --retry 5": curl_script,
}


@contextmanager
def door(api: FakeApi, closed_s: float) -> Iterator[str]:
    """Yield the base URL; its port refuses connections for `closed_s` seconds."""
    if not closed_s:
        yield api.base_url
        return
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))  # Bound but not listening: the port refuses connections.

    def open_up() -> None:
        time.sleep(closed_s)
        listener.listen()
        while True:
            try:
                api._start(listener.accept()[0])
            except OSError:
                return

    threading.Thread(target=open_up, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        # close alone would not wake the accept.
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def score(tool: Tool, fault: Fault) -> Score:
    """Run one tool against one fault."""
    with tempfile.TemporaryDirectory() as name, FakeApi() as api:
        folder = Path(name)
        fault.arm(api)
        with door(api, fault.closed_s) as base_url:
            try:
                note = tool(api, base_url, folder)
            except (requests.RequestException, ValueError, KeyError, TypeError):
                note = ""  # The script ended with a traceback; the server knows the charges.
        api.log_lag = False
        files = [file.read_bytes() for file in folder.glob("*.mp4")]
        usd = sum(row["amount"]["usd"] for row in api.charges())
        return Score(len(api.accepted), usd, files.count(api.video), note)


def total(scores: Sequence[Score]) -> Score:
    """Return the sum of all scores of a tool."""
    return Score(
        sum(each.posts for each in scores),
        sum(each.usd for each in scores),
        sum(each.videos for each in scores),
    )


def main() -> None:
    """Print the table."""
    with ThreadPoolExecutor(4) as pool:
        columns = [list(pool.map(partial(score, tool), FAULTS)) for tool in TOOLS.values()]
    print(f"POSTs accepted / USD charged / videos delivered whole, {datetime.now(UTC):%Y-%m-%d}\n")
    print("| fault | " + " | ".join(TOOLS) + " |")
    print("| --- |" + " --- |" * len(TOOLS))
    for fault, *cells in zip(FAULTS, *columns, strict=True):
        print(f"| {fault.name} | " + " | ".join(map(str, cells)) + " |")
    print("| **total** | " + " | ".join(f"**{total(scores)}**" for scores in columns) + " |")
    print("\n† `wan generate` did not exit with 0; then `wan recover; wan fetch --all` ran.")


if __name__ == "__main__":
    main()
