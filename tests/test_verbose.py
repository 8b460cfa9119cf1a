"""wan … -v: the details for a bug report, on stderr, without the key and signed queries."""

import json
import re

import pytest

from tests.fake.api import FakeApi
from tests.fake.cdn import CdnReply
from tests.fake.invariants import KEY
from tests.fake.process import Wan
from tests.fake.script import Reply, forever
from tests.terminal import on_terminal, screen
from tests.test_secrets import ECHOES, SIGNED, assert_unsaid
from wan_cli import __version__
from wan_cli.help import COMMANDS
from wan_cli.http.trace import body_text, header_texts, url_text

VERSIONS = re.compile(rf"wan {re.escape(__version__)}, Python: CPython 3\.\S+, platform: \S+.*")
FACT = re.compile(r"\d\d:\d\d:\d\d\.\d{3} \[\d+\] [<>!] .+")


def facts(err: str) -> list[str]:
    """Return the lines of the trace, without times."""
    lines = [line.partition(" ")[2] for line in err.splitlines() if FACT.fullmatch(line)]
    return [re.sub(r"after \d+\.\d{3} s", "after T", line) for line in lines]


def test_verbose_prints_each_request_and_answer_from_submission_to_file(
    api: FakeApi, wan: Wan
) -> None:
    result = wan("generate", "a fox", "-v", "-o", "fox.mp4", "--max-cost", "9")
    assert result.code == 0
    assert result.out == f"{wan.work / 'fox.mp4'}\n"
    assert VERSIONS.fullmatch(result.err.splitlines()[0])
    said = facts(result.err)
    post = next(at for at, line in enumerate(said) if "> POST" in line)
    number = said[post].partition(" ")[0]
    assert said[post] == f"{number} > POST {api.base_url}/v2/video/generations"
    assert said[post + 1] == f"{number} > X-Client-Request-Id: {api.posts[0].label}"
    body = json.loads(said[post + 2].partition(" > ")[2])
    assert body == {"model": "alibaba/wan-2-6-t2v", "prompt": "a fox"}
    assert f"{number} < 201 after T" in said or f"{number} < 200 after T" in said
    assert any("/v2/video/generations generation_id=" in line for line in said)
    assert any(re.search(r"> GET http\S+\.mp4\?…$", line) for line in said)
    size = (wan.work / "fox.mp4").stat().st_size
    assert any(line.endswith(f"< closed after T: {size} bytes") for line in said)


def test_stdout_is_the_same_with_verbose(api: FakeApi, wan: Wan) -> None:
    generation = wan("generate", "a fox", "--no-wait").out.strip()
    for command in (("models",), ("models", "--json"), ("config", "path")):
        assert wan(*command, "-v").out == wan(*command).out
    plain, verbose = wan("status", generation, "--json"), wan("status", generation, "--json", "-v")
    assert verbose.json_lines[0]["id"] == plain.json_lines[0]["id"]
    assert not facts(plain.err)
    assert facts(verbose.err)


@pytest.mark.parametrize("value", ["1", "true", "2"])
def test_wan_debug_does_the_same(api: FakeApi, wan: Wan, value: str) -> None:
    result = wan("balance", env={"WAN_DEBUG": value})
    assert VERSIONS.fullmatch(result.err.splitlines()[0])
    assert any("/v2/billing" in line for line in facts(result.err))


@pytest.mark.parametrize("value", ["", "0", "false", "off"])
def test_wan_debug_can_be_off(api: FakeApi, wan: Wan, value: str) -> None:
    assert wan("balance", env={"WAN_DEBUG": value}).err == ""


@pytest.mark.parametrize("flags", [["-v"], ["--verbose"], ["-q", "-v"], ["-vq"], ["--json", "-v"]])
def test_every_spelling_works_and_quiet_keeps_the_trace(
    api: FakeApi, wan: Wan, flags: list[str]
) -> None:
    result = wan("balance", *flags)
    assert result.code == 0
    assert VERSIONS.fullmatch(result.err.splitlines()[0])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_verbose(api: FakeApi, wan: Wan, name: str) -> None:
    command = [name, "list"] if name == "config" else [name]
    text = wan(*command, "--help").out
    assert "-v" in text
    assert "--verbose" in text


def test_a_failed_command_ends_with_the_same_error(api: FakeApi, wan: Wan) -> None:
    api.on_post(Reply(status=400))
    plain = wan("generate", "a fox")
    api.on_post(Reply(status=400))
    verbose = wan("generate", "a fox", "-v")
    assert verbose.code == plain.code == 6
    assert verbose.err.splitlines()[-2:] == plain.err.splitlines()[-2:]
    assert any("< 400 after T" in line for line in facts(verbose.err))


def test_a_retry_is_numbered(api: FakeApi, wan: Wan) -> None:
    api.looks = 4
    generation = wan("generate", "a fox", "--no-wait").out.strip()
    api.on_get(Reply(status=503), Reply(fault="reset"), Reply(), Reply(status=503))
    said = facts(wan("fetch", generation, "-v").err)
    polls = [line for line in said if "> GET" in line and "generation_id=" in line]
    tries = [re.findall(r"\(try (\d)\)$", line) for line in polls[:6]]
    assert tries == [[], ["2"], ["3"], [], ["2"], []]
    assert any("! failed after T: " in line for line in said)


def test_a_failed_download_is_printed(api: FakeApi, wan: Wan) -> None:
    api.looks = 0
    api.cdn.on_get(CdnReply(fault="reset"))
    result = wan("generate", "a fox", "-v")
    assert result.code == 0
    said = facts(result.err)
    assert any("! failed after T: the connection was reset" in line for line in said)
    assert any(line.endswith(".mp4?… (try 2)") for line in said)


def test_long_values_are_cut(api: FakeApi, wan: Wan) -> None:
    result = wan("generate", "fox " * 400, "-v", "--no-wait")
    assert result.code == 0
    body = next(line for line in facts(result.err) if '"prompt"' in line)
    assert "… (1600 characters)" in body
    assert len(body) < 400


@pytest.mark.parametrize("echo", ECHOES)
def test_a_key_that_the_server_quotes_stays_hidden(api: FakeApi, wan: Wan, echo: str) -> None:
    api.check_secrets = False  # This test checks the same thing more closely.
    api.on_post(ECHOES[echo])
    result = wan("generate", "a fox", "--timeout", "1", "--json", "-v")
    assert facts(result.err)
    assert_unsaid(wan, KEY)


def test_a_key_in_the_prompt_stays_hidden(api: FakeApi, wan: Wan) -> None:
    api.check_secrets = False  # The history holds the prompt unchanged.
    result = wan("generate", f"a fox says {KEY}", "-v", "--no-wait")
    assert any("a fox says [key]" in line for line in facts(result.err))
    assert KEY not in result.err


ANSWERS = {
    "plain": lambda url: json.dumps({"status": "generating", "note": url}),
    "slashes escaped": lambda url: json.dumps({"note": url}).replace("/", "\\/"),
    "marks escaped": lambda url: json.dumps({"note": url}).replace("?", "\\u003f"),
    "nested": lambda url: json.dumps({"note": json.dumps({"url": url}).replace("/", "\\/")}),
    "nested, marks escaped": lambda url: json.dumps(
        {"note": json.dumps({"url": url}).replace("?", "\\u003f")}
    )[:-2],
    "html": lambda url: f'<a href="{url}">moved</a>',
    "cut": lambda url: json.dumps({"note": url})[:-2],
    "cut, marks escaped": lambda url: json.dumps({"note": url}).replace("?", "\\u003F")[:-2],
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_spelling_of_a_signed_query_stays_hidden(api: FakeApi, wan: Wan, answer: str) -> None:
    generation = wan("generate", "a fox", "--no-wait").out.strip()
    body = ANSWERS[answer](api.cdn.url()).encode()
    api.on_get(forever(Reply(status=502, body=body)))
    result = wan("status", generation, "-v", "--timeout", "1")
    assert any("/v2/video/generations" in line for line in facts(result.err))
    assert not SIGNED.search(result.err)


def test_a_redirect_and_a_refusal_of_the_cdn_show_no_signed_query(api: FakeApi, wan: Wan) -> None:
    api.looks = 0
    api.cdn.on_get(CdnReply(location="/moved.mp4?Signature=abc"), CdnReply(status=403))
    said = facts(wan("generate", "a fox", "-v", "--timeout", "3").err)
    assert any("< 302 after T" in line for line in said)
    assert any(line.endswith("/moved.mp4?…") or "/moved.mp4?…;" in line for line in said)
    assert not SIGNED.search("".join(run.err for run in wan.runs))


def test_a_server_cannot_move_the_cursor_with_verbose(api: FakeApi, wan: Wan) -> None:
    reply = Reply(status=400, body=b'{"message": "\x1b[2J\\u001b[31m\\u202egone"}')
    api.on_post(reply)
    result = wan("generate", "a fox", "-v")
    assert result.code == 6
    assert "\x1b" not in result.err
    assert "\u202e" not in result.err


def test_on_a_terminal_the_lines_are_printed_above_the_live_display(api: FakeApi, wan: Wan) -> None:
    api.looks = 6
    code, written = on_terminal(wan, "generate", "a fox " * 20, "-v", "-o", "fox.mp4", columns=60)
    assert code == 0
    lines = screen(written)
    assert VERSIONS.fullmatch(lines[0])
    told = [line for line in lines if re.search(r"\[\d+\] [<>!] ", line)]
    assert len(told) > 10
    assert all(FACT.fullmatch(line) for line in told)
    # A long line stays one line, so that it can be copied whole.
    body = next(line.partition(" > ")[2] for line in told if '"prompt"' in line)
    assert json.loads(body)["prompt"].startswith("a fox a fox")
    assert "generating" not in "".join(line for line in lines if line not in told)


def test_a_url_loses_its_query_and_its_user() -> None:
    assert url_text("https://u:secret@h/p.mp4?Signature=x#y") == "https://h/p.mp4?…"
    assert url_text("/p.mp4?Signature=x") == "/p.mp4?…"
    assert url_text("https://h") == "https://h"


def test_a_body_is_short_and_without_secrets() -> None:
    assert body_text(b'{"api_key": "abc", "list": [1, 2, 3, 4, 5]}') == (
        '{"api_key": "[hidden]", "list": [1, 2, 3, "… 2 more"]}'
    )
    assert len(body_text(b"[" * 100_000)) < 1000
    assert body_text(b"\xff\xfe") == "\ufffd\ufffd"
    assert body_text(b'{"image": "data:image/png;base64,' + b"A" * 9000 + b'"}').endswith(
        '… (9022 characters)"}'
    )


def test_a_key_that_is_escaped_twice_is_hidden_where_it_is_shown_plainly() -> None:
    text = json.dumps({"url": "https://h/p?q", "key_": "k-\\\\u0030123456789"})
    assert body_text(text.encode(), "k-0123456789").count("0123456789") == 0
    note = r'{"note": "https://h/p?q k-\\u0030123456789"'
    assert body_text(note.encode(), "k-0123456789") == '{"note": "https://h/p?… [key]"'


def test_cookies_and_unknown_headers_are_left_out() -> None:
    headers = {"Set-Cookie": "a=b", "X-Secret": "c", "Retry-After": "3", "Location": "/a?b"}
    assert header_texts(headers) == {"Retry-After": "3", "Location": "/a?…"}
