"""The meaning of a POST's outcome: the table of the contract, tested with the real command.

Each row: the server's action, the exit code, the number of POSTs received and accepted,
the status in the history, words on stderr.
"""

from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from tests.fake.api import FakeApi
from tests.fake.process import Result, Wan
from tests.fake.script import Reply, forever, refusal
from wan_cli.api import exchange
from wan_cli.api.outcome import judge

NO_ID: dict[str, str | None] = {"x-inference-id": None}
HEADER_ID: dict[str, str | None] = {"x-inference-id": "{id}"}
HTML = b"<html>The service is being upgraded</html>"


def generate(wan: Wan, *options: str, **env: str) -> tuple[Result, dict[str, Any]]:
    """Run `wan generate`; return its result and its only line of JSON."""
    result = wan("generate", "a fox", "--json", "--timeout", "2", *options, env=env)
    (line,) = result.json_lines
    return result, line


def journal(wan: Wan) -> list[dict[str, Any]]:
    return wan("list", "--json").json_lines


# --- not sent: the server receives nothing, the row says so, the tries are limited ---


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"WAN_BASE_URL": "https://nonexistent.invalid"}, "cannot be resolved"),
        ({"WAN_BASE_URL": "http://127.0.0.1:{closed}"}, "refused"),
        (
            {
                "WAN_BASE_URL": "https://api.example.com",
                "HTTPS_PROXY": "http://127.0.0.1:{closed}",
            },
            "the proxy does not connect",
        ),
        ({"WAN_BASE_URL": "https://127.0.0.1:{tls}"}, "certificate is not trusted"),
        (
            {"WAN_BASE_URL": "https://127.0.0.1:{tls}", "REQUESTS_CA_BUNDLE": "no-such-file.pem"},
            "the file of certificate authorities cannot be read",
        ),
    ],
    ids=["unknown name", "refused", "proxy", "TLS", "no authorities"],
)
def test_an_unsent_submission_is_known_to_be_unsent(
    wan: Wan, api: FakeApi, closed_port: int, where: dict[str, str], words: str
) -> None:
    with FakeApi(tls=True) as untrusted:
        ports = {"closed": closed_port, "tls": untrusted.port}
        filled = {name: value.format(**ports) for name, value in where.items()}
        result, line = generate(wan, **filled)
        assert (result.code, line["status"], line["exit_code"]) == (11, "unsent", 11)
        assert words in result.err
        assert "nothing was submitted" in result.err
        assert untrusted.posts == []
    assert api.posts == []
    # Each try has its own label, and the row holds the label of the last try.
    assert int(line["client_request_id"].rpartition(".")[2]) in range(1, 5)


def test_wan_does_not_retry_if_the_connection_ends_before_the_body_was_read(
    wan: Wan, api: FakeApi
) -> None:
    # wan had begun to send the body, so it cannot know whether the server read it.
    api.on_post(forever(Reply(fault="reset-before-body")))
    result, line = generate(wan)
    assert (result.code, line["status"], api.posts) == (10, "unknown", [])


# --- submitted: the reply has an id in any form; wan fetches the video ---


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=408, headers=HEADER_ID),
        Reply(status=502, headers=HEADER_ID, body=HTML),
        Reply(status=302, headers=HEADER_ID | {"Location": "https://nonexistent.invalid/"}),
        Reply(status=500, headers=HEADER_ID, body={"status": "error", "message": "no"}),
        Reply(body=HTML, headers=HEADER_ID),
        Reply(body={}, headers=HEADER_ID),
        Reply(fault="cut"),
        Reply(body={"id": "{id}"}, headers=NO_ID),
        Reply(body={"id": "{id}", "more": ["x" * 1000] * 2000}),
        Reply(headers={"Date": "Fri, 31 Dec 9999 23:59:59 GMT"}),
    ],
    ids=lambda reply: f"{reply.status} {reply.fault or str(reply.body)[:20]}",
)
def test_an_id_in_the_body_or_in_the_header_is_a_submission(
    wan: Wan, api: FakeApi, reply: Reply
) -> None:
    api.on_post(replace(reply, accept=True))
    result, line = generate(wan, "--timeout", "20")
    (post,) = api.posts
    assert (result.code, line["status"], line["id"]) == (0, "completed", post.id)
    assert Path(line["file"]).read_bytes() == api.video


@pytest.mark.parametrize("right", ["body", "header"])
def test_wan_keeps_both_of_two_ids_and_finds_the_right_one(
    wan: Wan, api: FakeApi, right: str
) -> None:
    api.ids = ["the-right-id"]
    said = {"body": "the-wrong-id", "header": "the-wrong-id"} | {right: "{id}"}
    body = {"id": said["body"], "status": "queued"}
    api.on_post(Reply(body=body, headers={"x-inference-id": said["header"]}))
    result, line = generate(wan, "--timeout", "20")
    assert (result.code, line["id"], len(api.posts)) == (0, "the-right-id", 1)
    assert "names two ids" in result.err
    for word in ("the-right-id", "the-wrong-id"):
        assert wan("status", word, "--json").json_lines[0]["id"] == "the-right-id"


def test_an_immediate_failure_is_reported_in_the_servers_words(wan: Wan, api: FakeApi) -> None:
    failed = {"id": "{id}", "status": "error", "error": {"detail": ["no foxes"]}}
    api.on_post(Reply(body=failed))
    result, line = generate(wan, "--no-wait")
    (kept,) = journal(wan)
    for said in (line, kept):
        assert (said["status"], said["exit_code"], said["cost_usd"]) == ("error", 9, 0.0)
        assert "no foxes" in said["error"]["message"]
    assert result.code == 9


# --- rejected: one POST, the server's words ---


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (400, "duration: expected 5", 6),
        (401, "Unauthorized", 4),
        (402, "Payment required", 5),
        (403, "you have run out of credits", 5),
        (403, "this model is not for you", 4),
        (404, "no such model", 6),
        (405, "Cannot POST", 6),
        (413, "too large", 6),
        (414, "too long", 6),
        (415, "what is this", 6),
        (422, "seed\x1b]0;owned\x07: " + "x" * 5000 + "the end", 6),
    ],
)
def test_wan_does_not_repeat_a_refused_submission(
    wan: Wan, api: FakeApi, status: int, message: str, code: int
) -> None:
    api.on_post(forever(refusal(status, message)))
    result, line = generate(wan)
    assert (result.code, line["status"], line["exit_code"]) == (code, "rejected", code)
    assert len(api.posts) == 1
    assert message[:4] in result.err
    assert not {"\x1b", "\x07"} & set(result.err)
    assert "the end" not in result.err


# --- 429: temporary ---


def after(seconds: float, *, by: FakeApi) -> str:
    return formatdate(by.now().timestamp() + seconds, usegmt=True)


def test_with_any_retry_after_one_submission_is_accepted_in_the_end(
    wan: Wan, tmp_path: Path
) -> None:
    headers: list[list[tuple[str, str | None]]] = [
        [("Retry-After", value)]
        for value in ("1", "0", "inf", "nan", "-1", "1" * 400, "", "soon", "\u00b2")
    ]
    headers.append([("Retry-After", "\u0661".encode().decode("latin-1"))])
    headers.append([("Retry-After", "50"), ("Retry-After", "55")])
    servers = [FakeApi() for _ in range(len(headers) + 3)]
    for server in servers[-3:]:
        server.clock_offset = 86_400.0
    with_dates = zip((-5.0, 1.0, 40e8), servers[-3:], strict=True)
    headers += [[("Retry-After", after(seconds, by=by))] for seconds, by in with_dates]
    runs = []
    # The commands wait at the same time: one after the other would take a minute.
    for number, (server, pairs) in enumerate(zip(servers, headers, strict=True)):
        server.__enter__()
        server.on_post(Reply(status=429, headers=pairs))
        env = {"WAN_BASE_URL": server.base_url, "WAN_HOME": str(tmp_path / f"home{number}")}
        runs.append(wan.start("generate", "a fox", "--no-wait", env=env))
    for running, server, pairs in zip(runs, servers, headers, strict=True):
        result = running.wait(60)
        assert (result.code, len(server.posts), len(server.accepted)) == (0, 2, 1), pairs
        assert result.out.strip() == server.accepted[0].id
        assert server.posts[1].label == f"{server.posts[0].label[:-2]}.2"  # type: ignore[index]
        server.__exit__(None, None, None)


def test_wan_does_not_start_a_wait_that_is_too_long(wan: Wan, api: FakeApi) -> None:
    api.on_post(forever(Reply(status=429, headers={"Retry-After": "3600"})))
    result, line = generate(wan, "--timeout", "9000")
    assert (result.code, line["status"], len(api.posts)) == (7, "rejected", 1)
    assert "3600 s" in result.err


def test_wan_does_not_hammer_a_server_that_always_says_retry_at_once(
    wan: Wan, api: FakeApi
) -> None:
    api.on_post(forever(Reply(status=429, headers={"Retry-After": "0"})))
    result, line = generate(wan)
    assert (result.code, line["status"], api.accepted) == (7, "rejected", [])
    assert len(api.posts) < 8


# --- ambiguous: exactly one POST, the row says unknown, the hint is wan recover ---

LOCATION = {"Location": "{elsewhere}/v2/video/generations"}


@pytest.mark.parametrize(
    "reply",
    [
        *(Reply(fault=fault) for fault in ("reset", "close", "hang", "garbage")),
        *(Reply(fault=fault, headers=NO_ID) for fault in ("cut", "no-headers-end")),
        *(Reply(status=status, headers=LOCATION) for status in (302, 307)),
        *(Reply(status=status) for status in (408, 409, 500, 503, 520)),
        Reply(body={}, headers=NO_ID),
        Reply(body=HTML, headers=NO_ID),
        Reply(body=b'{"a":' * 100_000, headers=NO_ID),
        Reply(status=204, body=b"", headers=NO_ID),
    ],
    ids=lambda reply: f"{reply.status} {reply.fault or str(reply.body)[:20]}",
)
def test_an_unknown_outcome_is_reported_and_never_sent_again(
    wan: Wan, api: FakeApi, reply: Reply
) -> None:
    api.log_lag = True
    with FakeApi() as elsewhere:
        if reply.headers is LOCATION:
            reply = replace(reply, headers={"Location": elsewhere.base_url + "/v2/x"})
        api.on_post(forever(replace(reply, accept=True)))
        result, line = generate(wan, "--timeout", "1")
        assert (elsewhere.posts, elsewhere.gets) == ([], [])  # and the key did not go there
    assert (result.code, line["status"], line["exit_code"]) == (10, "unknown", 10)
    assert len(api.posts) == 1
    assert line["client_request_id"] == api.posts[0].label
    assert result.err.splitlines()[-1] == "hint: wan recover"


def test_every_status_has_one_meaning() -> None:
    refused = {400, 401, 402, 403, 404, 405, 413, 414, 415, 422}
    for status in range(200, 600):
        heard = [
            judge(http_reply(status, each), "wan-1.1") for each in ({}, {"x-inference-id": "g1"})
        ]
        names = tuple(type(outcome).__name__ for outcome in heard)
        rejected = ("Refused",) * 2 if status in refused else ("Limited",) * 2
        is_rejected = status in refused or status == 429
        assert names == (rejected if is_rejected else ("Ambiguous", "Submitted")), status


def http_reply(status: int, headers: dict[str, str]) -> exchange.Reply:
    return exchange.Reply(status, CaseInsensitiveDict(headers), b"", whole=True)


def test_a_dripping_reply_ends_at_the_deadline(wan: Wan, api: FakeApi) -> None:
    api.log_lag = True
    api.on_post(Reply(fault="drip", delay=0.1, headers=NO_ID))
    result, line = generate(wan, "--timeout", "1")
    assert (result.code, line["status"], len(api.posts)) == (10, "unknown", 1)


def test_the_history_holds_the_message_of_each_outcome(wan: Wan, api: FakeApi) -> None:
    api.log_lag = True
    api.on_post(refusal(400, "no"), Reply(), Reply(fault="close"))
    for prompt in ("one", "two", "three"):
        wan("generate", prompt, "--no-wait", "--timeout", "2")
    statuses = [line["status"] for line in journal(wan)]
    assert statuses == ["unknown", "queued", "rejected"]
