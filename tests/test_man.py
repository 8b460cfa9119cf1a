"""The man pages: current, whole, in the wheel, and readable by man."""

import os
import re
import runpy
import shutil
import subprocess
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperOption
from typer.main import get_command

from wan_cli.help import COMMANDS, EXIT_CODES
from wan_cli.topics import KEYS, variable_of

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "man" / "man1"
NAMES = ["wan", *(f"wan-{name}" for name in COMMANDS)]


def shown(name: str) -> str:
    """Return a page as man shows it on 80 columns, or skip the test."""
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        [groff, "-man", "-Tutf8", "-P-c", "-rLL=78n", "-ww", str(PAGES / f"{name}.1")],
        env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    # man prints each bold letter twice.
    return re.sub(".\b", "", done.stdout)


def test_the_man_pages_are_up_to_date() -> None:
    written = runpy.run_path(str(ROOT / "man" / "generate.py"))["pages"]()
    assert {*written} == {f"{name}.1" for name in NAMES}
    assert {file.name for file in PAGES.iterdir()} == {*written}, "run: make man"
    for name, text in written.items():
        assert (PAGES / name).read_text("utf-8") == text, "run: make man"


def test_the_wheel_has_the_pages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    build = project["tool"]["hatch"]["build"]["targets"]
    assert build["wheel"]["shared-data"]["man/man1"] == "share/man/man1"
    assert "/man" in build["sdist"]["include"]


def test_the_page_of_wan_has_commands_codes_and_variables() -> None:
    text = " ".join(shown("wan").split())
    assert "wan - turn a prompt into a video file" in text
    for name, says in COMMANDS.items():
        assert f"wan {name} {says}; see wan-{name}(1)" in text
    for code, says in EXIT_CODES.items():
        assert f"{code} {says.replace('…', '...')}" in text
    for key, says in KEYS.items():
        assert f"{variable_of(key)} {says}" in text
        assert f"{key} {says}" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_a_command_has_its_options(name: str) -> None:
    text = shown(f"wan-{name}")
    assert max(map(len, text.splitlines())) <= 80
    command: Any = get_command(import_module(f"wan_cli.commands.{name}").app)
    for one in [command, *getattr(command, "commands", {}).values()]:
        for option in one.params:
            if isinstance(option, TyperOption):
                assert all(word in text for word in [*option.opts, *option.secondary_opts])
    assert f"wan-{name} - {COMMANDS[name]}" in " ".join(text.split())
    assert f"wan {name}" in text


@pytest.mark.parametrize("name", NAMES)
def test_mandoc_reports_no_problem(name: str) -> None:
    mandoc = shutil.which("mandoc")
    if mandoc is None:
        pytest.skip("mandoc is not installed")
    done = subprocess.run(
        [mandoc, "-T", "lint", "-W", "warning", str(PAGES / f"{name}.1")],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stdout.splitlines() if "missing date" not in line]
    assert complaints == []
