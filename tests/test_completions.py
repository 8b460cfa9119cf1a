"""The shell completions: current, and right in the shells that are installed."""

import json
import os
import re
import runpy
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pexpect
import pytest

from wan_cli.commands.helping import SHELLS
from wan_cli.completion import newest_ids
from wan_cli.config.paths import paths
from wan_cli.help import COMMANDS
from wan_cli.models import MODELS

COMPLETIONS = Path(__file__).parents[1] / "completions"
# readline splits a line at white space; each @, and each run of : or =, is a separate word.
BASH_WORDS = re.compile(r"@|[:=]+|[^\s:=@]+")
BASH_DRIVER = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _wan
printf '%s\\n' "${COMPREPLY[@]}"
"""


def shell(name: str) -> str:
    """Return the path of a shell, or skip the test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*argv: str, home: Path | None = None, cwd: Path | None = None, **more: str) -> list[str]:
    env = more | {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "LANG": "C.UTF-8"}
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


# Completes as a user sees it: the list that zsh draws, then the completed line.
ZSH_START = """
PS1='> '; unsetopt beep zle_bracketed_paste prompt_sp; bindkey '^I' expand-or-complete
autoload -U compinit; compinit -D; eval "$(wan completion zsh)"; print -r rea''dy
"""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r")


def zsh_lists(line: str, home: Path, **more: str) -> list[str]:
    """Return the list that zsh shows under a line after Tab."""
    env = more | {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "LANG": "C.UTF-8"}
    env |= {"HOME": str(home), "WAN_HOME": str(home), "TERM": "xterm"}
    typed = pexpect.spawn(
        shell("zsh"), ["-f"], env=env, encoding="utf-8", dimensions=(40, 100), timeout=30
    )
    try:
        typed.sendline("; ".join(ZSH_START.strip().splitlines()))
        typed.expect("ready\r\n")
        # ^D lists the possible words; a key that does not accept the line then ends the drawing.
        typed.send(f"{line}\x04")
        typed.sendcontrol("u")
        typed.sendline("print -r do''ne")
        typed.expect("done\r\n")
        drawn = typed.before or ""
    finally:
        typed.close(force=True)
    # zsh draws the list under the line, and then moves the cursor up again.
    below = re.split(r"\x1b\[\d*A", drawn.partition("\n")[2])[0]
    return [text.strip() for text in ESCAPES.sub("", below).split("\n") if text.strip()]


def zsh_words(line: str, home: Path, **more: str) -> list[str]:
    """Return the words that zsh lists, without their descriptions."""
    shown = zsh_lists(line, home, **more)
    words = (word for text in shown for word in re.split("  +", text.partition(" -- ")[0]))
    return [word.strip() for word in words if word.strip()]


def in_zsh(line: str, home: Path, **more: str) -> list[str]:
    return [shown.split()[0] for shown in zsh_lists(line, home, **more)]


@pytest.fixture
def ids(wan: Any, api: Any) -> list[str]:
    """Two generations in the history, the newest first."""
    found = [wan("generate", prompt, "--no-wait").out.strip() for prompt in ("a fox", "a crow")]
    return found[::-1]


@pytest.mark.parametrize("name", ["wan.bash", "_wan", "wan.fish", "wan.ps1"])
def test_the_completions_are_up_to_date(name: str) -> None:
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
        ("wan generate --resolution ", {"480p", "720p", "1080p"}),
        ("wan generate --model ", {*MODELS}),
        ("wan generate x --duration 1", {"10", "15"}),
        ("wan config ", {"set", "get", "unset", "list", "path", "edit"}),
        ("wan config set ti", {"timeout"}),
        ("wan list --status que", {"queued"}),
        ("wan completion p", {"powershell"}),
        ("wan help mon", {"money"}),
        ("wan --vers", {"--version"}),
    ],
)
@pytest.mark.parametrize("complete", [in_bash, in_fish, zsh_words])
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
def test_bash_completes_values_that_it_splits_into_words(line: str, offered: list[str]) -> None:
    assert in_bash(line) == offered


@pytest.mark.parametrize("complete", [in_bash, in_fish])
@pytest.mark.parametrize(
    "line", ["wan generate --prompt-file a", "wan generate --image a", "wan batch a"]
)
def test_a_shell_completes_file_names(complete: Any, line: str, tmp_path: Path) -> None:
    (tmp_path / "a prompt.txt").touch()
    found = complete(line, home=tmp_path, cwd=tmp_path)
    assert [word.replace("\\ ", " ") for word in found] == ["a prompt.txt"]


@pytest.mark.parametrize("complete", [in_bash, in_fish, in_zsh])
def test_a_shell_completes_ids_newest_first(complete: Any, ids: list[str], home: Path) -> None:
    assert complete("wan fetch ", home=home) == ["@last", *ids]
    assert complete(f"wan status {ids[1][:6]}", home=home) == [ids[1]]
    assert complete("wan show @l", home=home) == ["@last"]
    assert complete("wan generate --like ", home=home) == ["@last", *ids]


@pytest.mark.parametrize("complete", [in_bash, in_fish, in_zsh])
def test_a_shell_completes_ids_of_the_sandbox_only_if_it_is_used(
    complete: Any, ids: list[str], wan: Any, home: Path
) -> None:
    played = wan("generate", "a toy", "--no-wait", "--sandbox").out.strip()
    assert complete("wan fetch ", home=home) == ["@last", *ids]
    assert complete("wan fetch --sandbox ", home=home) == ["@last", played]
    assert complete("wan fetch ", home=home, WAN_SANDBOX="1") == ["@last", played]
    assert complete("wan fetch --no-sandbox ", home=home, WAN_SANDBOX="1") == ["@last", *ids]


def test_fish_and_zsh_show_the_state_and_the_prompt_beside_an_id(
    wan: Any, ids: list[str], home: Path
) -> None:
    wan("fetch", ids[1])
    script = f"source {COMPLETIONS / 'wan.fish'}; complete -C 'wan fetch '"
    shown = ["@last\tqueued: a crow", f"{ids[0]}\tqueued: a crow", f"{ids[1]}\tsaved: a fox"]
    assert run(shell("fish"), "-Nc", script, home=home) == shown
    drawn = zsh_lists("wan fetch ", home=home)
    assert [re.sub("  +", "\t", line, count=1) for line in drawn] == shown


def test_the_text_beside_an_id_is_one_printable_line(wan: Any, home: Path) -> None:
    wan("generate", "a\tfox\n\x1b[2J\u202e" + "x" * 99, "--no-wait")
    last, line = run("wan", "--complete-ids", "", home=home)
    found, shown = line.split("\t")
    assert last == f"@last\t{shown}"
    assert shown == "queued: a fox ?[2J?" + "x" * 38 + "…"
    assert wan("status", found).code == 8


@pytest.mark.parametrize("name", ["bash", "zsh", "fish", "powershell"])
def test_wan_prints_the_completion_script(name: str, wan: Any) -> None:
    file = {"bash": "wan.bash", "zsh": "_wan", "fish": "wan.fish", "powershell": "wan.ps1"}[name]
    done = wan("completion", name)
    assert (done.code, done.err) == (0, "")
    assert done.out == (COMPLETIONS / file).read_text("utf-8")
    assert wan("completion", name, "--json").json_lines == [{"shell": name, "script": done.out}]


def test_only_on_a_terminal_wan_says_where_to_put_a_script(wan: Any) -> None:
    for name in ("bash", "zsh", "fish", "powershell"):
        typed = pexpect.spawn(
            sys.executable, ["-m", "wan_cli", "completion", name], env=wan.env, encoding="utf-8"
        )
        typed.expect(pexpect.EOF)
        assert f"to keep it, {SHELLS[name][1]}" in (typed.before or "")


@pytest.mark.parametrize(
    ("argv", "hint"),
    [((), "bash"), (("zhs",), "zsh"), (("nushell",), "bash"), (("bash", "zsh"), "bash")],
)
def test_an_unknown_shell_is_refused_with_the_known_ones(
    argv: tuple[str, ...], hint: str, wan: Any
) -> None:
    done = wan("completion", *argv)
    assert (done.code, done.out) == (2, "")
    assert "choose a shell: bash, zsh, fish, powershell" in done.err
    assert done.err.endswith(f"hint: wan completion {hint}\n")


def test_a_printed_script_completes_in_zsh_and_fish_without_a_file(tmp_path: Path) -> None:
    assert zsh_lists("wan help m", home=tmp_path) == ["machines  models    money"]
    script = "wan completion fish | source; complete -C 'wan completion z'"
    assert run(shell("fish"), "-Nc", script, home=tmp_path) == ["zsh"]


def test_the_wheel_has_every_script() -> None:
    project = tomllib.loads((COMPLETIONS.parent / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == {
        f"completions/{name}": f"wan_cli/completions/{name}"
        for name in ("wan.bash", "_wan", "wan.fish", "wan.ps1")
    }
    assert {f"completions/{name}" for name, _place in SHELLS.values()} == {*wheel["force-include"]}


def test_powershell_can_parse_its_completion() -> None:
    script = (
        "$errors = $null; [void][System.Management.Automation.Language.Parser]::ParseFile("
        f"'{COMPLETIONS / 'wan.ps1'}', [ref]$null, [ref]$errors); $errors | Out-String"
    )
    assert run(shell("pwsh"), "-NoProfile", "-Command", script) == []


def test_a_static_completion_starts_no_program() -> None:
    argv = [shell("bash"), "-c", BASH_DRIVER, "bash", str(COMPLETIONS / "wan.bash"), "wan", "gen"]
    done = subprocess.run(argv, env={"PATH": "/nowhere"}, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"generate\n", b"")


@pytest.mark.parametrize(("name", "file"), [("bash", "wan.bash"), ("zsh", "_wan")])
def test_a_shell_can_read_its_completion(name: str, file: str) -> None:
    assert run(shell(name), "-n", str(COMPLETIONS / file)) == []


def test_ids_come_from_the_history_that_the_configuration_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for env in ({}, {"WAN_HOME": str(tmp_path / "own")}):
        file = paths(env).history_file
        file.parent.mkdir(parents=True)
        file.write_bytes(b"no database")
        assert newest_ids([], env) == []
        file.unlink()
        with sqlite3.connect(file) as journal:
            journal.execute(
                "CREATE TABLE generations"
                " (seq INTEGER, id TEXT, ref TEXT, status TEXT, file TEXT, request TEXT)"
            )
            journal.execute(
                "INSERT INTO generations VALUES (1, '-a', 'wan-1', 'completed', NULL, '{'),"
                " (2, NULL, 'wan-2', 'error', NULL, '{\"prompt\": \"a fox\"}')"
            )
        journal.close()
        assert newest_ids([""], env) == [
            "@last\tfailed: a fox",
            "wan-2\tfailed: a fox",
            "-a\tready: ",
        ]
        assert newest_ids(["-"], env) == ["-a\tready: "]
