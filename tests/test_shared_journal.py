"""The guards of a shared journal: each test here fails if its guard is taken away."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.fake.postgres import Postgres
from tests.fake.waiting import wait_until
from wan_cli.generation import Status
from wan_cli.journal import Journal
from wan_cli.journal.claims import Claim, Terms
from wan_cli.journal.limits import EASE_EVERY, FIRST_PAUSE_S, Limit
from wan_cli.journal.port import Patience
from wan_cli.record import Record

PROCESSES = 8
ACCOUNT = "x https://api.test"
NOW = 1_790_000_000.0

Opened = Callable[[], Journal]


@pytest.fixture
def opened(history_url: str, tmp_path: Path) -> Iterator[Opened]:
    """Each call connects to the database as a process of its own would."""
    with ExitStack() as stack:

        def connect() -> Journal:
            given = {name: str(value) for name, value in conninfo_to_dict(history_url).items()}
            spool = tmp_path / "spool"
            none = Patience(0.0, lambda _words: None)
            journal = Journal.connect("db", lambda: given, spool=spool, patience=none)
            return stack.enter_context(journal)

        yield connect


@pytest.fixture(params=["file", "postgres"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """The same, with a file or a database."""
    if request.param == "postgres":
        yield request.getfixturevalue("opened")
        return
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Journal.open(tmp_path / "history.db"))


def submission(ref: str, key: str | None = None, **values: object) -> Record:
    """Return the record of a submission that is about to be claimed."""
    return Record(
        ref=ref,
        client_request_id=f"{ref}.1",
        status=Status.CLAIMED,
        request={"model": "m", "prompt": f"a fox for {key or ref}"},
        created_at=NOW,
        updated_at=NOW,
        base_url="https://api.test",
        key_fingerprint="x",
        folder="/",
        row_key=key,
        host="here",
        **values,  # type: ignore[arg-type]
    )


def at_once(
    journals: Sequence[Journal], keys: Sequence[str], claim: Callable[[Journal, int, str], Claim]
) -> list[Claim]:
    """Let all processes claim each key at the same moment; return what came of it."""
    start = Barrier(len(journals))

    def claim_all(number: int) -> list[Claim]:
        claims = []
        try:
            for key in keys:
                start.wait()
                claims.append(claim(journals[number], number, key))
        except BaseException:
            # The others must not wait for this one.
            start.abort()
            raise
        return claims

    with ThreadPoolExecutor(len(journals)) as threads:
        return [
            claim for claims in threads.map(claim_all, range(len(journals))) for claim in claims
        ]


def set_default(postgres: Postgres, url: str, name: str, value: str) -> None:
    """Set a server's default for each new connection to a database."""
    with psycopg.connect(url, autocommit=True) as connection:
        database = connection.info.dbname
        connection.execute(f"ALTER DATABASE {database} SET {name} = '{value}'".encode())


# --- one claim for each purpose ---


def test_the_order_of_claims_alone_gives_each_key_to_one_process(
    postgres: Postgres, history_url: str, opened: Opened
) -> None:
    opened()
    postgres.execute(history_url, "DROP INDEX wan_generations_try")
    # Then a look in a transaction shows the time of its first statement, before the lock.
    set_default(postgres, history_url, "default_transaction_isolation", "repeatable read")
    journals = [opened() for _ in range(PROCESSES)]
    keys = [f"key {number}" for number in range(50)]
    claims = at_once(
        journals,
        keys,
        lambda journal, number, key: journal.claims.claim(
            submission(f"wan-{number}-{key}", key), Terms()
        ),
    )
    won = [claim.record.row_key for claim in claims if claim.record]
    assert sorted(map(str, won)) == sorted(keys)
    rows = postgres.execute(history_url, "SELECT row_key FROM wan_generations")
    assert len(rows) == len(keys)
    blocked = {(claim.blocking.row_key, claim.blocking.ref) for claim in claims if claim.blocking}
    assert len(blocked) == len(keys)


def test_the_index_alone_gives_a_key_to_one_process(
    postgres: Postgres, history_url: str, opened: Opened
) -> None:
    journal = opened()
    journal.save(submission("wan-template"))
    # A foreign process that does not claim in order.
    foreign = (
        "CREATE TEMP TABLE it AS SELECT * FROM wan_generations;"
        " UPDATE it SET ref = 'wan-foreign', row_key = 'k', seq = 1000;"
        " INSERT INTO wan_generations SELECT * FROM it"
    )
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'transactionid'"
    with psycopg.connect(history_url) as other, ThreadPoolExecutor(1) as threads:
        other.execute(foreign)
        claiming = threads.submit(journal.claims.claim, submission("wan-own", "k"), Terms())
        wait_until(lambda: postgres.execute(history_url, waiting) or claiming.done())
        other.commit()
        claim = claiming.result()
    assert claim.blocking is not None
    assert claim.blocking.ref == "wan-foreign"
    assert claim.record is None
    rows = postgres.execute(history_url, "SELECT ref FROM wan_generations WHERE row_key = 'k'")
    assert rows == [{"ref": "wan-foreign"}]


# --- on disk before anything is sent ---


@pytest.mark.parametrize("status", [Status.CLAIMED, Status.SENDING])
def test_what_a_server_has_acknowledged_survives_its_crash(
    postgres: Postgres, history_url: str, opened: Opened, status: Status
) -> None:
    opened()
    set_default(postgres, history_url, "synchronous_commit", "off")
    # With that default, a commit is on disk after up to three of these delays.
    postgres.configure(wal_writer_delay="10s")
    try:
        journal = opened()
        record = journal.claims.claim(submission("wan-1", "k"), Terms()).record
        assert record is not None
        if status is Status.SENDING:
            assert journal.claims.begin_sending(record, NOW) is not None
        postgres.crash()
        postgres.start()
        assert journal.at("wan-1").status is status
    finally:
        postgres.start()
        postgres.configure(wal_writer_delay="200ms")


def test_a_connection_that_the_server_has_ended_is_replaced_at_once(
    postgres: Postgres, history_url: str, opened: Opened
) -> None:
    journal = opened()
    journal.save(submission("wan-1"))
    ending = (
        "SELECT pg_terminate_backend(pid, 30000) AS ended FROM pg_stat_activity"
        " WHERE application_name = 'wan' AND datname = current_database()"
    )
    for _ in range(2):
        assert postgres.execute(history_url, ending) == [{"ended": True}]
        assert journal.at("wan-1").ref == "wan-1"
        assert postgres.execute(history_url, ending) == [{"ended": True}]
        assert journal.claims.claim(submission("wan-2", "k"), Terms()).record is not None


# --- no process undoes what another one has written ---


def test_who_does_not_know_of_an_id_cannot_write_over_it(either: Opened) -> None:
    journal, late = either(), either()
    claimed = journal.claims.claim(submission("wan-1", "k"), Terms()).record
    assert claimed is not None
    accepted = claimed._replace(id="gen-1", status=Status.QUEUED)
    assert journal.save(accepted, ("id", "status"))
    for status in (Status.UNKNOWN, Status.UNSENT, Status.REJECTED):
        lost = claimed._replace(status=status, error_message="no answer", exit_code=10)
        assert not late.save(lost, ("status", "error_message", "exit_code"))
        assert journal.at("wan-1") == accepted
    assert not late.claims.give_up(claimed, NOW)
    assert late.claims.begin_sending(claimed, NOW) is None
    assert journal.at("wan-1") == accepted


def test_another_id_does_not_replace_an_id(either: Opened) -> None:
    journal, late = either(), either()
    record = submission("wan-1", "k")._replace(status=Status.SENDING)
    journal.save(record)
    first = record._replace(id="gen-1", status=Status.QUEUED)
    assert journal.save(first, ("id", "status"))
    other = record._replace(id="gen-2", status=Status.QUEUED)
    assert not late.save(other, ("id", "status"))
    assert journal.at("wan-1") == first
    # A process that knows both may say which of them the API shows.
    both = record._replace(id="gen-2", other_id="gen-1", status=Status.GENERATING)
    assert late.save(both, ("id", "other_id", "status"))
    assert journal.at("wan-1") == both


def test_an_older_state_does_not_replace_a_newer_one(either: Opened) -> None:
    journal, late = either(), either()
    record = submission("wan-1", "k")._replace(id="gen-1", status=Status.QUEUED)
    journal.save(record)
    done = record._replace(status=Status.COMPLETED, video_url="https://cdn.test/1.mp4")
    assert journal.save(done, ("status", "video_url"))
    for status in (Status.QUEUED, Status.GENERATING, Status.UNKNOWN):
        old = record._replace(status=status)
        assert not late.save(old, ("status", "video_url"))
        assert not late.save(old, ("status",))
        assert journal.at("wan-1") == done
    newer = done._replace(video_url="https://cdn.test/1.mp4?again")
    assert late.save(newer, ("status", "video_url"))
    assert journal.at("wan-1") == newer


# --- one budget ---


def test_processes_together_never_exceed_a_limit(
    postgres: Postgres, history_url: str, opened: Opened
) -> None:
    journals = [opened() for _ in range(PROCESSES)]
    terms = Terms(limits=[Limit("--max-cost", 10.0, "a batch")])
    claims = at_once(
        journals,
        ["first", "second", "third"],
        lambda journal, number, key: journal.claims.claim(
            submission(f"wan-{number}-{key}", f"{number} {key}", price_usd=1.0, budget="a batch"),
            terms,
        ),
    )
    assert len([claim for claim in claims if claim.record]) == 10
    assert {claim.over.held_usd for claim in claims if claim.over} == {10.0}
    held = postgres.execute(history_url, "SELECT sum(price_usd) AS usd FROM wan_generations")
    assert held == [{"usd": 10.0}]


HELD = [
    (Status.CLAIMED, None),
    (Status.SENDING, None),
    (Status.UNKNOWN, None),
    (Status.QUEUED, None),
    (Status.COMPLETED, 1.0),
]
GIVEN_BACK = [
    (Status.UNSENT, None),
    (Status.REJECTED, None),
    (Status.ERROR, 0.0),
    (Status.ERROR, None),
]


@pytest.mark.parametrize("of_batch", [True, False])
def test_what_may_have_been_paid_counts_and_what_was_not_is_given_back(
    either: Opened, of_batch: bool
) -> None:
    journal, other = either(), either()
    for number, (status, cost_usd) in enumerate([*HELD, *GIVEN_BACK]):
        name, at = f"wan-{number}", NOW + number
        first, second = (
            submission(ref, ref, price_usd=1.0, budget=name)._replace(created_at=at)
            for ref in (name, f"{name}-second")
        )
        terms = Terms(limits=[Limit("the limit", 1.5, name if of_batch else None, since=at)])
        assert journal.claims.claim(first, terms).record is not None
        journal.save(first._replace(status=status, cost_usd=cost_usd), ("status", "cost_usd"))
        is_over = other.claims.claim(second, terms).over is not None
        assert is_over == ((status, cost_usd) in HELD), (status, cost_usd)


# --- one pace ---


def interval_of(postgres: Postgres, url: str) -> float:
    return float(postgres.execute(url, "SELECT interval_s FROM wan_pace")[0]["interval_s"])


def test_after_a_rate_limit_all_processes_keep_one_pace(
    postgres: Postgres, history_url: str, opened: Opened
) -> None:
    journals = [opened() for _ in range(PROCESSES)]
    numbers = iter(range(1000))

    def claim(journal: Journal) -> Claim:
        number = next(numbers)
        return journal.claims.claim(
            submission(f"wan-{number}", str(number)), Terms(account=ACCOUNT)
        )

    assert [claim(journal).wait_s for journal in journals] == [0.0] * PROCESSES
    for journal in journals:
        # All of them were refused by the same limit.
        journal.claims.pace.slow_down(ACCOUNT, 50.0, NOW)
    assert interval_of(postgres, history_url) == FIRST_PAUSE_S
    waits = [claim(journal).wait_s for journal in journals]
    assert min(waits) > 20.0
    assert max(waits) <= 50.0
    # Afterwards, one submission for each interval.
    postgres.execute(
        history_url, "UPDATE wan_pace SET next_at = 0, limited_until = 0, interval_s = 60"
    )
    claims = [claim(journal) for journal in journals]
    assert [found.record is not None for found in claims] == [True] + [False] * (PROCESSES - 1)
    assert all(found.wait_s > 20.0 for found in claims[1:])


def test_accepted_submissions_end_the_pace_again(
    postgres: Postgres, history_url: str, opened: Opened
) -> None:
    journal = opened()
    journal.claims.pace.slow_down(ACCOUNT, 0.0, NOW)
    postgres.execute(history_url, "UPDATE wan_pace SET limited_until = 0")
    journal.claims.pace.slow_down(ACCOUNT, 0.0, NOW)
    assert interval_of(postgres, history_url) == 2 * FIRST_PAUSE_S
    for _ in range(EASE_EVERY):
        journal.claims.pace.accepted(ACCOUNT)
    assert interval_of(postgres, history_url) == pytest.approx(1.8 * FIRST_PAUSE_S)
    postgres.execute(history_url, "UPDATE wan_pace SET interval_s = 0.04")
    for _ in range(EASE_EVERY):
        journal.claims.pace.accepted(ACCOUNT)
    assert interval_of(postgres, history_url) == 0.0
    first, second = (
        journal.claims.claim(submission(f"wan-{key}", key), Terms(account=ACCOUNT))
        for key in ("k", "l")
    )
    assert None not in (first.record, second.record)


def test_a_file_of_one_machine_keeps_no_pace(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "history.db") as journal:
        journal.claims.pace.slow_down(ACCOUNT, 50.0, NOW)
        claim = journal.claims.claim(submission("wan-1", "k"), Terms(account=ACCOUNT))
        assert claim.record is not None
        assert claim.wait_s == 0.0
