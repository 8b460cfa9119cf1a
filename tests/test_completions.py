"""The shell completions: current, and right in the shells that are installed."""

import json
import os
import re
import runpy
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wan_cli.completion import newest_ids
from wan_cli.config.paths import paths
from wan_cli.help import COMMANDS
from wan_cli.models import MODELS

COMPLETIONS = Path(__file__).parents[1] / "completions"
# How readline cuts a line: at white space, and each run of : or = is a word of its own.
BASH_WORDS = re.compile(r"[:=]+|[^\s:=]+")
BASH_DRIVER = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _wan
printf '%s\\n' "${COMPREPLY[@]}"
"""


def shell(name: str) -> str:
    """The path of a shell, or a skipped test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*argv: str, home: Path | None = None, cwd: Path | None = None) -> list[str]:
    env = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "LANG": "C.UTF-8"}
    if home:
        env["WAN_HOME"] = env["HOME"] = str(home)
    done = subprocess.run(
        argv, env=env, cwd=cwd, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def in_bash(line: str, **where: Any) -> list[str]:
    words = BASH_WORDS.findall(line) + ([""] if line.endswith((" ", "=")) else [])
    return run(
        shell("bash"), "-c", BASH_DRIVER, "bash", str(COMPLETIONS / "wan.bash"), *words, **where
    )


def in_fish(line: str, **where: Any) -> list[str]:
    script = f"source {COMPLETIONS / 'wan.fish'}; complete -C {json.dumps(line)}"
    return [word.split("\t")[0] for word in run(shell("fish"), "-Nc", script, **where)]


@pytest.fixture
def ids(wan: Any, api: Any) -> list[str]:
    """Two generations in the history, the newest first."""
    found = [wan("generate", prompt, "--no-wait").out.strip() for prompt in ("a fox", "a crow")]
    return found[::-1]


@pytest.mark.parametrize("name", ["wan.bash", "_wan", "wan.fish", "wan.ps1"])
def test_a_completion_is_what_make_completions_writes(name: str) -> None:
    generate = runpy.run_path(str(COMPLETIONS / "generate.py"))
    written = generate["SHELLS"][name](generate["commands"]())
    assert (COMPLETIONS / name).read_text("utf-8") == written, "run: make completions"
    assert not re.search(r"@[a-z]+@", written.replace("words@", ""))


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("wan st", {"status"}),
        ("wan ", {*COMMANDS}),
        ("wan generate --res", {"--resolution"}),
        ("wan generate --resolution ", {"720p", "1080p"}),
        ("wan generate --model ", {*MODELS}),
        ("wan generate x --duration 1", {"10", "15"}),
        ("wan config ", {"set", "get", "unset", "list", "path", "edit"}),
        ("wan config set ti", {"timeout"}),
        ("wan list --status que", {"queued"}),
    ],
)
@pytest.mark.parametrize("complete", [in_bash, in_fish])
def test_a_shell_completes_words_flags_and_values(
    complete: Any, line: str, offered: set[str], tmp_path: Path
) -> None:
    found = complete(line, home=tmp_path)
    assert offered <= set(found)
    assert line.endswith("wan ") or set(found) == offered


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("wan generate --aspect-ratio 16", ["16:9"]),
        ("wan generate --aspect-ratio 16:", ["9"]),
        ("wan generate --aspect-ratio=4:", ["3"]),
        ("wan generate --duration=1", ["10", "15"]),
        ("wan generate --duration=", ["5", "10", "15"]),
    ],
)
def test_bash_completes_values_that_it_cuts_into_words(line: str, offered: list[str]) -> None:
    assert in_bash(line) == offered


@pytest.mark.parametrize("complete", [in_bash, in_fish])
@pytest.mark.parametrize("line", ["wan generate --prompt-file a", "wan batch a"])
def test_a_shell_completes_file_names(complete: Any, line: str, tmp_path: Path) -> None:
    (tmp_path / "a prompt.txt").touch()
    found = complete(line, home=tmp_path, cwd=tmp_path)
    assert [word.replace("\\ ", " ") for word in found] == ["a prompt.txt"]


@pytest.mark.parametrize("complete", [in_bash, in_fish])
def test_a_shell_completes_ids_newest_first(complete: Any, ids: list[str], home: Path) -> None:
    assert complete("wan fetch ", home=home) == ids
    assert complete(f"wan status {ids[1][:6]}", home=home) == [ids[1]]


def test_a_static_completion_starts_no_program() -> None:
    argv = [shell("bash"), "-c", BASH_DRIVER, "bash", str(COMPLETIONS / "wan.bash"), "wan", "gen"]
    done = subprocess.run(argv, env={"PATH": "/nowhere"}, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"generate\n", b"")


@pytest.mark.parametrize(("name", "file"), [("bash", "wan.bash"), ("zsh", "_wan")])
def test_a_shell_can_read_its_completion(name: str, file: str) -> None:
    assert run(shell(name), "-n", str(COMPLETIONS / file)) == []


def test_ids_are_looked_for_where_the_configuration_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for env in ({}, {"WAN_HOME": str(tmp_path / "own")}):
        file = paths(env).history_file
        file.parent.mkdir(parents=True)
        file.write_bytes(b"no database")
        assert newest_ids("", env) == []
        file.unlink()
        with sqlite3.connect(file) as journal:
            journal.execute("CREATE TABLE generations (seq INTEGER, id TEXT, ref TEXT)")
            journal.execute("INSERT INTO generations VALUES (1, '-a', 'wan-1'), (2, NULL, 'wan-2')")
        journal.close()
        assert newest_ids("", env) == ["wan-2", "-a"]
        assert newest_ids("-", env) == ["-a"]
