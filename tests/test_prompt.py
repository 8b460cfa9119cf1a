"""The prompt: from exactly one source, and exactly as it was given."""

import json
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan

ODD = "a cat [wearing a hat] [/red] 猫 🦊 --x $HOME"


@pytest.mark.parametrize(
    ("argv", "stdin"),
    [
        ([ODD], None),
        (["-"], ODD.encode()),
        ([], f"{ODD}\n".encode()),
        (["--prompt-file", "prompt.txt"], None),
        (["--prompt-file", "prompt.txt"], b"a hen"),
        ([ODD], b"a hen"),
    ],
    ids=["argument", "dash", "pipe", "file", "file-and-pipe", "argument-and-pipe"],
)
def test_a_prompt_reaches_the_server_exactly(
    wan: Wan, api: FakeApi, work: Path, argv: list[str], stdin: bytes | None
) -> None:
    (work / "prompt.txt").write_text(ODD + "\r\n", newline="")
    assert wan("generate", "--no-wait", *argv, input=stdin).code == 0
    assert [post.body["prompt"] for post in api.posts] == [ODD]


def test_after_two_dashes_it_may_begin_with_a_dash(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "--no-wait", "--", "--json -G3b3vVKdoC42fMNeK1T5").code == 0
    assert api.posts[0].body["prompt"] == "--json -G3b3vVKdoC42fMNeK1T5"


def test_lines_and_spaces_within_stay(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "--no-wait", input=b"  one\n\n\ttwo \n").code == 0
    assert api.posts[0].body["prompt"] == "  one\n\n\ttwo "


def test_the_list_shows_it_exactly(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "--no-wait", ODD).code == 0
    assert ODD in wan("list").out
    assert wan("list", "--json").json_lines[0]["request"]["prompt"] == ODD


@pytest.mark.parametrize(
    ("argv", "stdin", "words"),
    [
        (["a fox", "--prompt-file", "good.txt"], None, "two prompts"),
        (["-", "--prompt-file", "good.txt"], b"a fox", "two prompts"),
        ([], None, "no prompt"),
        ([""], None, "empty"),
        ([" \n\t"], None, "empty"),
        ([], b"\n", "empty"),
        (["--prompt-file", "missing.txt"], None, "missing.txt"),
        (["--prompt-file", "bad.txt"], None, "offset 2"),
        ([], b"a \xff fox", "offset 2"),
    ],
)
def test_no_prompt_or_two_or_a_bad_one_is_refused(
    wan: Wan, api: FakeApi, work: Path, argv: list[str], stdin: bytes | None, words: str
) -> None:
    (work / "good.txt").write_text("a fox")
    (work / "bad.txt").write_bytes(b"a \xff fox")
    result = wan("generate", *argv, "--json", input=stdin)
    (line,) = result.json_lines
    assert (result.code, line["exit_code"], api.posts) == (2, 2, [])
    assert words in line["error"]["message"]


def test_an_argument_that_is_not_utf_8_is_refused(wan: Wan, api: FakeApi) -> None:
    result = wan("generate", b"a \xff fox".decode("utf-8", "surrogateescape"))
    assert (result.code, api.posts) == (2, [])
    assert "offset 2" in result.err


def test_a_name_and_a_negative_prompt_that_are_not_utf_8_are_refused(
    wan: Wan, api: FakeApi
) -> None:
    bad = b"\xff".decode("utf-8", "surrogateescape")
    assert wan("generate", "a fox", "--negative-prompt", bad).code == 2
    assert wan("generate", "a fox", "-o", bad).code == 2
    assert api.posts == []


def test_the_body_of_an_odd_prompt_is_utf_8(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "--no-wait", "猫").code == 0
    assert json.loads(api.posts[0].raw.decode("utf-8"))["prompt"] == "猫"
