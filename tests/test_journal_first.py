"""A submission is journaled before its connection opens, and again before the first body byte."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply
from tests.fake.waiting import wait_until
from tests.trials import SPEED, VIDEO_BYTES, all_right, batch_file, log_reads, rows, videos


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """An API over TLS, whose handshakes can hang."""
    with FakeApi(tls=True) as server:
        server.cdn.size_of_each = VIDEO_BYTES
        yield server


@pytest.fixture
def env(env: dict[str, str], api: FakeApi) -> dict[str, str]:
    """The environment of commands that trust it."""
    return env | {"REQUESTS_CA_BUNDLE": str(api.ca_pem)}


def hangs(server: FakeApi) -> None:
    """Make the next handshakes hang."""
    server.on_connect.extend(["hang"] * 50)


def statuses(wan: Wan) -> list[str]:
    return [row["status"] for row in rows(wan)]


@pytest.mark.parametrize("command", ["generate", "batch"])
def test_a_process_that_is_killed_during_tls_has_sent_nothing_and_the_next_one_says_so(
    wan: Wan, api: FakeApi, work: Path, command: str
) -> None:
    words = (
        ["a fox"] if command == "generate" else [batch_file(work, "a fox"), "--yes", "--no-lookup"]
    )
    hangs(api)
    running = wan.start(command, *words)
    wait_until(lambda: statuses(wan) == ["claimed"] and api.connections)
    running.kill(signal.SIGKILL)
    running.wait()
    assert statuses(wan) == ["claimed"]
    api.on_connect.clear()
    result = wan(command, *words)
    assert result.code == 0, result.err
    assert "sent" in result.err.partition("submitted ")[0]
    assert "unknown" not in result.err
    # Neither the log nor the user is needed.
    assert log_reads(api) == 0
    all_right(wan, api, 1)
    assert statuses(wan)[:-1] in ([], ["unsent"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["generate", "batch"])
def test_a_signal_during_tls_says_that_nothing_was_submitted(
    wan: Wan, api: FakeApi, work: Path, command: str, number: int
) -> None:
    words = (
        ["a fox"] if command == "generate" else [batch_file(work, "a fox"), "--yes", "--no-lookup"]
    )
    hangs(api)
    running = wan.start(command, *words)
    wait_until(lambda: statuses(wan) == ["claimed"] and api.connections)
    running.kill(number)
    result = running.wait()
    assert result.code == -number
    assert "nothing was submitted" in result.err
    assert statuses(wan) == ["unsent"]
    # The hanging submission is not sent later.
    api.on_connect.clear()
    api.release()
    assert wan(command, *words).code == 0
    all_right(wan, api, 1)


def test_recover_knows_that_a_claim_was_never_sent(wan: Wan, api: FakeApi) -> None:
    hangs(api)
    running = wan.start("generate", "a fox")
    wait_until(lambda: statuses(wan) == ["claimed"] and api.connections)
    running.kill(signal.SIGKILL)
    running.wait()
    api.on_connect.clear()
    result = wan("recover")
    assert result.code == 0, result.err
    assert "unknown" not in result.err
    assert statuses(wan) == ["unsent"]
    assert api.posts == []


def test_a_process_that_is_killed_on_the_way_to_its_proxy_has_sent_nothing(
    wan: Wan, api: FakeApi
) -> None:
    with FakeApi() as proxy:
        hangs(proxy)
        running = wan.start("generate", "a fox", env={"HTTPS_PROXY": proxy.base_url})
        wait_until(lambda: statuses(wan) == ["claimed"] and proxy.connections)
        running.kill(signal.SIGKILL)
        running.wait()
    assert wan("generate", "a fox").code == 0
    assert log_reads(api) == 0
    all_right(wan, api, 1)


@pytest.mark.parametrize("accepted", [True, False])
def test_a_process_that_is_killed_once_the_body_began_leaves_the_outcome_unknown(
    wan: Wan, api: FakeApi, accepted: bool
) -> None:
    api.on_post(Reply(fault="hang", accept=accepted))
    running = wan.start("generate", "a fox")
    wait_until(lambda: api.posts)
    assert statuses(wan) == ["sending"]
    running.kill(signal.SIGKILL)
    running.wait()
    result = wan("generate", "a fox", "--timeout", "3")
    assert len(api.posts) == 1
    assert result.code == (0 if accepted else 10), result.err


def test_wan_leaves_the_claim_of_a_living_process_alone(wan: Wan, api: FakeApi, work: Path) -> None:
    name = batch_file(work, "a fox")
    hangs(api)
    first = wan.start("batch", name, "--yes", "--no-lookup")
    wait_until(lambda: statuses(wan) == ["claimed"] and api.connections)
    api.on_connect.clear()
    second = wan.start("batch", name, "--yes", "--no-lookup")
    second.wait_for(str(first.process.pid))
    api.release()
    assert [first.wait().code, second.wait().code] == [0, 0]
    all_right(wan, api, 1)


def test_a_submission_that_tls_prevented_is_sent_later_under_another_label(
    wan: Wan, api: FakeApi
) -> None:
    wan.env.pop("WAN_POLL_INTERVAL")
    wan.speed = SPEED
    api.on_connect.extend(["close"] * 6)
    result = wan("generate", "a fox", "--no-wait")
    assert result.code == 0, result.err
    (post,) = api.posts
    assert int(str(post.label).rpartition(".")[2]) > 1
    (row,) = rows(wan)
    assert (row["id"], row["client_request_id"]) == (post.id, post.label)
    assert videos(wan.work) == []


def test_wan_does_not_retry_an_untrusted_certificate(wan: Wan, api: FakeApi) -> None:
    result = wan("generate", "a fox", env={"REQUESTS_CA_BUNDLE": None})
    assert result.code == 11
    assert api.connections <= 3  # One attempt, and perhaps a request for the price.
    assert "CA" in result.err
    assert statuses(wan) == ["unsent"]
