"""Machines that share a history continue what another one has left, and nothing before that."""

import signal
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.postgres import Postgres
from tests.fake.process import Running, Wan
from tests.fake.waiting import wait_until
from tests.trials import polls
from wan_cli.journal.workers import DEAD_S

pytestmark = pytest.mark.parametrize("engine", ["postgres"], indirect=True)

WORDS = ("generate", "a fox", "--once", "fox", "-o", "fox.mp4", "--timeout", "60")


class Machine:
    """A command that waits for its video, and changes to the history as its host would make."""

    def __init__(self, wan: Wan, api: FakeApi, postgres: Postgres, home: Path) -> None:
        self._wan, self._api, self._postgres = wan, api, postgres
        self._homes = home
        api.looks = 1_000_000
        self.first = wan.start(*WORDS)
        wait_until(lambda: any(one.seen for one in list(api.generations.values())))
        (self.id,) = api.generations

    def other(self) -> Running:
        """Start the same command in another home."""
        return self._wan.start(*WORDS, env={"WAN_HOME": str(self._homes / "other")})

    def move(self) -> None:
        """Let the first command be on another host."""
        self.execute("UPDATE wan_workers SET host = 'elsewhere'")
        self.execute("UPDATE wan_generations SET host = 'elsewhere'")

    def silence(self, seconds: float) -> None:
        """Let the first command have said nothing for some seconds."""
        self.execute(f"UPDATE wan_workers SET seen_at = seen_at - {seconds}")

    def wait_for_looks(self, count: int = 3) -> None:
        """Wait until a command has looked in the history for the one that works on the row."""
        query = (
            "SELECT query_start FROM pg_stat_activity WHERE application_name = 'wan'"
            " AND query LIKE '%seen_at FROM wan_workers%'"
        )
        seen: set[object] = set()

        def has_looked() -> bool:
            seen.update(row["query_start"] for row in self.execute(query))
            return len(seen) >= count

        wait_until(has_looked)

    def execute(self, sql: str) -> list[dict[str, object]]:
        return self._postgres.execute(self._wan.env["WAN_HISTORY"], sql)

    def finish(self) -> None:
        """Let the video be done at the next poll."""
        self._api.looks = 0
        for one in self._api.generations.values():
            one.looks = 0


@pytest.fixture
def machine(wan: Wan, api: FakeApi, postgres: Postgres, tmp_path: Path) -> Machine:
    return Machine(wan, api, postgres, tmp_path)


def polls_of_a_follower(machine: Machine, api: FakeApi) -> int:
    """Let the video be done, and return how often it was polled: a follower does not poll."""
    machine.wait_for_looks(1)
    before = polls(api, machine.id)
    machine.finish()
    machine.wait_for_looks()
    assert polls(api, machine.id) == before
    return before


def assert_polled_once_more(
    follower: Running, machine: Machine, api: FakeApi, work: Path, before: int
) -> None:
    """The follower has continued the generation and saved its video; nothing was paid again."""
    result = follower.wait()
    assert (result.code, result.out) == (0, f"{work / 'fox.mp4'}\n"), result.err
    assert polls(api, machine.id) == before + 1
    assert len(api.posts) == 1


def test_the_rows_of_a_killed_command_are_continued_at_once(
    machine: Machine, api: FakeApi, work: Path
) -> None:
    machine.first.kill(signal.SIGKILL)
    machine.first.wait()
    machine.finish()
    result = machine.other().wait()
    assert (result.code, result.out) == (0, f"{work / 'fox.mp4'}\n"), result.err
    assert len(api.posts) == 1


def test_a_row_that_another_command_works_on_is_not_polled_until_that_ends(
    machine: Machine, api: FakeApi, work: Path
) -> None:
    machine.first.kill(signal.SIGSTOP)
    follower = machine.other()
    before = polls_of_a_follower(machine, api)
    machine.first.kill(signal.SIGKILL)
    assert_polled_once_more(follower, machine, api, work, before)


def test_a_follower_says_what_the_other_command_has_saved(
    machine: Machine, api: FakeApi, work: Path
) -> None:
    follower = machine.other()
    machine.wait_for_looks()
    machine.finish()
    first, second = machine.first.wait(), follower.wait()
    assert (first.code, first.out) == (0, f"{work / 'fox.mp4'}\n")
    assert (second.code, second.out) == (0, first.out), second.err
    assert len(api.posts) == 1
    assert len(api.cdn.requests) == 1


def test_the_rows_of_another_host_are_continued_after_its_silence(
    machine: Machine, api: FakeApi, work: Path
) -> None:
    # Nobody can see from here that it is dead.
    machine.first.kill(signal.SIGKILL)
    machine.first.wait()
    machine.move()
    machine.silence(DEAD_S - 60)
    follower = machine.other()
    before = polls_of_a_follower(machine, api)
    machine.silence(60)
    assert_polled_once_more(follower, machine, api, work, before)


def test_a_command_that_ends_early_gives_its_rows_back(
    machine: Machine, api: FakeApi, work: Path
) -> None:
    machine.first.kill(signal.SIGTERM)
    assert machine.first.wait().code == -signal.SIGTERM
    assert machine.execute("SELECT seen_at FROM wan_workers") == [{"seen_at": 0.0}]
    machine.move()
    machine.finish()
    result = machine.other().wait()
    assert (result.code, result.out) == (0, f"{work / 'fox.mp4'}\n"), result.err
    assert len(api.posts) == 1
