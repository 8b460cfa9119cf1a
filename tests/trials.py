"""Helpers of test_belief, test_stamina and test_isolation."""

import contextlib
import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.records import GenerationState
from tests.fake.waiting import wait_until

# At this speed, half an hour takes a minute and a half, and a connection still has a second.
SPEED = 20.0
VIDEO_BYTES = 4_000


def history_of(wan: Wan) -> Path:
    """Return the path of the commands' history."""
    return Path(wan.env["WAN_HOME"]) / "history.db"


def rows(wan: Wan) -> list[dict[str, Any]]:
    """Return the rows of the history as `wan list` shows them, oldest first."""
    lines = wan("list", "--json", "--limit", "1000").json_lines[::-1]
    # The elapsed time is not a part of a row.
    return [{name: value for name, value in line.items() if name != "elapsed_s"} for line in lines]


def change_rows(wan: Wan, sql: str, where: str = "1 = 1") -> None:
    """Change the history as a crash, or another process, would have left it."""
    execute(wan, f"UPDATE generations SET {sql} WHERE {where}")


def execute(wan: Wan, sql: str) -> None:
    """Run a statement on the history, in a file or in a database."""
    if "WAN_HISTORY" in wan.env:
        import psycopg

        with psycopg.connect(wan.env["WAN_HISTORY"]) as shared:
            shared.execute(re.sub(r"\bgenerations\b", "wan_generations", sql).encode())
        return
    with closing(sqlite3.connect(history_of(wan), timeout=10)) as database:
        database.execute(sql)
        database.commit()


@contextmanager
def locked(wan: Wan) -> Iterator[None]:
    """Keep every other process from writing the history."""
    with closing(lock(wan)):
        yield


def lock(wan: Wan) -> sqlite3.Connection:
    """Return a connection that holds the history's lock until it is closed."""
    database = sqlite3.connect(
        history_of(wan), timeout=30, isolation_level=None, check_same_thread=False
    )
    database.execute("BEGIN IMMEDIATE")
    return database


def batch_file(work: Path, *lines: str | dict[str, Any]) -> str:
    """Write a batch file, as JSON Lines if the rows are objects; return its name."""
    objects = bool(lines) and not isinstance(lines[0], str)
    name = "rows.jsonl" if objects else "prompts.txt"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (work / name).write_text("".join(f"{text}\n" for text in texts))
    return name


def animals(count: int) -> list[str]:
    """Return a number of different prompts."""
    return [f"animal number {number}" for number in range(1, count + 1)]


def submitted(wan: Wan, api: FakeApi, *prompts: str, status: str | None = None) -> list[str]:
    """Submit a generation for each prompt with `wan generate`; return the ids."""
    ids = []
    for prompt in prompts:
        result = wan("generate", prompt, "--no-wait", "-q")
        assert result.code == 0, result.err
        ids.append(result.out.strip())
        api.generations[ids[-1]].status = status
    return ids


def in_flight(wan: Wan, api: FakeApi, count: int, status: str | None = None) -> list[str]:
    """Submit many generations with one batch that does not wait; return the ids by row."""
    name = batch_file(wan.work, *animals(count))
    result = wan("batch", name, "--no-wait", "--yes", "-q", "--concurrency", str(count))
    assert result.code == 0, result.err
    by_prompt = {str(state.body["prompt"]): state for state in api.generations.values()}
    for state in by_prompt.values():
        state.status = status
    return [by_prompt[prompt].id for prompt in animals(count)]


def by_prompt(api: FakeApi, handlers: dict[str, Callable[[GenerationState], None]]) -> None:
    """Call a handler with the generation of its prompt, before the POST is answered."""

    def accept(state: GenerationState) -> None:
        handlers.get(str(state.body["prompt"]), lambda _state: None)(state)

    api.on_accept = accept


def polls(api: FakeApi, generation_id: str) -> int:
    """Return how often a generation was polled."""
    return sum(get.generation_id == generation_id for get in api.gets)


def log_reads(api: FakeApi) -> int:
    """Return how often the account's log was read."""
    return sum(get.path == "/v2/logs" for get in api.gets)


def videos(work: Path) -> list[Path]:
    """Return the videos under their final names."""
    return sorted(work.rglob("*.mp4"))


def has_right_file(api: FakeApi, row: dict[str, Any]) -> bool:
    """Whether the file of a row, or of a JSON line, is what its own generation's URL serves."""
    return Path(row["file"]).read_bytes() == api.cdn.video_of(str(row["id"]))


def all_right(wan: Wan, api: FakeApi, count: int) -> None:
    """Assert that `count` generations were paid for once, and are in the history and on disk."""
    known = rows(wan)
    assert len(api.accepted) == count
    assert {row["id"] for row in known if row.get("id")} == {post.id for post in api.accepted}
    labels = {post.id: str(post.label).rpartition(".")[0] for post in api.accepted}
    for row in (row for row in known if row.get("id")):
        # Each row has the generation of its own POST.
        assert str(row["client_request_id"]).rpartition(".")[0] == labels[row["id"]]
        assert has_right_file(api, row), row
    assert len(videos(wan.work)) == count


def wait_for_files(work: Path, count: int) -> None:
    """Wait until a number of videos have their final names."""
    wait_until(lambda: len(videos(work)) >= count)


def sleeps_in(process: subprocess.Popen[bytes], calls: set[str], fd: str) -> bool:
    """Whether a process waits in a system call (numbers for x86-64, arm64) on a descriptor."""
    try:
        call = Path(f"/proc/{process.pid}/syscall").read_text().split()
    except OSError:
        process.kill()
        process.communicate()
        pytest.skip("the system does not tell in which call a process sleeps")
    return call[0] in calls and call[1:2] == [fd]


def fill(pipe: int) -> None:
    """Fill a pipe that another process writes to, and release it at the end."""
    filler = os.open(f"/proc/self/fd/{pipe}", os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while os.write(filler, b"\n" * 4096):
            pass
    os.close(filler)
    os.close(pipe)
