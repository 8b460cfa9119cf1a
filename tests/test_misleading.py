"""Misleading words: durations, suggestions, names of generations, and the sandbox's notices."""

import os
import pty
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Running, Wan
from tests.fake.waiting import wait_until
from wan_cli.numbers import seconds_of

START = "from wan_cli.main import main; print(1, flush=True); main()"
NOTE = "sandbox: test pictures, nothing is charged\n"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("5m", 300),
        ("1h", 3600),
        ("7d", 604_800),
        ("0.5", 0.5),
        ("2 h", 7200),
    ],
)
def test_wan_reads_a_duration(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "0", "-5", "m", "5 minutes", "1h30m", "inf", "nan", "1e99", "5M"]
)
def test_an_invalid_duration_is_refused(text: str) -> None:
    assert seconds_of(text) is None


def test_durations_are_the_same_in_options_keys_and_variables(wan: Wan, api: FakeApi) -> None:
    api.looks = 10**6
    assert wan("generate", "a fox", "--timeout", "1s", "--poll-interval", "0.1s").code == 8
    assert wan("generate", "a hen", env={"WAN_TIMEOUT": "1s"}).code == 8
    assert wan("config", "set", "timeout", "5m").code == 0
    assert wan("config", "get", "timeout").out == "300\n"
    wrong = wan("generate", "a fox", "--timeout", "soon")
    assert (wrong.code, "such as 90, 90s, 5m, 1h or 7d" in wrong.err) == (2, True)
    assert wan("list", "--since", "1h", "-q").code == 0


@pytest.mark.parametrize(
    ("option", "typed", "meant"),
    [
        ("--resolution", "1080", "1080p"),
        ("--resolution", "1080P", "1080p"),
        ("--duration", "5s", "5"),
        ("--shot-type", "MULTI", "multi"),
    ],
)
def test_a_wrong_value_is_answered_with_the_right_one(
    wan: Wan, api: FakeApi, option: str, typed: str, meant: str
) -> None:
    result = wan("generate", "a fox", option, typed)
    assert (result.code, api.posts) == (2, [])
    assert f"hint: {option} {meant}\n" in result.err


@pytest.mark.parametrize("command", ["status", "fetch"])
@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("@first", "has no generation made with --once first"),
        ("abc", "too short"),
        ("@last", "the history is empty"),
    ],
)
def test_an_impossible_id_is_refused_without_a_key_or_a_request(
    wan: Wan, api: FakeApi, command: str, word: str, why: str
) -> None:
    result = wan(command, word, env={"AIMLAPI_API_KEY": ""})
    assert (result.code, api.connections) == (2, 0)
    assert why in result.err


def test_failed_means_error(wan: Wan, api: FakeApi) -> None:
    made = wan("generate", "a fox", "--no-wait", "-q").out.strip()
    api.generations[made].status = "error"
    api.generations[made].fail("not nice")
    assert wan("status", made).code == 9
    assert [row["id"] for row in wan("list", "--status", "failed", "--json").json_lines] == [made]


def test_in_cron_fetch_prints_nothing_about_unfinished_generations(wan: Wan, api: FakeApi) -> None:
    api.looks = 10**6
    wan("generate", "a fox", "--no-wait")
    quiet = wan("fetch", "--all", "--no-wait", "-q")
    assert (quiet.code, quiet.out, quiet.err) == (8, "", "")
    told = wan("fetch", "--all", "--no-wait")
    assert (told.code, "error" in told.err, "is still" in told.err) == (8, False, True)


def test_open_says_so_if_there_is_no_program_to_open_a_video(
    wan: Wan, api: FakeApi, tmp_path: Path
) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    result = wan("generate", "a fox", "--open", env={"PATH": str(empty)})
    assert result.code == 0
    assert "found no program to open it" in result.err


def test_the_opener_does_not_see_the_key(wan: Wan, api: FakeApi, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    opener = folder / "xdg-open"
    opener.write_text(
        f'#!/bin/sh\n/usr/bin/env > "{folder}/seen.tmp"; mv "{folder}/seen.tmp" "{folder}/seen"\n'
    )
    opener.chmod(0o755)
    wan("generate", "a fox", "--open", env={"PATH": f"{folder}:/usr/bin:/bin"})
    wait_until((folder / "seen").exists)
    assert "API_KEY" not in (folder / "seen").read_text()


def test_the_sandbox_is_announced_once_and_marked_beside_totals(wan: Wan, api: FakeApi) -> None:
    pytest.importorskip("av")
    api.check_files = False  # The video is the sandbox's.
    made = wan("generate", "a fox", "--duration", "5", "--resolution", "720p", "--sandbox")
    assert (made.code, made.err.count(NOTE)) == (0, 1)
    assert wan("balance", "--sandbox").out.endswith("USD (sandbox)\n")
    listed = wan("list", env={"WAN_SANDBOX": "1"})
    assert listed.err == f"{NOTE}1 generation, $0.50 spent (sandbox)\n"
    assert NOTE not in wan("list", "--sandbox", "-q").err


def test_no_sandbox_overrides_the_setting(wan: Wan, api: FakeApi) -> None:
    setting = {"WAN_SANDBOX": "1"}
    assert wan("generate", "a fox", "--no-wait", "--no-sandbox", env=setting).code == 0
    assert len(api.posts) == 1
    assert NOTE not in wan("list", "--no-sandbox", env=setting).err


def test_wan_recognizes_an_id_of_the_sandbox(wan: Wan, api: FakeApi) -> None:
    pytest.importorskip("av")
    made = wan("generate", "a fox", "--no-wait", "--sandbox").out.strip()
    result = wan("fetch", made)
    assert (result.code, api.connections) == (2, 0)
    assert "--sandbox" in result.err


@pytest.fixture
def served(wan: Wan) -> Running:
    pytest.importorskip("av")
    running = wan.start("sandbox", "--port", "0", "--speed", "20")
    running.wait_for("use it with")
    return running


def url_of(served: Running) -> str:
    return served.out.strip()


def test_generations_of_a_served_sandbox_are_marked_and_cost_nothing(
    wan: Wan, api: FakeApi, served: Running
) -> None:
    api.check_files = False  # The video is the sandbox's.
    env = {"WAN_BASE_URL": url_of(served)}
    made = wan("generate", "a fox", "--duration", "5", "--json", env=env)
    (line,) = made.json_lines
    assert (made.code, line["sandbox"], line["cost_usd"]) == (0, True, 0)
    assert wan("list").err.endswith("1 generation, $0.00 spent\n")
    served.kill(signal.SIGINT)
    ended = served.wait()
    assert ended.code == 0
    assert "200 POST /v2/video/generations" in ended.err
    assert "Signature" not in ended.err


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 401),
        ("localhost", 401),
        ("[::1]:{port}", 401),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:{port}", 421),
        ("", 421),
    ],
)
def test_the_sandbox_answers_only_names_of_this_machine(
    served: Running, host: str, status: int
) -> None:
    address = urlsplit(url_of(served))
    head = f"GET /v2/billing HTTP/1.1\r\nHost: {host.format(port=address.port)}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port or 0), timeout=20) as raw:
        raw.sendall(head.encode())
        assert raw.recv(100).split(b" ")[1] == str(status).encode()
    served.kill(signal.SIGINT)
    assert served.wait().code == 0


def test_ctrl_c_at_any_moment_of_the_start_prints_no_traceback(wan: Wan) -> None:
    for hundredths in range(0, 12, 2):
        master, slave = pty.openpty()
        child = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from wan_cli.main import main; print(1, flush=True); main()",
                "generate",
                "-",
            ],
            env=wan.env,
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert child.stdout is not None
        child.stdout.readline()
        try:
            child.wait(hundredths / 100)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=20)
        os.close(master)
        os.close(slave)
        # Python itself prints the lines before the first line of wan.
        assert b"wan_cli" not in err
        assert child.returncode == -signal.SIGINT
