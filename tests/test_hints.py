"""A user can type a hint unchanged, also in the sandbox."""

import shlex

import pytest

from tests.fake.process import Wan
from wan_cli.errors import in_sandbox


@pytest.mark.parametrize(
    ("hint", "typeable"),
    [
        ("wan fetch abcdefgh", "wan fetch abcdefgh --sandbox"),
        ("wan fetch 'a, b'", "wan fetch 'a, b' --sandbox"),
        (
            "wan doctor, then: wan fetch -abc",
            "wan doctor --sandbox, then: wan fetch -abc --sandbox",
        ),
        (
            "wan recover (or --again to pay for another one)",
            "wan recover --sandbox (or --again to pay for another one)",
        ),
        ('try: wan generate "a; b"', 'try: wan generate "a; b" --sandbox'),
        ("wan generate -- '—no-wait'", "wan generate --sandbox -- '—no-wait'"),
        (
            "iconv -f UTF-16LE -t utf-8 a >b && wan batch b",
            "iconv -f UTF-16LE -t utf-8 a >b && wan batch b --sandbox",
        ),
        ("wan generate --help", "wan generate --help"),
        ("wan config list", "wan config list"),
        ("add --force, or choose another -o", "add --force, or choose another -o"),
    ],
)
def test_the_commands_of_a_hint_stay_in_the_sandbox(hint: str, typeable: str) -> None:
    assert in_sandbox(hint) == typeable
    assert in_sandbox(typeable) == typeable


def test_the_hints_of_the_sandbox_work(wan: Wan) -> None:
    env = {"AIMLAPI_API_KEY": None}
    stopped = wan(
        "generate", "a fox [slow]", "--sandbox", "--timeout", "0.2", "--duration", "5", env=env
    )
    assert stopped.code == 8
    hint = stopped.err.splitlines()[-1].removeprefix("hint: ")
    assert hint.startswith("wan fetch ")
    again = wan(*shlex.split(hint)[1:], "--no-wait", "--json", env=env)
    assert again.code == 8
    assert again.json_lines[0]["error"]["hint"] == hint


def test_an_unquoted_prompt_gets_a_hint_about_quotes(wan: Wan) -> None:
    result = wan("generate", "a", "fox")
    assert result.code == 2
    assert "quotes" in result.err
    assert 'hint: wan generate "a fox' in result.err


def test_config_without_a_subcommand_lists_the_subcommands(wan: Wan) -> None:
    result = wan("config")
    assert result.code == 2
    assert "set, get, unset, list, path or edit" in result.err
    assert "hint: wan config list" in result.err
