"""wan doctor, run as a real command: one line for each check, and the next command to type."""

from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply, forever


def test_a_healthy_set_up_passes_every_check(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "a fox", "-q").code == 0
    result = wan("doctor")
    assert (result.code, result.err) == (0, "")
    assert {line.split()[0] for line in result.out.splitlines()} == {"ok"}
    for words in ("AIMLAPI_API_KEY", "mode 0600", f"{api.base_url} answers", "123.45 USD", "clock"):
        assert words in result.out
    assert len(api.posts) == 1


def test_json_is_an_object_for_each_check(wan: Wan, api: FakeApi) -> None:
    result = wan("doctor", "--json")
    assert result.code == 0
    assert {line["level"] for line in result.json_lines} == {"ok"}
    assert len(result.json_lines) == len({line["check"] for line in result.json_lines})


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"AIMLAPI_API_KEY": None}, 3, "wan config set api_key"),
        ({"WAN_BASE_URL": "http://example.com"}, 3, "https"),
        ({"WAN_BASE_URL": "http://127.0.0.1:1"}, 11, "API"),
    ],
)
def test_a_problem_has_its_exit_code_and_a_hint(
    wan: Wan, api: FakeApi, change: dict[str, str | None], code: int, words: str
) -> None:
    result = wan("doctor", env=change)
    assert result.code == code
    (line,) = [line for line in result.out.splitlines() if line.startswith("problem")]
    assert words in line
    assert "->" in line


def test_a_problem_names_the_checks_that_it_prevents(wan: Wan, api: FakeApi) -> None:
    *_, last = wan("doctor", env={"AIMLAPI_API_KEY": None}).out.splitlines()
    words = "API, clock, balance: not checked; fix the key first  ->  wan config set api_key"
    assert words in last
    *_, check = wan("doctor", "--json", env={"WAN_BASE_URL": "http://example.com"}).json_lines
    assert check["check"] == "history, API, clock, balance"
    assert check["text"] == "not checked; fix the configuration first"
    assert len(api.gets) == 0


def test_a_refused_key_is_4(wan: Wan, api: FakeApi) -> None:
    api.on_billing(forever(Reply(status=401)))
    assert wan("doctor").code == 4


def test_a_harmless_problem_is_a_warning(wan: Wan, api: FakeApi, home: Path) -> None:
    assert wan("generate", "a fox", "--no-wait").code == 0
    (home / "config.toml").write_text('output_dir = "."\n')
    (home / "config.toml").chmod(0o644)
    api.clock_offset = 3600
    api.balance = 0.5
    result = wan("doctor")
    warnings = [line for line in result.out.splitlines() if line.startswith("warning")]
    assert result.code == 0
    for words in ("chmod 600", "less than one clip", "off the API's", "wan fetch --all"):
        assert sum(words in line for line in warnings) == 1


def test_a_broken_configuration_is_3(wan: Wan, api: FakeApi, home: Path) -> None:
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text("no toml")
    assert wan("doctor").code == 3


def test_the_sandbox_needs_no_key(wan: Wan, api: FakeApi) -> None:
    result = wan("doctor", "--sandbox", env={"AIMLAPI_API_KEY": None})
    assert result.code == 0
    assert "the sandbox needs none" in result.out


def key_line(wan: Wan) -> tuple[str, str]:
    """Return the level and the text of the check of the key's limit."""
    result = wan("doctor", "--json")
    assert result.code == 0, result.err
    (check,) = [line for line in result.json_lines if line["check"] == "key limit"]
    assert (check["level"] == "warning") == bool(check["hint"])
    return check["level"], check["text"]


def test_the_limit_and_the_scopes_of_the_key_are_shown(wan: Wan, api: FakeApi) -> None:
    assert key_line(wan) == ("ok", "none; scopes: all")
    api.key |= {"limit": {"threshold": 50, "retention": "month"}, "monthly_usage": 12.5}
    api.key["scopes"] = ["model:video", "billing:read"]
    words = "37.50 USD left of 50.00 USD a month; scopes: model:video, billing:read"
    assert key_line(wan) == ("ok", words)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ({"scopes": ["model:image"]}, "the key may not make videos; none; scopes: model:image"),
        ({"scopes": ["model:videos"]}, "the key may not make videos; none; scopes: model:videos"),
        ({"disabled": True}, "the key is disabled; none; scopes: all"),
        (
            {"limit": {"threshold": 20, "retention": "month"}, "monthly_usage": 18.5},
            "1.50 USD left of 20.00 USD a month; scopes: all: less than one clip",
        ),
        (
            {"limit": {"threshold": 2.5, "retention": "day"}},
            "at least 1.00 USD left of 2.50 USD a day; scopes: all: less than one clip",
        ),
        (
            {"limit": {"threshold": 1, "retention": "no_reset"}, "monthly_usage": 0},
            "at most 1.00 USD left of 1.00 USD in total; scopes: all: less than one clip",
        ),
    ],
)
def test_a_key_that_cannot_make_the_next_video_is_a_warning(
    wan: Wan, api: FakeApi, key: dict[str, object], words: str
) -> None:
    api.key |= key
    api.add_log_row("today", credits_used=3_000_000)
    assert key_line(wan) == ("warning", words)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(status=404), "unknown (the API does not say)"),
        (Reply(status=403), "unknown (the API does not allow this: scripted)"),
        (Reply(status=500), "unknown (cannot reach the API"),
        (Reply(body={"data": []}), "unknown (wan cannot read the answer of /v1/key)"),
    ],
    ids=["404", "403", "500", "odd"],
)
def test_a_limit_that_the_api_does_not_say_is_no_trouble(
    wan: Wan, api: FakeApi, reply: Reply, words: str
) -> None:
    api.on_key(forever(reply))
    level, text = key_line(wan)
    assert level == "ok"
    assert text.startswith(words)
    assert "123.45 USD" in wan("doctor").out
