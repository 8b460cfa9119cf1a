"""wan recover after the process was killed: one payment, one good file."""

import signal
import time
from pathlib import Path

import pytest

from tests.engines import BOTH
from tests.fake.api import FakeApi
from tests.fake.process import Running, Wan
from tests.fake.script import Reply
from tests.fake.waiting import wait_until


def hanging(wan: Wan, api: FakeApi, *options: str) -> Running:
    """Start a submission whose POST the server has received but not answered."""
    api.on_post(Reply(fault="hang"))
    running = wan.start("generate", "a fox", *options)
    wait_until(lambda: api.posts)
    return running


@BOTH
def test_a_process_killed_during_its_post_ends_in_one_payment_and_one_file(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    running = hanging(wan, api, "--timeout", "60")
    running.kill()
    assert running.wait().code == -signal.SIGKILL
    (row,) = wan("list", "--json").json_lines
    assert (row["status"], row["client_request_id"]) == ("sending", api.posts[0].label)
    recovered = wan("recover", "--json")
    (row,) = recovered.json_lines
    assert (recovered.code, row["id"]) == (0, api.posts[0].id)
    assert wan("fetch", "--all").code == 0
    assert len(api.posts) == 1
    assert [path.read_bytes() for path in work.glob("*.mp4")] == [api.video]


@BOTH
def test_fetch_all_first_resolves_unknown_submissions(wan: Wan, api: FakeApi, work: Path) -> None:
    running = hanging(wan, api)
    running.kill()
    running.wait()
    assert wan("fetch", "--all").code == 0
    assert [path.read_bytes() for path in work.glob("*.mp4")] == [api.video]


@BOTH
def test_fetch_all_reports_what_stays_unknown(wan: Wan, api: FakeApi) -> None:
    api.log_lag = api.ledger_lag = True
    running = hanging(wan, api)
    running.kill()
    running.wait()
    assert wan("generate", "another", "--no-wait").code == 0
    result = wan("fetch", "--all", "--json")
    assert result.code == 10
    assert sorted(row["status"] for row in result.json_lines) == ["completed", "unknown"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_a_post_ends_the_command_and_keeps_the_row(
    wan: Wan, api: FakeApi, number: signal.Signals
) -> None:
    running = hanging(wan, api)
    # The test measures the wait itself: a hanging request would block it for a minute.
    begin = time.monotonic()
    running.kill(number)
    result = running.wait()
    assert time.monotonic() - begin < 30
    assert result.code == -number
    assert "it is unknown whether it was accepted" in result.err
    assert result.err.splitlines()[-1] == "hint: wan recover"
    assert wan("recover", "-q").code == 0
    assert wan("list", "--json").json_lines[0]["id"] == api.posts[0].id


def test_a_signal_between_two_tries_says_that_nothing_was_submitted(wan: Wan, api: FakeApi) -> None:
    api.on_post(Reply(status=429, headers={"Retry-After": "50"}))
    running = wan.start("generate", "a fox")
    running.wait_for("trying again")
    running.kill(signal.SIGINT)
    result = running.wait()
    assert result.code == -signal.SIGINT
    assert "nothing was submitted" in result.err
    assert wan("list", "--json").json_lines[0]["status"] == "rejected"


def test_a_signal_during_the_search_leaves_the_submission_to_recover(
    wan: Wan, api: FakeApi
) -> None:
    api.log_lag = True
    api.on_post(Reply(fault="close"))
    running = wan.start("generate", "a fox", env={"WAN_POLL_INTERVAL": "5"})
    running.wait_for("looking for it")
    running.kill(signal.SIGTERM)
    result = running.wait()
    assert result.code == -signal.SIGTERM
    assert result.err.splitlines()[-1] == "hint: wan recover"


def test_nothing_to_resolve_is_not_a_failure(wan: Wan) -> None:
    result = wan("recover")
    assert (result.code, result.out) == (0, "")
    assert "no submission is unresolved" in result.err
    refused = wan("recover", "--adopt", "some-generation-id", "--json")
    assert (refused.code, refused.json_lines[0]["exit_code"]) == (2, 2)
    assert wan("recover", "wan-unheard-of").code == 2
    assert wan("recover", "--adopt", "a", "--forget", "b").code == 2


@BOTH
def test_recover_skips_the_submission_of_a_live_process(wan: Wan, api: FakeApi) -> None:
    running = hanging(wan, api, "--no-wait", "--timeout", "60")
    result = wan("recover", "--json")
    assert (result.code, result.json_lines) == (0, [])
    assert "right now by process" in result.err
    assert wan("fetch", "--all").code == 0
    api.release()
    assert running.wait().out.strip() == api.posts[0].id
