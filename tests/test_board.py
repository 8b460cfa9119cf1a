"""The display of many generations: it fits every terminal, and its numbers are right."""

import pytest

from wan_cli.errors import GenerationFailed
from wan_cli.events import InFlight, Tally
from wan_cli.generation import Status
from wan_cli.output.board import Size, bar, lines_of, wrapped
from wan_cli.output.results import Results
from wan_cli.output.table import width_of
from wan_cli.record import Outcome, Record

NAMES = {number: f"a-long-name-猫-{number}" for number in range(1, 10_001)}

# The first generation was polled again after its download had failed.
PERCENTS = ("gen-1", "gen-2", "gen-3")


def record(status: Status) -> Record:
    return Record("wan-1", "", status, {}, 0.0, 0.0, "", "", "", id="gen-1")


def results(saved: int = 0, failed: int = 0, total: int = 10_000) -> Results:
    found = Results(lambda: 0.0, total=total, names=NAMES)
    for _ in range(saved):
        found.add(Outcome(record(Status.COMPLETED)))
    for number in range(failed):
        error = GenerationFailed("it failed", hint="")
        found.add(Outcome(record(Status.ERROR), error, number + 1))
    return found


def tally(in_flight: int, waiting: int = 0, left_s: float | None = 4.0) -> Tally:
    states = ["generating", "ready", "downloading"]
    numbers = range(1, min(in_flight, 100) + 1)
    rows = [InFlight(f"gen-{n}", n, states[(n - 1) % 3], 3723.0) for n in numbers]
    return Tally(0, in_flight, waiting, rows, 7262.0, left_s, 12.5, 20.0)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("height", [5, 15, 24, 50])
@pytest.mark.parametrize("in_flight", [0, 1, 7, 10_000])
def test_the_display_fits_the_terminal(width: int, height: int, in_flight: int) -> None:
    found = results(saved=30, failed=2)
    found.update(tally(in_flight, 10))
    lines = lines_of(found, tally(in_flight, 10), Size(width, height), 0.0, {"gen-1": 45}, "⠋")
    assert max(map(width_of, lines)) <= width
    assert width_of(bar(found, width).plain) <= width
    # On a terminal of a few lines, only the counts may wrap beyond its height.
    assert len(lines) + 2 <= max(height, len(wrapped(lines[:1], width)) + 9)


def test_a_screenful_of_rows_is_drawn_and_the_rest_is_counted() -> None:
    found = results()
    found.update(tally(10_000))
    lines = lines_of(found, tally(10_000), Size(80, 24), 0.0, dict.fromkeys(PERCENTS, 45), "⠋")
    assert lines[0] == "0 saved · 10,000 in flight · $12.50 of $20.00 · 2:01:02 · about 0:04 left"
    assert lines[1] == "⠋ a-long-name-猫-1   generating        1:02:03"
    assert lines[2] == "⠋ a-long-name-猫-2   downloading 45%   1:02:03"
    assert lines[5] == "⠋ a-long-name-猫-5   ready             1:02:03"
    assert lines[-1] == "  and 9,980 more in flight"
    assert len(lines) == 22


def test_elapsed_time_counts_and_an_estimate_never_goes_below_zero() -> None:
    (line,) = lines_of(results(), tally(0, 3), Size(100, 24), 2.0, {}, "⠋")
    assert line.endswith("3 waiting · $12.50 of $20.00 · 2:01:04 · about 0:02 left")
    (line,) = lines_of(results(), tally(0, 3), Size(100, 24), 5.0, {}, "⠋")
    assert line.endswith("2:01:07")


@pytest.mark.parametrize(("saved", "failed", "total"), [(0, 0, 3), (1, 1, 3), (3, 0, 3), (1, 2, 3)])
def test_a_failed_row_does_not_count_as_saved(saved: int, failed: int, total: int) -> None:
    text = bar(results(saved, failed, total), 34)
    assert text.plain.endswith(f" {saved + failed}/{total}")
    lengths = {str(span.style): span.end - span.start for span in text.spans}
    assert lengths.get("green", 0) == 30 * saved // total
    assert lengths.get("red", 0) == 30 * failed // total
