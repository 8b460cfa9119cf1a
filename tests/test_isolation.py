"""An item that hangs, drips, is refused or cannot be saved does not delay other items."""

import resource
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fake.api import FakeApi
from tests.fake.cdn import CdnReply
from tests.fake.process import Wan
from tests.fake.script import Reply, forever, refusal
from tests.fake.waiting import wait_until
from tests.trials import (
    SPEED,
    VIDEO_BYTES,
    all_right,
    animals,
    batch_file,
    by_prompt,
    change_rows,
    has_right_file,
    history_of,
    in_flight,
    lock,
    log_reads,
    polls,
    rows,
    submitted,
    videos,
)

NOT_ALLOWED = refusal(403, "you are not allowed to see this")


@pytest.fixture(autouse=True)
def own_videos(api: FakeApi) -> None:
    api.cdn.size_of_each = VIDEO_BYTES


@pytest.fixture
def fast(wan: Wan) -> Wan:
    """`wan` with a fast clock: five seconds pass in a quarter of a second."""
    wan.speed = SPEED
    wan.env["WAN_POLL_INTERVAL"] = "1"
    return wan


# --- a refused item (B9) ---


@pytest.mark.parametrize("reply", [NOT_ALLOWED, refusal(404, "Generation not found")])
def test_if_one_of_thirty_is_refused_only_that_one_ends(
    fast: Wan, api: FakeApi, work: Path, reply: Reply
) -> None:
    ids = in_flight(fast, api, 30, status="completed")
    change_rows(fast, "created_at = created_at - 7200")
    api.on_get_of[ids[7]](forever(reply))
    for _ in range(2):
        result = fast("fetch", "--all", "--json")
        ends = {line["id"]: line["exit_code"] for line in result.json_lines}
        assert ends[ids[7]] == result.code == (4 if reply is NOT_ALLOWED else 6)
        assert len(videos(work)) == 29
    # Every run saves the rest, and does not poll saved generations again.
    assert all(has_right_file(api, row) for row in rows(fast) if row["id"] != ids[7])


def test_a_refused_row_of_a_batch_ends_alone(fast: Wan, api: FakeApi, work: Path) -> None:
    by_prompt(api, {"animal number 3": lambda state: api.on_get_of[state.id](forever(NOT_ALLOWED))})
    result = fast("batch", batch_file(work, *animals(9)), "--yes")
    assert (result.code, len(api.accepted), len(videos(work))) == (4, 9, 8)
    assert str(api.posts[2].id) in result.err


def test_a_401_ends_the_wait_for_all(fast: Wan, api: FakeApi, work: Path) -> None:
    ids = in_flight(fast, api, 6, status="generating")
    running = fast.start("fetch", "--all", "--json")
    wait_until(lambda: all(polls(api, each) for each in ids))
    api.on_get(forever(refusal(401, "Unauthorized")))
    result = running.wait()
    assert result.code == 4
    assert {line["id"]: line["exit_code"] for line in result.json_lines} == dict.fromkeys(ids, 4)
    api.on_get.clear()
    for each in ids:
        api.generations[each].status = "completed"
    assert fast("fetch", "--all").code == 0
    all_right(fast, api, 6)


# --- an item that hangs or drips (C1, C2, C3) ---


@pytest.mark.parametrize(
    "slow",
    [
        CdnReply(hang=True),
        CdnReply(drip=0.2, drip_size=16),
        CdnReply(cut_after=500, cut_with="hang"),
    ],
    ids=["hangs", "drips", "stops"],
)
def test_fifty_videos_are_saved_while_one_download_hangs(
    fast: Wan, api: FakeApi, work: Path, slow: CdnReply
) -> None:
    ids = in_flight(fast, api, 51, status="completed")
    api.cdn.on_get_of[ids[0]](slow)
    running = fast.start("fetch", "--all")
    wait_until(lambda: len(videos(work)) == 50)
    assert running.process.poll() is None
    running.kill(signal.SIGINT)
    result = running.wait()
    assert result.code == -signal.SIGINT
    assert ids[0] in result.err
    api.cdn.release()
    assert fast("fetch", "--all").code == 0
    all_right(fast, api, 51)


def test_hanging_downloads_in_every_slot_do_not_delay_the_others(
    fast: Wan, api: FakeApi, work: Path
) -> None:
    ids = in_flight(fast, api, 12, status="completed")
    for each in ids[:4]:
        api.cdn.on_get_of[each](CdnReply(hang=True))
    running = fast.start("fetch", "--all", "--downloads", "4")
    wait_until(lambda: len(videos(work)) == 8)
    api.cdn.release()
    assert running.wait().code == 0
    all_right(fast, api, 12)


def test_a_hanging_post_delays_no_poll_no_download_and_no_other_row(
    fast: Wan, api: FakeApi, work: Path
) -> None:
    api.on_post(Reply(), Reply(fault="hang"))
    running = fast.start("batch", batch_file(work, *animals(6)), "--yes")
    wait_until(lambda: api.posts)
    searched = log_reads(api)
    wait_until(lambda: len(videos(work)) == 5)
    # The others did not wait until wan abandoned the POST.
    assert "no answer" not in running.err
    api.release()
    result = running.wait()
    assert result.code == 0, result.err
    assert log_reads(api) == searched
    all_right(fast, api, 6)


def test_sixty_are_polled_while_sixteen_polls_hang(fast: Wan, api: FakeApi, work: Path) -> None:
    ids = in_flight(fast, api, 76, status="completed")
    for each in ids[:16]:
        api.on_get_of[each](forever(Reply(fault="hang")))
    fast.speed = 2.0  # wan abandons a poll after half a minute, which stays long here.
    running = fast.start("fetch", "--all")
    wait_until(lambda: len(videos(work)) == 60)
    # The others did not wait until wan abandoned those polls.
    assert "no answer" not in running.err
    api.release()
    assert running.wait().code == 0
    all_right(fast, api, 76)


def test_wan_holds_no_more_connections_than_its_limit(fast: Wan, api: FakeApi) -> None:
    in_flight(fast, api, 76, status="completed")
    before = api.connections
    api.on_get(forever(Reply(fault="hang")))
    running = fast.start("fetch", "--all")
    # 16 polls, and 8 more that replace hanging ones.
    wait_until(lambda: api.connections - before >= 24)
    running.wait_for("no answer")
    held = api.connections - before
    running.kill(signal.SIGTERM)
    assert running.wait().code == -signal.SIGTERM
    assert held < 76


def test_a_hanging_log_does_not_delay_other_rows(fast: Wan, api: FakeApi, work: Path) -> None:
    api.on_post(Reply(fault="reset"))
    api.on_logs(Reply(fault="hang"))
    running = fast.start("batch", batch_file(work, *animals(6)), "--yes", "--no-lookup")
    wait_until(lambda: len(videos(work)) == 5)
    api.release()
    assert running.wait().code == 0
    all_right(fast, api, 6)


# --- two processes (C4, C6) ---


def test_other_rows_continue_while_a_stopped_process_holds_one_row(
    fast: Wan, api: FakeApi, work: Path
) -> None:
    name = batch_file(work, *animals(3))
    api.on_post(Reply(fault="hang"))
    first = fast.start("batch", name, "--yes")
    wait_until(lambda: api.posts)
    first.kill(signal.SIGSTOP)
    try:
        second = fast.start("batch", name, "--yes")
        wait_until(lambda: len(videos(work)) == 2)
        # wan says that it waits for the other process.
        second.wait_for(str(first.process.pid))
        assert second.process.poll() is None
    finally:
        first.kill(signal.SIGCONT)
    api.release()
    assert [first.wait().code, second.wait().code] == [0, 0]
    all_right(fast, api, 3)


def test_a_video_that_another_process_saves_before_the_deadline_is_a_success(
    wan: Wan, api: FakeApi
) -> None:
    (ours,) = submitted(wan, api, "a fox", status="completed")
    api.on_get(Reply(fault="hang"))
    late = wan.start("fetch", ours, "--timeout", "4")
    wait_until(lambda: polls(api, ours))
    saved = wan("fetch", ours)
    assert saved.code == 0
    result = late.wait()
    assert (result.code, result.out) == (0, saved.out), result.err


def test_among_many_a_video_that_another_process_saved_is_a_success(wan: Wan, api: FakeApi) -> None:
    one, other = submitted(wan, api, "a fox", "a hen", status="completed")
    api.on_get(Reply(fault="hang"), Reply(fault="hang"))
    late = wan.start("fetch", one, other, "--timeout", "4", "--json")
    wait_until(lambda: polls(api, one) and polls(api, other))
    assert wan("fetch", one).code == 0
    result = late.wait()
    ends = {line["id"]: line["exit_code"] for line in result.json_lines}
    assert (result.code, ends) == (8, {one: 0, other: 8})


# --- an item that cannot be saved (C5) ---


def test_a_folder_that_becomes_unusable_fails_only_its_row(
    fast: Wan, api: FakeApi, work: Path
) -> None:
    made = [{"prompt": prompt, "output": f"{n}/clip.mp4"} for n, prompt in enumerate(animals(6))]
    api.looks = 10**6
    name = batch_file(work, *made)
    running = fast.start("batch", name, "--yes", "--concurrency", "6")
    wait_until(lambda: len(api.accepted) == 6)
    taken = work / "3"
    if taken.exists():
        taken.rmdir()
    taken.write_text("a file, where a folder was to be")
    for state in api.generations.values():
        state.status = "completed"
    result = running.wait()
    assert result.code == 13
    assert len(videos(work)) == 5
    # The next run does not stop at that row either, and pays for nothing.
    again = fast("batch", name, "--yes")
    assert again.code in (2, 13)
    taken.unlink()
    assert fast("batch", name, "--yes").code == 0
    all_right(fast, api, 6)


@pytest.mark.parametrize(
    "output",
    ["a" * 300 + ".mp4", "blocked/clip.mp4", "x/" + "ü" * 200 + ".mp4"],
    ids=["long name", "file as folder", "long in bytes"],
)
def test_an_impossible_name_is_found_before_any_row_is_paid_for(
    fast: Wan, api: FakeApi, work: Path, output: str
) -> None:
    (work / "blocked").write_text("a file")
    name = batch_file(
        work,
        {"prompt": "a fox"},
        {"prompt": "a hen"},
        {"prompt": "an owl", "output": output},
    )
    result = fast("batch", name, "--yes")
    assert result.code in (2, 13)
    assert "rows.jsonl:3" in result.err
    assert "an owl" not in [post.body["prompt"] for post in api.posts]
    assert len(api.accepted) in (0, 2)


def test_an_unwritable_sidecar_fails_only_its_row(fast: Wan, api: FakeApi, work: Path) -> None:
    made = [{"prompt": prompt, "output": f"{n}.mp4"} for n, prompt in enumerate(animals(5))]
    api.looks = 10**6
    running = fast.start("batch", batch_file(work, *made), "--yes", "--sidecar")
    wait_until(lambda: len(api.accepted) == 4)
    (work / "2.json").mkdir()
    (work / "2.mp4.json").mkdir()
    api.looks = 0
    for state in api.generations.values():
        state.status = "completed"
    result = running.wait()
    assert result.code == 13
    assert len(videos(work)) == 5


def test_four_failing_rows_of_thirty_have_their_own_outcomes_and_the_rest_is_saved(
    fast: Wan, api: FakeApi, work: Path
) -> None:
    made: list[dict[str, Any]] = [
        {"prompt": prompt, "output": f"clip-{number}.mp4"}
        for number, prompt in enumerate(animals(30))
    ]
    made[3]["output"] = "folder/clip-3.mp4"
    api.looks = 10**6
    name = batch_file(work, *made)
    assert fast("batch", name, "--yes", "--no-wait", "-q", "--concurrency", "30").code == 0
    ids = {str(state.body["prompt"]): state.id for state in api.generations.values()}
    forbidden, hanging, dripping, named = (ids[prompt] for prompt in animals(4))
    if (work / "folder").exists():
        (work / "folder").rmdir()
    (work / "folder").write_text("a file")
    api.on_get_of[forbidden](forever(NOT_ALLOWED))
    api.on_get_of[hanging](forever(Reply(fault="hang")))
    api.cdn.on_get_of[dripping](forever(CdnReply(drip=0.5, drip_size=8)))
    for state in api.generations.values():
        state.status = "completed"
    running = fast.start("fetch", "--all", "--json", "--timeout", "120")
    wait_until(lambda: len(videos(work)) == 26)
    result = running.wait()
    ends = {line["id"]: line["exit_code"] for line in result.json_lines}
    assert len(ends) == 30
    assert [ends[each] for each in (forbidden, hanging, dripping, named)] == [4, 8, 12, 13]
    assert [code for code in ends.values() if code == 0] == [0] * 26
    assert result.code == 4
    saved = {row["id"]: row for row in rows(fast) if row.get("file")}
    assert len(saved) == 26
    assert all(has_right_file(api, row) for row in saved.values())


# --- forgotten records (C7), and states that are not failures (C8) ---


def test_a_video_that_is_lost_for_good_can_be_forgotten(wan: Wan, api: FakeApi, work: Path) -> None:
    lost, ours = submitted(wan, api, "a hen", "a fox", status="completed")
    del api.generations[lost]
    change_rows(wan, "created_at = created_at - 7200")
    assert wan("fetch", "--all").code == 6
    forgotten = wan("recover", "--forget", lost)
    assert forgotten.code == 0, forgotten.err
    assert lost in forgotten.err + forgotten.out
    result = wan("fetch", "--all")
    assert (result.code, result.err.count("error")) == (0, 0)
    assert len(videos(work)) == 1
    # The record is given up, but its id is still in the history.
    assert {row["id"] for row in rows(wan)} == {lost, ours}
    asked = polls(api, lost)
    assert wan("fetch", "--all").code == 0
    assert polls(api, lost) == asked


@pytest.mark.parametrize("form", ["prefix", "ref", "@last"])
def test_any_name_of_a_record_can_be_forgotten(wan: Wan, api: FakeApi, form: str) -> None:
    (lost,) = submitted(wan, api, "a hen")
    (row,) = rows(wan)
    names = {
        "prefix": lost[:8],
        "ref": str(row["client_request_id"]).partition(".")[0],
        "@last": "@last",
    }
    assert wan("recover", "--forget", names[form]).code == 0
    assert wan("fetch", "--all", "--no-wait").code == 0
    # A command of the user brings it back.
    api.generations[lost].status = "completed"
    assert wan("fetch", lost).code == 0


def test_an_unknown_record_cannot_be_forgotten(wan: Wan, api: FakeApi) -> None:
    submitted(wan, api, "a hen")
    result = wan("recover", "--forget", "nobody-knows-this-one")
    assert result.code == 2
    assert [row["status"] for row in rows(wan)] == ["queued"]


def test_an_unfinished_generation_is_not_an_error_for_cron(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    submitted(wan, api, "a fox", status="generating")
    (ready,) = submitted(wan, api, "a hen", status="completed")
    first = wan("fetch", "--all", "--no-wait", "-q")
    assert (first.code, first.err) == (8, "")
    assert first.out.strip() == str(videos(work)[0])
    second = wan("fetch", "--all", "--no-wait", "-q")
    assert (second.code, second.out, second.err) == (8, "", "")
    assert ready in {row["id"] for row in rows(wan)}
    # Without -q wan reports it, but not as an error.
    told = wan("fetch", "--all", "--no-wait")
    assert (told.code, "error:" in told.err) == (8, False)


# --- signals (B20, B21) ---


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_wan_even_if_the_history_cannot_be_written(
    wan: Wan, api: FakeApi, work: Path, number: int
) -> None:
    wan("list")
    locks: list[sqlite3.Connection] = []
    api.on_accept = lambda _state: locks.append(lock(wan))
    api.on_post(Reply(fault="hang"))
    running = wan.start("batch", batch_file(work, *animals(3)), "--yes")
    wait_until(lambda: locks)
    with closing(locks[0]):
        running.kill(number)
        result = running.wait()
    assert result.code == -number
    assert len(api.posts) == 1
    assert "unknown whether it was accepted" in result.err
    assert wan("recover").code == 0
    assert rows(wan)[0]["id"] == api.posts[0].id


@pytest.mark.parametrize("command", ["generate", "batch"])
def test_an_interrupted_submission_reports_the_true_reason(
    wan: Wan, api: FakeApi, work: Path, command: str
) -> None:
    api.on_post(Reply(fault="hang", accept=False))
    words = ["a fox"] if command == "generate" else [batch_file(work, "a fox"), "--yes"]
    running = wan.start(command, *words)
    wait_until(lambda: api.posts)
    running.kill(signal.SIGINT)
    result = running.wait()
    (row,) = rows(wan)
    with closing(sqlite3.connect(history_of(wan))) as database:
        database.row_factory = sqlite3.Row
        kept = dict(database.execute("SELECT * FROM generations").fetchone())
    assert row["status"] == "unknown"
    assert "interrupted" in str(kept["error_message"])
    assert "no answer within" not in str(kept) + result.err


# --- no thread available (D12) ---


def without_threads() -> None:
    """Leave the process no memory for the stack of a thread."""
    wanted = 1 << 60
    resource.setrlimit(resource.RLIMIT_STACK, (wanted, resource.RLIM_INFINITY))


def run_without_threads(wan: Wan, *argv: str) -> "subprocess.CompletedProcess[str]":
    _, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if sys.platform != "linux" or hard != resource.RLIM_INFINITY:
        pytest.skip("the stack of a thread cannot be made too large here")
    return subprocess.run(
        [sys.executable, "-m", "wan_cli", *argv],
        cwd=wan.work,
        env=wan.env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        preexec_fn=without_threads,
    )


@pytest.mark.parametrize("command", ["generate", "batch"])
def test_without_a_thread_wan_sends_nothing_and_says_why(
    wan: Wan, api: FakeApi, work: Path, command: str
) -> None:
    wan("list")
    words = ["a fox"] if command == "generate" else [batch_file(work, *animals(9)), "--yes"]
    result = run_without_threads(wan, command, *words)
    assert "Traceback" not in result.stderr
    assert "no thread could be started (EAGAIN)" in result.stderr
    assert "hint: " in result.stderr
    assert result.stderr.count("no thread could be started") <= 2  # Only once, not for each row.
    assert result.returncode not in (0, 1)
    assert api.posts == []
    assert wan(command, *words).code == 0
    all_right(wan, api, 1 if command == "generate" else 9)


def test_without_a_thread_paid_generations_are_safe(wan: Wan, api: FakeApi) -> None:
    ids = submitted(wan, api, *animals(5), status="completed")
    result = run_without_threads(wan, "fetch", "--all")
    assert "Traceback" not in result.stderr
    assert "no thread could be started (EAGAIN)" in result.stderr
    assert "safe" in result.stderr
    assert result.returncode not in (0, 1)
    assert {row["id"] for row in rows(wan)} == set(ids)
    assert wan("fetch", "--all").code == 0
    all_right(wan, api, 5)
