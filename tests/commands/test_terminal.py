"""wan on a terminal: the display during a command, and the screen after it."""

import re

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.terminal import ESCAPE, on_terminal, screen
from wan_cli.output.table import width_of

ESCAPE_COLOR = re.compile(r"\x1b\[(1;\d+|0)m")
PROMPT = "a very long prompt [with brackets] 猫猫猫猫猫猫 that goes on and on and on and on"


@pytest.mark.parametrize("columns", [40, 200])
def test_a_spinner_moves_and_leaves_a_clean_screen(wan: Wan, api: FakeApi, columns: int) -> None:
    api.looks = 8
    code, written = on_terminal(wan, "generate", "a fox", "-o", "fox.mp4", columns=columns)
    assert code == 0
    assert "\x1b[?25l" in written  # the cursor is hidden during the wait
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")  # and shown at the end
    spinner = r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] (queued|generating) \d+ s · about \d+ (s|min) .*left"
    assert re.search(spinner + " · " * (columns > 40), ESCAPE.sub("", written))
    left = screen(written)
    assert left[:3] == [
        "price: $1.58",
        f"submitted {api.posts[0].id}",
        f"{wan.work}/fox.mp4",
    ]
    # The last line may be longer than a narrow terminal.
    assert re.fullmatch(
        r"200\.0 kB · 10 s · 1920x1080 · no sound · \$1\.58 · made in \d+ s", left[3]
    )
    assert len(left) == 4
    moving = [line for line in re.split(r"[\r\n]", ESCAPE.sub("", written)) if " left" in line]
    assert max(map(width_of, moving)) <= columns
    assert "\x1b[1A\x1b[2K\x1b[1A" not in written  # the spinner is a single line


def test_a_dumb_terminal_gets_plain_lines(wan: Wan, api: FakeApi) -> None:
    code, written = on_terminal(wan, "generate", "a fox", "-o", "fox.mp4", env={"TERM": "dumb"})
    assert code == 0
    assert "\x1b" not in written
    assert [line.split()[-1] for line in written.splitlines()[2:-2]] == [
        "queued",
        "generating",
        "completed",
        "downloading",
    ]


@pytest.mark.parametrize(
    ("change", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_an_error_is_colored_if_colors_are_wanted(
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
        shown = ESCAPE_COLOR.sub("", written)
        assert "\x1b" not in shown
        assert max(map(width_of, shown.splitlines())) <= columns
    assert PROMPT in written
