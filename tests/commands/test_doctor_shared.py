"""wan doctor with a shared history: each problem is one line with the next command."""

import json
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.fake.api import FakeApi
from tests.fake.pooler import Pooler
from tests.fake.postgres import Postgres
from tests.fake.process import Result, Wan
from tests.fake.waiting import wait_until
from wan_cli.journal.schema import VERSION

Role = Callable[..., str]
TABLES = "wan_generations, wan_totals, wan_workers, wan_pace, wan_schema"


def check(result: Result, name: str) -> dict[str, Any]:
    (found,) = [line for line in result.json_lines if line["check"] == name]
    return found


@pytest.fixture
def durable(postgres: Postgres) -> Iterator[None]:
    """A server that waits for the disk, as in production."""

    def setting() -> str:
        return str(postgres.execute(postgres.url("postgres"), "SHOW fsync")[0]["fsync"])

    before = setting()
    postgres.configure(fsync="on")
    # The server reads its settings a moment later.
    wait_until(lambda: setting() == "on")
    yield
    postgres.configure(fsync=before)


@pytest.fixture
def shared(durable: None, history_url: str, wan: Wan) -> str:
    """The URL of a database with the tables of a history, which `wan` uses."""
    wan.env["WAN_HISTORY"] = history_url
    assert wan("history", "migrate", "-q").code == 0
    return history_url


def test_a_healthy_database_passes_every_check(shared: str, wan: Wan, home: Path) -> None:
    assert wan("generate", "a fox", "-q").code == 0
    done = wan("doctor")
    assert (done.code, done.err) == (0, "")
    assert {line.split()[0] for line in done.out.splitlines()} == {"ok"}
    assert f"schema {VERSION}" in done.out
    for words in (" ms", "PostgreSQL ", "UTF8", "fsync on", "clock of the database", "machines"):
        assert words in done.out
    # Earlier, it examined this file and called it the history.
    assert str(home / "history.db") not in done.out
    assert not (home / "history.db").exists()
    names = [line["check"] for line in wan("doctor", "--json").json_lines]
    assert len(names) == len({*names})


def test_it_needs_few_rights_and_works_through_a_pooler(
    role: Role, shared: str, pooler: Pooler, wan: Wan
) -> None:
    wan.env["WAN_HISTORY"] = role(
        f"GRANT SELECT, INSERT, UPDATE ON {TABLES.replace(', wan_schema', '')}",
        "GRANT SELECT ON wan_schema",
    )
    done = wan("doctor")
    assert (done.code, done.err) == (0, "")
    assert {line.split()[0] for line in done.out.splitlines()} == {"ok"}
    wan.env["WAN_HISTORY"] = pooler.url(shared)
    done = wan("doctor")
    assert (done.code, done.err) == (0, "")
    assert {line.split()[0] for line in done.out.splitlines()} == {"ok"}


def test_it_names_the_rights_that_the_role_lacks(role: Role, shared: str, wan: Wan) -> None:
    wan.env["WAN_HISTORY"] = role(f"GRANT SELECT ON {TABLES}", "GRANT INSERT ON wan_totals")
    done = wan("doctor", "--json")
    assert done.code == 3
    found = check(done, "history rights")
    assert (found["level"], found["exit_code"]) == ("problem", 3)
    name = found["text"].split()[2]
    assert f"GRANT INSERT ON wan_generations, wan_workers, wan_pace TO {name}" in found["hint"]
    assert "GRANT UPDATE ON wan_generations, wan_totals" in found["hint"]
    assert "wan_schema" not in found["hint"]


def test_a_role_without_tables_is_told_to_migrate(role: Role, wan: Wan, api: FakeApi) -> None:
    wan.env["WAN_HISTORY"] = role()
    found = check(wan("doctor", "--json"), "history")
    assert (found["level"], found["exit_code"]) == ("problem", 3)
    assert found["hint"].startswith("wan history migrate, with a role that may; then: GRANT")


def test_an_older_schema_is_a_problem(
    shared: str, postgres: Postgres, wan: Wan, api: FakeApi
) -> None:
    postgres.execute(shared, "UPDATE wan_schema SET version = 1")
    done = wan("doctor", "--json")
    assert done.code == 3
    assert check(done, "history")["hint"].startswith("wan history migrate")
    # The other checks still run.
    assert check(done, "API")["level"] == "ok"


def test_a_database_that_is_away_is_11(wan: Wan, api: FakeApi, closed_port: int) -> None:
    wan.env["WAN_HISTORY"] = f"postgresql://wan@127.0.0.1:{closed_port}/wan"
    done = wan("doctor", "--json", "-q")
    assert done.code == 11
    assert "cannot be reached" in check(done, "history")["text"]


def test_without_the_driver_it_says_how_to_install_it(
    wan: Wan, api: FakeApi, tmp_path: Path
) -> None:
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "psycopg.py").write_text("raise ModuleNotFoundError(name='psycopg')\n")
    wan.forks = False
    wan.env |= {"WAN_HISTORY": "postgresql://wan@127.0.0.1/wan", "PYTHONPATH": str(shadow)}
    done = wan("doctor", "--json")
    assert done.code == 3
    assert check(done, "history")["hint"] == "pip install 'aimlapi-wan[postgres]'"


@pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
def test_a_server_that_forgets_is_a_warning(
    shared: str, postgres: Postgres, wan: Wan, name: str
) -> None:
    postgres.configure(**{name: "off"})
    try:
        found = check(wan("doctor", "--json"), "history server")
    finally:
        postgres.configure(**{name: "on"})
    assert found["level"] == "warning"
    assert found["hint"] == f"ALTER SYSTEM SET {name} = on"


def test_synchronous_commit_is_shown(shared: str, postgres: Postgres, wan: Wan) -> None:
    name = shared.partition("/wan_")[2].partition("?")[0]
    postgres.execute(shared, f"ALTER DATABASE wan_{name} SET synchronous_commit = off")
    found = check(wan("doctor", "--json"), "history server")
    assert found["level"] == "ok"
    assert "synchronous_commit off (wan turns it on for itself)" in found["text"]


def test_tables_that_a_crash_empties_are_a_problem(
    shared: str, postgres: Postgres, wan: Wan
) -> None:
    postgres.execute(shared, "ALTER TABLE wan_generations SET UNLOGGED")
    done = wan("doctor", "--json")
    assert done.code == 3
    found = check(done, "history tables")
    assert found["hint"] == "ALTER TABLE wan_generations SET LOGGED"


def test_another_encoding_is_a_problem(postgres: Postgres, wan: Wan, api: FakeApi) -> None:
    url = postgres.create()
    name = url.partition("/wan_")[2].partition("?")[0]
    postgres.drop(url)
    create = f"CREATE DATABASE wan_{name} TEMPLATE template0 ENCODING 'LATIN1'"
    postgres.execute(postgres.url("postgres"), create)
    try:
        wan.env["WAN_HISTORY"] = url
        done = wan("doctor", "--json")
    finally:
        postgres.drop(url)
    assert done.code == 3
    assert "the encoding LATIN1" in check(done, "history")["text"]


def test_a_read_only_default_changes_nothing(
    role: Role, shared: str, postgres: Postgres, wan: Wan, api: FakeApi
) -> None:
    url = role(f"GRANT SELECT, INSERT, UPDATE ON {TABLES}")
    name = url.partition("//")[2].partition("@")[0]
    postgres.execute(shared, f"ALTER ROLE {name} SET default_transaction_read_only = on")
    wan.env["WAN_HISTORY"] = url
    done = wan("doctor")
    assert done.code == 0
    assert "warning" not in done.out
    assert wan("generate", "a fox", "-q").code == 0


def test_a_clock_that_is_off_is_a_warning(shared: str, postgres: Postgres, wan: Wan) -> None:
    # The server's clock cannot be set, but the function that reads it can be another one.
    function = "CREATE FUNCTION {}.clock_timestamp() RETURNS timestamptz AS $$ SELECT"
    body = " pg_catalog.clock_timestamp() + interval '1 hour' $$ LANGUAGE sql"
    name = shared.partition("/wan_")[2].partition("?")[0]
    postgres.execute(
        shared,
        f"CREATE SCHEMA off; {function.format('off')}{body};"
        f" ALTER DATABASE wan_{name} SET search_path = off, pg_catalog, public",
    )
    found = check(wan("doctor", "--json"), "history clock")
    assert found["level"] == "warning"
    assert found["text"] == "3600 s off the clock of the database"


def test_it_counts_machines_and_finds_what_dead_ones_left(
    shared: str, postgres: Postgres, wan: Wan
) -> None:
    assert wan("generate", "a fox", "--no-wait", "-q").code == 0
    now = "extract(epoch FROM now())"
    postgres.execute(
        shared,
        f"DELETE FROM wan_workers; INSERT INTO wan_workers VALUES ('a', 'h1', 1, {now}),"
        f" ('b', 'h1', 2, {now}), ('c', 'h2', 3, {now} - 60), ('d', 'h3', 4, {now} - 600);"
        " UPDATE wan_generations SET worker = 'a'",
    )
    done = wan("doctor", "--json")
    found = check(done, "machines")
    assert found["level"] == "ok"
    assert found["text"] == "3 processes on 2 machines in the last 2 minutes"
    assert check(done, "videos")["level"] == "ok"
    postgres.execute(shared, "UPDATE wan_generations SET worker = 'd'")
    found = check(wan("doctor", "--json"), "machines")
    assert (found["level"], found["hint"]) == ("warning", "wan fetch --all")
    assert "the process of 1 generation has ended" in found["text"]


def test_a_file_with_more_generations_is_a_warning(
    history_url: str, wan: Wan, api: FakeApi, home: Path
) -> None:
    assert wan("generate", "a fox", "-q").code == 0
    wan.env["WAN_HISTORY"] = history_url
    found = check(wan("doctor", "--json"), "history file")
    assert (found["level"], found["hint"]) == (
        "warning",
        f"wan history copy '{home / 'history.db'}'",
    )
    assert wan("history", "copy", str(home / "history.db")).code == 0
    assert "history file" not in [line["check"] for line in wan("doctor", "--json").json_lines]


def own_address() -> str:
    """Return an address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network")
        return str(sock.getsockname()[0])


def pump(client: socket.socket, path: str) -> None:
    """Pass bytes between a client and the socket of the server until one of them ends."""
    with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
        server.connect(path)
        while True:
            for source in select.select((client, server), (), ())[0]:
                data = source.recv(1 << 16)
                if not data:
                    return
                (server if source is client else client).sendall(data)


@pytest.fixture
def open_port(postgres: Postgres) -> Iterator[tuple[str, int]]:
    """An address beyond loopback that leads to the server."""
    if isinstance(postgres.address, tuple):
        pytest.skip("the server listens on the network already")
    path, host = str(postgres.address), own_address()
    threads = []
    with socket.create_server((host, 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    thread = threading.Thread(target=pump, args=(listener.accept()[0], path))
                    threads.append(thread)
                    thread.start()

        server = threading.Thread(target=serve)
        server.start()
        yield host, listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        server.join()
    for thread in threads:
        thread.join()


def test_a_network_without_encryption_is_a_warning(
    shared: str, open_port: tuple[str, int], wan: Wan
) -> None:
    host, port = open_port
    name = shared.partition("/wan_")[2].partition("?")[0]
    url = f"postgresql://wan@{host}:{port}/wan_{name}"
    # The server has no certificate, and wan asks for encryption.
    refused = wan("list", env={"WAN_HISTORY": url})
    assert refused.code == 3
    assert "server does not support SSL" in refused.err
    assert "hint: add ?sslmode=disable to the URL" in refused.err
    wan.env["WAN_HISTORY"] = f"{url}?sslmode=disable"
    found = check(wan("doctor", "--json"), "history network")
    assert found["level"] == "warning"
    assert found["text"] == f"prompts and links travel to {host} without encryption"
    assert "sslmode=require" in found["hint"]


def test_json_is_whole(shared: str, wan: Wan) -> None:
    lines = [json.loads(line) for line in wan("doctor", "--json").out.splitlines()]
    assert all({*line} == {"check", "level", "text", "hint", "exit_code"} for line in lines)
