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

# The duration for a 10 s 1080p clip, from the API's public reference as of 2026-08-21.
DEFAULT_MEDIAN_S = 205.0
# Medians outside these bounds come from a broken history, and must not delay polls for hours.
_MEDIAN_BOUNDS_S = (1.0, 3600.0)
_SIGMA_BOUNDS = (0.1, 0.8)
# The prior for sigma is 0.5; it counts as much as three finished generations.
_PRIOR_SIGMA = 0.5
_PRIOR_WEIGHT = 3
# Assume that one duration in five is spread widely: a service can change its speed.
_WIDE_SHARE = 0.2
_WIDE_SIGMA = 1.0
# The cost of one poll, in seconds of lateness.
_POLL_COST_S = 0.22
_MAX_RATE = 1 / 2
_MIN_RATE_AFTER_MEDIAN = 1 / 30
# A request that the model refuses fails early, so poll at these times too.
_EARLY_POLLS_S = (5.0, 20.0)
_MAX_RETRY_AFTER_S = 86_400
# The three forms of RFC 9110, 5.6.7, with English names: Python does not set LC_TIME by itself.
_HTTP_DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")


class Expectation(NamedTuple):
    """The expected duration: a lognormal distribution; `sigma` is the spread of ln(seconds)."""

    median_s: float
    sigma: float

    @property
    def mean_s(self) -> float:
        """The mean duration, which is longer than the median."""
        return self.median_s * math.exp(self.sigma**2 / 2)


def expect(
    durations_s: Sequence[float], *, default_median_s: float = DEFAULT_MEDIAN_S
) -> Expectation:
    """Return the expectation from finished generations of a class, plus the default as one more.

    Args:
        durations_s: seconds from submission to completion, in any order, of generations that wan
            polled until their end (not, for example, fetched the next day).
        default_median_s: the median to start from. Ignored, like durations, if not positive.
    """
    default = default_median_s if _is_duration(default_median_s) else DEFAULT_MEDIAN_S
    logs = [math.log(duration) for duration in durations_s if _is_duration(duration)]
    count = len(logs)
    mean = (math.log(default) + math.fsum(logs)) / (1 + count)
    squares = _PRIOR_WEIGHT * _PRIOR_SIGMA**2 + math.fsum((each - mean) ** 2 for each in logs)
    # The last factor is the uncertainty of the mean itself.
    variance = squares / (_PRIOR_WEIGHT + count) * (1 + 1 / (1 + count))
    return Expectation(
        median_s=_within(math.exp(mean), _MEDIAN_BOUNDS_S),
        sigma=_within(math.sqrt(variance), _SIGMA_BOUNDS),
    )


def next_poll(
    last_poll_s: float, expectation: Expectation, *, deadline_s: float = math.inf
) -> float:
    """Return when to poll again, in seconds since the submission; the submission is poll 0.

    The result is later than the last poll and never later than the deadline; if the last poll was
    at the deadline or later, return the deadline.
    """
    limit = next((poll for poll in _EARLY_POLLS_S if poll > last_poll_s), math.inf)
    now, polls = last_poll_s, 0.0
    while now < limit:
        # The rate changes on the scale t * sigma: steps of a quarter suit the midpoint rule.
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
    """Return the seconds within which the generation ends with even odds, after `elapsed_s`.

    Return None if the estimate would grow while the user waits.
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
    # The estimate's slope is hazard(now) / hazard(then) - 1.
    falls = hazard < _survival_and_hazard(high, expectation)[1]
    return max(0.0, high - max(elapsed_s, 0.0)) if falls else None


def time_left_of_all(running_s: Sequence[float], waiting: int, each_s: float, places: int) -> float:
    """Return the seconds until all generations have ended, both running and waiting ones.

    Args:
        running_s: the seconds left for each running generation.
        waiting: the number that wait; the first gets the first free place.
        each_s: the seconds that each waiting generation takes.
        places: the most that run at a time.
    """
    ends = [*running_s, *[0.0] * (places - len(running_s))]
    heapify(ends)
    # Skip whole rounds: they do not change the order of the places.
    rounds = max(0, waiting // len(ends) - 1)
    for _ in range(waiting - rounds * len(ends)):
        heapreplace(ends, ends[0] + each_s)
    return max(ends) + rounds * each_s


def backoff(attempt: int, *, first_s: float = 0.5, cap_s: float = 15.0) -> float:
    """Return the seconds to wait after failed try number `attempt` (1, 2 …): they double."""
    doublings = min(max(attempt - 1, 0), 64)  # 64 doublings exceed any cap, and never overflow.
    return min(cap_s, first_s * float(2**doublings))


def retry_after(values: Sequence[str], *, date: str | None) -> float | None:
    """Return the seconds that `Retry-After` asks for, or None if the header is not usable.

    Args:
        values: every value of the header: whole seconds or an HTTP date. Two are not usable.
        date: the reply's `Date` header; compare a date to it, because clocks differ.
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
    rate = math.sqrt(_survival_and_hazard(at_s, expectation)[1] / (2 * _POLL_COST_S))
    at_least = _MIN_RATE_AFTER_MEDIAN if at_s > expectation.median_s else 0.0
    return min(_MAX_RATE, max(rate, at_least))


def _survival_and_hazard(at_s: float, expectation: Expectation) -> tuple[float, float]:
    """Return the probability that it still runs at a time, and the rate at which it ends then."""
    if at_s < 0.001:  # Nothing ends in 1 ms, and the smallest floats would divide by zero.
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
    """Return the seconds from one HTTP date to another, 0 if the second is earlier."""
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
