"""Machines that share one history: whatever happens to them, each row is paid for once."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import psycopg
import pytest

from tests.fake.api import FakeApi
from tests.fake.pooler import Pooler
from tests.fake.postgres import Postgres
from tests.fake.process import Wan
from tests.fake.s3 import FakeS3
from tests.fake.script import Reply
from tests.fake.waiting import wait_until
from tests.fleet.fleet import Fleet, new_random
from tests.fleet.witness import Lossy, Witness
from tests.trials import animals, batch_file
from wan_cli.journal.limits import FIRST_PAUSE_S

# `make fleet` runs the same with more rows.
ROWS = int(os.environ.get("WAN_FLEET_ROWS", "60"))
MACHINES = 8
PRICE_USD = 1.575
LOST_REPLIES = 0.05

pytestmark = pytest.mark.parametrize("engine", ["postgres"], indirect=True)


@pytest.fixture
def s3(wan: Wan) -> Iterator[FakeS3]:
    """A bucket `clips` for all machines."""
    with FakeS3() as server:
        wan.env.update(server.env)
        yield server


@pytest.fixture
def random() -> Random:
    return new_random()


@pytest.fixture
def witness(api: FakeApi, postgres: Postgres, env: dict[str, str]) -> Witness:
    """What the API accepts; each generation has a video of its own."""
    api.cdn.size_of_each = 4_000
    return Witness(api, postgres, env["WAN_HISTORY"])


@pytest.fixture
def fleet(wan: Wan, tmp_path: Path, random: Random) -> Fleet:
    return Fleet(wan, tmp_path, MACHINES, random)


@pytest.fixture
def at_once(wan: Wan, postgres: Postgres, env: dict[str, str]) -> Iterator[Callable[[], None]]:
    """All machines want to write their first row, and do it when this is called."""
    url = env["WAN_HISTORY"]
    assert wan("list").code == 0
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(url) as database:
        database.execute("LOCK TABLE wan_generations IN EXCLUSIVE MODE")

        def go() -> None:
            # They wait for 5 s at most.
            end = time.monotonic() + 3
            wait_until(
                lambda: len(postgres.execute(url, waiting)) == MACHINES or end < time.monotonic()
            )
            database.rollback()

        yield go


def videos_of(api: FakeApi, s3: FakeS3) -> list[str]:
    """Return the generations whose objects are whole and their own, in order."""
    stored = [each for path, each in s3.objects.items() if not path.endswith("/.wan")]
    return sorted(
        str(each.wan_id) for each in stored if each.data == api.cdn.video_of(str(each.wan_id))
    )


def test_machines_that_are_killed_pay_for_each_row_once(
    wan: Wan,
    api: FakeApi,
    s3: FakeS3,
    postgres: Postgres,
    fleet: Fleet,
    witness: Witness,
    random: Random,
) -> None:
    api.looks = 8
    api.on_post = Lossy(LOST_REPLIES, random)
    name = batch_file(wan.work, *animals(ROWS))
    cap = f"{ROWS * PRICE_USD:.4f}"
    argv = ["batch", name, "--output-dir", "s3://clips/run", "--max-cost", cap, "--concurrency"]
    # It searches the log for a killed submission until the timeout.
    argv += ["3", "--poll-interval", "0.2", "--timeout", "12"]

    def crash() -> None:
        postgres.crash()
        postgres.start()

    def outage() -> None:
        with postgres.away():
            time.sleep(3)

    codes = fleet.run(argv, kills=ROWS // 2, events=[crash, outage, crash])
    assert {*witness.accepted.values()} == {1}
    assert witness.unjournalled == []
    # A machine that dies between the commit of `sending` and the first byte leaves a row whose fate
    # nobody knows: all machines say so.
    unsent = {*animals(ROWS)} - witness.accepted.keys()
    assert {*codes} == ({10} if unsent else {0}), fleet.ends
    assert videos_of(api, s3) == sorted(str(post.id) for post in api.accepted)
    assert len(s3.videos) == len(api.accepted) == ROWS - len(unsent)
    if unsent:
        # Two days later the account has no trace of them: the user's word frees the rows.
        old = "UPDATE wan_generations SET created_at = created_at - 172800 WHERE id IS NULL"
        postgres.execute(wan.env["WAN_HISTORY"], old)
        assert wan("recover", "--settle-absent", "24h", "--yes").code == 0
        assert {*fleet.run(argv)} == {0}, fleet.ends
    assert {*witness.accepted} == {*animals(ROWS)}
    assert {*witness.accepted.values()} == {1}
    assert len(s3.videos) == len(api.accepted) == ROWS


def test_machines_together_stay_below_the_cap(
    wan: Wan, fleet: Fleet, witness: Witness, at_once: Callable[[], None]
) -> None:
    name = batch_file(wan.work, *animals(MACHINES))
    # Each machine alone could pay for its share.
    words = ["batch", name, "--shard", f"{{machine}}/{MACHINES}", "--no-wait"]
    codes = fleet.run([*words, "--max-cost", f"{3 * PRICE_USD}"], events=[at_once])
    assert sorted(codes) == [0] * 3 + [5] * (MACHINES - 3)
    assert len(witness.seen) == 3
    assert witness.unjournalled == []


def test_machines_together_slow_down_after_a_rate_limit(
    wan: Wan, api: FakeApi, fleet: Fleet, witness: Witness
) -> None:
    api.on_post(Reply(status=429, headers={"Retry-After": "1"}))
    name = batch_file(wan.work, *animals(12))
    words = ["batch", name, "--yes", "--no-wait", "--concurrency", "1"]
    assert {*fleet.run(words)} == {0}
    limited = [post.time for post in api.posts if not post.accepted]
    # Some were on their way when the limit came; after it, one each half second at most.
    later = len(animals(12)) - MACHINES
    took_s = (api.posts[-1].time - limited[0]).total_seconds()
    assert took_s >= 1.0 + (later - 1) * FIRST_PAUSE_S
    assert witness.unjournalled == []


def test_one_key_on_all_machines_is_one_generation(
    wan: Wan, s3: FakeS3, fleet: Fleet, witness: Witness, at_once: Callable[[], None]
) -> None:
    words = ["generate", "a fox", "--once", "k", "-o", "s3://clips/run/"]
    assert fleet.run(words, events=[at_once]) == [0] * MACHINES
    assert [seen.status for seen in witness.seen] == ["sending"]
    assert [run.out.split() for run in wan.runs[1:]] == [s3.videos] * MACHINES
    assert len(s3.videos) == 1


def test_machines_may_share_connections_by_a_pooler(
    pooler: Pooler, wan: Wan, fleet: Fleet, witness: Witness
) -> None:
    wan.env["WAN_HISTORY"] = pooler.url(wan.env["WAN_HISTORY"])
    name = batch_file(wan.work, *animals(2 * MACHINES))
    words = ["batch", name, "--yes", "--no-wait", "--timeout", "10"]
    codes = fleet.run(words, kills=MACHINES)
    assert {*witness.accepted.values()} == {1}
    assert witness.unjournalled == []
    assert {*codes} == ({0} if len(witness.accepted) == 2 * MACHINES else {10})
