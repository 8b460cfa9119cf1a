"""A shared history whose server, network or neighbour fails in the middle of a transaction."""

import signal
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.postgres import Postgres
from tests.fake.process import Wan
from tests.fake.proxy import Break, Proxy
from tests.fake.waiting import wait_until

INSERT = b"INSERT INTO wan_generations"
# What the transactions have in them that write these states first.
CLAIMED, SENDING, ACCEPTED = INSERT, b"SET status = 'sending'", b"'queued'"


@pytest.fixture
def env(env: dict[str, str], proxy: Proxy, history_url: str) -> dict[str, str]:
    """All commands reach the database through the proxy."""
    return env | {"WAN_HISTORY": proxy.url(history_url)}


def rows(postgres: Postgres, url: str) -> list[dict[str, object]]:
    return postgres.execute(url, "SELECT * FROM wan_generations ORDER BY seq")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("written", [CLAIMED, SENDING, ACCEPTED])
def test_a_commit_without_an_answer_ends_in_one_submission(
    wan: Wan,
    api: FakeApi,
    proxy: Proxy,
    postgres: Postgres,
    history_url: str,
    written: bytes,
    when: str,
) -> None:
    assert wan("list").code == 0
    proxy.break_at(Break(when=when, since=written))  # type: ignore[arg-type]
    result = wan("generate", "a fox", "-o", "fox.mp4", "--timeout", "60")
    assert (result.code, len(proxy.fired)) == (0, 1), result.err
    (post,) = api.posts
    (row,) = rows(postgres, history_url)
    assert (row["id"], row["status"], row["try"]) == (post.id, "completed", 1)
    assert post.label == row["client_request_id"]
    if (written, when) != (SENDING, "before"):
        # It asked, and did not send under another label.
        assert str(post.label).endswith(".1")


@pytest.mark.parametrize("answers", [True, False])
def test_a_claim_whose_commit_had_no_answer_counts_once_for_the_budget(
    wan: Wan, api: FakeApi, proxy: Proxy, postgres: Postgres, history_url: str, answers: bool
) -> None:
    assert wan("list").code == 0
    proxy.break_at(Break(when="after", since=CLAIMED))
    if not answers:
        # The question for the claim is not answered either: it is made again.
        proxy.break_at(Break(at=b"AND client_request_id =", when="before"))
    budget = {"WAN_BUDGET_DAY": "2"}
    result = wan("generate", "a fox", "--no-wait", "--timeout", "60", env=budget)
    assert result.code == 0, result.err
    assert len(proxy.fired) == 2 - answers
    assert len(api.posts) == len(rows(postgres, history_url)) == 1


def test_a_process_that_stops_inside_a_claim_does_not_hold_up_others(
    wan: Wan, api: FakeApi, proxy: Proxy, postgres: Postgres, history_url: str, tmp_path: Path
) -> None:
    assert wan("list").code == 0
    proxy.break_at(Break(at=INSERT, when="before", how="hang"))
    stopped = wan.start("generate", "a fox", "--no-wait", "--once", "fox", "--timeout", "60")
    wait_until(lambda: proxy.fired)
    stopped.kill(signal.SIGSTOP)
    try:
        proxy.release()
        held = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'"
        wait_until(lambda: postgres.execute(history_url, held))
        other = {"WAN_HOME": str(tmp_path / "other")}
        result = wan("generate", "a fox", "--no-wait", "--once", "fox", env=other)
        assert result.code == 0, result.err
    finally:
        stopped.kill(signal.SIGCONT)
    assert stopped.wait().code == 0, stopped.err
    assert stopped.out == result.out
    assert len(api.posts) == len(rows(postgres, history_url)) == 1


@pytest.mark.parametrize("written", [SENDING, ACCEPTED])
def test_a_commit_that_comes_too_late_is_made_again(
    wan: Wan,
    api: FakeApi,
    proxy: Proxy,
    postgres: Postgres,
    history_url: str,
    written: bytes,
) -> None:
    assert wan("list").code == 0
    # The server ends the transaction of a process that has stopped for 4 s.
    proxy.break_at(Break(when="before", how="delay", delay=4.6, since=written))
    result = wan("generate", "a fox", "-o", "fox.mp4", "--timeout", "60")
    assert (result.code, len(proxy.fired)) == (0, 1), result.err
    (post,) = api.posts
    (row,) = rows(postgres, history_url)
    assert (row["id"], row["status"]) == (post.id, "completed")


def test_a_database_that_falls_silent_does_not_hold_up_a_command(
    wan: Wan, api: FakeApi, proxy: Proxy
) -> None:
    assert wan("list").code == 0
    api.looks = 1_000_000
    api.on_accept = lambda _state: proxy.silence()
    running = wan.start("generate", "a fox", "--timeout", "3")
    wait_until(lambda: api.accepted)
    result = running.wait(25)
    assert (result.code, result.out) == (13, f"{api.posts[0].id}\n"), result.err
    proxy.release()
    assert "is in the history now" in wan("list").err
