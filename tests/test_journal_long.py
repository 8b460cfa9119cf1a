"""A long history: it stores totals, and no query reads all rows."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_cli.generation import Status
from wan_cli.journal import Journal
from wan_cli.journal.limits import Limit, held_usd
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
    lambda journal: held_usd(journal._engine, Limit("--max-cost", 1.0, "a-batch")),  # noqa: SLF001
    lambda journal: held_usd(journal._engine, Limit("budget_day", 1.0, since=1.7e9)),  # noqa: SLF001
    lambda journal: journal.total(Listing(since=1.7e9)),
]


@pytest.mark.parametrize("ask", QUESTIONS)
def test_no_query_reads_the_whole_history(tmp_path: Path, ask: Any) -> None:
    with Journal.open(tmp_path / "history.db") as journal:
        asked: list[str] = []
        connection = journal._engine._connection  # type: ignore[attr-defined]  # noqa: SLF001  Its plans are the subject.
        connection.set_trace_callback(asked.append)
        ask(journal)
        connection.set_trace_callback(None)
        for statement in asked:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            scans = [step for step in plan if step.startswith("SCAN generations")]
            # A partial index holds only the unfinished rows.
            assert all(" USING " in step for step in scans), (statement, plan)
