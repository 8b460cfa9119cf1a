"""wan config, run as a real command."""

import os
import sys
from pathlib import Path

import pexpect
import pytest

from tests.fake.process import Wan

KEY = "0123456789abcdef0123456789abcdef"
NO_KEY = {"AIMLAPI_API_KEY": None}


def editor(folder: Path, code: str) -> str:
    """Return an editor command that runs Python code; the file's path is `path`."""
    script = folder / "editor.py"
    script.write_text(f"import pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{code}\n")
    return f"'{sys.executable}' '{script}'"


def test_path_prints_the_path_of_the_file(wan: Wan, home: Path) -> None:
    result = wan("config", "path")
    assert (result.code, result.out) == (0, f"{home}/config.toml\n")
    assert not home.exists()


def test_set_get_and_unset(wan: Wan, home: Path) -> None:
    assert wan("config", "set", "duration", "5").code == 0
    assert wan("config", "get", "generate.duration").out == "5\n"
    assert wan("config", "get", "duration", "--json").json_lines == [
        {"key": "generate.duration", "value": 5, "source": "config file"}
    ]
    assert (home / "config.toml").stat().st_mode & 0o777 == 0o600
    assert wan("config", "unset", "duration").code == 0
    again = wan("config", "unset", "duration")
    assert again.code == 0
    assert "was not" in again.err


def test_a_value_may_begin_with_a_hyphen(wan: Wan) -> None:
    assert wan("config", "set", "seed", "-1").code == 0
    assert wan("config", "get", "seed").out == "-1\n"


def test_the_key_is_read_from_stdin_and_shown_masked(wan: Wan, home: Path) -> None:
    result = wan("config", "set", "api_key", "-", input=f" {KEY}\nmore\n".encode(), env=NO_KEY)
    assert result.code == 0
    assert (home / "config.toml").read_text() == f'api_key = "{KEY}"\n'
    shown = wan("config", "list", env=NO_KEY)
    assert "api_key = 0123…cdef  (config file)" in shown.out
    assert KEY not in result.out + result.err + shown.out + shown.err


@pytest.mark.parametrize("given", [[KEY], [f"-{KEY}"], ["Bearer", KEY], ["-", KEY]])
def test_a_key_as_an_argument_is_refused_and_not_printed(wan: Wan, given: list[str]) -> None:
    result = wan("config", "set", "api_key", *given)
    assert result.code == 2
    assert "history" in result.err
    assert KEY not in result.out + result.err


def test_without_a_terminal_set_does_not_ask(wan: Wan) -> None:
    result = wan("config", "set", "api_key")
    assert result.code == 2
    assert "hint: wan config set api_key -" in result.err


def test_on_a_terminal_set_asks_for_the_key_without_echo(wan: Wan, home: Path) -> None:
    child = pexpect.spawn(
        sys.executable, ["-m", "wan_cli", "config", "set", "api_key"], env=wan.env, timeout=30
    )
    child.expect("API key")
    child.waitnoecho()
    child.sendline(KEY)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert KEY.encode() not in (child.before or b"")
    assert KEY in (home / "config.toml").read_text()


def test_an_impossible_key_is_not_stored(wan: Wan, home: Path) -> None:
    result = wan("config", "set", "api_key", "-", input=b"<YOUR_AIMLAPI_KEY>\n")
    assert result.code == 3
    assert not home.exists()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("set", "tiemout", "5"), "timeout"),
        (("get", "tiemout"), "timeout"),
        (("unset", "tiemout"), "timeout"),
        (("set", "timeout"), "needs one value"),
        (("set", "duration", "7"), "5, 10, 15"),
        (("set", "base_url", "http://example.com"), "https"),
    ],
)
def test_wrong_usage_prints_the_right_usage(wan: Wan, argv: tuple[str, ...], words: str) -> None:
    result = wan("config", *argv)
    assert result.code == 2
    assert words in result.err


def test_list_prints_each_key_with_its_source(wan: Wan) -> None:
    lines = wan("config", "list", "--json", env={"WAN_TIMEOUT": "60"}).json_lines
    sources = {line["key"]: (line["value"], line["source"]) for line in lines}
    assert sources["timeout"] == (60, "WAN_TIMEOUT")
    assert sources["wait"] == (True, "default")
    assert sources["api_key"][1] == "AIMLAPI_API_KEY"


@pytest.mark.parametrize("argv", [("list",), ("get", "wait"), ("set", "wait", "no")])
def test_a_broken_file_is_reported_and_left_unchanged(
    wan: Wan, home: Path, argv: tuple[str, ...]
) -> None:
    home.mkdir()
    (home / "config.toml").write_text("wait = \n")
    result = wan("config", *argv)
    assert result.code == 3
    assert "line 1" in result.err
    assert "hint: wan config edit" in result.err
    assert (home / "config.toml").read_text() == "wait = \n"


def test_edit_makes_a_valid_commented_file(wan: Wan, home: Path, work: Path) -> None:
    result = wan("config", "edit", env={"EDITOR": editor(work, "")})
    assert result.code == 0
    assert "# api_key_command" in (home / "config.toml").read_text()
    assert (home / "config.toml").stat().st_mode & 0o777 == 0o600


def test_edit_reports_a_mistake_and_keeps_the_text(wan: Wan, home: Path, work: Path) -> None:
    command = editor(work, "path.write_text('timeout = 0')")
    result = wan("config", "edit", env={"EDITOR": "no-such-editor", "VISUAL": command})
    assert result.code == 3
    assert "timeout" in result.err
    assert (home / "config.toml").read_text() == "timeout = 0"


@pytest.mark.parametrize("chosen", ["no-such-editor", "'unclosed", "false", None])
def test_edit_without_a_working_editor_is_an_error(wan: Wan, chosen: str | None) -> None:
    result = wan("config", "edit", env={"EDITOR": chosen, "PATH": os.environ["PATH"]})
    assert result.code == 3
    assert "hint: export EDITOR" in result.err


def test_a_wrong_value_is_refused_with_the_name_of_its_key(wan: Wan) -> None:
    result = wan("config", "set", "timeout", "-5")
    assert result.code == 2
    assert result.err.startswith(
        "error: timeout: '-5' is not a duration above 0 (such as 90, 90s, 5m, 1h or 7d)\n"
    )


def test_list_says_what_is_not_set(wan: Wan) -> None:
    lines = wan("config", "list").out.splitlines()
    assert "generate.seed is not set" in lines
    assert "timeout = 1800  (default)" in lines
    assert not [line for line in lines if " = -  " in line]
