"""The fake API works; otherwise the tests that rely on it would prove nothing."""

import socket
import threading
from pathlib import Path

import pytest
import requests

from tests.fake.api import GENERATIONS, FakeApi
from tests.fake.cdn import CdnReply, FakeCdn
from tests.fake.invariants import check
from tests.fake.mp4 import is_whole, make_mp4
from tests.fake.process import Wan
from tests.fake.script import Reply, forever, refusal, repeat
from tests.fake.waiting import wait_until

LABEL = "wan-0123456789abcdef0123456789abcdef.1"
HEADERS = {"Authorization": "Bearer key", "X-Client-Request-Id": LABEL}
BODY = {"model": "alibaba/wan-2-6-t2v", "prompt": "a fox"}


def post(api: FakeApi, **headers: str) -> requests.Response:
    verify = str(api.ca_pem) if api.ca_pem else True
    url = api.base_url + GENERATIONS
    return requests.post(url, json=BODY, headers=HEADERS | headers, timeout=10, verify=verify)


def get(api: FakeApi, path: str, **parameters: str) -> requests.Response:
    verify = str(api.ca_pem) if api.ca_pem else True
    return requests.get(
        api.base_url + path, params=parameters, headers=HEADERS, timeout=10, verify=verify
    )


def state(api: FakeApi, generation_id: str) -> dict[str, object]:
    reply: dict[str, object] = get(api, GENERATIONS, generation_id=generation_id).json()
    return reply


@pytest.mark.parametrize("size", [1_000, 1_001, 200_000])
def test_make_mp4_returns_a_complete_mp4_of_the_size(size: int) -> None:
    data = make_mp4(size, seed=size)
    assert len(data) == size
    assert is_whole(data)
    assert not is_whole(data[:-1])
    assert data == make_mp4(size, seed=size) != make_mp4(size)


@pytest.mark.parametrize("tls", [False, True])
def test_a_generation_can_be_submitted_polled_and_downloaded(tls: bool) -> None:
    with FakeApi(tls=tls) as api:
        reply = post(api)
        made = reply.json()
        assert reply.headers["x-inference-id"] == made["id"]
        assert reply.headers["x-client-request-id"] == LABEL
        assert "Date" in reply.headers
        states = [state(api, made["id"]) for _ in range(3)]
        assert [each["status"] for each in states] == ["queued", "generating", "completed"]
        verify = str(api.ca_pem) if tls else True
        url = api.cdn.url(made["id"])
        assert requests.get(url, timeout=10, verify=verify).content == api.video
        assert [item.body for item in api.accepted] == [BODY]


def test_each_poll_of_a_completed_generation_returns_a_fresh_url_by_default() -> None:
    with FakeApi() as api:
        api.looks = 0
        made = post(api).json()["id"]
        assert state(api, made)["video"] != state(api, made)["video"]
        api.fresh_urls = False
        assert state(api, made)["video"] == state(api, made)["video"]


@pytest.mark.parametrize(
    "fault", ["reset", "close", "cut", "garbage", "no-headers-end", "reset-before-body"]
)
def test_a_fault_breaks_only_its_own_reply(fault: str) -> None:
    with FakeApi() as api:
        api.on_post(Reply(fault=fault))  # type: ignore[arg-type]
        with pytest.raises(requests.RequestException):
            post(api)
        assert post(api).status_code == 200
        received = 1 if fault == "reset-before-body" else 2
        assert len(api.posts) == len(api.generations) == received


def test_a_post_that_the_client_cuts_off_is_not_recorded() -> None:
    with FakeApi() as api, socket.create_connection(("127.0.0.1", api.port)) as sock:
        sock.sendall(b"POST " + GENERATIONS.encode() + b" HTTP/1.1\r\nContent-Length: 9\r\n\r\n{")
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(100) == b""
        assert api.posts == []


def test_a_chunked_body_is_received_unchanged() -> None:
    with FakeApi() as api:
        pieces = iter([b'{"model": "m", ', b'"prompt": "\xc3\xa9"}'])
        url = api.base_url + GENERATIONS
        assert requests.post(url, data=pieces, headers=HEADERS, timeout=10).ok
        assert api.posts[0].body == {"model": "m", "prompt": "é"}


def test_replies_come_in_order_and_record_what_was_accepted() -> None:
    with FakeApi() as api:
        lost = Reply(status=502, accept=True, headers={"x-inference-id": "{id}"})
        api.on_post(*repeat(Reply(status=429), 2), lost)
        api.on_post(Reply(body={}, headers={"x-inference-id": None}))
        api.on_post(forever(refusal(403, "you have run out of credits")))
        replies = [post(api) for _ in range(6)]
        assert [reply.status_code for reply in replies] == [429, 429, 502, 200, 403, 403]
        assert [item.accepted for item in api.posts] == [False, False, True, True, False, False]
        assert replies[2].headers["x-inference-id"] == api.posts[2].id
        assert replies[3].json() == {}
        assert api.sent_ids == {api.posts[2].id}
        assert "x-inference-id" not in replies[3].headers
        assert "credits" in replies[4].json()["message"]


def test_a_reply_can_repeat_headers_and_have_a_wrong_clock() -> None:
    with FakeApi() as api:
        api.clock_offset = -86_400 * 400
        api.on_get(Reply(headers=[("X-Two", "1"), ("X-Two", "2")]))
        reply = get(api, GENERATIONS, generation_id=api.add_generation().id)
        assert reply.raw.headers.getlist("X-Two") == ["1", "2"]
        assert str(api.now().year) in reply.headers["Date"]


def test_a_reply_hangs_until_it_is_released_and_a_server_that_hangs_still_stops() -> None:
    with FakeApi() as api:
        api.on_post(Reply(fault="hang"))
        replies: list[int] = []
        client = threading.Thread(target=lambda: replies.append(post(api).status_code))
        client.start()
        wait_until(lambda: api.posts)
        assert replies == []
        api.release()
        client.join()
        assert replies == [200]
    with FakeApi() as api, socket.create_connection(("127.0.0.1", api.port)) as sock:
        api.on_models(Reply(fault="hang"))
        sock.sendall(b"GET /v1/models HTTP/1.1\r\n\r\n")


def test_the_log_pages_newest_first_and_shows_rows_of_the_key_in_the_window() -> None:
    with FakeApi() as api:
        api.log_pages.size = 1
        first, second = post(api).json()["id"], post(api).json()["id"]
        api.add_generation(key="another")
        replies = [get(api, "/v2/logs", limit="100", offset=str(at)).json() for at in (0, 1)]
        assert {reply["data"][0]["inference_id"] for reply in replies} == {first, second}
        assert [reply["pagination"]["has_more"] for reply in replies] == [True, False]
        assert replies[0]["data"][0]["client_request_id"] == LABEL
        assert get(api, "/v2/logs", end="2000-02-01T00:00:00Z").json()["data"] == []
        assert get(api, "/v2/logs", limit="101").status_code == 400


def test_a_row_can_appear_in_the_log_between_two_pages() -> None:
    with FakeApi() as api:
        api.log_pages.size = 1
        api.log_pages.after = lambda offset: api.add_log_row(f"late-{offset}")
        made = post(api).json()["id"]
        pages = [get(api, "/v2/logs", offset=str(at)).json()["data"] for at in (0, 1)]
        assert [page[0]["inference_id"] for page in pages] == [made, made]


def test_the_log_can_lag_and_lose_labels() -> None:
    with FakeApi() as api:
        post(api)
        api.log_labels = False
        assert api.log_rows()[0]["client_request_id"] is None
        api.logs_immediately = False
        assert api.log_rows() == []
        api.logs_immediately, api.log_lag = True, True
        assert get(api, "/v2/logs").json()["data"] == []


def test_the_ledger_pages_by_cursor_without_failed_generations() -> None:
    with FakeApi() as api:
        api.ledger_pages.size = 1
        post(api)
        post(api)
        api.add_generation().fail()
        page = get(api, "/v2/billing/transactions", direction="CHARGE").json()
        cursor = page["pagination"]["next_cursor"]
        other = get(api, "/v2/billing/transactions", direction="CHARGE", cursor=cursor).json()
        assert other["pagination"] == {"next_cursor": None, "has_more": False}
        seen = {row["reference_id"] for row in page["data"] + other["data"]}
        assert seen == {item.id for item in api.posts}


def test_models_answer_with_prices_and_an_etag() -> None:
    with FakeApi() as api:
        reply = get(api, "/v1/models", include="pricing")
        assert reply.json()["data"][0]["pricing"]["currency"] == "USD"
        headers = {"If-None-Match": reply.headers["ETag"]}
        again = requests.get(api.base_url + "/v1/models", headers=headers, timeout=10)
        assert again.status_code == 304
        law = get(api, "/models/metrics").json()["models"][0]["metrics"]["duration_ms"]
        assert law["p50"] == api.metrics_p50_ms


def test_the_cdn_serves_parts_to_clients_with_a_valid_validator() -> None:
    with FakeCdn() as cdn:
        url = cdn.url("a/b:c")
        whole = requests.get(url, timeout=10)
        part = {"Range": "bytes=1000-", "If-Range": whole.headers["ETag"]}
        reply = requests.get(url, headers=part, timeout=10)
        assert (reply.status_code, reply.content) == (206, cdn.video[1000:])
        assert reply.headers["Content-Range"] == "bytes 1000-199999/200000"
        for changed in ({"If-Range": '"other"'}, {"Range": "bytes=200000-"}, {"Range": "x"}):
            assert requests.get(url, headers=part | changed, timeout=10).content == cdn.video
        assert requests.head(url, timeout=10).status_code == 403
        cdn.expire()
        assert requests.get(url, timeout=10).status_code == 403


@pytest.mark.parametrize(
    ("reply", "received"),
    [
        (CdnReply(no_length=True, cut_after=500), 500),
        (CdnReply(no_length=True), 200_000),
        (CdnReply(gzip=True), 200_000),
        (CdnReply(body=b"<html>", headers={"Content-Type": "text/html"}), 6),
        (CdnReply(body=b"<html>", drip=0.001), 6),
        (CdnReply(trailing=b"more"), 200_000),
    ],
)
def test_the_cdn_sends_a_scripted_fault(reply: CdnReply, received: int) -> None:
    with FakeCdn() as cdn:
        cdn.on_get(reply)
        assert len(requests.get(cdn.url(), timeout=10).content) == received


@pytest.mark.parametrize(
    "reply",
    [
        CdnReply(cut_after=500),
        CdnReply(cut_after=500, cut_with="reset"),
        CdnReply(fault="reset"),
        CdnReply(fault="close"),
    ],
)
def test_the_cdn_cuts_a_reply_as_scripted(reply: CdnReply) -> None:
    with FakeCdn() as cdn:
        cdn.on_get(reply, CdnReply(location=cdn.url("elsewhere")))
        with pytest.raises(requests.RequestException):
            requests.get(cdn.url(), timeout=10)
        assert requests.get(cdn.url(), timeout=10).content == cdn.video


def test_the_check_finds_a_second_payment_a_lost_row_and_a_stray_file(tmp_path: Path) -> None:
    with FakeApi() as api:
        wan = Wan({}, tmp_path / "work", tmp_path)
        wan.work.mkdir()
        post(api)
        assert [line[:2] for line in check(api, wan, tmp_path / "copy")] == ["I1", "I4"]
        api.check_history = False
        assert check(api, wan, tmp_path / "copy") == []
        post(api)
        (wan.work / "a.mp4").write_bytes(b"half")
        assert [line[:2] for line in check(api, wan, tmp_path / "copy")] == ["I2", "I7"]


def test_nobody_listens_on_a_closed_port(closed_port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", closed_port))
