"""The database of a shared history goes away while a command waits for its video."""

from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.postgres import Postgres
from tests.fake.process import Running, Wan
from tests.fake.waiting import wait_until


@pytest.fixture
def env(env: dict[str, str], history_url: str) -> dict[str, str]:
    return env | {"WAN_HISTORY": history_url}


def waiting(wan: Wan, api: FakeApi, timeout: str) -> Running:
    """Start a command that waits for its video, which is never done before `finish`."""
    api.looks = 1_000_000
    words = ("generate", "a fox", "--once", "fox", "-o", "fox.mp4", "--timeout", timeout)
    running = wan.start(*words)
    wait_until(lambda: any(one.seen for one in list(api.generations.values())))
    return running


def finish(api: FakeApi) -> None:
    api.looks = 2
    for one in api.generations.values():
        one.looks = 2


def test_a_command_exits_with_13_if_the_database_stays_away(
    wan: Wan, api: FakeApi, postgres: Postgres
) -> None:
    running = waiting(wan, api, "6")
    (id_,) = api.generations
    with postgres.away():
        finish(api)
        result = running.wait()
    # 11 would say that nothing was submitted.
    assert (result.code, result.out) == (13, f"{id_}\n")
    assert f"error: generation {id_} is safe, but the history postgresql://" in result.err
    again = wan("generate", "a fox", "--once", "fox", "-o", "fox.mp4")
    assert again.code == 0, again.err
    assert len(api.posts) == 1


def test_a_command_goes_on_when_the_database_is_back(
    wan: Wan, api: FakeApi, postgres: Postgres, work: Path
) -> None:
    running = waiting(wan, api, "60")
    with postgres.away():
        running.wait_for("trying again")
    finish(api)
    result = running.wait()
    assert (result.code, result.out) == (0, f"{work / 'fox.mp4'}\n"), result.err
    assert len(api.posts) == 1
