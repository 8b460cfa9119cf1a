import json
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests
import urllib3

from tests.sandbox.conftest import GENERATIONS, KEY, Api
from wan_cli.sandbox.magic import MAGIC_WORDS, Magic


def test_every_magic_word_is_explained():
    assert set(MAGIC_WORDS) == {word.value for word in Magic}


def test_error_ends_with_an_error_and_costs_nothing(api: Api):
    state = api.finished(api.post(prompt="a [error] fox").json()["id"])
    assert state["status"] == "error"
    assert state["video"] is None
    assert {"name", "message"} <= set(state["error"])
    assert state["meta"]["usage"]["credits_used"] == 0
    assert api.get("/v2/billing").json()["current_balance"] == 100


@pytest.mark.parametrize(
    ("prompt", "status", "words"),
    [("[reject]", 400, "prompt: expected"), ("[no-credit]", 403, "run out of credits")],
)
def test_a_refusal_is_in_the_ledger_and_not_charged(api: Api, prompt: str, status: int, words: str):
    reply = api.post(prompt=prompt)
    assert reply.status_code == status
    assert words in reply.json()["message"]
    assert [post["generation_id"] for post in api.ledger()] == [None]
    assert api.get("/v2/billing").json()["current_balance"] == 100


def test_rate_limit_refuses_once_and_then_accepts(api: Api):
    first, second, other = (
        api.post(prompt=prompt) for prompt in ("[rate-limit] a", "[rate-limit] a", "[rate-limit] b")
    )
    assert (first.status_code, first.headers["Retry-After"]) == (429, "1")
    assert (second.status_code, other.status_code) == (200, 429)


def test_lost_reply_is_accepted_and_closes_without_a_byte(api: Api):
    body = {"model": "alibaba/wan2.5-t2v-preview", "prompt": "[lost-reply]", "duration": 5}
    content = json.dumps(body).encode()
    head = (
        f"POST {GENERATIONS} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer play\r\n"
        f"X-Client-Request-Id: wan-lost.1\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    address = urlsplit(api.base_url)
    with socket.create_connection((address.hostname, address.port or 0), timeout=30) as raw:
        raw.sendall(head.encode() + content)
        assert raw.recv(1) == b""
    (post,) = api.ledger()
    (row,) = api.log_of(1)["data"]
    assert row["client_request_id"] == post["client_request_id"] == "wan-lost.1"
    assert row["inference_id"] == post["generation_id"]


def test_after_an_expired_url_the_next_one_is_valid(api: Api):
    found = api.post(prompt="[expired-url]").json()["id"]
    reply = api.get(api.finished(found)["video"]["url"], {})
    assert reply.status_code == 403
    assert "<Code>AccessDenied</Code>" in reply.text
    assert api.get(api.state(found)["video"]["url"], {}).status_code == 200


def test_a_cut_download_breaks_once_and_can_be_resumed(api: Api):
    url = api.finished(api.post(prompt="[cut-download]").json()["id"])["video"]["url"]
    with requests.get(url, stream=True, timeout=30) as reply:
        size = int(reply.headers["Content-Length"])
        got = reply.raw.read(size // 2)
        with pytest.raises(urllib3.exceptions.ProtocolError):
            reply.raw.read()
    assert 0 < len(got) < size
    rest = api.get(url, {"Range": f"bytes={len(got)}-"})
    assert rest.status_code == 206
    assert got + rest.content == api.get(url, {}).content


def test_slow_takes_thirty_times_as_long(api: Api):
    reply = api.post(headers=KEY, prompt="[slow] [error]")
    began = time.monotonic()
    api.finished(reply.json()["id"])
    assert time.monotonic() - began > 0.03  # 2 ms at this speed, thirty times
