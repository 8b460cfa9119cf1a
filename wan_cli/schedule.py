"""When to poll a generation next, and the expected time left. Pure: numbers in, numbers out.

A poll costs a request; a late poll costs the user's time. The rate of polls follows the hazard of
the expected duration, which is nearly optimal (Barlow and Proschan's inspection problem);
docs/polling.md has the figures, bench/polling.py makes them.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from heapq import heapify, heapreplace
from typing import NamedTuple

# A 10 s 1080p clip, by the API's public reference as of 2026-08-21.
DEFAULT_MEDIAN_S = 205.0
# A history that says otherwise is broken, and must not put off the polls until the deadline.
_MEDIAN_BOUNDS_S = (1.0, 3600.0)
_SIGMA_BOUNDS = (0.1, 0.8)
# Before anything is known, sigma is 0.5, and that counts as much as three finished generations.
_PRIOR_SIGMA = 0.5
_PRIOR_WEIGHT = 3
# One duration in five is taken for anything near the median: a service can change its speed.
_WIDE_SHARE = 0.2
_WIDE_SIGMA = 1.0
# How many seconds of lateness one request is worth.
_LOOK_COST_S = 0.22
_MAX_RATE = 1 / 2
_MIN_RATE_AFTER_MEDIAN = 1 / 30
# A request that the model refuses fails early.
_EARLY_POLLS_S = (5.0, 20.0)
_MAX_RETRY_AFTER_S = 86_400
# The three forms of RFC 9110, 5.6.7. Names of days and months are English: Python leaves LC_TIME.
_HTTP_DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")


class Expectation(NamedTuple):
    """How long a generation may take: a lognormal law, `sigma` is the spread of ln(seconds)."""

    median_s: float
    sigma: float

    @property
    def mean_s(self) -> float:
        """The mean duration: what many of them take together, divided by their number."""
        return self.median_s * math.exp(self.sigma**2 / 2)


def expect(
    durations_s: Sequence[float], *, default_median_s: float = DEFAULT_MEDIAN_S
) -> Expectation:
    """Return what finished generations of the same class teach, the default counting as one more.

    Args:
        durations_s: seconds from submission to completion, of generations that were watched to
            their end (one that was fetched the next day says nothing), in any order.
        default_median_s: the median to start from. Values that are no duration are passed over.
    """
    default = default_median_s if _is_duration(default_median_s) else DEFAULT_MEDIAN_S
    logs = [math.log(duration) for duration in durations_s if _is_duration(duration)]
    count = len(logs)
    mean = (math.log(default) + math.fsum(logs)) / (1 + count)
    squares = _PRIOR_WEIGHT * _PRIOR_SIGMA**2 + math.fsum((each - mean) ** 2 for each in logs)
    # The last factor is the doubt about the mean itself.
    variance = squares / (_PRIOR_WEIGHT + count) * (1 + 1 / (1 + count))
    return Expectation(
        median_s=_within(math.exp(mean), _MEDIAN_BOUNDS_S),
        sigma=_within(math.sqrt(variance), _SIGMA_BOUNDS),
    )


def next_poll(
    last_poll_s: float, expectation: Expectation, *, deadline_s: float = math.inf
) -> float:
    """Return when to poll again, in seconds since the submission; the submission is poll 0.

    It is later than the last poll and never later than the deadline; after a last poll at
    the deadline or later there is no next one, and the deadline is returned.
    """
    limit = next((poll for poll in _EARLY_POLLS_S if poll > last_poll_s), math.inf)
    now, polls = last_poll_s, 0.0
    while now < limit:
        # The rate changes with t / sigma: a quarter of that is fine enough for the midpoint rule.
        end = min(limit, now + max(0.1, now * expectation.sigma / 4))
        if now < expectation.median_s < end:
            end = expectation.median_s  # The rate jumps there.
        rate = _poll_rate((now + end) / 2, expectation)
        if polls + rate * (end - now) >= 1:
            return min(deadline_s, limit, now + (1 - polls) / rate)
        polls += rate * (end - now)
        now = end
    return min(deadline_s, limit)


def time_left(elapsed_s: float, expectation: Expectation) -> float | None:
    """Return the seconds within which it ends with even odds, having run for `elapsed_s`.

    None where the answer would grow while the user waits: it says nothing any more.
    """
    alive, hazard = _survival_and_hazard(elapsed_s, expectation)
    if alive == 0:
        return None
    low = max(elapsed_s, 0.0)
    high = 2 * max(low, expectation.median_s)  # Far enough for any spread up to 1.
    for _ in range(40):
        middle = (low + high) / 2
        if _survival_and_hazard(middle, expectation)[0] > alive / 2:
            low = middle
        else:
            high = middle
    # The answer's slope is hazard(now) / hazard(then) - 1.
    falls = hazard < _survival_and_hazard(high, expectation)[1]
    return max(0.0, high - max(elapsed_s, 0.0)) if falls else None


def time_left_of_all(running_s: Sequence[float], waiting: int, each_s: float, places: int) -> float:
    """Return the seconds until all have ended: those that run, and those that wait for a place.

    Args:
        running_s: the seconds that each running one still takes.
        waiting: how many wait; the first takes the place that is free first.
        each_s: the seconds that each of them takes.
        places: how many run at once.
    """
    ends = [*running_s, *[0.0] * (places - len(running_s))]
    heapify(ends)
    # Whole rounds change nothing in the order of the places.
    rounds = max(0, waiting // len(ends) - 1)
    for _ in range(waiting - rounds * len(ends)):
        heapreplace(ends, ends[0] + each_s)
    return max(ends) + rounds * each_s


def backoff(attempt: int, *, first_s: float = 0.5, cap_s: float = 15.0) -> float:
    """Return the seconds to wait after try number `attempt` (1, 2 …) has failed: they double."""
    doublings = min(max(attempt - 1, 0), 64)  # 64 doublings pass any cap, and never overflow.
    return min(cap_s, first_s * float(2**doublings))


def retry_after(values: Sequence[str], *, date: str | None) -> float | None:
    """Return the seconds that `Retry-After` asks for, or None where it asks for nothing sensible.

    Args:
        values: every value of the header: whole seconds or an HTTP date. Two make no sense.
        date: the reply's `Date` header, which a date is measured against: clocks differ.
    """
    if len(values) != 1:
        return None
    text = values[0].strip(" \t")
    seconds = _whole_seconds(text) if text.isdigit() else _seconds_between(date, text)
    return seconds if seconds is not None and seconds <= _MAX_RETRY_AFTER_S else None


def _is_duration(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _within(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])


def _poll_rate(at_s: float, expectation: Expectation) -> float:
    """Return the polls per second at a time since the submission."""
    rate = math.sqrt(_survival_and_hazard(at_s, expectation)[1] / (2 * _LOOK_COST_S))
    at_least = _MIN_RATE_AFTER_MEDIAN if at_s > expectation.median_s else 0.0
    return min(_MAX_RATE, max(rate, at_least))


def _survival_and_hazard(at_s: float, expectation: Expectation) -> tuple[float, float]:
    """Return the odds that it still runs then, and the odds per second that it ends then."""
    if at_s < 0.001:  # Nothing ends in a millisecond, and the smallest floats would divide by zero.
        return 1.0, 0.0
    distance = math.log(at_s) - math.log(expectation.median_s)
    survival = density = 0.0
    for share, sigma in ((1 - _WIDE_SHARE, expectation.sigma), (_WIDE_SHARE, _WIDE_SIGMA)):
        z = distance / sigma
        survival += share * math.erfc(z / math.sqrt(2)) / 2
        density += share * math.exp(-z * z / 2) / (sigma * math.sqrt(2 * math.pi) * at_s)
    return survival, density / survival if survival > 0 else 0.0


def _whole_seconds(digits: str) -> float | None:
    return float(digits) if digits.isascii() and len(digits) <= 9 else None


def _seconds_between(start: str | None, end: str) -> float | None:
    """Return the seconds from one HTTP date to another, 0 where it has passed."""
    begins, ends = _parse_http_date(start or ""), _parse_http_date(end)
    if begins is None or ends is None:
        return None
    return max(0.0, (ends - begins).total_seconds())


def _parse_http_date(text: str) -> datetime | None:
    if text.isascii() and len(text) <= 40:
        for form in _HTTP_DATES:
            try:
                return datetime.strptime(text, form).replace(tzinfo=UTC)
            except ValueError:
                continue
    return None
