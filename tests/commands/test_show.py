"""wan show, run as a real command: everything about one generation, and how to repeat it."""

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply
from tests.test_hostile_text import TYPED, assert_harmless
from wan_cli.core.commandline import command_of, quoted

NO_KEY = {"AIMLAPI_API_KEY": None}
DASHED = "-G3b3vVKdoC42fMNeK1T5"
MODEL = "alibaba/wan-2-6-t2v"


def labels(text: str) -> dict[str, str]:
    """The values of the lines, by their labels."""
    return {line[:17].rstrip(): line[17:] for line in text.splitlines()}


def test_show_prints_everything_from_the_request_to_the_file(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    flags = ["--duration", "5", "--no-generate-audio", "--negative-prompt", "a hen", "--seed", "-7"]
    made = wan("generate", "a fox in the snow", *flags, "-o", "fox.mp4")
    gets = len(api.gets)
    result = wan("show", "@last", env=NO_KEY)
    assert (result.code, result.err, len(api.gets)) == (0, "", gets)
    shown = labels(result.out)
    assert made.out == f"{work}/fox.mp4\n"
    expected = {
        "id": str(api.posts[0].id),
        "state": "saved",
        "prompt": "a fox in the snow",
        "model": MODEL,
        "duration": "5 s",
        "generate audio": "no",
        "negative prompt": "a hen",
        "seed": "-7",
        "cost": "$1.58 (3,150,000 credits)",
        "label": str(api.posts[0].label),
        "repeat": "wan generate 'a fox in the snow' --model alibaba/wan-2-6-t2v --duration 5"
        " --negative-prompt 'a hen' --no-generate-audio --seed=-7",
    }
    assert {label: shown[label] for label in expected} == expected
    assert shown["file"].startswith(f"{work}/fox.mp4 (")
    assert "saves to" not in shown
    assert "Signature" not in result.out


def test_the_repeated_command_sends_the_same_request(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "a fox", "--multi-shot", "--resolution", "720p", "--no-wait").code == 0
    command = wan("show", "@last", "--json").json_lines[0]["command"]
    assert wan(*shlex.split(command)[1:], "--no-wait", "--again").code == 0
    assert api.posts[1].raw == api.posts[0].raw
    assert command in wan("show", "@last").out


def test_show_prints_where_a_video_not_on_disk_will_be_saved(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    assert wan("generate", "a fox", "--no-wait", "-o", "fox.mp4").code == 0
    shown = labels(wan("show", "@last").out)
    assert shown["state"] == "queued"
    assert shown["saves to"] == f"{work}/fox.mp4"
    assert "took" not in shown
    assert wan("fetch", "@last").code == 0
    (work / "fox.mp4").unlink()
    assert "no longer there" in labels(wan("show", "@last").out)["file"]


def test_show_prints_why_a_generation_failed(wan: Wan, api: FakeApi) -> None:
    api.error = {"message": "not nice"}
    assert wan("generate", "a fox").code == 9
    result = wan("show", "@last")
    shown = labels(result.out)
    assert (result.code, shown["state"]) == (0, "failed")
    assert "not nice" in shown["error"]
    assert shown["error"].endswith("(exit 9)")
    api.on_post(Reply(status=400, body={"message": "no such shape"}))
    assert wan("generate", "a hen").code == 6
    assert labels(wan("show", "@last").out)["state"] == "rejected"


def test_show_names_the_batch_row_and_the_key(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "foxes.txt").write_text("a fox\n")
    assert wan("batch", "foxes.txt", "--yes").code == 0
    assert labels(wan("show", "@last").out)["batch"] == "foxes.txt, row 1"
    assert wan("generate", "a hen", "--once", "build-7").code == 0
    assert labels(wan("show", "@last").out)["once"] == "build-7"
    assert wan("show", "@last", "--json").json_lines[0]["once"] == "build-7"


def test_an_id_may_begin_with_a_dash_and_a_prefix_is_enough(wan: Wan, api: FakeApi) -> None:
    api.ids = [DASHED]
    assert wan("generate", "a fox", "--no-wait").code == 0
    for word in (DASHED, DASHED[:8]):
        for options in ([], ["--json"]):
            assert DASHED in wan("show", word, *options).out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no generation ID given"),
        (["abcdefgh", "ijklmnop"], "wan show takes one ID"),
        (["abcdefgh"], "abcdefgh is not in the history"),
        (["abc"], "is too short"),
        (["@last"], "the history is empty"),
        (["@first"], "has no generation made with --once first"),
    ],
)
def test_a_word_that_names_no_generation_is_wrong_usage(
    wan: Wan, api: FakeApi, words: list[str], message: str
) -> None:
    result = wan("show", *words)
    assert (result.code, result.out) == (2, "")
    assert message in result.err


def test_hostile_text_forges_no_line_and_moves_no_cursor(wan: Wan, api: FakeApi) -> None:
    prompt = f"a fox\nid               forged\n{TYPED}\ttab"
    api.error = {"message": f"no\ncost             $0.00\n{TYPED}"}
    assert wan("generate", prompt).code == 9
    result = wan("show", "@last")
    assert_harmless(result)
    lines = result.out.splitlines()
    assert [line for line in lines if line.startswith("id ")] == [
        f"id               {api.posts[0].id}"
    ]
    assert len([line for line in lines if line.startswith("cost ")]) == 1
    (repeat,) = [line for line in lines if line.startswith("repeat ")]
    assert argv_of(repeat.removeprefix("repeat").strip())[2:] == [prompt, "--model", MODEL]
    assert_harmless(wan("show", "@last", "--json"))


def argv_of(command: str) -> list[str]:
    """The arguments that bash makes of a command line."""
    script = f"wan() {{ printf '%s\\0' wan \"$@\"; }}; {command}"
    done = subprocess.run(
        ["bash", "-c", script], env={"LC_ALL": "C.UTF-8"}, capture_output=True, check=True
    )
    return done.stdout.decode("utf-8").split("\0")[:-1]


@pytest.mark.parametrize(
    "prompt",
    [
        "it's a 'fox' in \"snow\" $HOME `id` \\ !",
        "a\nfox\tin\r\nthe \x1b[31msnow\x07 \u202egnp\u2066 \x85 \u2028 猫 🦊",
        "-5 °C, a frozen lake",
        "— Hello, said the fox",
        "notes.txt",
        "fox",
        "@home: a cat",
        "-",
    ],
)
def test_a_shell_reads_the_prompt_exactly(wan: Wan, api: FakeApi, prompt: str) -> None:
    (wan.work / "notes.txt").write_text("a hen")
    command = command_of({"model": MODEL, "prompt": prompt, "seed": 7}, sandbox=False)
    argv = argv_of(command)
    assert prompt in argv
    dry = wan("generate", "--dry-run", "--json", *argv[2:])
    assert dry.json_lines[0]["request"] == {"model": MODEL, "prompt": prompt, "seed": 7}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_a_shell_returns_any_quoted_text_unchanged(words: list[str]) -> None:
    line = " ".join(["wan", *map(quoted, words)])
    assert len(line.splitlines()) == 1
    assert argv_of(line) == ["wan", *words]


def test_a_file_name_or_its_eight_characters_name_the_generation(wan: Wan, api: FakeApi) -> None:
    ids = ["-G3b_3vVKdoC42fMNeK1T5", "G3b3vXXXXoC42fMNeK1T5"]
    api.ids = [*ids]
    saved = wan("generate", "a fox").out.strip()
    own = wan("generate", "a hen", "-o", "my hen.mp4").out.strip()
    assert saved.endswith("a-fox-G3b3vVKd.mp4")
    name = saved.rpartition("/")[2]
    for word in ("G3b3vVKd", saved, name, f"./{name}"):
        (found,) = wan("show", word, "--json").json_lines
        assert (found["id"], found["file"]) == (ids[0], saved)
    for word in (own, f"../{wan.work.name}/my hen.mp4"):
        assert wan("show", word, "--json").json_lines[0]["id"] == ids[1]
        assert wan("status", word, "--json").json_lines[0]["id"] == ids[1]
    missing = wan("show", "./no.mp4")
    assert (missing.code, missing.out) == (2, "")
    assert "./no.mp4 is not in the history" in missing.err


def test_eight_characters_of_two_ids_are_ambiguous(wan: Wan, api: FakeApi) -> None:
    api.ids = ["-G3b3vVKdoC42fMNeK1T5", "G3b3vVKd-C42fMNeK1T5x"]
    for prompt in ("a fox", "a hen"):
        assert wan("generate", prompt, "--no-wait").code == 0
    result = wan("show", "G3b3vVKd")
    assert (result.code, result.out) == (2, "")
    assert "2 ids begin with G3b3vVKd" in result.err
