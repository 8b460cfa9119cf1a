"""The database of a shared history is away: nothing is paid twice, and no id is lost."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.fake.api import FakeApi
from tests.fake.pooler import Pooler
from tests.fake.postgres import Postgres
from tests.fake.process import Wan
from tests.fake.proxy import Break, Proxy
from tests.fake.records import GenerationState
from tests.fake.script import NO_ROWS, Reply, forever
from tests.fake.waiting import wait_until
from tests.trials import animals, batch_file, videos

PASSWORD = "a-secret-word"


@pytest.fixture
def env(env: dict[str, str], proxy: Proxy, history_url: str) -> dict[str, str]:
    """All commands reach the database through the proxy."""
    return env | {"WAN_HISTORY": proxy.url(history_url)}


@pytest.fixture
def spool(home: Path) -> Path:
    return home / "spool"


def rows(postgres: Postgres, url: str) -> list[dict[str, object]]:
    return postgres.execute(url, "SELECT * FROM wan_generations ORDER BY seq")


# --- before anything is sent ---


def test_a_command_that_reads_gives_up_soon(wan: Wan, proxy: Proxy) -> None:
    with proxy.outage():
        result = wan("list", timeout=25)
    assert (result.code, result.out) == (11, ""), result.err
    assert "cannot be reached" in result.err
    assert "trying again for 5 s" in result.err


def test_a_command_that_pays_waits_for_the_database(wan: Wan, api: FakeApi, proxy: Proxy) -> None:
    with proxy.outage():
        running = wan.start("generate", "a fox", "--no-wait")
        running.wait_for("trying again for 30 s")
        assert api.posts == []
    result = running.wait()
    assert result.code == 0, result.err
    assert len(api.posts) == 1


def test_without_a_database_nothing_is_sent(wan: Wan, api: FakeApi, proxy: Proxy) -> None:
    with proxy.outage():
        result = wan("generate", "a fox", "--timeout", "1")
    assert "trying again for 1 s" in result.err
    assert result.code == 11, result.err
    assert "cannot be reached" in result.err
    assert api.posts == []


def test_a_transaction_that_is_cut_is_made_again(wan: Wan, api: FakeApi, proxy: Proxy) -> None:
    assert wan("list").code == 0
    proxy.break_at(Break(at=b"INSERT INTO wan_generations", when="before"))
    result = wan("generate", "a fox", "--no-wait", "--timeout", "60")
    assert (result.code, len(proxy.fired)) == (0, 1), result.err
    assert len(api.posts) == 1


# --- after the submission ---


@pytest.fixture
def leaving(wan: Wan, api: FakeApi, proxy: Proxy) -> None:
    """The database goes away while the API accepts a submission."""
    assert wan("list").code == 0
    api.looks = 1_000_000

    def leave(_state: GenerationState) -> None:
        api.on_accept = lambda _state: None
        proxy.refuse()
        proxy.cut()

    api.on_accept = leave


def test_an_accepted_id_is_safe_on_this_machine(
    wan: Wan,
    api: FakeApi,
    proxy: Proxy,
    postgres: Postgres,
    history_url: str,
    spool: Path,
    leaving: None,
) -> None:
    running = wan.start("generate", "a fox", "--once", "fox", "-o", "fox.mp4", "--timeout", "3")
    wait_until(lambda: api.accepted)
    (id_,) = api.generations
    running.wait_for(f"keeping {id_} on this machine")
    (kept,) = spool.iterdir()
    (row,) = rows(postgres, history_url)
    assert kept.name == f"{row['ref']}.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    result = running.wait()
    assert (result.code, result.out) == (13, f"{id_}\n"), result.err
    assert (row["id"], row["status"]) == (None, "sending")
    assert [*spool.iterdir()] == [kept]

    proxy.listen()
    both = [wan.start("list", "--json") for _ in range(2)]
    for each in both:
        assert each.wait().code == 0, each.err
        assert [line["id"] for line in each.wait().json_lines] == [id_]
    assert any(f"{id_} is in the history now" in each.err for each in both)
    assert [*spool.iterdir()] == []
    api.generations[id_].looks = 0
    again = wan("generate", "a fox", "--once", "fox", "-o", "fox.mp4")
    assert again.code == 0, again.err
    assert len(api.posts) == 1


def test_a_spooled_change_that_cannot_be_read_stays_and_is_named(wan: Wan, spool: Path) -> None:
    assert wan("list").code == 0
    spool.mkdir(parents=True, exist_ok=True)
    for name, text in [("wan-1.json", "{"), ("wan-2.json", "[]"), ("wan-3.json", '{"row": 1}')]:
        (spool / name).write_text(text)
    result = wan("list")
    assert result.code == 0, result.err
    for number in (1, 2, 3):
        assert f"wan-{number}.json" in result.err
    assert len([*spool.iterdir()]) == 3


def test_an_old_spooled_change_does_not_undo_a_newer_one(
    wan: Wan,
    api: FakeApi,
    proxy: Proxy,
    postgres: Postgres,
    history_url: str,
    spool: Path,
    leaving: None,
) -> None:
    assert wan("generate", "a fox", "--once", "fox", "--timeout", "1").code == 13
    proxy.listen()
    (kept,) = spool.iterdir()
    text = kept.read_bytes()
    (one,) = api.generations.values()
    one.looks = 0
    assert wan("fetch", one.id).code == 0
    done = rows(postgres, history_url)
    kept.write_bytes(text)
    assert "is in the history now" not in wan("list").err
    assert rows(postgres, history_url) == done
    assert not kept.exists()


def test_another_accepted_id_is_not_lost_with_its_spooled_change(
    wan: Wan,
    api: FakeApi,
    proxy: Proxy,
    postgres: Postgres,
    history_url: str,
    spool: Path,
    leaving: None,
) -> None:
    assert wan("generate", "a fox", "--timeout", "1").code == 13
    proxy.listen()
    (kept,) = spool.iterdir()
    (id_,) = api.generations
    postgres.execute(history_url, "UPDATE wan_generations SET id = 'another-id', status = 'queued'")
    api.check_history = False
    result = wan("list")
    assert f"{id_} was accepted, but the history has another-id for it" in result.err
    assert kept.exists()


def test_a_spooled_change_waits_for_its_own_database(
    wan: Wan, api: FakeApi, proxy: Proxy, postgres: Postgres, spool: Path, leaving: None
) -> None:
    assert wan("generate", "a fox", "--timeout", "1").code == 13
    (kept,) = spool.iterdir()
    other = postgres.create()
    api.check_history = False  # The other database is gone at the end.
    try:
        result = wan("list", env={"WAN_HISTORY": other})
        assert (result.code, result.out) == (0, "")
        assert kept.exists()
    finally:
        postgres.drop(other)
    proxy.listen()
    assert "is in the history now" in wan("list").err


def test_a_lost_reply_of_the_api_stays_unknown(
    wan: Wan, api: FakeApi, proxy: Proxy, postgres: Postgres, history_url: str
) -> None:
    assert wan("list").code == 0
    api.on_post(Reply(fault="hang"))
    api.on_logs(forever(NO_ROWS))
    running = wan.start("generate", "a fox", "--timeout", "2")
    wait_until(lambda: api.posts)
    with proxy.outage():
        result = running.wait()
    assert result.code == 10, result.err
    (row,) = rows(postgres, history_url)
    assert row["status"] in ("sending", "unknown")
    api.release()
    assert len(api.posts) == 1


def test_a_video_is_saved_although_the_database_is_away(
    wan: Wan, api: FakeApi, proxy: Proxy, work: Path
) -> None:
    api.looks = 0
    api.on_get(Reply(fault="hang"))
    running = wan.start("generate", "a fox", "-o", "fox.mp4", "--timeout", "60")
    wait_until(lambda: api.gets and api.posts)
    with proxy.outage():
        api.release()
        wait_until(lambda: (work / "fox.mp4").exists())
    result = running.wait()
    assert (result.code, result.out) == (0, f"{work / 'fox.mp4'}\n"), result.err
    (line,) = wan("list", "--json").json_lines
    assert line["file"] == str(work / "fox.mp4")


def test_a_batch_goes_on_after_an_outage(
    wan: Wan, api: FakeApi, proxy: Proxy, postgres: Postgres, history_url: str, work: Path
) -> None:
    api.looks = 1_000_000
    running = wan.start("batch", batch_file(work, *animals(12)), "--yes", "--concurrency", "3")
    wait_until(lambda: len(api.accepted) >= 3)
    with proxy.outage():
        api.looks = 2
        for each in list(api.generations.values()):
            each.looks = 2
        running.wait_for("trying again")
    result = running.wait()
    assert result.code == 0, result.err
    assert len(api.posts) == len(videos(work)) == 12
    assert {row["status"] for row in rows(postgres, history_url)} == {"completed"}
    assert all(row["file"] for row in rows(postgres, history_url))


# --- what a server refuses ---


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ("database", 3, "does not exist"),
        ("user", 3, "does not exist"),
        ("port", 11, "cannot be reached"),
        ("host", 3, "cannot be opened"),
    ],
)
def test_a_wrong_address_is_refused_without_its_password(
    wan: Wan, api: FakeApi, proxy: Proxy, closed_port: int, change: str, code: int, words: str
) -> None:
    url = wan.env["WAN_HISTORY"].replace("wan@", f"wan:{PASSWORD}@")
    database = url.rpartition("/")[2].partition("?")[0]
    changed = {
        "database": url.replace(database, "nowhere"),
        "user": url.replace("wan:", "nobody:"),
        "port": re.sub(r":\d+/", f":{closed_port}/", url),
        "host": re.sub(r"@[^/]+/", f"@{'a' * 64}.example/", url),
    }[change]
    api.check_history = False
    wan.env |= {"WAN_HISTORY": changed, "WAN_TIMEOUT": "1"}
    for argv in [("list",), ("doctor",)]:
        result = wan(*argv, timeout=25)
        assert words in result.err + result.out
        assert PASSWORD not in result.err + result.out
        if argv == ("list",):
            assert result.code == code, result.err
    assert api.posts == []


@pytest.fixture
def role(postgres: Postgres, history_url: str) -> Iterator[str]:
    """A role that may connect and do nothing else."""
    name = f"role_of_{urlsplit(history_url).path.strip('/')}"
    postgres.execute(history_url, f"CREATE ROLE {name} LOGIN")
    yield name
    postgres.execute(history_url, f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_role_needs_no_more_rights_than_the_hint_says(
    role: str, wan: Wan, api: FakeApi, postgres: Postgres, history_url: str
) -> None:
    assert wan("list").code == 0
    env = {"WAN_HISTORY": wan.env["WAN_HISTORY"].replace("wan@", f"{role}@")}
    result = wan("generate", "a fox", env=env)
    assert (result.code, result.out) == (3, ""), result.err
    assert "hint: GRANT SELECT, INSERT, UPDATE" in result.err
    assert api.posts == []
    granted = f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}"
    postgres.execute(history_url, granted)
    api.looks = 0
    result = wan("generate", "a fox", env=env)
    assert result.code == 0, result.err
    assert wan("list", env=env).code == 0


@pytest.fixture
def locked(postgres: Postgres, history_url: str) -> Iterator[str]:
    """A role that needs PASSWORD."""
    if postgres.is_other:
        pytest.skip("the rules of a server that is not the tests' own")
    name = f"locked_of_{urlsplit(history_url).path.strip('/')}"
    postgres.execute(history_url, f"CREATE ROLE {name} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
    rules = postgres.keeper.folder / "data" / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"local all {name} scram-sha-256\n{before}")
    postgres.configure()

    def asks() -> bool:
        try:
            postgres.execute(history_url.replace("wan@", f"{name}:wrong@"), "SELECT 1")
        except psycopg.OperationalError:
            return True
        return False

    # The server reads its rules a moment later.
    wait_until(asks)
    yield name
    postgres.execute(history_url, f"REASSIGN OWNED BY {name} TO wan; DROP ROLE {name}")
    rules.write_text(before)
    postgres.configure()


@pytest.mark.parametrize(
    ("given", "words"),
    [(f":{PASSWORD}-not", "password authentication failed"), ("", "no password supplied")],
)
def test_a_wrong_password_is_refused_and_not_shown(
    locked: str, wan: Wan, api: FakeApi, given: str, words: str
) -> None:
    url = wan.env["WAN_HISTORY"]
    wrong = {"WAN_HISTORY": url.replace("wan@", f"{locked}{given}@")}
    right = {"WAN_HISTORY": url.replace("wan@", f"{locked}:{PASSWORD}@")}
    api.check_history = False
    result = wan("generate", "a fox", env=wrong)
    assert (result.code, result.out) == (3, ""), result.err
    assert words in result.err
    assert api.posts == []
    shown = wan("doctor", env=wrong), wan("config", "list", env=right), wan("list", env=right)
    assert [each.code for each in shown[1:]] == [0, 0], shown[2].err
    for each in (result, *shown):
        assert PASSWORD not in each.err + each.out


def test_without_psycopg_the_command_that_installs_it_is_named(
    wan: Wan, api: FakeApi, tmp_path: Path
) -> None:
    (tmp_path / "psycopg.py").write_text("raise ImportError('no psycopg', name='psycopg')\n")
    wan.env["PYTHONPATH"] = str(tmp_path)
    result = wan("generate", "a fox")
    assert (result.code, result.out) == (3, ""), result.err
    assert "hint: pip install 'aimlapi-wan[postgres]'" in result.err
    assert api.posts == []


def test_a_pooler_may_give_each_transaction_another_connection(
    pooler: Pooler, wan: Wan, api: FakeApi, history_url: str, work: Path
) -> None:
    wan.env["WAN_HISTORY"] = pooler.url(history_url)
    name = batch_file(work, *animals(6))
    running = [wan.start("batch", name, "--yes", "--shard", f"{part}/3") for part in (1, 2, 3)]
    running.append(wan.start("generate", "a fox", "-o", "fox.mp4"))
    for each in running:
        assert each.wait().code == 0, each.err
    assert len(api.posts) == len(videos(work)) == 7
    lines = wan("list", "--json").json_lines
    assert len(lines) == 7
    id_ = lines[0]["id"]
    assert json.loads(wan("status", id_, "--json").out)["status"] == "completed"
    Path(lines[0]["file"]).unlink()
    assert wan("fetch", id_).code == 0
