"""A long history: it stores totals, and no query reads all rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from tests.fake.postgres import Postgres
from tests.fake.proxy import Proxy
from wan_cli.generation import Status
from wan_cli.journal import Journal
from wan_cli.journal.limits import Limit, held_usd
from wan_cli.journal.port import Patience
from wan_cli.listing import Listing
from wan_cli.record import Record

AMOUNTS = st.tuples(
    st.sampled_from(["queued", "completed", "error", "rejected", "unknown"]),
    st.none() | st.integers(0, 10**7),
    st.none() | st.floats(0, 50).map(lambda usd: round(usd, 6)),
    st.sampled_from(["alibaba/wan-2-6-t2v", "acme/video-9"]),
    st.floats(1.7e9, 1.7e9 + 3e5),
)


@given(rows=st.lists(AMOUNTS, max_size=12), changes=st.lists(st.tuples(st.integers(0), AMOUNTS)))
def test_the_stored_total_is_the_sum_of_the_rows(
    rows: list[Any], changes: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("totals") / "history.db"
    with Journal.open(path) as journal:
        records = [_row(number, *row) for number, row in enumerate(rows)]
        journal.save_all(records, ())
        for number, change in changes if records else ():
            place = number % len(records)
            records[place] = _row(place, *change)
            journal.save(records[place])
        paid = [row for row in records if row.status in (Status.QUEUED, Status.COMPLETED)]
        total = journal.total(Listing())
        assert total.generations == len(records)
        assert total.credits == sum(row.credits_used or 0 for row in paid)
        assert total.usd == pytest.approx(sum(row.cost_usd or 0 for row in paid), abs=1e-8)
        # A filter that matches all rows reads them.
        kept, read = (journal.spending(Listing(since=since)) for since in (0.0, 1.0))
        assert [row[:2] for row in kept] == [row[:2] for row in read]
        assert [(row.day, row.model) for row in kept] == [(row.day, row.model) for row in read]


def _row(
    number: int, status: str, used: int | None, usd: float | None, model: str, at: float
) -> Record:
    return Record(
        ref=f"wan-{number}",
        client_request_id=f"wan-{number}.1",
        status=Status(status),
        request={"model": model, "prompt": "a fox"},
        created_at=at,
        updated_at=at,
        base_url="https://api.test",
        key_fingerprint="x",
        folder="/",
        credits_used=used,
        cost_usd=usd,
    )


QUESTIONS = [
    lambda journal: journal.find("wan-1"),
    lambda journal: journal.find("wan-12345"),
    lambda journal: journal.find("owLi741A"),
    lambda journal: journal.find("clips/a-fox.mp4"),
    lambda journal: journal.keys.owner("an-id", "https://api.test"),
    lambda journal: journal.explained_ids(["an-id"]),
    lambda journal: journal.unresolved(),
    lambda journal: journal.to_fetch(),
    lambda journal: journal.total(Listing()),
    lambda journal: journal.durations({"model": "m", "resolution": "720p", "duration": 5}),
    lambda journal: journal.keys.of("a-key"),
    lambda journal: journal.keys.of_rows(["a-key"]),
    lambda journal: list(journal.keys.made(["a-digest"])),
    lambda journal: journal.keys.old_urls(),
    lambda journal: held_usd(journal.engine, Limit("--max-cost", 1.0, "a-batch")),
    lambda journal: held_usd(journal.engine, Limit("budget_day", 1.0, since=1.7e9)),
    lambda journal: journal.total(Listing(since=1.7e9)),
]


@pytest.mark.parametrize("ask", QUESTIONS)
def test_no_query_reads_the_whole_history(tmp_path: Path, ask: Any) -> None:
    with Journal.open(tmp_path / "history.db") as journal:
        asked: list[str] = []
        connection = journal.engine._connection  # type: ignore[attr-defined]  # noqa: SLF001  Its plans are the subject.
        connection.set_trace_callback(asked.append)
        ask(journal)
        connection.set_trace_callback(None)
        for statement in asked:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            scans = [step for step in plan if step.startswith("SCAN generations")]
            # A partial index holds only the unfinished rows.
            assert all(" USING " in step for step in scans), (statement, plan)


# Rows as those of a long history, and few that are unfinished.
FILL = """
INSERT INTO wan_generations (ref, client_request_id, status, request, created_at, updated_at,
  base_url, key_fingerprint, folder, id, finished_at, credits_used, cost_usd, file, row_key, batch,
  once, budget, price_usd, model, class, prompt_folded, digest)
SELECT 'wan-' || n, 'wan-' || n || '.1', CASE WHEN n % 500 = 0 THEN 'unknown' ELSE 'completed' END,
  '{}', 1.6e9 + n * 3600, 1.6e9, 'https://api.test', 'x', '/', 'id-' || n, 1.6e9, 1, 1.5,
  '/' || n || '.mp4', 'key-' || n, 'batch-' || n / 100, 'once-' || n, 'budget-' || n / 100, 1.5,
  'm', 'm/720p/' || n % 50, 'a fox', 'digest-' || n FROM generate_series(1, 5000) AS n;
ANALYZE
"""


@pytest.fixture(scope="module")
def long_history(postgres_server: Postgres | str) -> Iterator[tuple[Postgres, str]]:
    """A database with 5,000 rows."""
    if isinstance(postgres_server, str):
        pytest.skip(postgres_server)
    postgres_server.start()
    url = postgres_server.create()
    _connect(url).close()
    postgres_server.execute(url, FILL)
    yield postgres_server, url
    postgres_server.drop(url)


def _connect(url: str) -> Journal:
    given = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    none = Patience(0.0, lambda _words: None)
    return Journal.connect("db", lambda: given, spool=None, patience=none)


@pytest.mark.parametrize("ask", QUESTIONS)
def test_no_query_reads_the_whole_table(long_history: tuple[Postgres, str], ask: Any) -> None:
    postgres, url = long_history
    with Proxy(postgres.address) as proxy, _connect(proxy.url(url)) as journal:
        begin = len(proxy.statements)
        ask(journal)
        asked = [each for each in proxy.statements[begin:] if "wan_" in each]
    for statement in asked:
        (row,) = postgres.execute(url, f"EXPLAIN (FORMAT JSON) {statement}")
        scans = [*_scans(row["QUERY PLAN"][0]["Plan"])]
        assert all(_is_narrow(scan) for scan in scans), (statement, scans)
    assert asked


def _scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the steps of a plan that read the rows, or an index of them."""
    if plan.get("Relation Name") == "wan_generations" or "Index Name" in plan:
        yield plan
    for step in plan.get("Plans", ()):
        yield from _scans(step)


def _is_narrow(scan: dict[str, Any]) -> bool:
    """Whether a step has a condition on an index, or reads a partial one or what one has found."""
    partial = ("wan_generations_open", "wan_generations_due", "wan_generations_old")
    is_found = scan["Node Type"] == "Bitmap Heap Scan"
    return is_found or "Index Cond" in scan or scan.get("Index Name") in partial
