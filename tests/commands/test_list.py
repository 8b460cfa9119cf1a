"""wan list, run as a real command."""

import re
import subprocess
import sys

import pytest

from tests.engines import BOTH
from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply
from tests.terminal import on_terminal, screen
from wan_cli.output.table import width_of

NO_KEY = {"AIMLAPI_API_KEY": None}


@BOTH
def test_an_empty_history_is_not_an_error(wan: Wan, api: FakeApi) -> None:
    result = wan("list", env=NO_KEY)
    assert (result.code, result.out) == (0, "")
    assert wan("list", "--json", env=NO_KEY).out == ""
    assert "sandbox" not in result.err + wan("show", "@last").err


def test_an_empty_history_points_to_the_generations_of_the_sandbox(wan: Wan) -> None:
    assert wan("generate", "a fox", "--sandbox", "--no-wait").code == 0
    words = "the sandbox has 1 generation: wan list --sandbox\n"
    listed = wan("list", env=NO_KEY)
    assert (listed.code, listed.out) == (0, "")
    assert listed.err.splitlines(keepends=True)[1:] == [words]
    assert wan("list", "--quiet", env=NO_KEY).err == ""
    assert wan("list", "--status", "failed", env=NO_KEY).err.count("\n") == 1
    for command in ("show", "status", "fetch"):
        last = wan(command, "@last")
        assert last.code == 2
        assert f"error: @last: the history is empty; {words}" in last.err
    assert wan("generate", "a fox", "--sandbox", "--no-wait").code == 0
    assert "the sandbox has 2 generations: " in wan("list", env=NO_KEY).err
    (listed,) = [wan("list", "--sandbox", "--since", "2999-01-01", env=NO_KEY)]
    assert words not in listed.err


@BOTH
def test_list_prints_the_newest_first_and_the_amount_spent(wan: Wan, api: FakeApi) -> None:
    ids = [
        wan("generate", prompt, "--no-wait").out.strip() for prompt in ("A Fox", "a hen", "an owl")
    ]
    api.on_post(Reply(status=400))
    assert wan("generate", "a crow").code == 6
    gets = len(api.gets)

    listed = wan("list", env=NO_KEY)
    lines = [line.split("\t") for line in listed.out.splitlines()]
    assert [line[0] for line in lines[1:]] == ids[::-1]
    assert [line[1] for line in lines] == ["rejected", "queued", "queued", "queued"]
    assert listed.err == "4 generations, $4.73 spent\n"

    assert [line["id"] for line in wan("list", "--json").json_lines[1:]] == ids[::-1]
    assert wan("list", "--json", "--limit", "2").json_lines[1]["id"] == ids[2]
    assert [line["id"] for line in wan("list", "--json", "--search", "fOX").json_lines] == ids[:1]
    assert wan("list", "--json", "--search", "alibaba").out == ""
    queued = wan("list", "--status", "queued", "--limit", "1")
    assert queued.out.startswith(f"{ids[2]}\tqueued\t")
    assert queued.err == "1 of 3 (--limit N, --all)\n3 generations, $4.73 spent\n"
    assert len(wan("list", "--json", "--since", "1h").json_lines) == 4
    assert wan("list", "--json", "--since", "2100-01-01").json_lines == []
    assert len(api.gets) == gets


@BOTH
def test_stats_sum_by_day_and_model(wan: Wan, api: FakeApi) -> None:
    for prompt in ("a fox", "a hen"):
        assert wan("generate", prompt, "--no-wait").code == 0
    (line,) = wan("list", "--stats", "--json").json_lines
    assert line.pop("day")
    assert line == {
        "model": "alibaba/wan-2-6-t2v",
        "generations": 2,
        "credits_used": 6_300_000,
        "cost_usd": 3.15,
    }
    assert "$3.15" in wan("list", "--stats").out


def test_stats_on_a_terminal_are_a_table_with_the_total(wan: Wan, api: FakeApi) -> None:
    for resolution in ("720p", "1080p"):
        assert wan("generate", "a fox", "--no-wait", "--resolution", resolution).code == 0
    model = ("--model", "wan2.5-t2v-preview")
    assert wan("generate", "a fox", "--no-wait", *model).code == 0
    for columns in (30, 40, 60, 100):
        code, written = on_terminal(wan, "list", "--stats", columns=columns, env={"NO_COLOR": "1"})
        assert code == 0
        heads, *rows, total = screen(written)
        assert max(map(len, [heads, *rows])) <= columns
        assert (heads.split()[-1], heads.index("COST") + 4, len(rows)) == ("COST", len(heads), 2)
        assert [row[: len(heads)].rstrip() for row in rows] == rows
        assert total.startswith("3 generations, $")
    assert heads.split() == ["DAY", "MODEL", "CLIPS", "CREDITS", "COST"]


@BOTH
def test_a_failed_generation_costs_nothing(wan: Wan, api: FakeApi) -> None:
    api.error = {"message": "not nice"}
    assert wan("generate", "a fox").code == 9
    listed = wan("list")
    assert listed.out.split("\t")[1] == "failed"
    assert listed.err == "1 generation, $0.00 spent\n"
    assert wan("list", "-q").err == ""


def test_a_wrong_value_is_answered_with_the_right_values(wan: Wan, api: FakeApi) -> None:
    result = wan("list", "--status", "finished")
    assert result.code == 2
    assert "queued, generating, completed, error" in result.err
    assert wan("list", "--since", "soon").code == 2
    assert wan("list", "--limit", "none").code == 2
    assert wan("list", "--search", b"\xff".decode("utf-8", "surrogateescape")).code == 2


def test_a_filter_without_matches_says_so(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "a fox", "--no-wait").code == 0
    result = wan("list", "--search", "owl")
    assert (result.code, result.out, result.err) == (
        0,
        "",
        "no generation matches; to list all: wan list\n",
    )


def test_a_huge_limit_is_wrong_usage(wan: Wan, api: FakeApi) -> None:
    result = wan("list", "--limit", "9" * 30)
    assert (result.code, result.out) == (2, "")
    assert "--limit" in result.err


def three(wan: Wan, *prompts: str) -> list[str]:
    """Return the ids of queued generations, the newest first."""
    prompts = prompts or ("a fox", "a hen", "an owl")
    return [wan("generate", prompt, "--no-wait").out.strip() for prompt in prompts][::-1]


def test_a_terminal_gets_a_table_with_a_header(wan: Wan, api: FakeApi) -> None:
    ids = three(wan)
    assert wan("fetch", ids[0], "-o", "owl.mp4").code == 0
    code, written = on_terminal(wan, "list", columns=120, env={"NO_COLOR": "1"})
    heads, owl, hen, fox, total = screen(written)
    assert code == 0
    assert " ".join(heads.split()) == "ID STATE AGE TOOK COST CLIP NAME OR PROMPT"
    assert [line[: heads.index("STATE")].rstrip() for line in (owl, hen, fox)] == ids
    column = heads.index("STATE")
    states = [line[column:].split()[0] for line in (owl, hen, fox)]
    assert states == ["saved", "queued", "queued"]
    assert [line[heads.index("CLIP") :][:10] for line in (owl, hen, fox)] == ["1080p 10 s"] * 3
    assert hen.endswith("  a hen")
    assert total == "3 generations, $4.73 spent"
    assert "\x1b" not in written


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_a_table_fits_any_terminal(wan: Wan, api: FakeApi, columns: int) -> None:
    ids = three(wan, "a very long prompt " * 20, "猫" * 100, "x" * 300)
    _, written = on_terminal(wan, "list", "--limit", "2", columns=columns)
    lines = screen(written)
    assert len(lines) == 5
    assert max(map(width_of, lines)) <= columns
    # The part of an id that a narrow terminal shows is enough for every other command.
    assert wan("status", lines[1].split()[0]).out.startswith(ids[0])
    assert lines[3] == "2 of 3 (--limit N, --all)"[:columns] or columns == 20


@BOTH
def test_all_lists_the_whole_history(wan: Wan, api: FakeApi) -> None:
    ids = three(wan, *(f"fox {number}" for number in range(23)))
    few, whole = wan("list"), wan("list", "--all")
    assert [line.split("\t")[0] for line in few.out.splitlines()] == ids[:20]
    assert few.err.splitlines()[0] == "20 of 23 (--limit N, --all)"
    assert [line.split("\t")[0] for line in whole.out.splitlines()] == ids
    assert " of " not in whole.err
    assert len(wan("list", "--all", "--json").json_lines) == 23
    both = wan("list", "--all", "--limit", "2")
    assert (both.code, both.out) == (2, "")


def test_list_ends_quietly_if_its_reader_exits(wan: Wan, api: FakeApi) -> None:
    three(wan, *(f"{number} {'fox ' * 4000}" for number in range(12)))
    argv = [sys.executable, "-m", "wan_cli", "list", "--all"]
    with subprocess.Popen(
        argv, env=wan.env, cwd=wan.work, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout
        assert running.stderr
        assert running.stdout.read(5)
        running.stdout.close()
        assert running.stderr.read() == b""
        running.wait()


HOSTILE = "a\tfox\nin\r\nthe \x1b[31msnow\x1b]0;t\x07 \u202egnp\u2066 \x85 \u2028 end"


@BOTH
def test_any_prompt_is_one_cell_of_one_row(wan: Wan, api: FakeApi) -> None:
    (made,) = three(wan, HOSTILE)
    result = wan("list")
    cells = result.out.removesuffix("\n").split("\t")
    assert len(result.out.splitlines()) == 1
    assert len(cells) == 8
    assert cells[0] == made
    assert cells[7].startswith("a fox in the \ufffd[31msnow")
    assert cells[7].endswith(" end")
    assert wan("list", "--json").json_lines[0]["request"]["prompt"] == HOSTILE
    _, written = on_terminal(wan, "list", columns=200, env={"NO_COLOR": "1"})
    assert not re.search("[\x1b\u202e\u2066\x07\x85]", written)


@pytest.mark.parametrize(
    ("setting", "is_colored"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
    ],
    ids=str,
)
def test_list_uses_color_on_a_terminal(
    wan: Wan, api: FakeApi, setting: dict[str, str], is_colored: bool
) -> None:
    three(wan)
    _, written = on_terminal(wan, "list", env=setting)
    assert ("\x1b[1;33mqueued\x1b[0m" in written) is is_colored
    assert ("\x1b" in written) is is_colored


def test_a_pipe_gets_color_only_with_force_color(wan: Wan, api: FakeApi) -> None:
    three(wan)
    assert "\x1b" not in wan("list").out
    assert "\t\x1b[1;33mqueued\x1b[0m\t" in wan("list", env={"FORCE_COLOR": "1"}).out
    assert "\x1b" not in wan("list", "--json", env={"FORCE_COLOR": "1"}).out


def test_a_state_of_the_table_is_a_filter_too(wan: Wan, api: FakeApi) -> None:
    queued, ready, saved = three(wan)
    assert wan("fetch", saved).code == 0
    api.looks = 0
    assert wan("status", ready, "--watch").code == 0
    api.log_lag = api.ledger_lag = True
    api.on_post(Reply(fault="reset", accept=False))
    assert wan("generate", "a crow", "--no-wait", "--timeout", "1").code == 10
    listed = {
        state: [line.split("\t")[1] for line in wan("list", "--status", state).out.splitlines()]
        for state in ("saved", "ready", "queued", "unknown")
    }
    assert {state: len(states) for state, states in listed.items()} == dict.fromkeys(listed, 1)
    for state, (shown,) in listed.items():
        assert shown.split()[0] == state
    assert len(wan("list", "--status", "completed").out.splitlines()) == 2
    assert wan("list", "--status", "queued").out.startswith(queued)


def test_a_very_long_search_finds_nothing(wan: Wan) -> None:
    assert wan("generate", "a fox", "--no-wait").code == 0
    result = wan("list", "--search", "x" * 60_000)
    assert (result.code, result.out) == (0, "")
    (row,) = wan("list", "--search", "A FOX", "--json").json_lines
    assert row["request"]["prompt"] == "a fox"
