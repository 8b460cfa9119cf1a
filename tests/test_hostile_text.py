"""Outside text cannot move the cursor, write the clipboard or reverse a line."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fake.api import FakeApi
from tests.fake.process import Result, Wan
from tests.fake.script import Reply, forever, refusal
from wan_cli.text import clean, one_line

HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
TRICKS = {
    "escape": "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "link": "\x1b]8;;https://example.com\x1b\\click\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;cm0gLXJmIC8=\x07",
    "c1": "\x9b2J\x9d52;c;eA==\x9c\x85",
    "bidi": "\u202egnp.exe\u202c \u2066x\u2069 \u200f\u061c",
    "surrogates": "\ud800 \udfff",
    "returns": "fine\rerror: \bfoo\x7f\x0b\x0c",
    "markup": "[/red] [link=https://example.com]x[/link] [bold [wearing a hat] \\[",
}
EVERYTHING = " ".join(TRICKS.values())
# Text that a command line can hold: no lone surrogates.
TYPED = EVERYTHING.replace("\ud800", "").replace("\udfff", "")
LONG = "\x1b]0;" + "A" * 100_000


def assert_harmless(result: Result) -> None:
    out = result.out_bytes.decode("utf-8")
    assert not HARMFUL.search(out.replace("\r\n", "\n"))
    assert not HARMFUL.search(result.err)
    assert "\\ud800" not in result.err
    if "--json" in result.argv:
        assert result.out.isascii()
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", result.out)
        assert result.json_lines


@given(st.text(st.characters(exclude_categories=())))
def test_cleaned_text_holds_no_control_characters(text: str) -> None:
    assert not HARMFUL.search(clean(text))
    assert not HARMFUL.search(one_line(text))
    assert "\n" not in one_line(text)
    assert len(clean(text, 50)) <= 50
    clean(text).encode("utf-8")


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), max_size=900))
def test_harmless_text_stays_unchanged(text: str) -> None:
    assert clean(text + "\t\n") == text + "\t\n"


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize("message", [EVERYTHING, LONG], ids=["everything", "long"])
def test_a_refusal_is_printed_without_control_characters(
    api: FakeApi, wan: Wan, message: str, options: tuple[str, ...]
) -> None:
    api.on_post(refusal(400, message))
    result = wan("generate", "a fox", *options)
    assert result.code == 6
    assert_harmless(result)
    assert len(result.err) < 3000
    if message == EVERYTHING:
        assert "[/red] [link=https://example.com]x[/link] [bold [wearing a hat]" in result.err


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_failed_generation_is_reported_without_control_characters(
    api: FakeApi, wan: Wan, options: tuple[str, ...]
) -> None:
    api.looks = 0
    api.error = {"name": EVERYTHING[:500], "message": EVERYTHING}
    result = wan("generate", "a fox", *options)
    assert result.code == 9
    for shown in (result, wan("status", "@last", *options), wan("list", *options)):
        assert_harmless(shown)


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_prompt_reaches_the_server_unchanged_and_is_printed_harmless(
    api: FakeApi, wan: Wan, options: tuple[str, ...]
) -> None:
    made = wan("generate", "--no-wait", *options, "--", f"-{TYPED}")
    assert made.code == 0
    assert api.posts[0].body["prompt"] == f"-{TYPED}"
    assert_harmless(made)
    assert_harmless(wan("list", *options))


@pytest.mark.parametrize("generation_id", ["../../etc/passwd", "\x1b]52;c;eA==\x07\u202eid"])
def test_a_hostile_id_is_printed_harmless_and_names_no_file_elsewhere(
    api: FakeApi, wan: Wan, work: Path, generation_id: str
) -> None:
    api.check_history = False  # An impossible id counts as a missing id.
    api.ids = [generation_id]
    api.on_post(Reply(headers={"x-inference-id": None}))
    api.looks = 0
    result = wan("generate", "a fox", "--timeout", "1")
    assert_harmless(result)
    assert all(path.parent == work for path in work.rglob("*"))
    assert_harmless(wan("list"))


@pytest.mark.parametrize("body", [b"<html>\x1b]0;x\x07</html>", b"\xff\xfe" * 1000, b"[" * 5000])
def test_a_reply_that_is_not_json_is_not_printed(api: FakeApi, wan: Wan, body: bytes) -> None:
    api.on_post(Reply(status=422, body=body))
    result = wan("generate", "a fox")
    assert result.code == 6
    assert_harmless(result)
    assert "html" not in result.err


def test_a_hostile_status_counts_as_unknown(api: FakeApi, wan: Wan) -> None:
    body = {"id": "{id}", "status": EVERYTHING[:300], "video": None}
    api.on_get(forever(Reply(body=body)))
    result = wan("generate", "a fox", "--timeout", "1")
    assert result.code == 8
    assert_harmless(result)


@pytest.fixture
def screen(wan: Wan) -> Iterator["Screen"]:
    yield Screen(wan)
    wan("--version")


class Screen:
    """Runs `wan` on a terminal."""

    def __init__(self, wan: Wan) -> None:
        self._wan = wan

    def run(self, *argv: str) -> tuple[int, str]:
        """Return the exit code and everything that was sent to the terminal."""
        child = pexpect.spawn(
            sys.executable,
            ["-m", "wan_cli", *argv],
            env={**self._wan.env, "TERM": "xterm-256color"},
            cwd=str(self._wan.work),
            encoding="utf-8",
            timeout=60,
            dimensions=(24, 100),
        )
        text = child.read()
        child.close()
        return (child.exitstatus if child.exitstatus is not None else -1), text


# The codes that rich sends: colors, cursor moves, hiding the cursor, clearing a line.
OWN = re.compile(r"\x1b\[[0-9;]*[mAKGJ]|\x1b\[\?25[lh]|\r")


def test_a_terminal_gets_the_control_characters_of_a_failure_as_text(
    api: FakeApi, wan: Wan, screen: Screen
) -> None:
    api.error = {"name": "x", "message": EVERYTHING}
    code, text = screen.run("generate", TYPED)
    assert code == 9
    assert not HARMFUL.search(OWN.sub("", text))
    assert "\x1b[2J" not in text
    assert "[/red] [link=https://example.com]x[/link]" in " ".join(text.split())
    _, listed = screen.run("list")
    assert not HARMFUL.search(OWN.sub("", listed))


def test_an_id_with_markup_is_printed_as_text(api: FakeApi, wan: Wan, screen: Screen) -> None:
    api.ids = ["[/red][bold]:smile:x0"]
    api.cdn.videos["[/red][bold]:smile:x0"] = api.video
    code, text = screen.run("generate", "a fox")
    assert code == 0, text
    assert "submitted [/red][bold]:smile:x0" in text


def test_json_of_any_text_is_read_back_unchanged(api: FakeApi, wan: Wan) -> None:
    prompt = TRICKS["escape"] + TRICKS["bidi"]
    row = json.loads(wan("generate", "-n", "--json", prompt).out)
    assert row["request"]["prompt"] == prompt
