"""The prompt: from exactly one source, and sent unchanged."""

import json
import shlex
import subprocess
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
def test_a_prompt_reaches_the_server_unchanged(
    wan: Wan, api: FakeApi, work: Path, argv: list[str], stdin: bytes | None
) -> None:
    (work / "prompt.txt").write_text(ODD + "\r\n", newline="")
    assert wan("generate", "--no-wait", *argv, input=stdin).code == 0
    assert [post.body["prompt"] for post in api.posts] == [ODD]


def test_after_two_dashes_it_may_begin_with_a_dash(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "--no-wait", "--", "--json -G3b3vVKdoC42fMNeK1T5").code == 0
    assert api.posts[0].body["prompt"] == "--json -G3b3vVKdoC42fMNeK1T5"


def test_lines_and_spaces_in_a_prompt_stay(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "--no-wait", input=b"  one\n\n\ttwo \n").code == 0
    assert api.posts[0].body["prompt"] == "  one\n\n\ttwo "


def test_list_shows_the_prompt_unchanged(wan: Wan, api: FakeApi) -> None:
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
        ([], b"a \0 fox", "offset 2"),
        (["\u200b\u2060"], None, "no visible character"),
        (["\x1b\x07"], None, "no visible character"),
        ([], "\u3164\u2800\u00ad\n".encode(), "no visible character"),
        (["--prompt-file", "folder"], None, "cannot read folder: Is a directory"),
        (["--prompt-file", "book.xlsx"], None, "is a workbook"),
    ],
)
def test_no_prompt_or_two_or_a_bad_one_is_refused(
    wan: Wan, api: FakeApi, work: Path, argv: list[str], stdin: bytes | None, words: str
) -> None:
    (work / "good.txt").write_text("a fox")
    (work / "bad.txt").write_bytes(b"a \xff fox")
    (work / "book.xlsx").write_bytes(b"PK\x03\x04xl/workbook.xml")
    (work / "folder").mkdir()
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


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("—multi-shot", "an option has two hyphens: --multi-shot; "),
        ("–duration=5", "an option has two hyphens: --duration=5; "),
        ("−no-wait", "an option has two hyphens: --no-wait; "),
        (" —multi-shot", "an option has two hyphens: --multi-shot; "),
        ("—", ""),
        ("— a fox says hello", ""),
        (" - a fox", ""),
    ],
)
def test_an_editors_dash_is_not_a_prompt_unless_it_follows_two_hyphens(
    wan: Wan, api: FakeApi, word: str, meant: str
) -> None:
    refused = wan("generate", word, "--no-wait", input=b"a fox in the snow")
    assert (refused.code, api.posts) == (2, [])
    hint = refused.err.splitlines()[-1]
    assert hint.startswith(f"hint: {meant}for a prompt: wan generate -- ")
    assert wan("generate", "--no-wait", "--", word).code == 0
    assert [post.body["prompt"] for post in api.posts] == [word]


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (["a fox", "—duration", "5"], "an option has two hyphens: --duration; "),
        (["—multi-shot", "a fox"], "an option has two hyphens: --multi-shot; "),
        (["- a fox"], "wan generate -- '- a fox'"),
        (["-5 °C, a lake", "--no-wait"], "wan generate -- '-5 °C, a lake'"),
        (["--a fox--"], "wan generate -- '--a fox--'"),
    ],
)
def test_a_dash_among_the_words_has_a_hint_that_works(
    wan: Wan, api: FakeApi, argv: list[str], hint: str
) -> None:
    result = wan("generate", *argv)
    assert (result.code, api.posts) == (2, [])
    assert f"hint: {hint}" in result.err


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("prompts.csv", "wan batch prompts.csv, or: wan generate --prompt-file prompts.csv, or: "),
        ("prompts.TSV", "wan batch prompts.TSV, or: "),
        ("prompts.json", "wan batch prompts.json, or: "),
        ("prompts.jsonl", "wan batch prompts.jsonl, or: "),
        ("prompts.ndjson", "wan batch prompts.ndjson, or: "),
        ("prompts.txt", "wan batch prompts.txt, or: wan generate --prompt-file prompts.txt, or: "),
        ("folder/notes.md", "wan generate --prompt-file folder/notes.md, or: "),
        ("./list.yaml", "wan generate --prompt-file ./list.yaml, or: "),
        ("my prompts.csv", "wan batch 'my prompts.csv', or: "),
        ("prompts", "wan generate --prompt-file prompts, or: "),
        ("clips.xlsx", "save its sheet as CSV UTF-8 in your spreadsheet program, then: wan batch "),
    ],
)
def test_a_file_name_is_not_a_prompt_unless_it_follows_two_hyphens(
    wan: Wan, api: FakeApi, work: Path, name: str, hint: str
) -> None:
    (work / "folder").mkdir()
    (work / name).write_text("a fox in the snow\n")
    refused = wan("generate", name, "--no-wait")
    assert (refused.code, api.posts) == (2, [])
    assert f"error: {name} is a file, so its name is not taken" in refused.err
    assert f"hint: {hint}" in refused.err
    assert f"wan generate -- {shlex.quote(name)}" in refused.err
    assert wan("generate", f"@{name}").code == 2
    assert wan("generate", "--no-wait", "--", name).code == 0
    assert [post.body["prompt"] for post in api.posts] == [name]


def test_several_file_names_are_not_a_prompt(wan: Wan, api: FakeApi, work: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (work / name).write_text("a fox")
    result = wan("generate", "a.txt", "b.txt")
    assert (result.code, api.posts) == (2, [])
    assert "hint: wan batch a.txt, or: " in result.err


def test_wan_recognizes_a_file_of_the_home_folder_by_its_tilde(
    wan: Wan, api: FakeApi, env: dict[str, str]
) -> None:
    Path(env["HOME"]).mkdir()
    (Path(env["HOME"]) / "prompts.txt").write_text("a fox")
    assert wan("generate", "~/prompts.txt").code == 2
    assert api.posts == []


@pytest.mark.parametrize(
    "prompt",
    ["prompts.csv", "fox", "clip", "empty", "a fox.", "notes.txt in the snow", "fox\nnotes.txt"],
)
def test_words_that_are_not_the_name_of_a_text_file_are_a_prompt(
    wan: Wan, api: FakeApi, work: Path, prompt: str
) -> None:
    (work / "fox").mkdir()
    (work / "clip").write_bytes(b"\0\0\0\x18ftyp")
    (work / "empty").touch()
    (work / "notes.txt").write_text("a hen")
    api.check_files = False  # A file exists that is not a video.
    assert wan("generate", "--no-wait", prompt).code == 0
    assert [post.body["prompt"] for post in api.posts] == [prompt]


def test_hints_about_the_prompt_stay_in_the_sandbox(wan: Wan, work: Path) -> None:
    (work / "list.csv").write_text("prompt\na fox")
    result = wan("generate", "list.csv", "--sandbox")
    assert result.err.splitlines()[-1] == (
        "hint: wan batch list.csv --sandbox, or: wan generate --prompt-file list.csv --sandbox,"
        " or: wan generate --sandbox -- list.csv"
    )


def test_two_hyphens_as_a_value_do_not_end_the_options(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "prompts.csv").write_text("prompt\na fox")
    assert wan("generate", "--negative-prompt", "--", "prompts.csv").code == 2
    assert wan("generate", "--help", "prompts.csv").code == 0
    assert api.posts == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_the_command_for_a_prompt_file_in_utf_16_works(
    wan: Wan, api: FakeApi, work: Path, encoding: str
) -> None:
    (work / "my prompt.txt").write_bytes("a “fox” in the snow\r\n".encode(encoding))
    refused = wan("generate", "--prompt-file", "my prompt.txt")
    assert (refused.code, api.posts) == (2, [])
    hint = refused.err.splitlines()[-1].removeprefix("hint: ")
    convert, _and, again = hint.partition(" && ")
    subprocess.run(convert, shell=True, check=True, cwd=work)
    assert wan(*shlex.split(again)[1:], "--no-wait").code == 0
    assert [post.body["prompt"] for post in api.posts] == ["a “fox” in the snow"]


def test_a_prompt_file_can_hold_text_of_any_form(wan: Wan, api: FakeApi, work: Path) -> None:
    prompt = '# Fox\n\n- [wide] a fox, "hello"\n{"style": "noir"}\n---'
    (work / "prompt.md").write_text(prompt + "\n")
    assert wan("generate", "--no-wait", "--prompt-file", "prompt.md").code == 0
    assert wan("generate", "--no-wait", input=prompt.encode()).code == 0
    assert [post.body["prompt"] for post in api.posts] == [prompt, prompt]
