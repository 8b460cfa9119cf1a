"""Draw the pictures in docs/: real commands on a terminal, in the sandbox.

    python docs/screens.py     (`make screens`)

A terminal emulator (pyte) reads the output of the commands; rich draws the screen to docs/NAME.svg.
"""
# ruff: noqa: INP001, T201  A script that prints.

import io
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pexpect
import pyte
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

FOLDER = Path(__file__).parent
COLUMNS, ROWS = 92, 40
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace"
# The pictures show this folder instead of the temporary folder of the run.
HOME = "/home/me"
# wan draws 10 frames a second: a pause of this length means that a frame is complete.
FRAME_S = 0.04
# Colours that pyte and rich name differently.
COLOURS = {"brown": "yellow", "brightbrown": "bright_yellow"}


class Step(NamedTuple):
    """A command to type, and the text at which to take the picture, if not at the end."""

    command: str
    until: str | None = None


PICTURES: Mapping[str, tuple[Step, ...]] = {
    "generate": (
        Step('wan generate "a red fox in the snow" --multi-shot --duration 5 --sandbox'),
        Step('wan generate "a lighthouse at dusk" --duration 5 --no-wait --sandbox'),
        Step("wan list --sandbox"),
        Step("wan fetch --all --sandbox", until="in flight"),
    ),
    "batch": (
        Step(r"printf '%s\n' 'a fox' 'an owl' 'a lynx' 'a hare' 'an elk' 'a wolf' >animals.txt"),
        Step(
            "wan batch animals.txt --concurrency 3 --output-dir clips --sandbox",
            until=r"[23] saved.*\n.*generating",
        ),
    ),
}


def main() -> None:
    """Draw each picture."""
    for name, steps in PICTURES.items():
        with tempfile.TemporaryDirectory() as folder:
            screen = run(steps, Path(folder))
        svg = drawn(screen, name)
        (FOLDER / f"{name}.svg").write_text(svg, "utf-8")
        print(f"docs/{name}.svg")


def run(steps: tuple[Step, ...], folder: Path) -> pyte.Screen:
    """Run commands one after the other on one screen."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    environment = {
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TERM": "xterm-256color",
        "WAN_HOME": str(folder / ".wan"),
    }
    for step in steps:
        stream.feed(f"\x1b[1m$ {step.command}\x1b[0m\r\n")
        child = pexpect.spawn(
            "sh",
            ["-c", step.command],
            env=environment,
            cwd=str(folder),
            dimensions=(ROWS, COLUMNS),
            encoding="utf-8",
            timeout=120,
        )
        watch(child, step, lambda told: stream.feed(told.replace(str(folder), HOME)), screen)
        child.expect(pexpect.EOF)
        child.close()
        if child.exitstatus:
            sys.exit(f"exit {child.exitstatus}: {step.command}")
    return screen


def watch(
    child: "pexpect.spawn[str]", step: Step, feed: Callable[[str], None], screen: pyte.Screen
) -> None:
    """Feed a command's output to the screen, until it ends or a frame shows `step.until`."""
    told = ""
    while True:
        try:
            told += child.read_nonblocking(4096, timeout=FRAME_S)
        except pexpect.TIMEOUT:
            feed(told)
            told = ""
            if step.until and re.search(step.until, "\n".join(screen.display)):
                return
        except pexpect.EOF:
            feed(told)
            return


def drawn(screen: pyte.Screen, name: str) -> str:
    """Return a screen as SVG."""
    lines = [Text("", end="").join(pieces(screen, row)) for row in range(screen.lines)]
    for line in lines:
        line.rstrip()
    while lines and not lines[-1].plain:
        lines.pop()
    console = Console(
        width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True, legacy_windows=False
    )
    console.print(Text("\n").join(lines))
    svg = console.export_svg(title="wan", theme=MONOKAI, unique_id=name)
    # A picture in a README cannot load fonts from other hosts: name fonts that people have.
    svg = re.sub(r"\s*@font-face \{.*?\}\n", "\n", svg, flags=re.DOTALL)
    return svg.replace("Fira Code, monospace", FONTS)


def pieces(screen: pyte.Screen, row: int) -> Iterator[Text]:
    """Yield the runs of characters in a row that share a style."""
    cells = [screen.buffer[row][column] for column in range(screen.columns)]
    for style, stretch in groupby(cells, key=style_of):
        yield Text("".join(cell.data for cell in stretch), style)


def style_of(cell: pyte.screens.Char) -> Style:
    """Return the style of a character."""
    colour = COLOURS.get(cell.fg) or re.sub("^bright(?=[a-z])", "bright_", cell.fg)
    colour = f"#{colour}" if re.fullmatch("[0-9a-f]{6}", colour) else colour
    return Style(color=colour, bold=cell.bold, italic=cell.italics)


if __name__ == "__main__":
    main()
