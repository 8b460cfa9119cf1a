"""wan on a terminal: what is shown meanwhile, and what is left on the screen."""

import re
import sys
from collections.abc import Mapping

import pexpect
import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from wan_cli.output.table import width_of

PROMPT = "a very long prompt [with brackets] 猫猫猫猫猫猫 that goes on and on and on and on"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(
    wan: Wan, *argv: str, columns: int = 80, env: Mapping[str, str] | None = None
) -> tuple[int | None, str]:
    """Run a command on a pseudo-terminal; return its exit code and all that it wrote there."""
    child = pexpect.spawn(
        sys.executable,
        ["-m", "wan_cli", *argv],
        env={**wan.env, "TERM": "xterm", "COLUMNS": str(columns), **(env or {})},
        cwd=str(wan.work),
        dimensions=(24, columns),
        timeout=30,
        encoding="utf-8",
    )
    child.expect(pexpect.EOF)
    child.close()
    wan("--version")  # What the invariants look at is the home of the fixture's own runs.
    return child.exitstatus, child.before or ""


def screen(written: str) -> list[str]:
    """Return the lines that are left of what was written, by the codes that rich uses."""
    lines, at, column = [""], 0, 0
    for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if piece == "\n":
            at += 1
            lines += [""] * (at + 1 - len(lines))
        elif piece == "\r":
            column = 0
        elif piece == "\x1b[2K":
            lines[at] = ""
        elif re.fullmatch(r"\x1b\[[0-9]*A", piece):
            at = max(0, at - int(piece[2:-1] or 1))
        elif not piece.startswith("\x1b"):
            lines[at] = lines[at][:column] + piece + lines[at][column + len(piece) :]
            column += len(piece)
    return [line.rstrip() for line in lines if line.strip()]


@pytest.mark.parametrize("columns", [40, 200])
def test_a_spinner_moves_and_leaves_a_clean_screen(wan: Wan, api: FakeApi, columns: int) -> None:
    api.looks = 8
    code, written = on_terminal(wan, "generate", "a fox", "-o", "fox.mp4", columns=columns)
    assert code == 0
    assert "\x1b[?25l" in written  # the cursor is hidden meanwhile
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")  # and shown in the end
    assert re.search(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] (queued|generating)", ESCAPE.sub("", written))
    assert screen(written) == [
        "price: $1.58",
        f"submitted {api.posts[0].id}",
        f"{wan.work}/fox.mp4",
    ]
    moving = [line for line in re.split(r"[\r\n]", ESCAPE.sub("", written)) if "0 s" in line]
    assert max(map(width_of, moving)) <= columns
    assert "\x1b[1A\x1b[2K\x1b[1A" not in written  # the moving line is one line


def test_a_dumb_terminal_gets_plain_lines(wan: Wan, api: FakeApi) -> None:
    code, written = on_terminal(wan, "generate", "a fox", "-o", "fox.mp4", env={"TERM": "dumb"})
    assert code == 0
    assert "\x1b" not in written
    assert [line.split()[-1] for line in written.splitlines()[2:-1]] == [
        "queued",
        "generating",
        "completed",
        "downloading",
    ]


@pytest.mark.parametrize(
    ("change", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_an_error_is_colored_where_colors_are_wanted(
    wan: Wan, api: FakeApi, change: dict[str, str], colored: bool
) -> None:
    code, written = on_terminal(wan, "generate", "a fox", "--duration", "7", env=change)
    assert code == 2
    assert ("\x1b[" in written) is colored
    assert [line.split()[0] for line in ESCAPE.sub("", written).splitlines()] == ["error:", "hint:"]


def test_no_color_leaves_the_spinner_without_colors(wan: Wan, api: FakeApi) -> None:
    code, written = on_terminal(wan, "generate", "a fox", env={"NO_COLOR": "1"})
    assert code == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9][0-9;]*m", written)


def test_quiet_shows_nothing_but_the_result(wan: Wan, api: FakeApi) -> None:
    code, written = on_terminal(wan, "generate", "a fox", "-q", "-o", "fox.mp4")
    assert (code, written) == (0, f"{wan.work}/fox.mp4\r\n")


def test_a_video_does_not_garble_the_terminal(wan: Wan, api: FakeApi) -> None:
    code, written = on_terminal(wan, "generate", "a fox", "-o", "-")
    assert (code, api.posts) == (2, [])
    assert "garble" in written


def test_the_list_is_never_wider_than_the_terminal(wan: Wan, api: FakeApi) -> None:
    for prompt in (PROMPT, "a\tfox\nand\x1b[31m a hen"):
        assert wan("generate", prompt, "--no-wait").code == 0
    for columns in (20, 40, 200):
        code, written = on_terminal(wan, "list", columns=columns)
        assert code == 0
        assert "\x1b" not in written
        assert max(map(width_of, written.splitlines())) <= columns
    assert PROMPT in written
