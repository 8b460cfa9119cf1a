"""wan recover --settle-absent: submissions that left no trace in the account."""

import sqlite3
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
from tests.terminal import at_a_terminal

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
    child = at_a_terminal(wan, "recover", "--settle-absent", "12h")
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


def change(wan: Wan, sql: str) -> None:
    """Change the history as another process, or an older one, would have left it."""
    with closing(sqlite3.connect(Path(wan.env["WAN_HOME"]) / "history.db")) as database:
        database.execute(f"UPDATE generations SET {sql}")
        database.commit()


def test_yes_without_an_age_is_refused(wan: Wan, api: FakeApi) -> None:
    lose(wan, api)
    result = wan("recover", "--yes")
    assert result.code == 2
    assert "hint: wan recover --settle-absent 24h --yes" in result.err
    assert wan("recover").code == 10


def test_a_row_of_a_batch_is_free_after_it_was_given_up(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "prompts.txt").write_text("a fox\nan owl\n")
    api.log_lag = api.ledger_lag = True
    api.on_post(NEVER)
    first = wan("batch", "prompts.txt", "--yes", "--timeout", "1", "--concurrency", "1")
    assert first.code == 10
    api.log_lag = api.ledger_lag = False
    change(wan, f"created_at = created_at - {DAY_S} WHERE status = 'unknown'")
    result = settle(wan, "--yes", "--json")
    (row,) = result.json_lines
    assert (result.code, row["status"], row["error"]["code"]) == (0, "rejected", "absent")
    before = len(api.gets)
    assert wan("recover", "-q").code == 0
    searched = [get for get in api.gets[before:] if get.path == "/v2/billing/transactions"]
    assert searched == []
    assert wan("batch", "prompts.txt", "--yes").code == 0
    assert len(api.accepted) == 2
    assert len(list(work.glob("*.mp4"))) == 2


def test_one_that_left_a_trace_does_not_keep_the_others(wan: Wan, api: FakeApi) -> None:
    lose(wan, api)
    lose(wan, api, "--seed", "7", reply=LOST)
    api.log_labels = False
    api.on_post.clear()
    change(wan, f"created_at = created_at - 3 * {DAY_S} WHERE request NOT LIKE '%seed%'")
    result = settle(wan, "--yes", "--json")
    assert result.code == 10
    assert sorted(row["status"] for row in result.json_lines) == ["rejected", "unknown"]


@pytest.mark.parametrize("model", ["alibaba/wan-2-6-t2v", "wan-2-6-t2v", ""])
@pytest.mark.parametrize("source", ["log", "ledger"])
def test_a_row_without_a_label_keeps_it_unknown(
    wan: Wan, api: FakeApi, source: str, model: str
) -> None:
    lose(wan, api)
    add = api.add_log_row if source == "log" else api.add_charge
    add("strange-id", created=api.now() - timedelta(seconds=DAY_S), model=model)
    result = settle(wan, "--yes")
    assert result.code == 10
    assert "strange-id" in result.err


def test_rows_of_other_models_and_of_other_programs_explain_themselves(
    wan: Wan, api: FakeApi
) -> None:
    lose(wan, api)
    when = {"created": api.now() - timedelta(seconds=DAY_S)}
    api.add_log_row("a-chat", model="openai/gpt-9", **when)
    api.add_charge("a-chat", model="openai/gpt-9", **when)
    api.add_log_row("of-another-program", client_request_id="job-7", **when)
    api.add_charge("of-another-program", **when)
    api.add_log_row("failed", status="failed", **when)
    assert settle(wan, "--yes").code == 0


@pytest.mark.parametrize(
    "doubt",
    [
        # The last attempt may have been made hours after the first.
        "client_request_id = replace(client_request_id, '.1', '.2')",
        # Nobody knows how wrong the clock was.
        "server_offset_s = NULL",
    ],
    ids=["attempts", "clock"],
)
def test_where_the_time_is_uncertain_the_whole_log_is_searched(
    wan: Wan, api: FakeApi, doubt: str
) -> None:
    lose(wan, api, reply=LOST, old_s=0)
    # The window around the submission has a row, and the submission's own row is a day later.
    change(wan, f"created_at = created_at - {DAY_S}, {doubt}")
    api.add_log_row(
        "another", client_request_id="job-7", created=api.now() - timedelta(seconds=DAY_S)
    )
    result = settle(wan, "--yes", "--json")
    (row,) = result.json_lines
    assert (result.code, row["id"]) == (0, api.posts[0].id)
    assert len(api.posts) == 1


def test_the_whole_log_is_searched_in_a_window_that_the_service_allows(
    wan: Wan, api: FakeApi
) -> None:
    # The fake API refuses a window of more than 92 days, as the service does.
    lose(wan, api, reply=LOST, old_s=0)
    change(wan, f"created_at = created_at - 3 * {DAY_S}")
    assert wan("recover").code == 0


def test_the_log_does_not_go_back_for_ever(wan: Wan, api: FakeApi) -> None:
    lose(wan, api, old_s=92 * DAY_S)
    result = settle(wan, "--yes")
    assert result.code == 10
    assert "the account's log does not go back to it" in result.err
    assert wan("recover", "--forget", str(api.posts[0].label)).code == 0


def test_the_log_of_another_service_proves_nothing(wan: Wan, api: FakeApi) -> None:
    lose(wan, api)
    change(wan, "base_url = 'https://another.example'")
    result = settle(wan, "--yes")
    assert result.code == 10
    assert "it was submitted to https://another.example" in result.err


def test_what_another_process_finds_during_the_question_is_kept(wan: Wan, api: FakeApi) -> None:
    lose(wan, api)
    child = at_a_terminal(wan, "recover", "--settle-absent", "12h")
    child.expect_exact("give them up? [y/N] ")
    found = api.add_generation(client_request_id=api.posts[0].label)
    assert wan("recover").code == 0
    child.sendline("y")
    child.expect(pexpect.EOF)
    child.close()
    (row,) = wan("list", "--json").json_lines
    assert (row["id"], row["status"]) == (found.id, "queued")
