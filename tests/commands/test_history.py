"""wan history: where the history is, the migration of a database, and copies of histories."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fake.api import FakeApi
from tests.fake.pooler import Pooler
from tests.fake.postgres import Postgres
from tests.fake.process import Wan
from tests.fake.proxy import Break, Proxy
from wan_cli.journal.schema import VERSION

GRANT = "GRANT SELECT, INSERT, UPDATE ON wan_generations, wan_totals"
TABLES = "wan_generations, wan_totals, wan_workers, wan_pace, wan_schema"


def rows(file: Path, columns: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(file)) as database:
        return database.execute(f"SELECT {columns} FROM generations ORDER BY seq").fetchall()


def change(file: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(sql, values)


def shared(postgres: Postgres, url: str, columns: str) -> list[tuple[Any, ...]]:
    found = postgres.execute(url, f"SELECT {columns} FROM wan_generations ORDER BY seq")
    return [tuple(row.values()) for row in found]


def test_it_says_where_the_file_is_and_what_it_holds(wan: Wan, api: FakeApi, home: Path) -> None:
    assert wan("generate", "a fox", "-q").code == 0
    done = wan("history")
    assert (done.code, done.err) == (0, "")
    lines = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    assert lines["history"] == str(home / "history.db")
    assert (lines["schema"], lines["generations"]) == (str(VERSION), "1")
    assert lines["writable"] == "yes"
    (data,) = wan("history", "--json").json_lines
    assert data["oldest"] == data["newest"] == lines["newest"]
    assert (data["kind"], data["generations"], data["writable"]) == ("sqlite", 1, True)
    assert data["bytes"] > 1000


def test_the_sandbox_has_a_history_of_its_own(wan: Wan, api: FakeApi, home: Path) -> None:
    done = wan("history", "--sandbox", "--json")
    assert done.json_lines[0]["history"] == str(home / "sandbox" / "history.db")


def test_it_says_where_the_database_is_without_secrets(
    history_url: str, wan: Wan, api: FakeApi
) -> None:
    wan.env["WAN_HISTORY"] = history_url.replace("wan@", "wan:s3cret@", 1)
    assert wan("generate", "a fox", "-q").code == 0
    done = wan("history")
    assert (done.code, done.err) == (0, "")
    assert "history      postgresql://wan@" in done.out
    assert "generations  1" in done.out
    assert "writable     yes" in done.out
    assert "s3cret" not in done.out
    (data,) = wan("history", "--json").json_lines
    assert (data["kind"], data["schema"], data["writable"]) == ("postgresql", VERSION, True)


def test_a_role_that_cannot_write_can_read(
    history_url: str, role: Callable[..., str], wan: Wan, api: FakeApi
) -> None:
    wan.env["WAN_HISTORY"] = history_url
    assert wan("generate", "a fox", "-q").code == 0
    wan.env["WAN_HISTORY"] = role(f"GRANT SELECT ON {TABLES}")
    done = wan("history")
    assert done.code == 0
    assert "writable     no" in done.out
    assert "permission denied for table wan_generations" in done.err
    assert GRANT in done.err
    assert wan("list").code == 0
    paying = wan("generate", "a cat")
    assert paying.code == 3
    assert f"hint: {GRANT}" in paying.err
    assert len(api.posts) == 1


def test_a_role_with_the_documented_rights_works(
    history_url: str, role: Callable[..., str], wan: Wan, api: FakeApi
) -> None:
    wan.env["WAN_HISTORY"] = history_url
    assert wan("history", "migrate").code == 0
    wan.env["WAN_HISTORY"] = role(f"GRANT SELECT, INSERT, UPDATE ON {TABLES}")
    assert wan("generate", "a fox", "-q").code == 0
    assert "writable     yes" in wan("history").out
    assert wan("history", "migrate").code == 0


def test_migrate_makes_the_tables_of_an_empty_database(
    history_url: str, wan: Wan, api: FakeApi
) -> None:
    wan.env["WAN_HISTORY"] = history_url
    done = wan("history", "migrate")
    assert done.code == 0
    assert f"created the tables, schema {VERSION}" in done.out
    assert GRANT in done.err
    again = wan("history", "migrate", "--json")
    assert again.json_lines[0]["schema_before"] == VERSION
    assert again.err == ""


def test_two_migrations_at_once_do_it_once(
    history_url: str, wan: Wan, api: FakeApi, postgres: Postgres
) -> None:
    wan.env["WAN_HISTORY"] = history_url
    running = [wan.start("history", "migrate", "--json") for _ in range(4)]
    done = [one.wait() for one in running]
    assert [one.code for one in done] == [0, 0, 0, 0]
    before = [one.json_lines[0]["schema_before"] for one in done]
    assert sorted(before, key=str) == [VERSION, VERSION, VERSION, None]
    assert len(postgres.execute(history_url, "SELECT * FROM wan_schema")) == 1


def test_an_older_schema_is_migrated_only_by_name(
    history_url: str, wan: Wan, api: FakeApi, postgres: Postgres
) -> None:
    wan.env["WAN_HISTORY"] = history_url
    assert wan("generate", "a fox", "-q").code == 0
    older = f"UPDATE wan_schema SET version = {VERSION - 1}"
    postgres.execute(history_url, f"{older}; ALTER TABLE wan_generations DROP COLUMN budget")
    for argv in (["generate", "a cat"], ["list"], ["history"]):
        refused = wan(*argv)
        assert refused.code == 3
        assert f"an older wan (schema {VERSION - 1}, this wan needs {VERSION})" in refused.err
        assert "hint: wan history migrate" in refused.err
    assert len(api.posts) == 1
    done = wan("history", "migrate")
    assert f"migrated from schema {VERSION - 1} to {VERSION}" in done.out
    assert wan("generate", "a cat", "-q").code == 0
    assert shared(postgres, history_url, "budget") == [(None,), (None,)]


def test_a_newer_schema_is_left_alone(
    history_url: str, wan: Wan, api: FakeApi, postgres: Postgres
) -> None:
    wan.env["WAN_HISTORY"] = history_url
    assert wan("history", "migrate").code == 0
    postgres.execute(history_url, f"UPDATE wan_schema SET version = {VERSION + 1}")
    for argv in (["generate", "a cat"], ["list"], ["history", "migrate"]):
        refused = wan(*argv)
        assert refused.code == 3
        assert "was written by a newer wan" in refused.err
        assert "hint: pip install --upgrade" in refused.err
    assert api.posts == []
    (row,) = postgres.execute(history_url, "SELECT version FROM wan_schema")
    assert row["version"] == VERSION + 1


def test_a_role_without_ddl_does_not_pay_before_the_tables_exist(
    role: Callable[..., str], wan: Wan, api: FakeApi
) -> None:
    wan.env["WAN_HISTORY"] = role()
    for argv in (["generate", "a fox"], ["list"], ["history", "migrate"]):
        refused = wan(*argv)
        assert refused.code == 3
        assert "this role may not create or change the tables of the history" in refused.err
        assert f"hint: wan history migrate, with a role that may; then: {GRANT}" in refused.err
    assert api.posts == []


def test_a_file_migrates_itself(wan: Wan, api: FakeApi, home: Path) -> None:
    done = wan("history", "migrate")
    assert done.code == 0
    assert f"schema {VERSION}; each command migrates a file by itself" in done.out
    (data,) = wan("history", "migrate", "--json").json_lines
    assert data["history"] == str(home / "history.db")


def prepared(wan: Wan, home: Path) -> Path:
    """A history with all kinds of rows: saved, a name beyond UTF-8, running, unknown."""
    file = home / "history.db"
    wan.work /= "caf\udce9"
    wan.work.mkdir()
    assert wan("generate", "a fox", "-o", "fox.mp4", "--once", "fox", "--json").code == 0
    wan.work = wan.work.parent
    assert wan("generate", "a cat", "--no-wait", "--seed", "7").code == 0
    assert wan("generate", "an owl \N{OWL}", "--no-wait", "-o", "o.mp4").code == 0
    gone = "pid = 1, host = 'another boot', updated_at = 1000, worker = 'w'"
    change(file, f"UPDATE generations SET status = 'claimed', id = NULL, {gone} WHERE seq = 3")
    assert wan("generate", "a dog", "--no-wait").code == 0
    change(file, f"UPDATE generations SET status = 'sending', id = NULL, {gone} WHERE seq = 4")
    change(file, "UPDATE generations SET sandbox = 1 WHERE seq = 2")
    return file


def test_a_copy_and_its_copy_back_keep_everything(
    history_url: str, wan: Wan, api: FakeApi, postgres: Postgres, home: Path, work: Path
) -> None:
    api.check_history = False
    file = prepared(wan, home)
    columns = ", ".join(
        name for name in (row[1] for row in _table_info(file)) if name not in ("seq", "worker")
    )
    wan.env["WAN_HISTORY"] = history_url
    done = wan("history", "copy", str(file), "--json")
    assert done.code == 0
    assert [done.json_lines[0][name] for name in ("copied", "known", "skipped")] == [4, 0, 0]
    assert shared(postgres, history_url, "worker") == [(None,)] * 4
    assert [status for (status,) in shared(postgres, history_url, "status")] == [
        "completed",
        "queued",
        "claimed",
        "sending",
    ]
    again = wan("history", "copy", str(file))
    assert again.out == "copied 0, known 4, skipped 0\n"
    back = wan("history", "copy", "default", "back.db")
    assert back.out == "copied 4, known 0, skipped 0\n"
    assert rows(work / "back.db", columns) == rows(file, columns)
    assert b"/caf\xe9/" in rows(work / "back.db", "file")[0][0]
    known = ("client_request_id", "id", "status", "file", "cost_usd")
    in_file = wan("list", "--json", env={"WAN_HISTORY": None}).json_lines
    listed = wan("list", "--json").json_lines
    for name in known:
        assert [one.get(name) for one in listed] == [one.get(name) for one in in_file]
    # What was paid for is known: the key is continued and nothing is sent.
    posts = len(api.posts)
    assert wan("generate", "a fox", "--once", "fox", "-o", "again.mp4").code == 0
    assert len(api.posts) == posts


def _table_info(file: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(file)) as database:
        return database.execute("PRAGMA table_info(generations)").fetchall()


def test_the_totals_are_those_of_both(history_url: str, wan: Wan, api: FakeApi, home: Path) -> None:
    assert wan("generate", "a fox", "-q").code == 0
    (spent,) = wan("list", "--stats", "--json").json_lines
    wan.env["WAN_HISTORY"] = history_url
    assert wan("generate", "a cat", "-q").code == 0
    warned = wan("history")
    assert "has a generation that the history postgresql://" in warned.err
    assert f"wan history copy '{home / 'history.db'}'" in warned.err
    assert wan("history", "copy", str(home / "history.db")).code == 0
    (both,) = wan("list", "--stats", "--json").json_lines
    assert both["generations"] == 2
    assert both["cost_usd"] == pytest.approx(2 * spent["cost_usd"])
    assert wan("history").err == ""


def test_older_generations_come_before_those_of_the_target(
    history_url: str, wan: Wan, api: FakeApi, postgres: Postgres, home: Path
) -> None:
    for prompt in ("one", "two"):
        assert wan("generate", prompt, "--no-wait").code == 0
    wan.env["WAN_HISTORY"] = history_url
    assert wan("generate", "three", "--no-wait").code == 0
    del wan.env["WAN_HISTORY"]
    assert wan("generate", "four", "--no-wait").code == 0
    wan.env["WAN_HISTORY"] = history_url
    assert wan("history", "copy", str(home / "history.db")).code == 0
    prompts = [json.loads(text)["prompt"] for (text,) in shared(postgres, history_url, "request")]
    assert prompts == ["one", "two", "three", "four"]


def two_purchases(wan: Wan, history_url: str, home: Path) -> tuple[str, str]:
    """Buy a video for one key in two histories; return the ids in the file and the database."""
    first = wan("generate", "a fox", "--once", "k", "--no-wait", "--no-lookup", "--json")
    wan.env["WAN_HISTORY"] = history_url
    second = wan("generate", "a fox", "--once", "k", "--no-wait", "--no-lookup", "--json")
    return first.json_lines[0]["id"], second.json_lines[0]["id"]


def test_of_two_purchases_for_one_key_none_is_lost(
    history_url: str, wan: Wan, api: FakeApi, postgres: Postgres, home: Path
) -> None:
    api.allow_multiple = True
    mine, its = two_purchases(wan, history_url, home)
    done = wan("history", "copy", str(home / "history.db"))
    assert (done.code, done.out) == (0, "copied 1, known 0, skipped 0\n")
    assert f"copied without their key: {mine}" in done.err
    found = shared(postgres, history_url, "id, row_key IS NULL")
    assert found == [(mine, True), (its, False)]
    assert wan("history", "copy", str(home / "history.db")).out.startswith("copied 0, known 1")


def test_a_video_takes_the_next_try_after_a_failure(
    history_url: str, wan: Wan, api: FakeApi, postgres: Postgres, home: Path
) -> None:
    api.allow_multiple = True
    mine, its = two_purchases(wan, history_url, home)
    postgres.execute(history_url, "UPDATE wan_generations SET status = 'error'")
    done = wan("history", "copy", str(home / "history.db"))
    assert (done.code, done.out) == (0, "copied 1, known 0, skipped 0\n")
    found = shared(postgres, history_url, "id, try, row_key IS NULL")
    assert found == [(mine, 2, False), (its, 1, False)]
    posts = len(api.posts)
    assert wan("generate", "a fox", "--once", "k", "-q").code == 0
    assert len(api.posts) == posts


def test_a_failure_does_not_hide_a_video(
    history_url: str, wan: Wan, api: FakeApi, postgres: Postgres, home: Path
) -> None:
    api.allow_multiple = True
    mine, its = two_purchases(wan, history_url, home)
    change(home / "history.db", "UPDATE generations SET status = 'error'")
    assert wan("history", "copy", str(home / "history.db")).code == 0
    assert shared(postgres, history_url, "id, row_key IS NULL") == [(mine, True), (its, False)]


def test_an_id_that_is_known_without_its_request_is_not_copied(
    history_url: str, wan: Wan, api: FakeApi, postgres: Postgres, home: Path
) -> None:
    made = wan("generate", "a fox", "--no-wait", env={"WAN_HISTORY": history_url}).out.strip()
    assert wan("fetch", made).code == 0
    assert rows(home / "history.db", "id") == [(made,)]
    wan.env["WAN_HISTORY"] = history_url
    done = wan("history", "copy", str(home / "history.db"))
    assert (done.code, done.out) == (0, "copied 0, known 1, skipped 0\n")
    assert shared(postgres, history_url, "id") == [(made,)]


def test_a_submission_under_way_is_not_copied(
    history_url: str, wan: Wan, api: FakeApi, postgres: Postgres, home: Path
) -> None:
    file = home / "history.db"
    for prompt in ("a fox", "a cat"):
        assert wan("generate", prompt, "--no-wait").code == 0
    # This process runs, as one that sends it would.
    change(file, "UPDATE generations SET status = 'sending', pid = ? WHERE seq = 1", os.getpid())
    wan.env["WAN_HISTORY"] = history_url
    done = wan("history", "copy", str(file))
    assert (done.code, done.out) == (3, "copied 1, known 0, skipped 1\n")
    assert "it is being submitted right now" in done.err
    assert "hint: run the same command again" in done.err
    change(file, "UPDATE generations SET pid = NULL")
    assert wan("history", "copy", str(file)).out == "copied 1, known 1, skipped 0\n"


def test_a_row_that_cannot_be_read_does_not_stop_the_others(
    history_url: str, wan: Wan, api: FakeApi, home: Path
) -> None:
    file = home / "history.db"
    for prompt in ("a fox", "a cat", "a dog"):
        assert wan("generate", prompt, "--no-wait").code == 0
    change(file, "UPDATE generations SET pictures = 'no JSON' WHERE seq = 1")
    # A database has no text in a column of numbers.
    change(file, "UPDATE generations SET bytes = 'many' WHERE seq = 2")
    wan.env["WAN_HISTORY"] = history_url
    done = wan("history", "copy", str(file))
    assert (done.code, done.out) == (3, "copied 1, known 0, skipped 2\n")
    assert "it cannot be read" in done.err
    assert "refuses a row" in done.err


def test_a_copy_needs_the_right_to_insert_only(
    history_url: str, role: Callable[..., str], wan: Wan, api: FakeApi, home: Path
) -> None:
    assert wan("generate", "a fox", "--no-wait").code == 0
    wan.env["WAN_HISTORY"] = history_url
    assert wan("history", "migrate").code == 0
    # The trigger of the totals updates them.
    wan.env["WAN_HISTORY"] = role(f"GRANT SELECT, INSERT ON {TABLES}", "GRANT UPDATE ON wan_totals")
    done = wan("history", "copy", str(home / "history.db"))
    assert (done.code, done.out) == (0, "copied 1, known 0, skipped 0\n")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_copy_that_is_cut_short_continues(
    history_url: str, proxy: Proxy, wan: Wan, api: FakeApi, home: Path, when: Any
) -> None:
    api.check_history = False
    for prompt in ("a fox", "a cat"):
        assert wan("generate", prompt, "--no-wait").code == 0
    wan.env["WAN_HISTORY"] = proxy.url(history_url)
    assert wan("history", "migrate").code == 0
    proxy.break_at(Break(when=when, since=b"INSERT INTO wan_generations"))
    cut = wan("history", "copy", str(home / "history.db"))
    assert (cut.code, cut.out) == (11, "")
    assert "hint: run the same command again" in cut.err
    there = 2 if when == "after" else 0
    done = wan("history", "copy", str(home / "history.db"))
    assert done.out == f"copied {2 - there}, known {there}, skipped 0\n"


def test_two_copies_at_once_copy_each_generation_once(
    history_url: str, wan: Wan, api: FakeApi, postgres: Postgres, home: Path
) -> None:
    for prompt in ("a fox", "a cat", "a dog"):
        assert wan("generate", prompt, "--no-wait").code == 0
    wan.env["WAN_HISTORY"] = history_url
    assert wan("history", "migrate").code == 0
    running = [wan.start("history", "copy", str(home / "history.db"), "--json") for _ in range(3)]
    done = [one.wait() for one in running]
    assert [one.code for one in done] == [0, 0, 0]
    assert sum(one.json_lines[0]["copied"] for one in done) == 3
    assert len(shared(postgres, history_url, "id")) == 3


def test_it_works_through_a_pooler(
    history_url: str, pooler: Pooler, wan: Wan, api: FakeApi, home: Path, work: Path
) -> None:
    assert wan("generate", "a fox", "--no-wait").code == 0
    wan.env["WAN_HISTORY"] = pooler.url(history_url)
    assert "created the tables" in wan("history", "migrate").out
    assert wan("history", "copy", str(home / "history.db")).out.startswith("copied 1, known 0")
    assert wan("history", "copy", history_url, str(work / "b.db")).out.startswith("copied 1")
    assert "writable     yes" in wan("history").out


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "no FROM given"),
        (["nothing.db"], "there is no history"),
        (["postgresql://wan:s3cret@db.example.com/wan"], "read a password on the command line"),
        (["postgresql://wan@db.example.com/wan?sslpassword=s3cret"], "read a password"),
        (["postgresql://wan:s3cret@@db.example.com/wan"], "the database URL"),
        (["default"], "FROM and TO are the same history"),
        (["a.db", "b.db", "c.db"], "unexpected argument"),
    ],
    ids=str,
)
def test_wrong_words_change_nothing(
    wan: Wan, api: FakeApi, home: Path, work: Path, argv: list[str], says: str
) -> None:
    done = wan("history", "copy", *argv)
    assert (done.code, done.out) == (2, "")
    assert f"error: {says}" in done.err or says in done.err.splitlines()[0]
    assert "s3cret" not in done.err
    assert list(work.iterdir()) == []


def test_a_source_gets_no_tables(
    history_url: str, wan: Wan, api: FakeApi, postgres: Postgres, work: Path
) -> None:
    done = wan("history", "copy", history_url, "b.db")
    assert done.code == 3
    assert "has no history" in done.err
    query = "SELECT * FROM pg_tables WHERE tablename LIKE 'wan%'"
    assert postgres.execute(history_url, query) == []


def test_a_source_file_is_not_migrated(wan: Wan, api: FakeApi, home: Path, work: Path) -> None:
    assert wan("generate", "a fox", "--no-wait").code == 0
    old = work / "old.db"
    (home / "history.db").rename(old)
    for left in home.glob("history.db-*"):
        left.rename(work / left.name.replace("history.db", "old.db"))
    with closing(sqlite3.connect(old)) as database:
        database.execute(f"PRAGMA user_version = {VERSION - 1}")
    assert wan("history", "copy", "old.db").out.startswith("copied 1")
    with closing(sqlite3.connect(old)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (VERSION - 1,)
    assert sorted(path.name for path in work.glob("*.v*")) == []
