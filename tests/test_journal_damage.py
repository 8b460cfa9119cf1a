"""A broken, foreign, locked or old history: wan pays nothing and leaves the file unchanged."""

import hashlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply
from tests.fake.waiting import wait_until
from wan_cli.journal.schema import MIGRATIONS, VERSION


@pytest.fixture
def journal(home: Path) -> Path:
    """The path for the history; its folder exists."""
    home.mkdir(mode=0o700)
    return home / "history.db"


def digest(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file()
    }


def old(journal: Path) -> None:
    """Write a history of the first schema with one generation."""
    with closing(sqlite3.connect(journal)) as database, database:
        for statement in MIGRATIONS[0]:
            database.execute(statement)
        database.execute(
            "INSERT INTO generations (ref, client_request_id, status, request, created_at,"
            " updated_at, base_url, key_fingerprint, folder, id) VALUES ('wan-1', 'wan-1.1',"
            """ 'completed', '{"model":"alibaba/wan-2-6-t2v","prompt":"an old fox"}',"""
            " 1.5, 2.5, 'https://api.aimlapi.com', '', '/tmp', 'old-generation-id')"
        )
        database.execute("PRAGMA user_version = 1")


def newer(journal: Path) -> None:
    with closing(sqlite3.connect(journal)) as database, database:
        database.execute("CREATE TABLE generations (what INTEGER)")
        database.execute("PRAGMA user_version = 99")


def cut(journal: Path) -> None:
    old(journal)
    os.truncate(journal, journal.stat().st_size // 2)


def spoiled(journal: Path) -> None:
    old(journal)
    with journal.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 300)


def garbage(journal: Path) -> None:
    journal.write_bytes(b"\x00\xffthis is not a database" * 400)


def short_garbage(journal: Path) -> None:
    journal.write_bytes(b"x")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (garbage, "damaged"),
        (short_garbage, "damaged"),
        (cut, "damaged"),
        (spoiled, "damaged"),
        (newer, "newer wan"),
        (Path.mkdir, "history.db"),
    ],
)
def test_a_broken_history_is_reported_and_left_unchanged(
    api: FakeApi, wan: Wan, journal: Path, damage: Callable[[Path], None], words: str
) -> None:
    damage(journal)
    before = digest(journal.parent)
    for command in (("generate", "a fox"), ("list",), ("doctor",)):
        result = wan(*command)
        assert result.code == 3, command
        assert words in result.out + result.err
        assert "/" in (result.out + result.err)
    assert api.posts == []
    assert digest(journal.parent) == before


@pytest.mark.parametrize("empty", [b"", None])
def test_an_empty_history_works_like_a_new_one(
    api: FakeApi, wan: Wan, journal: Path, empty: bytes | None
) -> None:
    if empty is not None:
        journal.write_bytes(empty)
    assert wan("generate", "a fox", "--no-wait").code == 0
    assert wan("list", "--json").json_lines[0]["id"] == api.posts[0].id


def test_an_old_history_is_migrated_and_a_copy_is_kept(wan: Wan, journal: Path) -> None:
    old(journal)
    (row,) = wan("list", "--json").json_lines
    assert (row["id"], "sha256" in row) == ("old-generation-id", False)
    copy = journal.with_name("history.db.v1")
    assert copy.stat().st_mode & 0o777 == 0o600
    for file, version in ((journal, VERSION), (copy, 1)):
        with closing(sqlite3.connect(file)) as database:
            assert database.execute("PRAGMA user_version").fetchone() == (version,)
            assert database.execute("SELECT id FROM generations").fetchall() == [
                ("old-generation-id",)
            ]


def test_an_old_history_that_cannot_be_migrated_stays_old(wan: Wan, journal: Path) -> None:
    old(journal)
    with closing(sqlite3.connect(journal)) as database, database:
        # The second step's last statement, an index, fails.
        database.execute("ALTER TABLE generations RENAME COLUMN status TO state")
    assert wan("list").code == 3
    with closing(sqlite3.connect(journal)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (1,)
        columns = [row[1] for row in database.execute("PRAGMA table_info(generations)")]
    assert "other_id" not in columns


def test_two_processes_migrate_at_once(wan: Wan, journal: Path) -> None:
    old(journal)
    runs = [wan.start("list", "--json") for _ in range(3)]
    assert [run.wait().json_lines[0]["id"] for run in runs] == ["old-generation-id"] * 3


@contextmanager
def locked(journal: Path) -> Iterator[None]:
    with closing(sqlite3.connect(journal, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        yield


def test_wan_waits_for_a_locked_history_and_then_reports_it(
    api: FakeApi, wan: Wan, journal: Path
) -> None:
    wan("list")
    with locked(journal):
        began = time.monotonic()
        result = wan("generate", "a fox", "--timeout", "4")
    assert (result.code, api.posts) == (3, [])
    assert "locked by another process" in result.err
    assert 3 < time.monotonic() - began < 30
    assert wan("generate", "a fox", "--no-wait").code == 0


def test_a_history_that_is_locked_for_a_moment_causes_no_error(wan: Wan, journal: Path) -> None:
    wan("list")
    with locked(journal):
        running = wan.start("generate", "a fox", "--no-wait")
        time.sleep(1)
        assert running.process.poll() is None
    assert running.wait().code == 0


def test_wan_reads_the_writes_of_a_killed_process(api: FakeApi, wan: Wan, journal: Path) -> None:
    api.on_post(Reply(fault="hang"))
    running = wan.start("generate", "a fox")
    wait_until(lambda: api.posts)
    running.kill(signal.SIGKILL)
    running.wait()
    assert journal.with_name("history.db-wal").stat().st_size > 0
    rows = wan("list", "--json").json_lines
    assert [(row["status"], row["request"]["prompt"]) for row in rows] == [("sending", "a fox")]
