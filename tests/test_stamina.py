"""wan outlasts temporary failures until the deadline; lasting failures stop the submitting."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fake.api import FakeApi
from tests.fake.cdn import CdnReply
from tests.fake.process import Wan
from tests.fake.records import GenerationState
from tests.fake.script import FIREWALL, Reply, forever, refusal, repeat
from tests.fake.waiting import wait_until
from tests.trials import (
    SPEED,
    VIDEO_BYTES,
    all_right,
    animals,
    batch_file,
    by_prompt,
    has_right_file,
    lock,
    log_reads,
    polls,
    rows,
    submitted,
    videos,
)

# In seconds of the commands' clock: the delays of routers, CDNs and logs seen in practice.
OUTAGE_S = 60.0


@pytest.fixture(autouse=True)
def own_videos(api: FakeApi) -> None:
    api.cdn.size_of_each = VIDEO_BYTES


@pytest.fixture
def fast(wan: Wan) -> Wan:
    """`wan` with its default settings and a fast clock."""
    wan.env.pop("WAN_POLL_INTERVAL")
    wan.speed = SPEED
    return wan


def prompts(api: FakeApi) -> list[str]:
    return [str(post.body["prompt"]) for post in api.posts]


# --- submissions whose outcome is unknown (B4) ---


@pytest.mark.parametrize(
    "reply", [Reply(status=503), Reply(fault="reset", accept=False)], ids=["503", "reset"]
)
def test_three_unknown_submissions_in_a_row_stop_the_submitting(
    wan: Wan, api: FakeApi, work: Path, reply: Reply
) -> None:
    api.on_post(Reply(), forever(reply))
    wan.speed = SPEED
    words = ["--yes", "--timeout", "60", "--poll-interval", "1"]
    first = wan("batch", batch_file(work, *animals(12)), *words)
    assert first.code == 10
    assert prompts(api) == animals(4)
    # The generations in flight are finished.
    assert len(videos(work)) == 1
    statuses = Counter(row["status"] for row in rows(wan))
    assert (statuses["completed"], statuses["unknown"]) == (1, 3)


def test_the_next_run_begins_with_the_rows_that_were_never_sent(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    name = batch_file(work, *animals(12))
    api.on_post(Reply(), *repeat(Reply(status=503), 3))
    wan.speed = SPEED
    first = wan.start("batch", name, "--yes", "--poll-interval", "1")
    wait_until(lambda: len(api.posts) == 4 and videos(work))
    first.kill()
    first.wait()
    second = wan("batch", name, "--yes", "--timeout", "60", "--poll-interval", "1")
    assert prompts(api)[4:] == animals(12)[4:]
    assert second.code == 10  # The log does not show the three submissions.
    assert len(videos(work)) == 9


def test_an_accepted_submission_between_them_starts_the_count_again(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    lost = Reply(status=502, accept=False)
    api.on_post(lost, lost, Reply(), lost, lost, Reply())
    wan.speed = SPEED
    words = ["--yes", "--timeout", "60", "--poll-interval", "1"]
    result = wan("batch", batch_file(work, *animals(8)), *words)
    assert (result.code, len(api.posts)) == (10, 8)
    assert len(videos(work)) == 4


@pytest.mark.parametrize(
    "reply",
    [FIREWALL, refusal(403, "this key may not use the model")],
    ids=["firewall", "403"],
)
def test_three_refusals_that_are_not_the_rows_own_stop_the_submitting(
    wan: Wan, api: FakeApi, work: Path, reply: Reply
) -> None:
    name = batch_file(work, *animals(9))
    api.on_post(Reply(), forever(reply))
    first = wan("batch", name, "--yes")
    assert first.code not in (0, 8, 10)
    assert len(api.posts) <= 4
    assert len(videos(work)) == 1
    api.on_post.clear()
    assert wan("batch", name, "--yes").code == 0
    all_right(wan, api, 9)


def test_refusals_of_the_rows_themselves_stop_nothing(wan: Wan, api: FakeApi, work: Path) -> None:
    api.on_post(*repeat(refusal(400, "prompt: not nice"), 4))
    result = wan("batch", batch_file(work, *animals(6)), "--yes")
    assert (result.code, len(api.posts), len(videos(work))) == (6, 6, 2)


def test_a_refused_key_stops_the_submitting_at_once_and_keeps_what_is_paid_safe(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    name = batch_file(work, *animals(6))
    api.on_post(Reply(), Reply(status=401))
    assert wan("batch", name, "--yes").code == 4
    assert len(api.posts) == 2
    assert wan("batch", name, "--yes").code == 0
    all_right(wan, api, 6)


# --- a lost reply, and a late log (B5) ---


def tell_at_the_end(api: FakeApi, *, reads: int) -> Callable[[], None]:
    """Make the log show a generation when it ends, and end it after a number of reads of the log.

    Return what to call while the command runs.
    """
    api.logs_immediately = False

    def end() -> None:
        wait_until(lambda: log_reads(api) >= reads)
        for state in api.generations.values():
            state.status = state.status or "completed"

    return end


def test_wan_searches_for_a_lost_reply_until_the_generation_ends(fast: Wan, api: FakeApi) -> None:
    api.on_post(Reply(fault="reset"))
    end = tell_at_the_end(api, reads=6)
    running = fast.start("generate", "a fox", "--json")
    end()
    result = running.wait()
    assert (result.code, len(api.posts)) == (0, 1), result.err
    (line,) = result.json_lines
    assert line["id"] == api.posts[0].id
    assert has_right_file(api, line)


def test_a_log_that_is_45_s_late_is_still_in_time(fast: Wan, api: FakeApi) -> None:
    api.on_post(Reply(fault="close"))
    api.log_lag = True
    tells = threading.Timer(45 / SPEED, lambda: setattr(api, "log_lag", False))
    api.on_accept = lambda _state: tells.start()
    result = fast("generate", "a fox", "--json")
    assert (result.code, len(api.posts)) == (0, 1), result.err
    assert has_right_file(api, result.json_lines[0])
    # The searches become rarer, down to one every half minute.
    assert log_reads(api) < 20


def test_in_a_batch_the_other_rows_continue_during_the_search_for_a_lost_reply(
    fast: Wan, api: FakeApi, work: Path
) -> None:
    api.looks = 0
    api.on_post(Reply(), Reply(fault="reset"))
    api.logs_immediately = False
    running = fast.start("batch", batch_file(work, *animals(6)), "--yes", "--concurrency", "2")
    wait_until(lambda: len(videos(work)) == 5)
    assert running.process.poll() is None
    api.generations[str(api.posts[1].id)].status = "completed"
    result = running.wait()
    assert result.code == 0, result.err
    all_right(fast, api, 6)


def test_a_lost_reply_of_a_generation_that_failed_is_no_charge_and_no_video(
    fast: Wan, api: FakeApi
) -> None:
    api.on_post(Reply(fault="reset"))
    api.on_accept = lambda state: state.fail("the content was refused")
    result = fast("generate", "a fox")
    assert (result.code, len(api.posts)) == (9, 1)
    assert [(row["status"], row["cost_usd"]) for row in rows(fast)] == [("error", 0)]


def test_a_lost_reply_that_never_appears_in_the_log_is_unknown_at_the_deadline(
    fast: Wan, api: FakeApi
) -> None:
    api.on_post(Reply(fault="reset", accept=False))
    result = fast("generate", "a fox", "--timeout", "60")
    assert (result.code, len(api.posts)) == (10, 1)
    assert "hint: wan recover" in result.err
    # wan searched until its deadline.
    assert api.gets[-1].at - api.gets[0].at > 40 / SPEED


def test_if_a_process_dies_during_the_search_the_next_one_continues_it(
    fast: Wan, api: FakeApi
) -> None:
    api.on_post(Reply(fault="reset"))
    api.log_lag = True
    running = fast.start("generate", "a fox")
    wait_until(lambda: log_reads(api) > 2)
    running.kill(signal.SIGKILL)
    running.wait()
    api.log_lag = False
    result = fast("generate", "a fox", "--json")
    assert (result.code, len(api.posts)) == (0, 1)
    assert has_right_file(api, result.json_lines[0])


# --- an answer that takes its time (B6) ---


@pytest.mark.parametrize("command", ["generate", "batch"])
def test_an_answer_to_a_post_may_take_more_than_a_minute(
    fast: Wan, api: FakeApi, work: Path, command: str
) -> None:
    api.looks = 0
    api.on_post(Reply(delay=66 / SPEED))
    words = (
        ["a fox"] if command == "generate" else [batch_file(work, "a fox"), "--yes", "--no-lookup"]
    )
    result = fast(command, *words)
    assert result.code == 0, result.err
    # The id came from the answer, not from the log.
    assert log_reads(api) == 0
    all_right(fast, api, 1)


def test_wan_does_not_wait_for_an_answer_beyond_the_deadline(wan: Wan, api: FakeApi) -> None:
    api.on_post(Reply(fault="hang"))
    api.log_lag = True
    began = time.monotonic()
    result = wan("generate", "a fox", "--timeout", "2")
    assert result.code == 10
    assert time.monotonic() - began < 20
    api.log_lag = False
    assert wan("recover").code == 0
    assert rows(wan)[0]["id"] == api.posts[0].id


# --- an API that is down (B7) ---


def refuses_after(api: FakeApi, accepted: int, seconds: float) -> None:
    """Refuse connections, in the moment of that many accepted POSTs, for a while."""

    def accept(_state: GenerationState) -> None:
        if len(api.generations) == accepted:
            api.refuse()
            threading.Timer(seconds, api.listen).start()

    api.on_accept = accept


def test_a_batch_outlasts_an_api_that_refuses_connections_for_a_minute(
    fast: Wan, api: FakeApi, work: Path
) -> None:
    api.looks = 0
    refuses_after(api, 7, OUTAGE_S / SPEED)
    result = fast("batch", batch_file(work, *animals(20)), "--yes", timeout=60)
    assert result.code == 0, result.err
    all_right(fast, api, 20)
    # Reported once, not for each row and each try.
    assert result.err.count("refused") <= 4


@pytest.mark.parametrize("command", ["generate", "fetch", "status"])
def test_each_command_that_waits_outlasts_an_outage(fast: Wan, api: FakeApi, command: str) -> None:
    ids = [] if command == "generate" else submitted(fast, api, "a fox")
    api.refuse()
    words = {
        "generate": ["generate", "a fox"],
        "fetch": ["fetch", *ids],
        "status": ["status", "--watch", *ids],
    }
    running = fast.start(*words[command])
    running.wait_for("the connection was refused")
    time.sleep(25 / SPEED)  # As long as a router needs to restart; no event shows the end.
    api.listen()
    result = running.wait()
    assert result.code == 0, result.err
    assert len(api.posts) == 1


def test_an_api_that_stays_down_is_11_at_the_deadline_and_nothing_was_sent(
    fast: Wan, api: FakeApi, work: Path
) -> None:
    name = batch_file(work, *animals(5))
    api.looks = 0
    api.refuse()
    result = fast("batch", name, "--yes", "--timeout", "20")
    assert result.code == 11
    assert "nothing was submitted" in result.err
    api.listen()
    assert fast("batch", name, "--yes").code == 0
    all_right(fast, api, 5)


# --- a CDN that is not ready (B8) ---

NOT_READY = {
    "404": CdnReply(status=404),
    "503": CdnReply(status=503),
    "reset": CdnReply(fault="reset"),
}


@pytest.mark.parametrize("kind", NOT_READY)
def test_wan_waits_for_a_cdn_that_is_not_ready(fast: Wan, api: FakeApi, kind: str) -> None:
    api.looks = 0
    made: list[float] = []

    def accept(state: GenerationState) -> None:
        made.append(time.monotonic())
        api.cdn.on_get_of[state.id](forever(NOT_READY[kind]))
        ready = threading.Timer(40 / SPEED, api.cdn.on_get_of[state.id].clear)
        ready.start()

    api.on_accept = accept
    result = fast("generate", "a fox", "--json")
    assert result.code == 0, result.err
    assert time.monotonic() - made[0] > 40 / SPEED
    assert has_right_file(api, result.json_lines[0])
    # Far fewer tries than one per second.
    assert len(api.cdn.requests) < 30


def test_while_one_video_is_not_ready_the_others_are_saved(
    fast: Wan, api: FakeApi, work: Path
) -> None:
    by_prompt(
        api,
        {
            prompt: lambda state: api.cdn.on_get_of[state.id](forever(CdnReply(status=404)))
            for prompt in animals(4)
        },
    )
    running = fast.start("batch", batch_file(work, *animals(12)), "--yes", "--concurrency", "12")
    wait_until(lambda: len(videos(work)) == 8)
    assert running.process.poll() is None
    api.cdn.on_get_of.clear()
    assert running.wait().code == 0
    all_right(fast, api, 12)


def test_a_video_that_never_appears_is_12_at_the_deadline_and_can_be_fetched_later(
    fast: Wan, api: FakeApi
) -> None:
    api.cdn.on_get(forever(CdnReply(status=404)))
    result = fast("generate", "a fox", "--timeout", "90")
    assert result.code == 12
    assert f"wan fetch {api.posts[0].id}" in result.err
    api.cdn.on_get.clear()
    assert fast("fetch", "--all").code == 0
    all_right(fast, api, 1)


# --- a history that is locked when the reply comes (B18) ---


@pytest.mark.parametrize("command", ["generate", "batch"])
def test_an_id_is_kept_in_memory_while_the_history_is_locked(
    wan: Wan, api: FakeApi, work: Path, command: str
) -> None:
    wan("list")
    locks: list[Any] = []
    by_prompt(api, {animals(1)[0]: lambda _state: locks.append(lock(wan))})
    words = animals(1) if command == "generate" else [batch_file(work, *animals(3)), "--yes"]
    running = wan.start(command, *words)
    wait_until(lambda: locks)
    with closing(locks[0]):
        made = str(api.posts[0].id) if api.posts else ""
        made = made or next(iter(api.generations))
        # Printed at once, and polled although the history cannot be written.
        running.wait_for(made)
        wait_until(lambda: polls(api, made) > 1)
    result = running.wait()
    assert result.code == 0, result.err
    all_right(wan, api, 1 if command == "generate" else 3)


def test_a_history_that_stays_locked_is_13_and_wan_prints_the_id(wan: Wan, api: FakeApi) -> None:
    wan("list")
    locks: list[Any] = []
    api.on_accept = lambda _state: locks.append(lock(wan))
    result = wan("generate", "a fox", "--timeout", "3")
    locks[0].close()
    made = str(api.posts[0].id)
    assert result.code == 13
    assert made in result.err
    api.check_history = False  # This test keeps the history from being written.
    # The next command knows that something was sent.
    again = wan("generate", "a fox")
    assert (again.code, len(api.posts)) == (0, 1), again.err


# --- a rate limit (E11) ---


@pytest.mark.parametrize("command", [["fetch"], ["status", "--watch"]])
def test_a_poll_is_repeated_after_the_retry_after_of_the_api(
    wan: Wan, api: FakeApi, command: list[str]
) -> None:
    (ours,) = submitted(wan, api, "a fox")
    api.on_get(Reply(), Reply(status=429, headers={"Retry-After": "2"}))
    assert wan(*command, ours).code == 0
    times = [get.at for get in api.gets if get.generation_id == ours]
    assert times[2] - times[1] >= 1.9


def test_wan_does_not_obey_a_rate_limit_beyond_the_deadline(wan: Wan, api: FakeApi) -> None:
    (ours,) = submitted(wan, api, "a fox")
    api.on_get(Reply(status=429, headers={"Retry-After": "3600"}))
    assert wan("fetch", ours, "--timeout", "30").code == 0


@pytest.mark.parametrize("value", ["-1", "soon", "1e3", "99999999999999999999", ""])
def test_an_absurd_rate_limit_is_a_short_pause(wan: Wan, api: FakeApi, value: str) -> None:
    (ours,) = submitted(wan, api, "a fox")
    api.on_get(*repeat(Reply(status=429, headers={"Retry-After": value}), 2))
    began = time.monotonic()
    assert wan("fetch", ours, "--timeout", "60").code == 0
    assert time.monotonic() - began < 25


def test_three_404s_on_submissions_stop_the_submitting(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "rows.txt").write_text("".join(f"animal {number}\n" for number in range(8)))
    api.on_post(forever(Reply(status=404, body={"message": "Cannot POST", "statusCode": 404})))
    result = wan("batch", "rows.txt", "--yes", "--no-lookup")
    assert (result.code, len(api.posts)) == (6, 3)
    assert "5 rows were not submitted" in result.err


def test_three_403s_about_generations_do_not_stop_the_submitting(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    (work / "rows.txt").write_text("".join(f"animal {number}\n" for number in range(6)))
    api.on_get(*[Reply(status=403, body={"message": "not yours", "statusCode": 403})] * 4)
    result = wan("batch", "rows.txt", "--yes", "--no-lookup", "--concurrency", "1")
    assert (result.code, len(api.accepted)) == (4, 6)
