"""The journal under several processes, full disks and foreign umasks."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.engines import BOTH
from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply, forever
from tests.fake.waiting import wait_until

# Runs `wan` with a limit on the size of its files, which acts as a full disk for one process.
LIMITED = (
    "import os, resource, signal, sys;"
    "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2);"
    "os.execv(sys.executable, [sys.executable, '-m', 'wan_cli', *sys.argv[2:]])"
)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


@BOTH
def test_eight_processes_write_one_history(api: FakeApi, wan: Wan) -> None:
    runs = [wan.start("generate", f"fox {number}", "--no-wait") for number in range(8)]
    assert [(run.wait().code, run.err.count("error")) for run in runs] == [(0, 0)] * 8
    rows = wan("list", "--json").json_lines
    assert {row["id"] for row in rows} == {post.id for post in api.posts}
    assert {row["request"]["prompt"] for row in rows} == {f"fox {number}" for number in range(8)}


def test_wan_waits_for_a_history_that_another_process_is_creating(
    api: FakeApi, wan: Wan, home: Path
) -> None:
    home.mkdir(exist_ok=True)
    # SQLite then answers a request for WAL with "busy" at once, without its own time limit.
    with closing(sqlite3.connect(home / "history.db", isolation_level=None)) as maker:
        maker.execute("BEGIN IMMEDIATE")
        running = wan.start("generate", "a fox", "--no-wait")
        time.sleep(1)
        maker.execute("ROLLBACK")
    assert running.wait().code == 0, running.err
    assert len(api.posts) == 1


@pytest.mark.parametrize(("umask", "video"), [(0o000, 0o666), (0o077, 0o600)])
def test_own_files_are_private_and_videos_follow_the_umask(
    api: FakeApi, wan: Wan, home: Path, work: Path, umask: int, video: int
) -> None:
    api.looks = 0
    api.on_get(Reply(fault="hang"))
    wan.forks = False
    old = os.umask(umask)
    try:
        wan("config", "set", "timeout", "60")
        running = wan.start("generate", "a fox")
    finally:
        os.umask(old)
    wait_until(lambda: api.gets)
    private = {"config.toml", "history.db", "history.db-wal", "history.db-shm"}
    assert {name: modes(home)[name] for name in private} == dict.fromkeys(private, 0o600)
    assert home.stat().st_mode & 0o777 == 0o700
    api.release()
    assert running.wait().code == 0
    assert modes(work) == {Path(running.out.strip()).name: video}


def test_on_a_full_disk_nothing_is_sent(api: FakeApi, wan: Wan) -> None:
    # An empty history has more than one page of 4 KiB.
    command = [sys.executable, "-c", LIMITED, "6000", "generate", "a fox", "--json"]
    # Python would write truncated bytecode.
    env = {**wan.env, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=wan.work, env=env, capture_output=True, timeout=30)
    assert done.returncode == 3, done.stderr
    assert api.posts == []
    assert done.stderr.startswith(b"error: the history ")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("as_json", [False, True])
def test_if_the_history_fails_after_the_submission_both_streams_have_the_id(
    api: FakeApi, wan: Wan, home: Path, as_json: bool
) -> None:
    wan("list")
    api.check_history = False  # This is the purpose of the test.
    api.on_post(Reply(fault="hang"))
    running = wan.start("generate", "a fox", *(["--json"] if as_json else []))
    wait_until(lambda: api.posts)
    with closing(sqlite3.connect(home / "history.db", isolation_level=None)) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON generations"
            " BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
        )
        database.execute(
            "CREATE TRIGGER full_too BEFORE INSERT ON generations"
            " BEGIN SELECT RAISE(FAIL, 'database or disk is full'); END"
        )
    api.release()
    result = running.wait()
    generation_id = api.posts[0].id
    assert generation_id
    assert result.code == 13
    assert generation_id in result.out
    assert f"hint: keep the id, then run: wan fetch {generation_id}" in result.err
    if as_json:
        (line,) = result.json_lines
        assert (line["exit_code"], line["error"]["code"]) == (13, "local_file")
    assert len(api.posts) == 1


def test_no_lock_is_held_while_waiting(api: FakeApi, wan: Wan, home: Path) -> None:
    api.on_get(forever(Reply(fault="hang")))
    running = wan.start("generate", "a fox")
    wait_until(lambda: api.gets)

    def can_write() -> bool:
        file = home / "history.db"
        with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                # It may be writing down what the submission brought.
                return False
        return True

    wait_until(can_write)
    running.kill()


@BOTH
def test_lists_by_status_and_text_and_limit(api: FakeApi, wan: Wan) -> None:
    for prompt in ("a red fox", "a blue fox", "a cat"):
        assert wan("generate", prompt, "--no-wait", "-q").code == 0

    def prompts(*options: str) -> list[str]:
        return [row["request"]["prompt"] for row in wan("list", "--json", *options).json_lines]

    assert prompts() == ["a cat", "a blue fox", "a red fox"]
    assert prompts("--search", "FOX", "--limit", "1") == ["a blue fox"]
    assert prompts("--status", "completed") == []
