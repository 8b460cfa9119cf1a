"""wan config set keeps comments and layout, and two at once lose nothing."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fake.process import Wan
from wan_cli.config.layout import with_value, without_key

FILE = """\
# My settings.

timeout = 90    # seconds, for the slow line
output_dir = "~/Videos # not a comment"

# What every request has.
[generate]
resolution = "720p" # small
# duration = 10

# The end.
"""


@pytest.mark.parametrize(
    ("table", "name", "value", "line"),
    [
        ("", "timeout", 300, "timeout = 300    # seconds, for the slow line"),
        ("", "output_dir", "/v", 'output_dir = "/v"'),
        ("generate", "resolution", "1080p", 'resolution = "1080p" # small'),
        ("", "wait", False, "wait = false"),
        ("generate", "seed", 7, "seed = 7"),
    ],
)
def test_set_changes_one_line_and_keeps_all_others(
    table: str, name: str, value: object, line: str
) -> None:
    text = with_value(FILE, table, name, value)
    assert text is not None
    old, new = FILE.splitlines(), text.splitlines()
    assert [each for each in new if each not in old] == [line]
    assert len(new) - len(old) == (name in ("wait", "seed"))
    found = tomllib.loads(text)
    assert (found[table] if table else found)[name] == value


def test_unset_removes_a_key_and_keeps_the_rest() -> None:
    text = without_key(FILE, "", "timeout")
    assert text is not None
    assert text.splitlines() == [line for line in FILE.splitlines() if "timeout" not in line]


def test_for_a_value_of_several_lines_the_whole_file_is_written() -> None:
    text = 'api_key_command = """\npass show\n"""\n'
    assert with_value(text, "", "api_key_command", "x") is None


@given(st.text(max_size=30), st.sampled_from(["", "generate"]))
def test_any_text_that_set_writes_is_read_back(value: str, table: str) -> None:
    if any("\ud800" <= char <= "\udfff" for char in value):
        return
    text = with_value(FILE, table, "output_dir", value)
    if text is not None:
        found = tomllib.loads(text)
        assert (found[table] if table else found)["output_dir"] == value


def test_comments_survive_the_command(wan: Wan, home: Path) -> None:
    home.mkdir(mode=0o700)
    file = home / "config.toml"
    file.touch(0o600)
    file.write_text(FILE)
    assert wan("config", "set", "timeout", "5m").code == 0
    assert wan("config", "set", "generate.seed", "7").code == 0
    assert wan("config", "unset", "generate.resolution").code == 0
    kept = [line for line in FILE.splitlines() if line.startswith("#")]
    assert [line for line in file.read_text().splitlines() if line.startswith("#")] == kept
    assert "timeout = 300.0    # seconds, for the slow line" in file.read_text()


def test_twelve_commands_at_once_lose_nothing(wan: Wan, home: Path) -> None:
    keys = {
        "timeout": "90",
        "poll_interval": "7",
        "output_dir": "/v",
        "wait": "false",
        "sidecar": "true",
        "max_cost": "3",
        "generate.seed": "7",
        "generate.duration": "5",
        "generate.resolution": "720p",
        "generate.shot_type": "multi",
        "generate.aspect_ratio": "1:1",
        "generate.negative_prompt": "fog",
    }
    running = [wan.start("config", "set", key, value) for key, value in keys.items()]
    assert [each.wait().code for each in running] == [0] * 12
    document = tomllib.loads((home / "config.toml").read_text())
    found = {*document, *(f"generate.{name}" for name in document["generate"])} - {"generate"}
    assert found == {*keys}


def test_a_key_with_a_byte_order_mark_is_accepted(wan: Wan) -> None:
    key = b"\xef\xbb\xbfabcdefghijklmnop\r\n"
    assert wan("config", "set", "api_key", "-", input=key).code == 0
    shown = wan("config", "get", "api_key", env={"AIMLAPI_API_KEY": None})
    assert shown.out == "abcd…mnop\n"


def test_set_warns_if_the_environment_overrides_the_key(wan: Wan) -> None:
    env = {"AIMLAPI_API_KEY": "another-key-0123456789"}
    result = wan("config", "set", "api_key", "-", input=b"abcdefghijklmnop\n", env=env)
    assert result.code == 0
    assert "warning: the variable AIMLAPI_API_KEY overrides it" in result.err
    assert "overrides" not in wan("config", "set", "timeout", "90").err
