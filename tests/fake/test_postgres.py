"""The tests' own PostgreSQL, proxy and pooler do what the tests of the journal rely on."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from tests.fake.pooler import Pooler
from tests.fake.postgres import Postgres
from tests.fake.proxy import Break, Proxy
from tests.fake.waiting import wait_until

# Starts a server, prints its folder, and waits.
START = (
    "from tests.fake.postgres import Postgres\n"
    "with Postgres() as server: print(server.keeper.folder, flush=True); input()"
)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def table(postgres: Postgres, history_url: str) -> Callable[[], int]:
    """The number of rows in an empty table."""
    postgres.execute(history_url, "CREATE TABLE foxes (name text)")
    return lambda: len(postgres.execute(history_url, "SELECT * FROM foxes"))


def insert(connection: "psycopg.Connection[tuple[object, ...]]", name: str = "a fox") -> None:
    with connection.transaction():
        connection.execute("INSERT INTO foxes VALUES (%s)", (name,))


def connect(url: str) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(url, autocommit=True)


def test_each_database_is_empty(postgres: Postgres, history_url: str) -> None:
    postgres.execute(history_url, "CREATE TABLE foxes (name text)")
    other = postgres.create()
    try:
        tables = "SELECT * FROM pg_tables WHERE tablename = 'foxes'"
        assert len(postgres.execute(history_url, tables)) == 1
        assert postgres.execute(other, tables) == []
    finally:
        postgres.drop(other)


def test_a_crash_keeps_what_was_committed(
    postgres: Postgres, history_url: str, table: Callable[[], int]
) -> None:
    with connect(history_url) as connection:
        insert(connection)
        connection.execute("BEGIN")
        connection.execute("INSERT INTO foxes VALUES ('another')")
        postgres.crash()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("COMMIT")
    with pytest.raises(psycopg.OperationalError):
        connect(history_url)
    postgres.start()
    assert table() == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_server_outlives_its_tests(postgres: Postgres, number: int) -> None:
    command = [sys.executable, "-c", START]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        folder = Path(starter.stdout.readline().strip())
        pid = int((folder / "postgres.pid").read_text())
        os.kill(pid, 0)
        starter.send_signal(number)
        starter.wait()
    wait_until(lambda: not folder.exists())
    wait_until(lambda: not runs(pid))


def runs(pid: int) -> bool:
    """Whether a process is neither gone nor waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 1)])
def test_the_proxy_cuts_before_and_after_a_commit(
    proxy: Proxy, history_url: str, table: Callable[[], int], when: str, rows: int
) -> None:
    proxy.break_at(Break(when=when, since=b"foxes"))  # type: ignore[arg-type]
    with connect(proxy.url(history_url)) as connection:
        with connection.transaction():
            connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            insert(connection)
    assert table() == rows
    assert (len(proxy.fired), proxy.commits) == (1, 1 + rows)
    with connect(proxy.url(history_url)) as connection:
        insert(connection)
    assert table() == rows + 1


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 1)])
def test_the_proxy_is_silent_until_its_release(
    proxy: Proxy, history_url: str, table: Callable[[], int], when: str, rows: int
) -> None:
    proxy.break_at(Break(when=when, how="hang"))  # type: ignore[arg-type]
    with connect(proxy.url(history_url)) as connection:
        writer = Thread(target=insert, args=(connection,))
        writer.start()
        wait_until(lambda: proxy.fired)
        wait_until(lambda: table() == rows)
        assert writer.is_alive()
        proxy.release()
        writer.join()
    assert table() == 1


def test_the_proxy_delays_a_commit(
    proxy: Proxy, history_url: str, table: Callable[[], int]
) -> None:
    proxy.break_at(Break(when="before", how="delay", delay=0.2))
    with connect(proxy.url(history_url)) as connection:
        insert(connection)
    assert table() == 1
    assert proxy.fired


def test_an_outage_cuts_and_refuses(
    proxy: Proxy, history_url: str, table: Callable[[], int]
) -> None:
    with connect(proxy.url(history_url)) as connection:
        with proxy.outage():
            with pytest.raises(psycopg.OperationalError):
                insert(connection)
            with pytest.raises(psycopg.OperationalError, match="refused"):
                connect(proxy.url(history_url))
        with connect(proxy.url(history_url)) as again:
            insert(again)
    assert table() == 1


def test_behind_the_pooler_a_session_is_not_ones_own(pooler: Pooler, history_url: str) -> None:
    url = pooler.url(history_url)
    with connect(url) as one, connect(url) as other:
        taken = "SELECT pg_try_advisory_lock(99)"
        assert one.execute(taken).fetchone() == (True,)
        assert other.execute(taken).fetchone() == (True,)
        with one.transaction():
            assert one.execute("SELECT pg_try_advisory_xact_lock(7)").fetchone() == (True,)
            assert other.execute("SELECT pg_try_advisory_xact_lock(7)").fetchone() == (False,)
