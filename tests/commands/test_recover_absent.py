"""wan recover --settle-absent and --orphans: what left no trace, and what no record explains."""

import sqlite3
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply, forever, refusal

NEVER = Reply(fault="close", accept=False)
LOST = Reply(fault="close", accept=True)
DAY_S = 86_400.0


def lose(wan: Wan, api: FakeApi, *options: str, reply: Reply = NEVER, old_s: float = DAY_S) -> None:
    """Submit with a lost reply, long ago."""
    api.log_lag = api.ledger_lag = True
    api.on_post(reply)
    assert wan("generate", "a fox", "--timeout", "1", *options).code == 10
    api.log_lag = api.ledger_lag = False
    age(wan, api, old_s)


def age(wan: Wan, api: FakeApi, seconds: float) -> None:
    """Make the history and the account as old as that."""
    sql = f"UPDATE generations SET created_at = created_at - {seconds}, updated_at = created_at"
    with closing(sqlite3.connect(Path(wan.env["WAN_HOME"]) / "history.db")) as database:
        database.execute(sql)
        database.commit()
    for state in api.generations.values():
        state.created -= timedelta(seconds=seconds)


def settle(wan: Wan, *options: str) -> Any:
    return wan("recover", "--settle-absent", "12h", *options)


def test_a_submission_without_a_trace_is_given_up_and_then_submitted_again(
    wan: Wan, api: FakeApi
) -> None:
    lose(wan, api, "--once", "K", "--max-cost", "9")
    result = settle(wan, "--yes")
    assert result.code == 0
    assert f"{api.posts[0].label}: 24 h old, $1.58, a fox\n" in result.err
    assert "1 submission without a trace, $1.58: they may then be submitted again\n" in result.err
    assert "rejected" in result.out
    assert wan("generate", "a fox", "--once", "K").code == 0
    assert [post.accepted for post in api.posts] == [False, True]
    first, second = (str(post.label).rpartition(".") for post in api.posts)
    assert (first[0], first[2], second[2]) == (second[0], "1", "2")


def test_a_script_needs_yes_and_sees_the_list_first(wan: Wan, api: FakeApi) -> None:
    lose(wan, api)
    result = settle(wan, "--quiet")
    assert (result.code, result.out) == (2, "")
    assert f"{api.posts[0].label}: 24 h old" in result.err
    assert "nothing was changed\nhint: run the same command with --yes" in result.err
    assert wan("recover").code == 10


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 2)])
def test_a_terminal_asks(wan: Wan, api: FakeApi, answer: str, code: int) -> None:
    lose(wan, api)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "wan_cli", "recover", "--settle-absent", "12h"],
        env={**wan.env, "TERM": "xterm"},
        cwd=str(wan.work),
        timeout=30,
        encoding="utf-8",
    )
    child.expect_exact("give them up? [y/N] ")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code
    assert wan("recover").code == (10 if code else 0)


def test_a_submission_that_the_log_shows_is_settled_as_accepted(wan: Wan, api: FakeApi) -> None:
    lose(wan, api, reply=LOST)
    result = settle(wan, "--yes")
    assert result.code == 0
    assert f"was accepted as {api.posts[0].id}" in result.err
    assert "no submission of that age is without a trace" in result.err


def test_a_charge_that_no_record_explains_keeps_it_unknown(wan: Wan, api: FakeApi) -> None:
    lose(wan, api)
    api.add_charge("strange-id", created=api.now() - timedelta(seconds=DAY_S))
    result = settle(wan, "--yes")
    assert result.code == 10
    words = "it may be one of these generations, which are not in the history: strange-id"
    assert words in result.err


def test_a_charge_of_another_record_is_explained(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "a dog", "--no-wait").code == 0
    api.on_post.clear()
    lose(wan, api)
    assert settle(wan, "--yes").code == 0


def test_a_young_submission_stays_unknown(wan: Wan, api: FakeApi) -> None:
    lose(wan, api, old_s=6 * 3600)
    result = settle(wan, "--yes")
    assert result.code == 10
    assert "it is younger than 12 h" in result.err


def test_an_account_that_cannot_be_read_proves_nothing(wan: Wan, api: FakeApi) -> None:
    lose(wan, api)
    api.on_transactions(forever(refusal(403, "no")))
    result = settle(wan, "--yes")
    assert result.code == 10
    assert "the log or the ledger cannot be read" in result.err


def test_the_log_of_another_key_proves_nothing(wan: Wan, api: FakeApi) -> None:
    lose(wan, api)
    wan.env["AIMLAPI_API_KEY"] = "another-key-0123456789"
    result = settle(wan, "--yes")
    assert result.code == 10
    assert "submitted with another key" in result.err


def test_a_submission_under_way_is_left_alone(wan: Wan, api: FakeApi) -> None:
    api.on_post(Reply(fault="hang"))
    running = wan.start("generate", "a fox", "--timeout", "60")
    while not api.posts:
        time.sleep(0.01)
    result = settle(wan, "--yes")
    assert result.code == 0
    assert "is being submitted right now" in result.err
    running.kill()


def test_an_age_at_which_the_log_may_still_grow_is_refused(wan: Wan) -> None:
    result = wan("recover", "--settle-absent", "30m", "--yes")
    assert result.code == 2
    assert "may take an hour to appear" in result.err


@pytest.mark.parametrize("other", [["--orphans"], ["--forget", "wan-1"], ["--adopt", "an-id"]])
def test_only_one_thing_at_a_time(wan: Wan, other: list[str]) -> None:
    assert wan("recover", "--settle-absent", "24h", *other).code == 2


def test_orphans_are_paid_generations_of_wan_that_the_history_lacks(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "a dog", "--no-wait").code == 0
    label = f"wan-{'0' * 32}.1"
    lost = api.add_generation(client_request_id=label)
    api.add_generation(client_request_id="of-another-program")
    api.add_generation()
    (row,) = wan("recover", "--orphans", "--json").json_lines
    assert (row["id"], row["client_request_id"]) == (lost.id, label)
    result = wan("recover", "--orphans")
    assert result.out.startswith(f"{lost.id}  ")
    assert f"to save a video: wan fetch {lost.id}" in result.err
    assert wan("fetch", lost.id).code == 0
    after = wan("recover", "--orphans")
    assert (after.code, after.out) == (0, "")
    assert "has all generations" in after.err


def test_an_unresolved_submission_is_no_orphan(wan: Wan, api: FakeApi) -> None:
    lose(wan, api, reply=LOST, old_s=0)
    assert wan("recover", "--orphans").out == ""
