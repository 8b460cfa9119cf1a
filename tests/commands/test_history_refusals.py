"""What a server refuses: a password, a write to a standby; and the two histories of --like."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.postgres import Postgres
from tests.fake.process import Wan
from tests.fake.standby import Standby

SECRET = "s3cret-of-the-test"
USER = "wan_with_password"


@pytest.fixture
def needs_password(postgres: Postgres, history_url: str) -> Iterator[str]:
    """The URL of a role that the server asks for its password."""
    if isinstance(postgres.address, tuple):
        pytest.skip("the server is not the tests' own")
    rules = postgres.keeper.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"local all {USER} scram-sha-256\n{before}")
    for statement in (
        f"CREATE ROLE {USER} LOGIN PASSWORD '{SECRET}'",
        f"GRANT ALL ON SCHEMA public TO {USER}",
        "SELECT pg_reload_conf()",
    ):
        postgres.execute(history_url, statement)
    yield history_url.replace("wan@", f"{USER}@", 1)
    rules.write_text(before)
    for statement in (f"DROP OWNED BY {USER}", f"DROP ROLE {USER}", "SELECT pg_reload_conf()"):
        postgres.execute(history_url, statement)


def test_a_refused_password_names_the_places_of_passwords(
    needs_password: str, wan: Wan, api: FakeApi
) -> None:
    wan.env["WAN_HISTORY"] = needs_password
    for wrong in ({}, {"PGPASSWORD": "wr0ng"}, {"WAN_HISTORY_COMMAND": "echo wr0ng"}):
        done = wan("generate", "a fox", env=wrong)
        assert done.code == 3
        assert "hint: set PGPASSWORD, ~/.pgpass or history_command" in done.err
        assert "wr0ng" not in done.err
    assert api.posts == []
    for right in ({"PGPASSWORD": SECRET}, {"WAN_HISTORY_COMMAND": f"echo {SECRET}"}):
        done = wan("history", env=right)
        assert done.code == 0
        assert SECRET not in done.out + done.err
    # The last check of the test has no password.
    api.check_history = False


def test_the_password_of_the_configured_database_goes_nowhere_else(
    needs_password: str, wan: Wan, api: FakeApi
) -> None:
    wan.env |= {"WAN_HISTORY": needs_password, "WAN_HISTORY_COMMAND": f"echo {SECRET}"}
    assert wan("history", "migrate").code == 0
    assert wan("history", "copy", needs_password, "a.db").code == 0
    other = needs_password.replace("?", "?application_name=x&", 1)
    done = wan("history", "copy", other, "b.db")
    assert done.code == 3
    assert "no password supplied" in done.err
    api.check_history = False


def test_a_standby_can_be_read_and_nothing_is_paid_for(
    history_url: str, postgres: Postgres, wan: Wan, api: FakeApi
) -> None:
    wan.env["WAN_HISTORY"] = history_url
    assert wan("generate", "a fox", "-q").code == 0
    made = wan("generate", "an owl", "--no-wait").out.strip()
    listed = wan("list", "--json").json_lines
    with Standby(postgres) as standby:
        primary = wan("doctor")
        assert primary.code == 0
        assert "asynchronous: a failover may lose the newest generations" in primary.out
        wan.env["WAN_HISTORY"] = standby.url(history_url)
        found = wan("list", "--json")
        assert [line["id"] for line in found.json_lines] == [line["id"] for line in listed]
        assert "its server is a standby; wan cannot record this" in found.err
        assert wan("show", "@last").code == 0
        assert wan("status", made).code == 8
        fetched = wan("fetch", made)
        assert fetched.code == 0
        assert Path(fetched.out.strip()).exists()
        where = wan("history")
        assert where.code == 0
        assert "writable     no" in where.out
        for argv in (["generate", "a cat"], ["recover"], ["history", "migrate"]):
            refused = wan(*argv)
            assert refused.code == 3
            assert "cannot be written" in refused.err
            assert "hint: wan doctor" in refused.err
        examined = wan("doctor")
        assert examined.code == 3
        assert "this server is a standby" in examined.out
        assert "target_session_attrs=read-write" in examined.out
    assert len(api.posts) == 2
    # The last check of the test would ask the standby too, which has ended.
    api.check_history = False


def test_like_finds_the_request_in_the_database_from_the_sandbox(
    history_url: str, wan: Wan, api: FakeApi
) -> None:
    done = wan("generate", "a fox", "--seed", "7", "--no-wait", env={"WAN_HISTORY": history_url})
    name = done.out.strip()
    wan.env["WAN_HISTORY"] = history_url
    again = wan("generate", "--like", name, "--dry-run", "--sandbox")
    assert again.code == 0
    assert '"prompt":"a fox","seed":7' in again.out


def test_like_does_not_take_the_file_for_the_database(
    history_url: str, wan: Wan, api: FakeApi
) -> None:
    name = wan("generate", "a fox", "--no-wait").out.strip()
    wan.env["WAN_HISTORY"] = history_url
    assert wan("history", "migrate").code == 0
    done = wan("generate", "--like", name, "--dry-run", "--sandbox")
    assert done.code == 2
    assert "it is not in the history" in done.err


def test_like_says_that_the_database_is_away(wan: Wan, api: FakeApi, closed_port: int) -> None:
    wan.env["WAN_HISTORY"] = f"postgresql://wan@127.0.0.1:{closed_port}/wan"
    done = wan("generate", "--like", "1234567890abcdef", "--dry-run", "--sandbox")
    assert done.code == 11
    assert "cannot be reached" in done.err


def test_completion_and_the_sandbox_need_no_database(
    wan: Wan, api: FakeApi, home: Path, closed_port: int
) -> None:
    name = wan("generate", "a fox", "--no-wait").out.strip()
    wan.env["WAN_HISTORY"] = f"postgresql://wan@127.0.0.1:{closed_port}/wan"
    offered = wan("--complete-ids", name[:6])
    assert (offered.code, offered.err) == (0, "")
    assert name in offered.out
    assert wan("list", "--sandbox").code == 0
    # The database is gone for the last check of the test too.
    api.check_history = False


def test_words_of_the_sandbox_are_told_apart(history_url: str, wan: Wan, api: FakeApi) -> None:
    wan.env["WAN_HISTORY"] = history_url
    made = wan("generate", "a fox", "--no-wait", "--sandbox").out.strip()
    for argv in (["status", made], ["show", made]):
        done = wan(*argv)
        assert done.code == 2
        assert "is a generation of the sandbox" in done.err
        assert "hint: add --sandbox to the same command" in done.err


def test_a_variable_of_libpq_does_not_change_the_encoding(history_url: str, wan: Wan) -> None:
    wan.env["WAN_HISTORY"] = history_url
    env = {"PGCLIENTENCODING": "SQL_ASCII"}
    assert wan("generate", "a fox 🦊", "--no-wait", env=env).code == 0
    (row,) = wan("list", "--json", env=env).json_lines
    assert row["request"]["prompt"] == "a fox 🦊"
