"""Events during a submission, or that cut it short, lose nothing and pay for nothing twice."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply, forever, refusal
from tests.fake.waiting import wait_until
from tests.trials import (
    all_right,
    animals,
    batch_file,
    change_rows,
    fill,
    lock,
    rows,
    sleeps_in,
    videos,
)

DEAD = 2**22 - 1  # No process has this number.


def limited(seconds: int) -> Reply:
    return Reply(status=429, headers={"Retry-After": str(seconds)})


@pytest.mark.parametrize("command", ["once", "batch"])
def test_a_row_that_another_process_submits_during_a_pause_is_paid_once(
    wan: Wan, api: FakeApi, work: Path, command: str
) -> None:
    file = batch_file(work, "a fox")
    words = ["generate", "a fox", "--once", "K"] if command == "once" else ["batch", file, "--yes"]
    api.on_post(limited(4))
    first = wan.start(*words)
    first.wait_for("trying again")
    second = wan(*words)
    assert second.code == 0, second.err
    result = first.wait()
    assert result.code == 0, result.err
    assert (len(api.posts), len(api.accepted)) == (2, 1)
    assert second.out == result.out
    all_right(wan, api, 1)


@pytest.mark.parametrize("command", ["once", "batch"])
def test_a_row_that_another_process_failed_to_submit_during_a_pause_is_submitted(
    wan: Wan, api: FakeApi, work: Path, command: str
) -> None:
    file = batch_file(work, "a fox")
    words = ["generate", "a fox", "--once", "K"] if command == "once" else ["batch", file, "--yes"]
    api.on_post(limited(2), Reply(status=422, fault="hang"))
    first = wan.start(*words)
    first.wait_for("trying again")
    second = wan.start(*words)
    first.wait_for("waiting for process")
    api.release()
    assert second.wait().code == 6
    result = first.wait()
    assert result.code == 0, result.err
    assert (len(api.posts), len(api.accepted)) == (3, 1)
    all_right(wan, api, 1)


def test_an_identical_request_that_became_unknown_during_a_pause_is_not_sent_again(
    wan: Wan, api: FakeApi
) -> None:
    api.on_post(limited(5), forever(Reply(status=503, accept=False)))
    first = wan.start("generate", "a fox", "--timeout", "9")
    first.wait_for("trying again")
    second = wan("generate", "a fox", "--timeout", "1")
    assert second.code == 10
    result = first.wait()
    assert result.code == 10
    assert "it was not sent again" in result.err
    assert len(api.posts) == 2


def test_a_key_that_is_refused_ends_a_paused_submission_at_once(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    api.on_post(Reply(), limited(25))
    running = wan.start("batch", batch_file(work, *animals(3)), "--yes")
    wait_until(lambda: len(api.posts) == 2)
    api.on_get(forever(refusal(401, "Invalid API key")))
    result = running.wait(timeout=20)
    assert result.code == 4
    assert len(api.posts) == 2


@pytest.mark.parametrize("fault", [None, "hang"])
def test_a_signal_while_an_outcome_is_printed_keeps_the_other_submissions(
    wan: Wan, api: FakeApi, work: Path, fault: str | None
) -> None:
    reads, writes = os.pipe()
    api.on_post(Reply(), Reply(fault="hang"))
    api.on_accept = lambda state: setattr(
        state, "status", "generating" if state.body["prompt"] == animals(2)[1] else None
    )
    words = ["batch", batch_file(work, *animals(2)), "--yes"]
    process = subprocess.Popen(
        [sys.executable, "-m", "wan_cli", *words],
        cwd=work,
        env=wan.env,
        stdout=writes,
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: len(api.posts) == 2)
    fill(writes)
    wait_until(lambda: sleeps_in(process, {"1", "64"}, "0x1"))
    if fault is None:
        api.release()
        wait_until(lambda: len(api.accepted) == 2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    os.close(reads)
    api.release()
    assert process.returncode == -signal.SIGINT
    first, second = rows(wan)
    assert first["status"] == "completed"
    # The reply may have arrived by then or not; the history records that wan did not see it.
    if second.get("id"):
        assert second["id"] in err.decode()
    else:
        assert second["status"] == "unknown"
        assert "it is unknown whether it was accepted" in err.decode()
        assert "nothing was submitted" not in err.decode()


def test_the_end_of_a_submission_is_recorded_after_a_lock_is_released(
    wan: Wan, api: FakeApi
) -> None:
    api.on_post(Reply(status=422, fault="hang"))
    running = wan.start("generate", "a fox")
    wait_until(lambda: api.posts)
    with closing(lock(wan)):
        api.release()
        time.sleep(1.5)  # Longer than the first write waits, and shorter than the last one.
    result = running.wait()
    assert result.code == 6
    assert [row["status"] for row in rows(wan)] == ["rejected"]


def test_fetch_skips_a_submission_that_another_process_is_making(wan: Wan, api: FakeApi) -> None:
    api.on_post(Reply(fault="hang"))
    running = wan.start("generate", "a fox")
    wait_until(lambda: api.posts)
    ref = rows(wan)[0]["client_request_id"].partition(".")[0]
    result = wan("fetch", ref)
    assert result.code == 8
    assert "being submitted right now" in result.err
    assert rows(wan)[0]["status"] == "sending"
    api.release()
    assert running.wait().code == 0
    all_right(wan, api, 1)


def test_fetch_of_a_claim_whose_process_died_says_that_nothing_was_sent(
    wan: Wan, api: FakeApi
) -> None:
    api.on_post(Reply(fault="hang"))
    running = wan.start("generate", "a fox")
    wait_until(lambda: api.posts)
    running.kill()
    running.wait()
    change_rows(wan, f"status = 'claimed', pid = {DEAD}")
    row = rows(wan)[0]
    result = wan("fetch", row["client_request_id"].partition(".")[0])
    assert result.code == 3
    assert "never submitted" in result.err
    assert rows(wan)[0]["status"] == "unsent"
    assert not videos(wan.work)
