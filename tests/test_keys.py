"""The API key: its sources, the key command, impossible keys, and its masked form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_cli.config.keys import Candidate, Key, candidates, check_key, disagreement, find_key, mask
from wan_cli.errors import SetupError

KEY = "0123456789abcdef0123456789abcdef"


def command(line: str) -> tuple[Candidate, ...]:
    return candidates({}, None, line)


def test_the_sources_have_an_order() -> None:
    env = {
        "AIMLAPI_KEY": "c" * 32,
        "AIML_API_KEY": "b" * 32,
        "AIMLAPI_API_KEY": "",
        "WAN_API_KEY_COMMAND": "echo d",
    }
    found = candidates(env, "e" * 32, "echo f")
    assert [place.source for place in found] == [
        "AIML_API_KEY",
        "AIMLAPI_KEY",
        "WAN_API_KEY_COMMAND",
        "config file",
        "api_key_command",
    ]
    assert find_key(found) == Key("b" * 32, "AIML_API_KEY")


def test_different_keys_are_reported_by_the_names_of_their_variables() -> None:
    warning = disagreement({"AIMLAPI_API_KEY": KEY, "AIMLAPI_KEY": "other"})
    assert warning == (
        "AIMLAPI_API_KEY and AIMLAPI_KEY have different keys; wan uses AIMLAPI_API_KEY"
    )
    assert disagreement({"AIMLAPI_API_KEY": KEY, "AIMLAPI_KEY": KEY + "\n"}) is None


def test_a_missing_key_is_a_set_up_error_with_the_next_command() -> None:
    with pytest.raises(SetupError) as caught:
        find_key(())
    assert caught.value.hint == "wan config set api_key"


def test_the_first_line_of_the_command_is_the_key() -> None:
    key = find_key(command(f"printf ' {KEY} \\r\\nsecond\\n'"))
    assert (key.value, key.source) == (KEY, "api_key_command")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("echo secret; echo locked >&2; exit 7", "status 7: locked"),
        ("kill -9 $$", "status -9"),
        ("true", "printed nothing on its first line"),
        ("echo; echo secret", "printed nothing on its first line"),
        ("cat", "printed nothing on its first line"),
        ("no-such-command", "status 127"),
        ("echo 'secret key'", "white space"),
    ],
)
def test_a_failing_key_command_is_reported_by_its_status_never_its_output(
    line: str, words: str
) -> None:
    with pytest.raises(SetupError, match=words) as caught:
        find_key(command(line))
    assert "secret" not in caught.value.message + caught.value.hint


def test_the_key_command_does_not_run_if_another_source_overrides_it() -> None:
    assert find_key(candidates({"AIMLAPI_KEY": KEY}, None, "exit 1")).value == KEY


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        (" \n", "empty"),
        (f"Bearer {KEY}", "Bearer"),
        ("<YOUR_AIMLAPI_KEY>", "placeholder"),
        (f"'{KEY}'", "quotes"),
        (f'{KEY}"x', "quotes"),
        (f"“{KEY}”", "quotes"),
        (f"{KEY} {KEY}", "white space"),
        (f"{KEY}\n{KEY}", "white space"),
        (f"{KEY}\0", "control"),
        (f"{KEY}\x1b[0m", "control"),
        (f"{KEY}é", "ASCII"),
        (f"{KEY}\udcff", "ASCII"),
        ("k" * 513, "longer"),
    ],
)
def test_an_impossible_key_is_refused_without_showing_it(text: str, words: str) -> None:
    with pytest.raises(SetupError, match=words) as caught:
        check_key(text, "AIMLAPI_API_KEY")
    assert "AIMLAPI_API_KEY" in caught.value.message
    assert KEY not in caught.value.message


@given(st.text(max_size=600))
def test_a_valid_key_can_be_sent_in_a_header(text: str) -> None:
    try:
        key = check_key(text, "typed")
    except SetupError:
        return
    assert 0 < len(key) <= 512
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key


def test_the_repr_holds_no_key_and_the_fingerprint_tells_keys_apart() -> None:
    key = Key(KEY, "typed")
    assert KEY not in repr((key, candidates({"AIMLAPI_KEY": KEY}, KEY, KEY)))
    assert len(key.fingerprint) == 12
    assert key.fingerprint != Key(KEY + "0", "typed").fingerprint


@given(st.text(alphabet="abcdef0123456789", max_size=40))
def test_at_most_eight_characters_of_a_key_are_shown(key: str) -> None:
    shown = mask(key)
    assert shown == (f"{key[:4]}…{key[-4:]}" if len(key) >= 16 else "…")
