"""The imports of a command: it imports only what it uses. No test here measures time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply, forever
from tests.fake.waiting import wait_until

HEAVY = (
    "pydantic",
    "requests",
    "rich",
    "starlette",
    "typer",
    "urllib3",
    "av",
    "obstore",
    "psycopg",
    "PIL",
)
# Command lines, and the modules that they may import.
LIGHT = [
    (["--version"], ()),
    (["--help"], ()),
    ([], ()),
    (["--version", "-v"], ()),
    (["help", "machines"], ()),
    (["help", "environment", "-q"], ()),
    (["help", "no-such-topic"], ()),
    (["help", "generate"], ("typer",)),
    (["completion", "bash"], ()),
    (["completion", "zsh", "--json"], ()),
    (["--complete-ids", "abc"], ()),
    (["generate", "--help"], ("typer",)),
    (["list"], ()),
    (["list", "--json", "-q"], ()),
    (["list", "--all"], ()),
    (["show", "no-such-generation"], ()),
    (["list", "--limit", "5"], ("typer",)),
    (["config", "get", "timeout"], ("typer",)),
    (["config", "list"], ("typer",)),
    (["no-such-command"], ()),
    (["download", "some-id"], ()),
    (["status"], ("typer",)),
    (["generate", "a fox", "--duration", "7"], ("typer",)),
    (["generate", "a fox", "--no-such-option"], ("typer",)),
    (["status", "no-such-generation", "--timeout", "0.2"], ("typer", "requests", "urllib3")),
    (["status", "no-such-generation", "--json"], ("requests", "urllib3")),
    (["fetch", "no-such-generation", "-q"], ("requests", "urllib3")),
]


ENV = {
    "PATH": os.defpath,
    "WAN_BASE_URL": "http://127.0.0.1:1",
    "WAN_TIMEOUT": "0.2",
    "AIMLAPI_API_KEY": "key-for-tests-0123456789",
}


def imported(argv: list[str], home: Path) -> set[str]:
    """Return the names of all modules that `wan` imports when its output is a pipe."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "wan_cli", *argv],
        env=ENV | {"HOME": str(home), "WAN_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode in (0, 2, 8, 11), done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize(("argv", "allowed"), LIGHT, ids=lambda value: " ".join(value) or "-")
def test_a_command_imports_only_the_modules_that_it_uses(
    argv: list[str], allowed: tuple[str, ...], tmp_path: Path
) -> None:
    assert imported(argv, tmp_path) & {*HEAVY} <= {*allowed}


@pytest.mark.parametrize(
    "argv", [[], ["--version"], ["-V"], ["--help"], ["help"], ["--complete-ids"]]
)
def test_a_quick_answer_imports_almost_nothing(argv: list[str], tmp_path: Path) -> None:
    unused = {"json", "dataclasses", "pathlib", "platformdirs", "tomllib", "importlib.metadata"}
    assert imported(argv, tmp_path).isdisjoint(unused)


@pytest.mark.parametrize("argv", [["list"], ["status", "no-such-generation"]])
def test_rarely_needed_modules_are_not_imported_by_every_command(
    argv: list[str], tmp_path: Path
) -> None:
    unused = {"dataclasses", "inspect", "subprocess", "wan_cli.core.batch", "wan_cli.database"}
    assert imported(argv, tmp_path).isdisjoint(unused)


def test_status_imports_no_modules_for_downloads_submissions_or_recovery(tmp_path: Path) -> None:
    unused = {f"wan_cli.core.{name}" for name in ("recover", "batch", "generate", "prices")}
    unused |= {"wan_cli.download.connection", "wan_cli.sandbox"}
    assert imported(["status", "no-such-generation", "--timeout", "0.2"], tmp_path).isdisjoint(
        unused
    )


@pytest.mark.parametrize("argv", [["list"], ["config", "get", "timeout"]])
def test_with_wan_home_wan_does_not_import_platformdirs(argv: list[str], tmp_path: Path) -> None:
    assert imported(argv, tmp_path).isdisjoint({"platformdirs", "tempfile"})


# Prints a line on stderr at each garbage collection.
TELLS_COLLECTIONS = """
import gc, sys
gc.set_threshold(1_000_000)
gc.callbacks.append(lambda phase, info: phase == "start" and print("collecting", file=sys.stderr))
from wan_cli.main import main
main()
"""


@pytest.mark.parametrize("argv", [["list"], ["generate", "--help"], ["status", "no-such-one"]])
def test_no_garbage_collection_runs_before_a_command_starts_to_wait(
    argv: list[str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TELLS_COLLECTIONS, *argv],
        env=ENV | {"HOME": str(tmp_path), "WAN_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "collecting" not in done.stderr


def test_a_long_wait_during_an_outage_keeps_no_garbage(
    api: FakeApi, wan: Wan, tmp_path: Path
) -> None:
    ids = [wan("generate", f"fox {number}", "--no-wait", "-q").out.strip() for number in range(2)]
    api.on_get(forever(Reply(fault="reset")))
    errors = tmp_path / "errors"
    with (
        errors.open("wb") as err,
        subprocess.Popen(
            [sys.executable, "-c", TELLS_COLLECTIONS, "fetch", *ids, "--poll-interval", "0.001"],
            env=wan.env,
            cwd=wan.work,
            stderr=err,
        ) as running,
    ):
        try:
            wait_until(lambda: errors.read_bytes().count(b"collecting") >= 2)
        finally:
            running.kill()
