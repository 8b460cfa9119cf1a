"""The runner of commands works, shown with a replacement for wan in the working folder."""

import signal
from pathlib import Path

import pytest

from tests.fake.process import Wan

STAND_IN = """
import os, sys, time
print(*sys.argv[1:], "HOME" in os.environ, os.environ.get("WAN_TIMEOUT"))
print(sys.stdin.read(), file=sys.stderr, flush=True)
time.sleep(60 if "sleep" in sys.argv else 0)
sys.exit(8)
"""


@pytest.fixture
def stand_in(wan: Wan, work: Path) -> Wan:
    (work / "wan_cli").mkdir()
    (work / "wan_cli" / "__init__.py").touch()
    (work / "wan_cli" / "__main__.py").write_text(STAND_IN)
    wan.forks = False
    return wan


def test_a_command_runs_in_a_clean_environment_with_no_input(stand_in: Wan) -> None:
    result = stand_in("list", "--json")
    assert (result.code, result.out, result.err) == (8, "list --json True None\n", "\n")


def test_a_command_gets_its_input_and_environment(stand_in: Wan) -> None:
    result = stand_in("generate", input="é".encode(), env={"HOME": None, "WAN_TIMEOUT": "5"})
    assert (result.out, result.err) == ("generate False 5\n", "é\n")


def test_a_command_can_be_killed_in_the_middle(stand_in: Wan) -> None:
    running = stand_in.start("sleep", input=b"here I am")
    running.wait_for("here I am")
    running.kill(signal.SIGTERM)
    assert running.wait().code == -signal.SIGTERM


def test_a_command_that_does_not_end_fails_the_test(stand_in: Wan) -> None:
    with pytest.raises(pytest.fail.Exception, match="did not end within"):
        stand_in("sleep", timeout=0.5)


def test_a_command_left_running_is_killed(stand_in: Wan) -> None:
    running = stand_in.start("sleep", input=b"here I am")
    running.wait_for("here I am")
    stand_in.stop()
    assert running.process.returncode == -signal.SIGKILL
