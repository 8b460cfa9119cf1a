"""Submissions whose outcome is unknown: wan asks the account, never guesses, never pays twice."""

import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Result, Wan
from tests.fake.script import Reply, forever, repeat
from tests.fake.waiting import wait_until
from wan_cli.generation import CREDITS_PER_USD, Status
from wan_cli.journal import Journal

LOST = Reply(fault="close", accept=True)
NEVER = Reply(fault="close", accept=False)
DAY_S = 86_400.0


def lose(wan: Wan, api: FakeApi, *options: str, reply: Reply = LOST) -> dict[str, Any]:
    """Submit while the log shows nothing; return the row whose outcome is unknown."""
    api.log_lag = api.ledger_lag = True
    api.on_post(reply)
    result = wan("generate", "a fox", "--json", "--timeout", "1", *options)
    assert result.code == 10, result.err
    api.log_lag = api.ledger_lag = False
    (line,) = result.json_lines
    return line


def ref_of(line: dict[str, Any]) -> str:
    return str(line["client_request_id"]).partition(".")[0]


def recover(wan: Wan, *words: str, **env: str) -> tuple[Result, list[dict[str, Any]]]:
    result = wan("recover", "--json", *words, env=env)
    return result, result.json_lines


def change_row(wan: Wan, sql: str) -> None:
    """Change the history as a crash, or another process, would have left it."""
    with closing(sqlite3.connect(Path(wan.env["WAN_HOME"]) / "history.db")) as database:
        database.execute(f"UPDATE generations SET {sql}")
        database.commit()


# --- within the command ---


def test_wan_continues_at_once_with_a_submission_that_the_log_shows(wan: Wan, api: FakeApi) -> None:
    api.on_post(LOST)
    result = wan("generate", "a fox", "--json", "--timeout", "20")
    (line,) = result.json_lines
    assert (result.code, line["id"], len(api.posts)) == (0, api.posts[0].id, 1)
    assert Path(line["file"]).read_bytes() == api.video


@pytest.mark.parametrize("offset", [-DAY_S, DAY_S])
@pytest.mark.parametrize("reply", [LOST, Reply(status=502, accept=True)], ids=["lost", "502"])
def test_clocks_that_differ_hide_nothing(
    wan: Wan, api: FakeApi, offset: float, reply: Reply
) -> None:
    api.clock_offset = offset
    api.on_post(reply)
    assert wan("generate", "a fox", "--no-wait", "--timeout", "20").out.strip() == api.posts[0].id


def test_the_cost_of_a_found_submission_is_counted(wan: Wan, api: FakeApi) -> None:
    lose(wan, api)
    (line,) = wan("fetch", "--all", "--json").json_lines
    assert line["cost_usd"] == line["credits_used"] / CREDITS_PER_USD > 0


def test_a_failed_submission_can_be_made_again(wan: Wan, api: FakeApi) -> None:
    api.on_post(LOST)
    api.error = {"name": "E", "message": "no"}
    result = wan("generate", "a fox", "--json", "--timeout", "5")
    (line,) = result.json_lines
    assert (result.code, line["status"], line["cost_usd"]) == (9, "error", 0)
    api.error = None
    assert wan("generate", "a fox").code == 0
    assert len(api.posts) == 2


def test_the_failure_of_an_earlier_attempt_says_nothing_about_the_last_one(
    wan: Wan, api: FakeApi
) -> None:
    # The first attempt gets a 429, and the log shows it as failed; the second reply is lost.
    limited = Reply(status=429, headers={"Retry-After": "0"}, accept=True)
    api.on_post(limited, LOST)
    api.error = {"name": "RateLimit", "message": "slower"}
    api.log_pages.after = lambda _offset: None
    running = wan.start("generate", "a fox", "--no-wait", "--timeout", "3", "--json")
    while len(api.posts) < 2:
        time.sleep(0.005)
        api.error = None if len(api.posts) == 1 else api.error
    first, second = api.posts
    assert first.id is not None
    api.generations[first.id].fail()
    result = running.wait()
    (line,) = result.json_lines
    assert (result.code, line["id"]) == (0, second.id)
    api.allow_multiple = (
        True  # the refused attempt is not a generation, although the fake counts it
    )


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=401),
        Reply(status=404),
        Reply(status=500),
        Reply(fault="garbage"),
        Reply(fault="hang"),
        Reply(fault="drip", delay=0.2),
        Reply(body=b"[]"),
        Reply(body={"data": [7, {"inference_id": ["x"]}, {"inference_id": "x", "created": 1}]}),
        Reply(body={"data": {"a": 1}, "pagination": "no"}),
    ],
    ids=lambda reply: f"{reply.status} {reply.fault or reply.body}",
)
def test_a_log_that_cannot_be_read_proves_nothing(wan: Wan, api: FakeApi, reply: Reply) -> None:
    api.on_logs(forever(reply))
    api.on_post(LOST)
    begin = time.monotonic()
    result = wan("generate", "a fox", "--timeout", "1")
    assert time.monotonic() - begin < 20  # Without --timeout it looks for 30 s.
    assert (result.code, len(api.posts)) == (10, 1)
    assert result.err.splitlines()[-1] == "hint: wan recover"
    api.on_logs.clear()
    assert wan("recover", "-q").code == 0


# --- wan recover ---


def test_a_late_log_resolves_the_submission_later(wan: Wan, api: FakeApi) -> None:
    line = lose(wan, api)
    api.log_lag = True
    result, (row,) = recover(wan)
    assert (result.code, row["status"]) == (10, "unknown")
    api.log_lag = False
    result, (row,) = recover(wan, ref_of(line))
    assert (result.code, row["id"]) == (0, api.posts[0].id)
    assert wan("fetch", "--all").code == 0
    assert recover(wan)[1] == []
    assert len(api.posts) == 1


@pytest.mark.parametrize("size", [1, 2])
def test_wan_reads_the_log_to_its_end_even_if_the_paging_is_wrong(
    wan: Wan, api: FakeApi, size: int
) -> None:
    lose(wan, api)
    for number in range(5):
        api.add_log_row(f"newer-{number}", client_request_id=f"other-{number}")
    api.log_pages.size = size
    late = iter(("late-1", "late-2"))

    def more_comes_in(_offset: int) -> None:
        for row in islice(late, 1):
            api.add_log_row(row)

    api.log_pages.after = more_comes_in
    result, (row,) = recover(wan)
    assert (result.code, row["id"]) == (0, api.posts[0].id)


def test_wan_stops_reading_a_log_that_always_promises_more(wan: Wan, api: FakeApi) -> None:
    lose(wan, api, reply=NEVER)
    rows = [{"inference_id": "x", "status": "succeeded", "model": "m", "client_request_id": "l"}]
    api.on_logs(forever(Reply(body={"data": rows, "pagination": {"has_more": True}})))
    api.on_transactions(
        forever(Reply(body={"data": [], "pagination": {"next_cursor": "same", "has_more": True}}))
    )
    assert recover(wan)[0].code == 10
    assert len(api.gets) < 20


def test_wan_keeps_reading_a_log_that_denies_more_pages(wan: Wan, api: FakeApi) -> None:
    lose(wan, api)
    rows = [{"inference_id": "x", "status": "succeeded", "model": "m", "client_request_id": "l"}]
    api.add_log_row("x")
    api.on_logs(Reply(body={"data": rows, "pagination": {"has_more": False, "total": 1}}))
    assert recover(wan)[1][0]["id"] == api.posts[0].id


def test_a_ledger_or_a_page_that_fails_does_not_hide_what_the_log_holds(
    wan: Wan, api: FakeApi
) -> None:
    lose(wan, api)
    api.log_labels = False
    api.on_transactions(Reply(status=404))
    result = wan("recover")
    assert result.code == 10
    assert str(api.posts[0].id) in result.err
    api.log_labels = True
    api.add_log_row("older", created=api.posts[0].time - timedelta(minutes=5))
    api.log_pages.size = 1
    api.on_logs(Reply(), forever(Reply(status=500)))
    assert recover(wan)[1][0]["id"] == api.posts[0].id


@pytest.mark.parametrize("source", ["log", "ledger"])
def test_a_possible_match_is_shown_and_adopted_only_by_the_user(
    wan: Wan, api: FakeApi, source: str
) -> None:
    ref = ref_of(lose(wan, api))
    wanted = str(api.posts[0].id)
    known = wan("generate", "another", "--no-wait").out.strip()
    api.log_labels = False
    api.log_lag = source == "ledger"
    api.add_log_row("of-another-model", model="other/model")
    api.add_log_row("failed-row", status="failed")
    api.add_charge("of-another-model", model="other/model")
    result, (row,) = recover(wan)
    assert (result.code, row["status"], row.get("id")) == (10, "unknown", None)
    assert wanted in result.err
    assert f"wan recover {ref} --adopt {wanted}" in result.err
    for no_candidate in (known, "of-another-model", "failed-row"):
        assert no_candidate not in result.err
    assert wan("recover", "--adopt", "-obody-knows-this-id1").code == 6
    assert wan("recover", "--adopt", known).code == 2
    result, (row,) = recover(wan, ref, "--adopt", wanted)
    assert (result.code, row["id"]) == (0, wanted)
    assert wan("fetch", "--all").code == 0
    assert len(api.posts) == 2


def test_a_forgotten_submission_is_not_searched_for_and_can_be_sent_again(
    wan: Wan, api: FakeApi
) -> None:
    ref = ref_of(lose(wan, api, reply=NEVER))
    assert wan("recover", "--forget", "wan-nobody").code == 2
    result, (row,) = recover(wan, "--forget", ref)
    assert (result.code, row["status"]) == (0, "rejected")
    assert recover(wan)[1] == []
    assert wan("generate", "a fox").code == 0
    assert (len(api.posts), len(api.accepted)) == (2, 1)


def test_recover_reports_another_key_and_finds_nothing(wan: Wan, api: FakeApi) -> None:
    lose(wan, api)
    other = {"AIMLAPI_API_KEY": "another-key-0123456789abcdef"}
    result, (row,) = recover(wan, **other)
    assert (result.code, row["status"]) == (10, "unknown")
    assert "submitted with another key" in result.err
    result = wan("generate", "a fox", env=other)
    assert (result.code, len(api.posts)) == (10, 1)
    assert "submitted with another key" in result.err


ELSEWHERE = "another-machine 0 pid:[1]"


@pytest.mark.parametrize(
    ("row", "is_dead"),
    [
        ("status = 'sending', pid = 999999999", True),
        ("status = 'sending', pid = NULL", True),
        ("status = 'sending', pid = 1, updated_at = updated_at - 3600", True),  # a reused pid
        (
            "status = 'sending', pid = 1, updated_at = updated_at + 3600",
            True,
        ),  # and a clock put back
        ("status = 'sending', pid = 1", False),
        # A pid that does not exist here may belong to another machine or container.
        (f"status = 'sending', pid = 1{'0' * 8}, host = '{ELSEWHERE}'", False),
        (f"status = 'sending', host = '{ELSEWHERE}', updated_at = updated_at - 3600", True),
    ],
)
def test_wan_searches_for_the_submission_of_a_process_that_is_gone(
    wan: Wan, api: FakeApi, row: str, is_dead: bool
) -> None:
    lose(wan, api)
    change_row(wan, row)
    result, rows = recover(wan)
    assert result.code == 0
    assert [row["id"] for row in rows] == ([api.posts[0].id] if is_dead else [])
    assert ("right now by process 1" in result.err) is not is_dead
    assert "no submission is unresolved" not in result.err


@pytest.mark.parametrize("jump", [-DAY_S, DAY_S])
def test_a_clock_that_was_corrected_later_hides_nothing(
    wan: Wan, api: FakeApi, jump: float
) -> None:
    # At the submission this machine's clock was a day off, and the server's Date said so.
    lose(wan, api, reply=Reply(status=502, accept=True))
    change_row(wan, f"created_at = created_at + {jump}, server_offset_s = {-jump}")
    result, (row,) = recover(wan)
    assert (result.code, row["id"]) == (0, api.posts[0].id)


# --- the same request again ---


def test_a_request_identical_to_an_unknown_one_is_refused_and_another_is_not(
    wan: Wan, api: FakeApi
) -> None:
    lose(wan, api, reply=NEVER)
    result = wan("generate", "a fox", "--timeout", "5")
    assert (result.code, len(api.posts)) == (10, 1)
    assert "--again" in result.err
    assert result.err.endswith("hint: wan recover\n")
    assert wan("generate", "a fox", "--seed", "1", "--no-wait").code == 0
    assert wan("generate", "a fox", "--again").code == 0
    assert (len(api.posts), len(api.accepted)) == (3, 2)


def test_an_identical_request_continues_a_submission_that_the_log_now_shows(
    wan: Wan, api: FakeApi
) -> None:
    lose(wan, api)
    result = wan("generate", "a fox")
    assert (result.code, len(api.posts)) == (0, 1)
    assert "was accepted before" in result.err
    # A finished generation does not prevent a new one.
    api.allow_multiple = True
    assert wan("generate", "a fox", "--no-wait").code == 0
    assert len(api.posts) == 2


def test_a_submission_that_failed_by_the_log_does_not_prevent_an_identical_request(
    wan: Wan, api: FakeApi
) -> None:
    lose(wan, api)
    next(iter(api.generations.values())).fail()
    assert wan("generate", "a fox", "--no-wait").out.strip() == api.posts[1].id
    assert len(api.posts) == 2
    assert [row["status"] for row in wan("list", "--json").json_lines] == ["queued", "error"]


def test_the_command_itself_waits_for_a_log_that_lags_a_little(wan: Wan, api: FakeApi) -> None:
    api.logs_immediately = True
    api.on_post(Reply(fault="reset"))
    api.on_logs(*repeat(Reply(body={"data": [], "pagination": {"has_more": False}}), 9))
    wan.speed = 5.0
    result = wan("generate", "a fox")
    assert (result.code, len(api.posts)) == (0, 1)


def test_two_commands_at_once_get_a_generation_each(wan: Wan, api: FakeApi) -> None:
    api.on_post(Reply(fault="hang"))
    first = wan.start("generate", "a fox", "--no-wait", "--timeout", "60")
    wait_until(lambda: len(api.posts) == 1)
    second = wan.start("generate", "a fox", "--no-wait", "--timeout", "60")
    with pytest.raises(pytest.fail.Exception):
        wait_until(lambda: len(api.posts) == 2, seconds=1.0)
    api.release()
    results = [first.wait(), second.wait()]
    assert [result.code for result in results] == [0, 0]
    assert {result.out.strip() for result in results} == {post.id for post in api.accepted}
    assert len(api.accepted) == 2


def test_a_search_without_a_result_does_not_undo_the_result_of_another_process(
    wan: Wan, api: FakeApi
) -> None:
    lose(wan, api)
    empty = {"data": [], "pagination": {"has_more": False}}
    api.on_logs(Reply(fault="hang", body=empty))
    before = len(api.gets)
    slow = wan.start("recover")
    wait_until(lambda: len(api.gets) > before)
    assert wan("recover").code == 0
    api.release()
    assert slow.wait().code == 0
    (row,) = wan("list", "--json").json_lines
    assert (row["id"], row["status"]) == (api.posts[0].id, "queued")


def test_a_process_that_does_not_know_an_id_cannot_overwrite_it(wan: Wan, api: FakeApi) -> None:
    lose(wan, api)
    with Journal.open(Path(wan.env["WAN_HOME"]) / "history.db") as journal:
        (stale,) = journal.unresolved()
        journal.save(stale._replace(id="g1", status=Status.QUEUED), ("id", "status"))
        journal.save(stale._replace(status=Status.UNKNOWN), ("status",))
        journal.save(stale._replace(id="g1", file="/x.mp4"), ("file",))
        kept = journal.reread(stale)
    assert (kept.id, kept.status, kept.file) == ("g1", "queued", "/x.mp4")
    api.check_history = False  # the id is made up
