"""Two machines that share a history run one batch, and each saves in a folder of its own."""

import json
import shutil
import signal
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.postgres import Postgres
from tests.fake.process import Running, Wan
from tests.fake.script import Reply
from tests.fake.waiting import wait_until

pytestmark = pytest.mark.parametrize("engine", ["postgres"], indirect=True)

ROWS = 2


class Machines:
    """Machines with homes and folders of their own; no video is done until `finish`."""

    def __init__(self, wan: Wan, api: FakeApi, postgres: Postgres, homes: Path) -> None:
        self._wan, self._api, self._postgres, self._homes = wan, api, postgres, homes
        lines = [json.dumps({"prompt": f"fox {number}"}) for number in range(ROWS)]
        (wan.work / "rows.jsonl").write_text("\n".join(lines))
        api.looks = 1_000_000

    def start(self, name: str, *more: str) -> Running:
        """Start the batch on a machine, which saves in the folder of its name."""
        words = ("rows.jsonl", "--as", "foxes", "--yes", "--timeout", "60", "--output-dir", name)
        home = str(self._homes / f"home-{name}")
        return self._wan.start("batch", *words, *more, env={"WAN_HOME": home})

    def start_both(self) -> tuple[Running, Running]:
        """Start a machine that works on all rows, and one that follows it."""
        first = self.start("a", "--no-lookup")
        self.wait_for_polls()
        second = self.start("b")
        self.wait_for_looks()
        return first, second

    def wait_for_polls(self) -> None:
        """Wait until each row has been submitted and polled."""
        made = self._api.generations
        wait_until(lambda: sum(bool(each.seen) for each in list(made.values())) == ROWS)

    def wait_for_looks(self) -> None:
        """Wait until a machine has looked several times for the one that works on the rows."""
        query = (
            "SELECT query_start FROM pg_stat_activity WHERE application_name = 'wan'"
            " AND query LIKE '%seen_at FROM wan_workers%'"
        )
        seen: set[object] = set()

        def has_looked() -> bool:
            seen.update(row["query_start"] for row in self._execute(query))
            return len(seen) >= 2 * ROWS

        wait_until(has_looked)

    def folders(self) -> set[object]:
        """Return the folders that the history has for the rows."""
        return {row["folder"] for row in self._execute("SELECT folder FROM wan_generations")}

    def finish(self) -> None:
        """Let the videos be done at the next poll."""
        self._api.looks = 0
        for each in self._api.generations.values():
            each.looks = 0

    def _execute(self, sql: str) -> list[dict[str, object]]:
        return self._postgres.execute(self._wan.env["WAN_HISTORY"], sql)


@pytest.fixture
def machines(wan: Wan, api: FakeApi, postgres: Postgres, tmp_path: Path) -> Machines:
    return Machines(wan, api, postgres, tmp_path)


def videos_in(folder: Path) -> list[str]:
    """Return the paths of the videos in a folder."""
    return sorted(map(str, folder.glob("*.mp4")))


def test_another_folder_does_not_move_the_rows_of_a_machine_that_works_on_them(
    machines: Machines, api: FakeApi, work: Path
) -> None:
    first, second = machines.start_both()
    assert machines.folders() == {str(work / "a")}
    machines.finish()
    one, other = first.wait(), second.wait()
    assert one.code == other.code == 0, one.err + other.err
    # The disk is the same here, so the second machine finds the files of the first.
    saved = videos_in(work / "a")
    assert sorted(one.out.splitlines()) == sorted(other.out.splitlines()) == saved
    assert len(saved) == len(api.posts) == ROWS


def test_a_file_on_the_disk_of_another_machine_is_fetched_into_the_own_folder(
    machines: Machines, api: FakeApi, work: Path, tmp_path: Path
) -> None:
    first, second = machines.start_both()
    second.kill(signal.SIGSTOP)
    machines.finish()
    one = first.wait()
    assert one.code == 0, one.err
    assert sorted(one.out.splitlines()) == videos_in(work / "a")
    (work / "a").rename(tmp_path / "another disk")
    second.kill(signal.SIGCONT)
    other = second.wait()
    assert other.code == 0, other.err
    assert sorted(other.out.splitlines()) == videos_in(work / "b")
    assert len(videos_in(work / "b")) == len(api.posts) == ROWS
    assert not (work / "a").exists()


def test_a_folder_that_cannot_be_made_harms_no_other_machine(
    machines: Machines, api: FakeApi, work: Path
) -> None:
    first, second = machines.start_both()
    second.kill(signal.SIGKILL)
    second.wait()
    shutil.rmtree(work / "b", ignore_errors=True)
    (work / "b").write_text("no folder")
    machines.finish()
    one = first.wait()
    assert one.code == 0, one.err
    assert sorted(one.out.splitlines()) == videos_in(work / "a")
    assert len(videos_in(work / "a")) == len(api.posts) == ROWS


@pytest.mark.parametrize("met", ["before the claim", "at the claim"])
def test_the_rows_of_a_dead_machine_are_saved_in_the_folder_of_the_one_that_continues(
    machines: Machines, api: FakeApi, work: Path, met: str
) -> None:
    if met == "at the claim":
        # It knows of no row, and waits for the account's log before it claims one.
        api.on_logs(Reply(fault="hang"))
        second = machines.start("b")
        second.wait_for("searching the account's log")
        first = machines.start("a", "--no-lookup")
        machines.wait_for_polls()
        api.release()
    else:
        first = machines.start("a", "--no-lookup")
        machines.wait_for_polls()
        second = machines.start("b")
    machines.wait_for_looks()
    assert machines.folders() == {str(work / "a")}
    first.kill(signal.SIGKILL)
    first.wait()
    wait_until(lambda: machines.folders() == {str(work / "b")})
    machines.finish()
    other = second.wait()
    assert other.code == 0, other.err
    assert sorted(other.out.splitlines()) == videos_in(work / "b")
    assert len(videos_in(work / "b")) == len(api.posts) == ROWS
    assert videos_in(work / "a") == []
