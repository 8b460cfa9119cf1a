"""A sandbox over real sockets, and a client that uses only `requests`."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from wan_cli.models import DEFAULT_MODEL
from wan_cli.sandbox.server import Sandbox

SPEED = 1000.0
KEY = {"Authorization": "Bearer play"}
GENERATIONS = "/v2/video/generations"


class Api:
    def __init__(self, sandbox: Sandbox) -> None:
        self.base_url = sandbox.base_url
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def get(self, path: str, headers: Mapping[str, str] = KEY, **query: object):
        url = path if path.startswith("http") else self.base_url + path
        return self._session.get(url, params=query, headers=dict(headers), timeout=30)  # type: ignore[arg-type]

    def post(self, headers: Mapping[str, str] = KEY, **fields: object):
        # The smallest and shortest clip, unless a test needs another one.
        body = {"model": "alibaba/wan2.5-t2v-preview", "prompt": "a fox", "duration": 5}
        body |= {"resolution": "480p", "aspect_ratio": "1:1"}
        return self.post_body({**body, **fields}, headers)

    def post_wan_2_6(self, **fields: object):
        return self.post_body({"model": DEFAULT_MODEL, "prompt": "a fox", **fields})

    def post_body(self, body: object, headers: Mapping[str, str] = KEY):
        url = self.base_url + GENERATIONS
        return self._session.post(url, json=body, headers=dict(headers), timeout=30)

    def state(self, generation_id: str):
        return self.get(GENERATIONS, generation_id=generation_id).json()

    def finished(self, generation_id: str):
        deadline = time.monotonic() + 60
        while (state := self.state(generation_id))["status"] in ("queued", "generating"):
            assert time.monotonic() < deadline, state
            time.sleep(0.2)  # The server renders in this process: asking slows it down.
        return state

    def log_of(self, count: int):
        deadline = time.monotonic() + 60
        while len((log := self.get("/v2/logs").json())["data"]) < count:
            assert time.monotonic() < deadline, log
            time.sleep(0.2)  # The server renders in this process: asking slows it down.
        return log

    def ledger(self):
        return self.get("/sandbox/ledger", headers={}).json()["posts"]


@contextmanager
def serving(folder: Path, speed: float = SPEED) -> Iterator[Api]:
    with Sandbox(folder, speed=speed) as running:
        client = Api(running)
        yield client
        client.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "sandbox"


@pytest.fixture
def api(folder: Path) -> Iterator[Api]:
    with serving(folder) as client:
        yield client
