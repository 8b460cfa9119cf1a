"""Closed or full streams, bare environments, and folders that are gone."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan

WAN = f"{sys.executable} -m wan_cli"
STRANGER = (
    *("setpriv", "--reuid=12345", "--clear-groups"),
    # Otherwise the user might not be able to run the interpreter.
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="only root, with setpriv, can become an unknown user",
)
needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


class Done:
    """The result of a shell's line."""

    def __init__(self, done: "subprocess.CompletedProcess[bytes]") -> None:
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8", "backslashreplace")
        self.err = done.stderr.decode("utf-8", "backslashreplace")
        assert "Traceback" not in self.err


def shell(wan: Wan, line: str, env: Mapping[str, str] | None = None) -> Done:
    """Run a line of bash with `wan` as a command."""
    script = f'wan() {{ {WAN} "$@"; }}; {line}'
    environment = {**wan.env, **(env or {})}
    return Done(
        subprocess.run(
            ["bash", "-c", script], cwd=wan.work, env=environment, capture_output=True, timeout=60
        )
    )


def stranger(wan: Wan, *argv: str, env: Mapping[str, str]) -> Done:
    """Run `wan` as an unknown user, who can read every file and write few."""
    command = [*STRANGER, sys.executable, "-m", "wan_cli", *argv]
    environment = {"PATH": wan.env["PATH"], **env}
    return Done(
        subprocess.run(command, cwd=wan.work, env=environment, capture_output=True, timeout=60)
    )


@pytest.fixture(autouse=True)
def _quick(api: FakeApi, wan: Wan) -> None:
    """Complete generations at once, and tell the check of the invariants about the home."""
    api.looks = 0
    wan("--version")


def saved(work: Path) -> list[str]:
    return sorted(path.suffix for path in work.iterdir())


@pytest.mark.parametrize("line", ["wan list | head -c 0", "wan list --help | head -c 0"])
def test_a_reader_that_exits_early_causes_no_error(wan: Wan, line: str) -> None:
    wan("generate", "a fox", "--no-wait")
    # The reader exits before the writer starts.
    done = shell(
        wan, f"{{ sleep 0.3; {line.partition(' | ')[0]}; }} | true; echo ${{PIPESTATUS[0]}}"
    )
    assert done.err == ""
    assert done.out == "141\n"


@pytest.mark.parametrize("options", ["", "--json"])
def test_a_video_is_saved_even_if_the_reader_exits(wan: Wan, work: Path, options: str) -> None:
    done = shell(wan, f"wan generate -q 'a fox' {options} | true; echo ${{PIPESTATUS[0]}}")
    assert (done.out, done.err) == ("141\n", "")
    assert saved(work) == [".mp4"]


def test_a_video_for_a_reader_that_exited_is_not_a_bug(wan: Wan, work: Path) -> None:
    done = shell(wan, "wan generate -q 'a fox' -o - | true; echo ${PIPESTATUS[0]}")
    assert (done.out, done.err) == ("141\n", "")
    assert saved(work) == []


@needs_dev_full
@pytest.mark.parametrize("options", ["", "--json"])
def test_if_stdout_is_full_stderr_has_the_path_of_the_video(
    api: FakeApi, wan: Wan, work: Path, options: str
) -> None:
    done = shell(wan, f"wan generate -q 'a fox' {options} > /dev/full")
    (video,) = work.iterdir()
    assert done.code == 13
    assert done.err.splitlines() == [
        "error: standard output cannot be written: No space left on device;"
        f" the video is saved as {video}",
        f"hint: wan status {api.posts[0].id}",
    ]


@needs_dev_full
def test_a_full_stdout_is_one_error(api: FakeApi, wan: Wan) -> None:
    api.allow_multiple = True
    wan("generate", "a cat", "--no-wait")
    codes = {
        "wan list": 13,
        "wan list --json": 13,
        "wan list --help": 13,
        "wan --version": 13,
        "wan generate 'a fox' -o - -q": 13,
        "wan nonsense --json": 2,
        "wan status no-such-id --json": 6,
    }
    for line, code in codes.items():
        done = shell(wan, f"{line} > /dev/full")
        assert (line, done.code) == (line, code)
        assert [row.split(": ")[0] for row in done.err.splitlines()] == ["error", "hint"]


@needs_dev_full
def test_a_full_stderr_changes_nothing(wan: Wan) -> None:
    done = shell(wan, "wan generate 'a fox' 2> /dev/full")
    assert done.code == 0
    assert Path(done.out.strip()).is_file()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_no_file_of_wan_gets_the_descriptor_of_a_closed_stream(
    api: FakeApi, wan: Wan, work: Path, home: Path, closed: str
) -> None:
    done = shell(wan, f"wan generate 'a fox' {closed}")
    assert done.code == 0
    (video,) = work.iterdir()
    assert video.read_bytes() == api.video
    assert (home / "history.db").read_bytes().startswith(b"SQLite format 3\0")


def test_a_closed_stdout_does_not_lose_the_path(api: FakeApi, wan: Wan, work: Path) -> None:
    done = shell(wan, "wan generate 'a fox' -q -o fox.mp4 >&-")
    assert (done.code, done.out, done.err) == (0, "", f"{work}/fox.mp4\n")
    done = shell(wan, "wan generate 'a fox' -q -o owl.mp4 --json >&-")
    assert json.loads(done.err)["file"] == f"{work}/owl.mp4"


@needs_root
def test_without_a_home_wan_says_so_and_creates_no_folder(api: FakeApi, wan: Wan) -> None:
    wan.work.chmod(0o777)
    env = {"AIMLAPI_API_KEY": "k" * 32, "WAN_BASE_URL": api.base_url}
    for argv in (["generate", "a fox"], ["list"], ["config", "path"], ["doctor"]):
        done = stranger(wan, *argv, env=env)
        assert done.code == 3
        assert done.err.splitlines()[-1] == "hint: export WAN_HOME=/path/to/a/folder"
    assert api.connections == 0
    assert list(wan.work.iterdir()) == []
    named = stranger(wan, "config", "path", env={"WAN_HOME": str(wan.work / "here")})
    assert named.code == 0


@needs_root
def test_a_read_only_home_stops_only_the_paid_command(api: FakeApi, wan: Wan, home: Path) -> None:
    made = wan("generate", "a fox", "--no-wait").out.strip()
    before = (home / "history.db").read_bytes()
    wan.work.chmod(0o777)
    listed = stranger(wan, "list", "--json", env=wan.env)
    assert made in listed.out
    assert listed.err.startswith("warning: ")
    assert stranger(wan, "status", "@last", env=wan.env).code == 0
    fetched = stranger(wan, "fetch", made, env=wan.env)
    assert (fetched.code, Path(fetched.out.strip()).is_file()) == (0, True)
    refused = stranger(wan, "generate", "a cat", env=wan.env)
    assert (refused.code, len(api.posts)) == (3, 1)
    assert (home / "history.db").read_bytes() == before


def test_a_home_that_cannot_be_created_stops_only_the_paid_command(api: FakeApi, wan: Wan) -> None:
    made = api.add_generation(id="made-elsewhere-0123456")
    nowhere = {"WAN_HOME": "/proc/self/nothing"}
    assert wan("generate", "a fox", env=nowhere).code == 3
    assert (api.posts, api.connections) == ([], 0)
    status = wan("status", made.id, env=nowhere)
    assert (status.code, status.err.startswith("warning: ")) == (0, True)
    fetched = wan("fetch", made.id, env=nowhere)
    assert (fetched.code, Path(fetched.out.strip()).is_file()) == (0, True)


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"COLUMNS": "1", "TERM": ""},
    ],
)
def test_any_prompt_works_in_any_locale(api: FakeApi, wan: Wan, locale: dict[str, str]) -> None:
    made = wan("generate", "猫 cat", "--no-wait", env=locale)
    assert made.code == 0
    assert api.posts[0].body["prompt"] == "猫 cat"
    listed = wan("list", env=locale)
    assert listed.code == 0
    assert "猫 cat" in listed.out.replace("\\u732b", "猫")


def test_a_deleted_working_folder_stops_only_commands_that_save_there(
    api: FakeApi, wan: Wan, tmp_path: Path
) -> None:
    gone = "mkdir gone; cd gone; rmdir ../gone;"
    assert shell(wan, f"{gone} wan list -q && wan generate 'a cat' -q -o {tmp_path}/o/").code == 0
    assert len(list((tmp_path / "o").iterdir())) == 1
    assert shell(wan, f"{gone} wan status @last").code == 0
    for output in ("", "-o here.mp4"):
        done = shell(wan, f"{gone} wan generate 'a fox' {output}")
        assert done.code == 13
        assert done.err.startswith("error: cannot save to .: ")
    assert len(api.posts) == 1


def test_a_relative_home_is_below_the_working_folder(wan: Wan, work: Path) -> None:
    assert wan("generate", "a fox", "--no-wait", env={"WAN_HOME": "mine"}).code == 0
    assert (work / "mine" / "history.db").is_file()
    assert wan("list", "--json", env={"WAN_HOME": str(work / "mine")}).json_lines
    for run in wan.runs:
        run.env = {**run.env, "WAN_HOME": str(work / "mine")}


def test_the_root_folder_can_be_a_home(wan: Wan) -> None:
    assert wan("config", "path", env={"HOME": "/", "WAN_HOME": None}).code == 0
