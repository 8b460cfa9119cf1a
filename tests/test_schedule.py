import math
import subprocess
import sys
from email.utils import formatdate
from itertools import pairwise
from statistics import NormalDist, mean

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wan_cli.schedule import (
    DEFAULT_MEDIAN_S,
    Expectation,
    backoff,
    expect,
    next_poll,
    retry_after,
    time_left,
    time_left_of_all,
)

DATE = "Mon, 23 Nov 2026 08:00:00 GMT"
SIGMAS = (0.10, 0.25, 0.50)
expectations = st.builds(Expectation, median_s=st.floats(1, 3600), sigma=st.floats(0.1, 0.8))
seconds = st.floats(0, 24 * 3600)


def quantiles(sigma: float, count: int = 1000, median_s: float = DEFAULT_MEDIAN_S) -> list[float]:
    """Durations that represent a lognormal law: its quantiles in equal steps."""
    return [
        median_s * math.exp(sigma * NormalDist().inv_cdf((i + 0.5) / count)) for i in range(count)
    ]


def polls(expectation: Expectation, until_s: float, deadline_s: float = math.inf) -> list[float]:
    times = [0.0]
    while times[-1] < until_s:
        times.append(next_poll(times[-1], expectation, deadline_s=deadline_s))
    return times[1:]


def lateness_and_requests(times: list[float], durations: list[float]) -> tuple[float, float]:
    found = [next(i for i, poll in enumerate(times) if poll >= end) for end in durations]
    late = mean(times[i] - end for i, end in zip(found, durations, strict=True))
    return late, mean(i + 1 for i in found)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_without_a_history_polls_beat_every_ten_seconds_in_requests_and_lateness(sigma):
    jobs = quantiles(sigma)
    late, requests = lateness_and_requests(polls(expect([]), max(jobs)), jobs)
    fixed_late, fixed_requests = lateness_and_requests([10.0 * i for i in range(1, 400)], jobs)
    assert late < fixed_late
    assert requests < fixed_requests


@pytest.mark.parametrize(
    ("sigma", "most_late", "most_requests"),
    [(0.10, 2.6, 17.0), (0.25, 3.6, 19.3), (0.50, 4.6, 22.6)],
)
def test_fifty_finished_generations_improve_the_polls(sigma, most_late, most_requests):
    jobs = quantiles(sigma)
    expectation = expect(quantiles(sigma, 50))
    late, requests = lateness_and_requests(polls(expectation, max(jobs)), jobs)
    assert late < most_late
    assert requests < most_requests


def test_the_rule_notices_a_service_that_becomes_four_times_faster():
    jobs = quantiles(0.1, median_s=DEFAULT_MEDIAN_S / 4)
    late, _ = lateness_and_requests(polls(expect(quantiles(0.1, 50)), max(jobs)), jobs)
    assert late < 20


def test_nothing_finished_means_the_default_and_a_wide_spread():
    assert expect([]).median_s == pytest.approx(DEFAULT_MEDIAN_S)
    assert expect([]).sigma == pytest.approx(math.sqrt(0.5))
    assert expect([], default_median_s=60).median_s == pytest.approx(60)


def test_the_learning_rule_is_the_documented_one():
    found = expect([100.0, 200.0, 400.0], default_median_s=200.0)
    variance = (3 * 0.25 + 2 * math.log(2) ** 2) / 6 * (1 + 1 / 4)
    assert found.median_s == pytest.approx(200.0)
    assert found.sigma == pytest.approx(math.sqrt(variance))


def test_invalid_durations_are_ignored():
    nonsense = [math.nan, math.inf, -math.inf, 0.0, -5.0]
    assert expect([*nonsense, 90.0]) == expect([90.0])
    assert all(expect([90.0], default_median_s=each) == expect([90.0]) for each in nonsense)


@given(st.lists(st.floats(), max_size=60), st.floats())
def test_any_measurements_give_a_usable_expectation(durations, default):
    found = expect(durations, default_median_s=default)
    assert 1 <= found.median_s <= 3600
    assert 0.1 <= found.sigma <= 0.8


def test_the_first_polls_are_after_five_and_twenty_seconds():
    assert polls(expect([]), 20) == [5.0, 20.0]
    assert polls(expect(quantiles(0.1, 50)), 20) == [5.0, 20.0]


def test_a_generation_of_two_seconds_is_polled_before_five_seconds():
    assert next_poll(0.0, Expectation(2.0, 0.1)) < 4.0


def test_past_the_median_no_gap_is_longer_than_half_a_minute():
    times = polls(Expectation(205.0, 0.1), 4 * 3600)
    late = [poll for poll in times if poll > 205]
    assert max(b - a for a, b in pairwise(late)) <= 30.001


@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.8])
def test_the_coarse_steps_of_the_integral_agree_with_fine_ones(sigma):
    def rate(at_s: float) -> float:
        parts = [(0.8, NormalDist(math.log(205), sigma)), (0.2, NormalDist(math.log(205), 1))]
        alive = sum(share * (1 - law.cdf(math.log(at_s))) for share, law in parts)
        density = sum(share * law.pdf(math.log(at_s)) / at_s for share, law in parts)
        return min(0.5, max(math.sqrt(density / alive / 0.44), (at_s > 205) / 30))

    for last in (20.0, 100.0, 150.0, 190.0, 204.0, 300.0):
        integral, poll = 0.0, last
        while integral < 1:
            integral += rate(poll + 0.025) * 0.05
            poll += 0.05
        assert next_poll(last, Expectation(205.0, sigma)) == pytest.approx(poll, abs=0.3)


@given(seconds, expectations, st.floats(0.001, 7200))
def test_the_next_poll_is_later_than_the_last_and_never_later_than_the_deadline(
    last, expectation, spare
):
    free = next_poll(last, expectation)
    assert last < free < math.inf
    deadline = last + spare
    assert last < next_poll(last, expectation, deadline_s=deadline) <= deadline
    assert next_poll(last, expectation, deadline_s=deadline) == min(free, deadline)


def test_at_the_deadline_there_is_no_next_poll():
    assert next_poll(1800.0, expect([]), deadline_s=1800.0) == 1800.0


@given(seconds, expectations)
@example(1e-320, Expectation(1.0, 0.1))
@example(0.0, Expectation(205.0, 0.1))
@example(1e308, Expectation(205.0, 0.1))
@example(-1.0, Expectation(205.0, 0.1))
def test_the_time_left_is_a_number_of_seconds_or_nothing(elapsed, expectation):
    left = time_left(elapsed, expectation)
    assert left is None or 0 <= left < math.inf


@given(expectations)
def test_the_time_left_begins_at_the_median_and_never_grows(expectation):
    assert time_left(0.0, expectation) == pytest.approx(expectation.median_s)
    steps = [expectation.median_s * i / 20 for i in range(80)]
    left = [each for step in steps if (each := time_left(step, expectation)) is not None]
    assert left == sorted(left, reverse=True)


def test_the_time_left_is_unknown_for_a_generation_longer_than_any_before():
    assert time_left(1000.0, expect(quantiles(0.1, 50))) is None


def test_the_wait_between_tries_doubles_up_to_its_cap():
    assert [backoff(attempt) for attempt in range(1, 8)] == [0.5, 1, 2, 4, 8, 15, 15]
    assert backoff(10**6) == 15
    assert backoff(3, first_s=1, cap_s=30) == 4


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("  120\t", 120.0),
        ("86400", 86_400.0),
        ("Mon, 23 Nov 2026 08:01:30 GMT", 90.0),
        ("Monday, 23-Nov-26 08:01:30 GMT", 90.0),
        ("Mon Nov 23 08:01:30 2026", 90.0),
        ("Mon, 23 Nov 2026 07:00:00 GMT", 0.0),
        ("Tue, 24 Nov 2026 08:00:00 GMT", 86_400.0),
    ],
)
def test_a_sensible_retry_after_is_obeyed(value, wanted):
    assert retry_after([value], date=DATE) == wanted


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "-1", "+1", "1.5", "1e3", "inf", "nan", "0x10", "1_0", "1, 2", "1 2", "soon"),
        *("٣", "３", "²", "1\x00", "86401", "9" * 400, "Thu, 01 Jan 2099 00:00:00 GMT"),
        *("Mon, 99 Nov 2026 08:00:00 GMT", "Mon, 23 Nov 2026 08:00:00", f"{DATE}, {DATE}"),
        "Mon, 2٣ Nov 2026 08:00:00 GMT",
    ],
)
def test_an_absurd_retry_after_is_ignored(value):
    assert retry_after([value], date=DATE) is None


def test_a_missing_or_repeated_retry_after_is_ignored():
    assert retry_after([], date=DATE) is None
    assert retry_after(["1", "2"], date=DATE) is None


@pytest.mark.parametrize("date", [None, "", "yesterday", f"{DATE}, {DATE}"])
def test_a_date_needs_the_date_of_the_reply_but_seconds_do_not(date):
    assert retry_after(["Mon, 23 Nov 2026 08:01:30 GMT"], date=date) is None
    assert retry_after(["30"], date=date) == 30.0


@given(
    st.lists(st.text() | st.integers().map(str) | st.floats().map(str), max_size=3),
    st.none() | st.text(),
)
def test_any_header_is_ignored_or_means_at_most_a_day(values, date):
    asked = retry_after(values, date=date)
    assert asked is None or 0 <= asked <= 86_400


@given(st.integers(0, 4 * 10**9), st.integers(-200_000, 200_000))
def test_any_date_is_measured_against_the_date_of_the_reply(now, ahead):
    said = formatdate(max(0, now + ahead), usegmt=True)
    ahead = max(ahead, -now)
    wanted = None if ahead > 86_400 else max(0, ahead)
    assert retry_after([said], date=formatdate(now, usegmt=True)) == wanted


def test_it_imports_nothing_heavy():
    code = (
        "import sys; before = set(sys.modules); import wan_cli.schedule\n"
        "print(*set(sys.modules) - before)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"email", "requests", "rich", "typer", "sqlite3", "urllib", "asyncio", "ssl"}
    assert "wan_cli.schedule" in result.stdout.split()
    assert not heavy & set(result.stdout.split())


@pytest.mark.parametrize(
    ("running", "waiting", "left"),
    [
        ([], 0, 0.0),
        ([], 1, 10.0),
        ([3.0], 1, 10.0),
        ([3.0, 7.0], 1, 13.0),
        ([10.0, 10.0], 4, 30.0),
        ([10.0, 10.0], 5, 40.0),
        ([10.0, 10.0], 10_001, 50_020.0),
        ([10.0, 10.0, 10.0], 0, 10.0),
    ],
)
def test_the_time_left_of_all_follows_from_the_slots(
    running: list[float], waiting: int, left: float
) -> None:
    assert time_left_of_all(running, waiting, 10.0, 2) == left
