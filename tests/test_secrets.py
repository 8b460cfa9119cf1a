"""The key and the query of a signed URL reach only the servers that need them."""

import json
import re
import time
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.cdn import CdnReply
from tests.fake.invariants import KEY
from tests.fake.process import Wan
from tests.fake.script import Reply, forever, refusal
from tests.fake.server import Connection, Request, Server
from tests.fake.waiting import wait_until

SIGNED = re.compile(r"Signature|OSSAccessKeyId|Expires=")


class Watcher(Server):
    """Answers every request with 404 and keeps the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle(self, request: Request, connection: Connection) -> None:
        self.seen.append(f"{request.method} {request.target}\n{request.headers}")
        connection.keep = False
        connection.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


def assert_unsaid(wan: Wan, *words: str) -> None:
    """Assert that no output, file name or file content holds one of the words."""
    said = "".join(run.out + run.err for run in wan.runs)
    for word in words:
        assert word not in said
        for folder in (wan.work, Path(wan.env["WAN_HOME"])):
            for path in folder.rglob("*"):
                assert word not in str(path)
                assert path.is_dir() or word.encode() not in path.read_bytes(), path


IMPOSSIBLE = {
    "a space inside": "abcdefgh ijklmnop",
    "the placeholder": "<YOUR_AIMLAPI_KEY>",
    "the word Bearer": "Bearer abcdefghijklmnop",
    "a control character": "abcdefgh\x1bijkl",
}


@pytest.mark.parametrize("key", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_an_impossible_key_is_refused_before_the_network(api: FakeApi, wan: Wan, key: str) -> None:
    result = wan("generate", "a fox", env={"AIMLAPI_API_KEY": key})
    assert (result.code, api.connections) == (3, 0)
    assert result.err.startswith("error: the API key (AIMLAPI_API_KEY) ")
    assert result.err.count("hint: ") == 1
    assert key not in result.err
    assert "abcdefgh" not in result.err


def test_an_impossible_key_of_the_file_is_refused_too(api: FakeApi, wan: Wan, home: Path) -> None:
    home.mkdir(mode=0o700)
    config = home / "config.toml"
    config.touch(0o600)
    config.write_text('api_key = "abcdefgh\\u0000ijkl"\n')
    for command in (("generate", "a fox"), ("status", "some-id"), ("balance",)):
        result = wan(*command, env={"AIMLAPI_API_KEY": None})
        assert (result.code, api.connections) == (3, 0)
        assert "abcdefgh" not in result.err


def test_netrc_never_replaces_the_key(api: FakeApi, wan: Wan, tmp_path: Path) -> None:
    user = tmp_path / "user"
    user.mkdir()
    netrc = user / ".netrc"
    netrc.touch(0o600)
    netrc.write_text("machine 127.0.0.1 login thief password from-netrc\n")
    assert wan("generate", "a fox", env={"NETRC": str(netrc)}).code == 0
    assert wan("models", env={"AIMLAPI_API_KEY": None}).code == 0
    assert api.posts[0].headers["Authorization"] == f"Bearer {KEY}"
    sent = [get.headers.get("Authorization", f"Bearer {KEY}") for get in api.gets]
    assert set(sent) == {f"Bearer {KEY}"}
    assert "Authorization" not in api.cdn.requests[0].headers
    assert "Cookie" not in api.cdn.requests[0].headers


def test_a_proxy_gets_no_request_that_stays_on_this_machine(api: FakeApi, wan: Wan) -> None:
    with Watcher() as proxy:
        names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
        assert wan("generate", "a fox", env=dict.fromkeys(names, proxy.base_url)).code == 0
        assert proxy.connections == 0


@pytest.mark.parametrize("status", [302, 307])
def test_the_key_follows_no_redirect(api: FakeApi, wan: Wan, status: int) -> None:
    with Watcher() as elsewhere:
        to = Reply(status=status, headers={"Location": elsewhere.base_url + "/v2"}, accept=False)
        api.on_post(to)
        api.on_get(forever(to))
        assert wan("generate", "a fox", "--timeout", "1").code == 10
        assert wan("status", "some-id-0123456").code == 11
        assert elsewhere.connections == 0


def test_no_key_in_a_redirect_of_the_cdn(api: FakeApi, wan: Wan) -> None:
    with Watcher() as elsewhere:
        api.cdn.on_get(CdnReply(location=elsewhere.base_url + "/moved.mp4?Signature=x"))
        wan("generate", "a fox", "--timeout", "2")
        assert all("uthorization" not in seen and KEY not in seen for seen in elsewhere.seen)
        assert_unsaid(wan, KEY, "moved.mp4?")


ECHOES = {
    "message": refusal(401, f"the key {KEY} is not known"),
    "object": Reply(status=400, body={"error": {"message": f"Bearer {KEY}", "name": KEY}}),
    "detail": Reply(status=422, body={"detail": [{"loc": [KEY], "msg": KEY}]}),
    "html": Reply(status=403, body=f"<html>{KEY}</html>".encode()),
    "header": Reply(status=502, body={}, headers={"x-inference-id": KEY}, accept=False),
    "server": Reply(status=503, body={"message": KEY}, accept=False),
    "escaped": Reply(
        status=400, body=json.dumps({"message": KEY}).replace("-", "\\u002d").encode()
    ),
}


@pytest.mark.parametrize("echo", ECHOES)
def test_a_key_that_the_server_quotes_is_not_printed(api: FakeApi, wan: Wan, echo: str) -> None:
    api.check_secrets = False  # This test checks the same thing more closely.
    api.on_post(ECHOES[echo])
    assert wan("generate", "a fox", "--timeout", "1", "--json").code != 0
    assert_unsaid(wan, KEY)


def test_a_key_in_the_error_of_a_generation_is_not_kept(api: FakeApi, wan: Wan) -> None:
    api.looks = 0
    api.error = {"name": "x", "message": f"Authorization: Bearer {KEY}"}
    assert wan("generate", "a fox", "--json").code == 9
    assert wan("status", "@last").code == 9
    assert_unsaid(wan, KEY)


def test_the_list_of_processes_holds_no_key(api: FakeApi, wan: Wan, tmp_path: Path) -> None:
    api.on_post(Reply(fault="hang"))
    command = f"sleep 0.3; cat {tmp_path / 'key'}"
    (tmp_path / "key").write_text(KEY)
    running = wan.start(
        "generate", "a fox", env={"AIMLAPI_API_KEY": None, "WAN_API_KEY_COMMAND": command}
    )
    seen = set()
    while not api.posts:
        assert running.process.poll() is None, running.err
        for process in Path("/proc").glob("[0-9]*"):
            try:
                seen.add((process / "cmdline").read_bytes())
            except OSError:
                continue  # The process has ended.
        time.sleep(0.02)
    assert not any(KEY.encode() in line for line in seen)
    api.release()
    assert running.wait().code == 0


@pytest.mark.parametrize("reply", [CdnReply(status=403, body=b"no"), CdnReply(fault="reset")])
def test_a_failed_download_does_not_print_the_signed_url(
    api: FakeApi, wan: Wan, reply: CdnReply
) -> None:
    api.looks = 0
    api.cdn.on_get(forever(reply))
    result = wan("generate", "a fox", "--timeout", "2")
    assert result.code in (8, 12)
    wan("list")
    wan("status", "@last")
    assert not SIGNED.search("".join(run.out + run.err for run in wan.runs))


def test_an_interrupted_download_keeps_no_signed_url(api: FakeApi, wan: Wan, work: Path) -> None:
    api.looks = 0
    api.cdn.on_get(CdnReply(drip=0.05, drip_size=4096))
    running = wan.start("generate", "a fox", "--sidecar")
    wait_until(lambda: any(part.stat().st_size > 20_000 for part in work.glob("*.part")))
    running.kill()
    running.wait()
    assert list(work.glob("*.part.json"))
    done = wan("fetch", "@last", "--json")
    assert SIGNED.search(done.json_lines[0]["video_url"])
    assert not SIGNED.search(json.dumps({**done.json_lines[0], "video_url": ""}))
    for path in work.iterdir():
        assert not SIGNED.search(path.name)
        assert b"Signature=" not in path.read_bytes()


def test_a_server_that_quotes_a_signed_url_is_quoted_without_its_query(
    api: FakeApi, wan: Wan
) -> None:
    api.looks = 0
    api.error = {"name": "x", "message": f"cannot store {api.cdn.url()} now"}
    result = wan("generate", "a fox")
    assert result.code == 9
    assert "cannot store http" in result.err
    assert not SIGNED.search(result.err + wan("status", "@last").out + wan("list").out)
