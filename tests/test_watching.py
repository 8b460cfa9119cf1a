"""Waiting for a generation through temporary failures, and never beyond the deadline."""

import threading
import time
from typing import Any

import pytest

from tests.fake.api import GENERATIONS, FakeApi
from tests.fake.process import Result, Wan
from tests.fake.script import Reply, forever, refusal, repeat
from tests.fake.waiting import wait_until

# Tolerance around a deadline: process start and stop, and a second for the last poll.
SLACK_S = 20.0


def submitted(wan: Wan, api: FakeApi, prompt: str = "a fox") -> str:
    """Submit a generation and return its id."""
    result = wan("generate", prompt, "--no-wait")
    assert result.code == 0, result.err
    return str(api.posts[-1].id)


def fetch(wan: Wan, generation_id: str, *options: str) -> tuple[Result, dict[str, Any]]:
    result = wan("fetch", generation_id, "--json", *options)
    (line,) = result.json_lines
    return result, line


def looks(api: FakeApi) -> int:
    return sum(get.path == GENERATIONS for get in api.gets)


NESTED = b'{"status":"error","error":' + b'{"message":' * 985 + b'"x"' + b"}" * 986
LONG = b'{"status":"completed","video":{"url":"https://x/' + b"x" * (1 << 21) + b'"}}'
FAULTS = {
    "broken": [
        Reply(fault="reset"),
        Reply(fault="close"),
        Reply(fault="garbage"),
        Reply(fault="cut"),
        Reply(fault="no-headers-end", headers={"Content-Length": None}),
    ],
    "refusing": [
        Reply(status=500),
        Reply(status=502, body=b"<html>bad gateway</html>"),
        Reply(status=429, headers={"Retry-After": "3600"}),
        Reply(status=408),
        Reply(status=425),
        Reply(status=302, headers={"Location": "https://nonexistent.invalid/"}),
        Reply(status=404),
    ],
    "talking nonsense": [
        Reply(body=b"<html>hello</html>"),
        Reply(body=b"[]"),
        Reply(body=b"null"),
        Reply(body=b"{}"),
        Reply(body={"id": 7, "status": ["x"], "video": "no", "error": [], "meta": 1}),
        Reply(body=LONG),
        Reply(body=NESTED),
        Reply(body=b'{"status":"queued","meta":{"usage":{"credits_used":' + b"9" * 5000 + b"}}}"),
        Reply(body={"id": "\ud800", "status": "\u202e\x1b[31m", "video": {"url": "\ud800"}}),
        Reply(status=204),
    ],
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_wait_survives_temporary_failures(wan: Wan, api: FakeApi, kind: str) -> None:
    api.on_get(*FAULTS[kind])
    result = wan("generate", "a fox", "--json", "--poll-interval", "0.2")
    (line,) = result.json_lines
    assert (result.code, line["status"], len(api.accepted)) == (0, "completed", 1)
    assert looks(api) >= len(FAULTS[kind])


def test_a_slow_drip_does_not_stretch_the_wait(wan: Wan, api: FakeApi) -> None:
    generation_id = submitted(wan, api)
    api.on_get(forever(Reply(fault="drip", delay=0.5)))
    begin = time.monotonic()
    result, line = fetch(wan, generation_id, "--timeout", "1")
    assert time.monotonic() - begin < SLACK_S
    assert (result.code, line["exit_code"]) == (8, 8)


@pytest.mark.parametrize("fault", ["hang", "close"])
def test_if_the_server_is_down_for_the_whole_wait_the_generation_has_not_failed(
    wan: Wan, api: FakeApi, fault: Any
) -> None:
    generation_id = submitted(wan, api)
    api.on_get(forever(Reply(fault=fault)))
    api.on_metrics(forever(Reply(fault=fault)))
    begin = time.monotonic()
    result, line = fetch(wan, generation_id, "--timeout", "1")
    assert time.monotonic() - begin < SLACK_S
    assert (result.code, line["status"]) == (8, "queued")
    assert generation_id in result.err
    assert f"hint: wan fetch {generation_id}" in result.err
    assert "failed" not in result.err


def test_the_request_for_the_live_median_respects_the_deadline(wan: Wan, api: FakeApi) -> None:
    api.on_metrics(forever(Reply(fault="hang")))
    begin = time.monotonic()
    result = wan("generate", "a fox", "--timeout", "1", env={"WAN_POLL_INTERVAL": None})
    assert time.monotonic() - begin < SLACK_S
    assert result.code == 8


@pytest.mark.parametrize(("status", "words"), [(401, "Unauthorized"), (403, "out of credits")])
def test_a_refused_key_ends_the_wait_and_wan_prints_the_id(
    wan: Wan, api: FakeApi, status: int, words: str
) -> None:
    api.on_get(Reply(), forever(refusal(status, words)))
    result = wan("generate", "a fox", "--json")
    (line,) = result.json_lines
    assert (result.code, line["id"], line["status"]) == (4, api.posts[0].id, "queued")
    assert str(api.posts[0].id) in result.err


def test_if_a_poll_is_refused_wan_says_that_the_generation_is_safe(wan: Wan, api: FakeApi) -> None:
    generation_id = submitted(wan, api)
    api.on_get(forever(refusal(400, "generation_id: what is this")))
    result, line = fetch(wan, generation_id)
    assert (result.code, line["status"]) == (6, "queued")
    assert f"what is this; generation {generation_id} is safe" in line["error"]["message"]
    assert line["error"]["hint"] == f"wan status {generation_id}"


def test_a_404_just_after_the_submission_is_retried(wan: Wan, api: FakeApi) -> None:
    api.on_get(*repeat(refusal(404, "Generation not found"), 3))
    assert wan("generate", "a fox").code == 0


def test_an_unknown_id_is_refused(wan: Wan, api: FakeApi) -> None:
    result = wan("status", "-G3b3vVKdoC42fMNeK1T5", "--json")
    (line,) = result.json_lines
    assert (result.code, line["error"]["code"]) == (6, "rejected")
    assert wan("fetch", "-G3b3vVKdoC42fMNeK1T5").code == 6


def test_wan_waits_through_unknown_states_until_there_is_a_url(wan: Wan, api: FakeApi) -> None:
    api.on_get(
        Reply(body={"id": "{id}", "status": "dreaming"}),
        Reply(body={"id": "{id}", "status": "generating"}),
        Reply(body={"id": "{id}", "status": "queued"}),
        Reply(body={"id": "{id}"}),
        Reply(body={"id": "{id}", "status": "succeeded", "video": {"url": "{url}"}}),
    )
    result = wan("generate", "a fox", "--json")
    (line,) = result.json_lines
    assert (result.code, line["status"], looks(api)) == (0, "completed", 5)


def test_a_known_url_is_kept_whatever_later_replies_say(wan: Wan, api: FakeApi) -> None:
    generation_id = submitted(wan, api)
    api.on_get(
        Reply(body={"id": "{id}", "status": "queued", "video": {"url": "{url}"}}),
        forever(Reply(body={"id": "{id}", "status": "queued"})),
    )
    assert wan("status", generation_id).code == 0
    result, line = fetch(wan, generation_id, "--timeout", "20")
    assert (result.code, line["status"]) == (0, "completed")


def test_another_id_in_a_reply_does_not_replace_ours(wan: Wan, api: FakeApi) -> None:
    api.on_get(Reply(body={"id": "another", "status": "generating"}))
    result = wan("generate", "a fox", "--json")
    assert [line["id"] for line in result.json_lines] == [api.posts[0].id]
    assert result.code == 0
    assert wan("list", "--json").json_lines[0]["id"] == api.posts[0].id


@pytest.mark.parametrize("video", [None, {"url": ""}, {"url": "ftp://x/y.mp4"}, {"url": 7}])
def test_wan_polls_until_a_completed_generation_has_a_usable_url(
    wan: Wan, api: FakeApi, video: Any
) -> None:
    without = Reply(body={"id": "{id}", "status": "completed", "video": video})
    api.on_get(*repeat(without, 8))
    result = wan("generate", "a fox", "--json", "--poll-interval", "0.1")
    assert result.code == 0
    assert looks(api) > 8


def test_a_video_that_gets_no_usable_url_by_the_deadline_is_12(wan: Wan, api: FakeApi) -> None:
    api.on_get(forever(Reply(body={"id": "{id}", "status": "completed", "video": None})))
    result = wan("generate", "a fox", "--json", "--timeout", "2")
    (line,) = result.json_lines
    assert (result.code, line["status"], line["id"]) == (12, "completed", api.posts[0].id)
    assert f"wan fetch {line['id']}" in result.err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"name": "E", "message": "the content was refused"}, "the content was refused"),
        ({"detail": [{"loc": ["prompt"], "msg": "too rude"}]}, "too rude"),
        ("just words", "just words"),
        ({"message": "a\x1b[31m\u202eb" + "x" * 9000 + "the end"}, "failed: a"),
        (None, "no reason"),
    ],
)
def test_a_failure_is_reported_in_the_servers_words(
    wan: Wan, api: FakeApi, error: Any, words: str
) -> None:
    api.on_get(forever(Reply(body={"id": "{id}", "status": "error", "error": error})))
    result = wan("generate", "a fox", "--json")
    (line,) = result.json_lines
    assert (result.code, line["status"], line["error"]["code"]) == (9, "error", "generation_failed")
    assert words in result.err
    assert not {"\x1b", "\u202e"} & set(result.err)
    assert "the end" not in result.err
    assert line["cost_usd"] == 0


def test_a_wait_continues_when_the_server_is_back(wan: Wan, api: FakeApi) -> None:
    api.on_get(forever(Reply(fault="reset")))
    running = wan.start("generate", "a fox", "--timeout", "60")
    running.wait_for("polling again")
    api.on_get.clear()
    assert running.wait().code == 0
    assert len(api.posts) == 1


def test_many_waits_at_once_do_not_wait_for_each_other(wan: Wan, api: FakeApi) -> None:
    generation_id = submitted(wan, api)
    runs = [wan.start("fetch", generation_id, "--timeout", "60") for _ in range(3)]
    results = [running.wait() for running in runs]
    assert [result.code for result in results] == [0, 0, 0]
    assert len(list(wan.work.glob("*.mp4"))) == 1


def test_status_does_not_wait_for_ever_for_a_hanging_server(wan: Wan, api: FakeApi) -> None:
    generation_id = submitted(wan, api)
    api.on_get(Reply(fault="hang"))
    running = wan.start("status", generation_id)
    wait_until(lambda: looks(api))
    threading.Timer(0.2, api.release).start()
    assert running.wait().code == 8
