"""wan generate --exec, --notify and --open: programs that run when a video is saved."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.waiting import wait_until
from tests.terminal import on_terminal

SYSTEM = os.defpath
# Prints the program's arguments, one per line.
ECHO = 'for word; do echo "$word"; done'


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder for the test's programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def write(folder: Path, name: str, script: str) -> Path:
    """Write a shell script."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def test_exec_runs_a_program_with_the_path_and_the_json(
    wan: Wan, api: FakeApi, work: Path, programs: Path
) -> None:
    tool = write(
        programs, "tool", f'for word; do echo "$word"; done >"{work}/argv"; cat >"{work}/in"'
    )
    command = f"{tool} 'two words' --file={{}} {{}} '$HOME;|' {{x}}"
    result = wan("generate", "a fox", "--exec", command, "-o", "it's a fox.mp4")
    file = f"{work}/it's a fox.mp4"
    assert (result.code, result.out) == (0, f"{file}\n")
    argv = (work / "argv").read_text().splitlines()
    assert argv == ["two words", f"--file={file}", file, "$HOME;|", "{x}"]
    told = json.loads((work / "in").read_text())
    assert (told["id"], told["file"], told["status"]) == (api.posts[0].id, file, "completed")


def test_exec_does_not_see_the_key_and_its_output_goes_to_stderr(
    wan: Wan, api: FakeApi, programs: Path
) -> None:
    tool = write(programs, "tool", "env; echo this is the tool")
    result = wan("generate", "a fox", "--exec", f"{tool}", "--json")
    assert result.code == 0
    assert len(result.json_lines) == 1
    assert "this is the tool" in result.err
    assert "API_KEY" not in result.err
    assert "WAN_HOME" in result.err


@pytest.mark.parametrize(
    ("script", "words"),
    [("exit 3", "exited with code 3"), ("kill -9 $$", "was killed by signal 9")],
)
def test_wan_reports_a_failure_of_exec_and_ends_as_without_it(
    wan: Wan, api: FakeApi, work: Path, programs: Path, script: str, words: str
) -> None:
    tool = write(programs, "tool", script)
    for options in ([], ["-q"]):
        result = wan("generate", "a fox", "--exec", f"{tool} {{}}", *options)
        path = result.out.strip()
        assert result.code == 0
        assert Path(path).is_file()
        assert f"error: --exec: {tool} {words}; the video is saved as {path}" in result.err
        assert f"hint: {tool} {path}" in result.err


def test_exec_may_run_a_program_that_does_not_read_stdin(wan: Wan, api: FakeApi) -> None:
    prompt = "fox " * 40_000
    result = wan("generate", "--prompt-file", "-", "--exec", "true", input=prompt.encode())
    assert result.code == 0
    assert "--exec" not in result.err


@pytest.mark.parametrize(
    ("command", "options", "words"),
    [
        ("no-such-program {}", [], "program not found: no-such-program"),
        ("", [], "--exec is empty"),
        ("cp '{}", [], "No closing quotation"),
        ("cp {} x", ["--no-wait"], "--exec needs a file"),
        ("cp {} x", ["-o", "-"], "--exec needs a file"),
    ],
)
def test_wan_refuses_a_command_that_cannot_run_before_it_pays(
    wan: Wan, api: FakeApi, command: str, options: list[str], words: str
) -> None:
    result = wan("generate", "a fox", "--exec", command, *options)
    assert (result.code, result.out, api.posts) == (2, "", [])
    assert words in result.err


def test_exec_runs_for_each_saved_video_and_not_for_failed_ones(
    wan: Wan, api: FakeApi, work: Path, programs: Path
) -> None:
    tool = write(programs, "tool", f'echo "$1" >>"{work}/ran"')
    result = wan("generate", "a fox", "--count", "2", "--yes", "--exec", f"{tool} {{}}")
    assert sorted((work / "ran").read_text().splitlines()) == sorted(result.out.splitlines())
    api.error = {"message": "not nice"}
    assert wan("generate", "a hen", "--exec", f"{tool} {{}}").code == 9
    assert len((work / "ran").read_text().splitlines()) == 2


def test_a_signal_during_exec_says_that_the_video_is_saved(
    wan: Wan, api: FakeApi, work: Path, programs: Path
) -> None:
    tool = write(programs, "tool", f'cat >"{work}/in"; echo $$ >"{work}/pid"; exec sleep 1000')
    running = wan.start("generate", "a fox", "-o", "fox.mp4", "--exec", f"{tool}")
    wait_until(lambda: (work / "pid").exists() and (work / "pid").read_text().strip())
    running.kill(signal.SIGTERM)
    result = running.wait()
    assert result.code in (-signal.SIGTERM, 128 + signal.SIGTERM)
    assert f"interrupted in --exec; the video is saved as {work}/fox.mp4" in result.err
    with pytest.raises(ProcessLookupError):
        os.kill(int((work / "pid").read_text()), 0)


def test_notify_shows_a_notification_and_hides_the_key(
    wan: Wan, api: FakeApi, work: Path, programs: Path
) -> None:
    write(
        programs,
        "notify-send",
        f'{ECHO} >"{work}/said"; env >"{work}/env"',
    )
    env = {"PATH": f"{programs}:{SYSTEM}"}
    result = wan("generate", "a <b>fox</b> & \x1b[31mhen", "--notify", "-o", "fox.mp4", env=env)
    assert result.code == 0
    *_, title, body = (work / "said").read_text().splitlines()
    assert title == "wan"
    assert body == "fox.mp4: a &lt;b&gt;fox&lt;/b&gt; &amp; \ufffd[31mhen"
    assert "API_KEY" not in (work / "env").read_text()


def test_notify_reports_a_failure_and_several_videos(
    wan: Wan, api: FakeApi, work: Path, programs: Path
) -> None:
    write(programs, "notify-send", f'{ECHO} >"{work}/said"')
    env = {"PATH": f"{programs}:{SYSTEM}"}
    assert wan("generate", "a fox", "--count", "2", "--yes", "--notify", env=env).code == 0
    assert (work / "said").read_text().splitlines()[-1] == "2 of 2 videos are ready"
    api.error = {"message": "not nice"}
    assert wan("generate", "a fox", "--notify", env=env).code == 9
    assert (work / "said").read_text().splitlines()[-1] == "no video (exit code 9)"


@pytest.mark.parametrize("script", [None, "exit 1"], ids=["missing", "failing"])
def test_without_a_desktop_notify_rings_the_terminal_bell(
    wan: Wan, api: FakeApi, programs: Path, script: str | None
) -> None:
    if script:
        write(programs, "notify-send", script)
    path = {"PATH": f"{programs}"}
    code, written = on_terminal(wan, "generate", "a fox", "--notify", env=path)
    assert code == 0
    assert written.count("\a") == 1


def test_without_a_desktop_and_a_terminal_notify_does_nothing(
    wan: Wan, api: FakeApi, programs: Path
) -> None:
    result = wan("generate", "a hen", "--notify", env={"PATH": f"{programs}"})
    assert (result.code, "\a" in result.err + result.out) == (0, False)


def test_open_says_that_the_desktop_has_no_video_player(
    wan: Wan, api: FakeApi, programs: Path
) -> None:
    write(programs, "xdg-open", "exit 3")
    result = wan("generate", "a fox", "--open", env={"PATH": f"{programs}:{SYSTEM}"})
    assert result.code == 0
    assert "warning: " in result.err
    assert "found no program for it (exit code 3)" in result.err
