"""Signals: a sentence about the generation, its state on disk, then the signal's own death."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from tests.fake.api import GENERATIONS, FakeApi
from tests.fake.cdn import CdnReply
from tests.fake.process import Result, Running, Wan
from tests.fake.script import Reply, forever
from tests.fake.waiting import wait_until
from tests.trials import fill, sleeps_in

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
SLOW_VIDEO = CdnReply(drip=0.05, drip_size=4096)


def ended_by(running: Running, number: int) -> Result:
    """Send a signal; assert that it kills the process at once, with one error."""
    began = time.monotonic()
    running.kill(number)
    result = running.wait()
    assert result.code == -number
    assert time.monotonic() - began < 20  # Without the signal, the wait would take 30 s.
    assert result.err.count("error: ") == result.err.count("hint: ") == 1
    return result


@pytest.mark.parametrize("number", SIGNALS)
def test_each_signal_ends_a_wait_and_wan_prints_the_id(api: FakeApi, wan: Wan, number: int) -> None:
    api.looks = 1_000_000
    running = wan.start("generate", "a fox", "--json")
    wait_until(lambda: len([get for get in api.gets if get.path == GENERATIONS]) > 2)
    result = ended_by(running, number)
    generation_id = api.posts[0].id
    assert f"generation {generation_id} continues and is safe" in result.err
    assert f"hint: wan fetch {generation_id}" in result.err
    assert [line["exit_code"] for line in result.json_lines] == [128 + number]
    assert result.json_lines[0]["error"]["code"] == "interrupted"
    assert wan("list", "--json").json_lines[0]["status"] == "generating"


def test_a_shell_sees_the_signal_as_its_exit_code(api: FakeApi, wan: Wan) -> None:
    api.on_post(Reply(fault="hang"))
    command = f"{sys.executable} -m wan_cli generate 'a fox' & wait $!; echo $?"
    shell = subprocess.Popen(
        ["bash", "-c", f"set -m; {command}"],
        cwd=wan.work,
        env=wan.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: api.posts)
    children = Path(f"/proc/{shell.pid}/task/{shell.pid}/children")
    if not children.exists():
        shell.kill()
        shell.communicate()
        pytest.skip("the system does not tell the children of a process")
    subprocess.run(["kill", "-TERM", children.read_text().split()[0]], check=True)
    assert shell.communicate(timeout=20)[0].split()[-1:] == [b"143"]
    assert wan("list", "--json").json_lines[0]["status"] in ("sending", "unknown")


def test_a_signal_before_the_submission_says_that_nothing_was_submitted(
    api: FakeApi, wan: Wan
) -> None:
    reader = subprocess.Popen(
        [sys.executable, "-m", "wan_cli", "generate", "-"],
        cwd=wan.work,
        env=wan.env,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: sleeps_in(reader, {"0", "63"}, "0x0"))
    reader.send_signal(signal.SIGINT)
    _, err = reader.communicate(timeout=20)
    assert reader.returncode == -signal.SIGINT
    assert err == b"error: interrupted; nothing was submitted\nhint: run the same command again\n"
    assert api.connections == 0


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_the_post_hangs_says_that_the_outcome_is_unknown(
    api: FakeApi, wan: Wan, number: int
) -> None:
    api.on_post(Reply(fault="hang"))
    running = wan.start("generate", "a fox", "--json")
    wait_until(lambda: api.posts)
    result = ended_by(running, number)
    assert "unknown whether it was accepted" in result.err
    assert "hint: wan recover" in result.err
    assert result.json_lines[0]["exit_code"] == 128 + number


def test_a_signal_during_the_search_for_an_outcome_says_that_it_is_unknown(
    api: FakeApi, wan: Wan
) -> None:
    api.on_post(Reply(fault="reset"))
    api.log_lag = api.ledger_lag = True
    running = wan.start("generate", "a fox")
    wait_until(lambda: any("logs" in get.path for get in api.gets))
    assert "hint: wan recover" in ended_by(running, signal.SIGINT).err


def test_after_a_signal_while_the_post_hangs_the_history_has_it_as_unknown(
    api: FakeApi, wan: Wan
) -> None:
    api.on_post(Reply(fault="hang"))
    running = wan.start("generate", "a fox")
    wait_until(lambda: api.posts)
    ended_by(running, signal.SIGINT)
    assert wan("list", "--json").json_lines[0]["status"] in ("sending", "unknown")
    assert wan("recover").code == 0
    assert wan("list", "--json").json_lines[0]["id"] == api.posts[0].id


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_download_keeps_its_part_and_continues_later(
    api: FakeApi, wan: Wan, work: Path, number: int
) -> None:
    api.looks = 0
    api.cdn.on_get(SLOW_VIDEO)
    running = wan.start("generate", "a fox")
    wait_until(lambda: any(part.stat().st_size > 20_000 for part in work.glob("*.part")))
    result = ended_by(running, number)
    assert f"the video of {api.posts[0].id} is safe on the server" in result.err
    assert len(list(work.glob("*.part"))) == 1
    assert wan("fetch", "@last").code == 0
    assert api.cdn.requests[-1].headers["Range"]
    assert [path.suffix for path in work.iterdir()] == [".mp4"]


def test_a_signal_during_status_watch_prints_the_id(api: FakeApi, wan: Wan) -> None:
    api.looks = 1_000_000
    wan("generate", "a fox", "--no-wait")
    running = wan.start("status", "@last", "--watch")
    wait_until(lambda: api.gets)
    running.wait_for("generating")
    assert f"hint: wan fetch {api.posts[0].id}" in ended_by(running, signal.SIGTERM).err


def test_a_signal_ends_the_sandbox(wan: Wan) -> None:
    pytest.importorskip("uvicorn")
    running = wan.start("sandbox", "--port", "0")
    running.wait_for("use it with")
    running.kill(signal.SIGINT)
    result = running.wait()
    assert (result.code, result.out.count("http://127.0.0.1:")) == (0, 1)
    assert "error" not in result.err


def test_the_sandbox_dies_of_other_signals(wan: Wan) -> None:
    pytest.importorskip("uvicorn")
    running = wan.start("sandbox", "--port", "0")
    running.wait_for("use it with")
    assert "hint: wan sandbox --port 0" in ended_by(running, signal.SIGTERM).err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_ignored_signal_stays_ignored(api: FakeApi, wan: Wan, number: int) -> None:
    api.on_post(Reply(fault="hang"))
    trap = f"import os, signal, sys; signal.signal({int(number)}, signal.SIG_IGN); "
    program = trap + "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "-m", "wan_cli", "generate", "a fox", "-q"],
        cwd=wan.work,
        env=wan.env,
        stdout=subprocess.PIPE,
    )
    wait_until(lambda: api.posts)
    process.send_signal(number)
    api.release()
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert Path(out.decode().strip()).is_file()
    assert wan("list", "-q").code == 0


def test_on_a_terminal_the_cursor_comes_back(api: FakeApi, wan: Wan) -> None:
    api.looks = 1_000_000
    child = pexpect.spawn(
        sys.executable,
        ["-m", "wan_cli", "generate", "a fox"],
        env={**wan.env, "TERM": "xterm-256color"},
        cwd=str(wan.work),
        encoding="utf-8",
        timeout=20,
    )
    child.expect("generating")
    child.sendintr()
    text = child.read()
    child.close()
    assert child.signalstatus == signal.SIGINT
    assert text.rindex("\x1b[?25h") < text.index("continues and is safe")
    assert text.count("hint:") == 1
    assert wan("list", "-q").code == 0


def test_a_signal_while_nobody_reads_the_output_is_not_a_bug(api: FakeApi, wan: Wan) -> None:
    api.looks = 1_000_000
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    reader.wait()
    process = subprocess.Popen(
        [sys.executable, "-m", "wan_cli", "generate", "a fox", "--json"],
        cwd=wan.work,
        env=wan.env,
        stdout=reader.stdin,
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: len(api.gets) > 2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert b"Traceback" not in err
    assert reader.stdin is not None
    reader.stdin.close()
    assert wan("list", "--json").json_lines[0]["id"] == api.posts[0].id


@pytest.mark.parametrize("stream", ["stderr", "stdout"])
def test_a_signal_while_a_line_waits_for_a_slow_reader_says_that_the_generation_is_safe(
    api: FakeApi, wan: Wan, stream: str
) -> None:
    reads, writes = os.pipe()
    api.on_post(Reply(fault="hang"))
    quiet = ["-q"] if stream == "stdout" else []
    process = subprocess.Popen(
        [sys.executable, "-m", "wan_cli", "generate", "a fox", "--no-wait", *quiet],
        cwd=wan.work,
        env=wan.env,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writes},  # type: ignore[call-overload]
    )
    wait_until(lambda: api.posts)
    fill(writes)
    api.release()
    number = {"stdout": "0x1", "stderr": "0x2"}[stream]
    wait_until(lambda: api.posts and sleeps_in(process, {"1", "64"}, number))
    process.send_signal(signal.SIGINT)
    with os.fdopen(reads, "rb") as reader:
        said = reader.read()
    _, err = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    words = (said if stream == "stderr" else err).decode()
    assert "nothing was submitted" not in words
    assert f"{api.posts[0].id} " in words
    assert "is safe" in words
    assert wan("list", "--json").json_lines[0]["id"] == api.posts[0].id


def test_a_signal_while_a_batch_prints_names_the_generations_in_flight(
    api: FakeApi, wan: Wan, work: Path
) -> None:
    (work / "prompts.txt").write_text("a fox\na hen\n")
    reads, writes = os.pipe()
    api.on_post(Reply(fault="hang"))
    # The output while the first row is in flight.
    api.on_get(forever(Reply(status=503)))
    process = subprocess.Popen(
        [sys.executable, "-m", "wan_cli", "batch", "prompts.txt", "--yes", "--concurrency", "1"],
        cwd=wan.work,
        env=wan.env,
        stdout=subprocess.PIPE,
        stderr=writes,
    )
    wait_until(lambda: api.posts)
    fill(writes)
    api.release()
    wait_until(lambda: sleeps_in(process, {"1", "64"}, "0x2"))
    process.send_signal(signal.SIGINT)
    with os.fdopen(reads, "rb") as reader:
        words = reader.read().decode()
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert "nothing was submitted" not in words
    assert f"{api.posts[0].id} continues and is safe" in words.partition("error: ")[2]
    assert wan("list", "--json").json_lines[0]["id"] == api.posts[0].id
