"""Simulates when `wan` polls a generation, against fixed intervals, back-off and the optimum.

    python bench/polling.py     (`make bench-polling`; half a minute on two cores)

Prints two Markdown tables. A cell is `seconds late / requests`, the means over JOBS generations.
The tables are the same on every machine, because all random numbers are seeded.
"""
# ruff: noqa: INP001, S311, T201  A script that prints, whose random numbers guard nothing.

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist

from wan_cli.schedule import DEFAULT_MEDIAN_S, expect, next_poll

SEED = 20261123
JOBS = 100_000
HISTORIES = 200
SIGMAS = (0.10, 0.25, 0.50)
# The optimum weighs a poll as schedule.py does: one request is worth 0.22 s of lateness.
LOOK_COST_S = 0.22
GRID_S = 0.5
NORMAL = NormalDist()

NextLook = Callable[[float], float]
# A policy learns from a random past with a spread, and returns the function that says when to poll.
Policy = Callable[[random.Random, float], NextLook]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table. The true median is `speed` times the median of the past."""

    name: str
    policy: Policy
    learns: bool = False
    speed: float = 1.0


def duration(chance: random.Random, sigma: float, median_s: float = DEFAULT_MEDIAN_S) -> float:
    """Return the random duration of a generation in seconds."""
    return median_s * math.exp(sigma * chance.gauss(0, 1))


def wan(chance: random.Random, sigma: float, *, finished: int, default: float = 1.0) -> NextLook:
    """Poll as wan does, knowing the exact durations of `finished` generations."""
    journal = [duration(chance, sigma) for _ in range(finished)]
    expectation = expect(journal, default_median_s=default * DEFAULT_MEDIAN_S)
    return lambda last: next_poll(last, expectation)


def wan_as_noticed(chance: random.Random, sigma: float, *, finished: int) -> NextLook:
    """Poll as wan does, knowing only when it noticed the end of each past generation."""
    noticed: list[float] = []
    for _ in range(finished):
        expectation, poll, end = expect(noticed), 0.0, duration(chance, sigma)
        while poll < end:
            poll = next_poll(poll, expectation)
        noticed.append(poll)
    expectation = expect(noticed)
    return lambda last: next_poll(last, expectation)


def one_law(chance: random.Random, sigma: float, *, finished: int) -> NextLook:
    """Poll by the same rule with a single lognormal, without the wide part, in fine steps."""
    known = expect([duration(chance, sigma) for _ in range(finished)])

    def rate(at_s: float) -> float:
        z = math.log(at_s / known.median_s) / known.sigma
        alive = math.erfc(z / math.sqrt(2)) / 2
        hazard = NORMAL.pdf(z) / (known.sigma * at_s * alive) if alive > 0 else 0.0
        least = 1 / 30 if at_s > known.median_s else 0.0
        return min(0.5, max(math.sqrt(hazard / (2 * LOOK_COST_S)), least))

    def poll(last: float) -> float:
        now, polls, limit = last, 0.0, next((at for at in (5.0, 20.0) if at > last), math.inf)
        while now < limit and polls < 1:
            polls += rate(now + GRID_S / 2) * GRID_S
            now += GRID_S
        return now

    return poll


def fixed(_chance: random.Random, _sigma: float, *, interval_s: float) -> NextLook:
    """Poll every `interval_s` seconds."""
    return lambda last: last + interval_s


def exponential(_chance: random.Random, _sigma: float, *, cap_s: float) -> NextLook:
    """Poll after 1, 2, 4 … seconds, at most `cap_s`."""
    return lambda last: last + min(cap_s, last + 1)


def optimum(_chance: random.Random, sigma: float) -> NextLook:
    """Poll at the best times for a known law: Barlow and Proschan's inspection problem.

    Solved by dynamic programming on a grid, from the last poll backwards:
    cost[i] = min over j > i of  c·P(T > i) + E[(j − T); i < T ≤ j] + cost[j].
    """
    count = round(DEFAULT_MEDIAN_S * math.exp(4.5 * sigma) / GRID_S)
    at = [GRID_S * i for i in range(count + 1)]
    z = [-math.inf, *(math.log(t / DEFAULT_MEDIAN_S) / sigma for t in at[1:])]
    ended = [0.0, *(NORMAL.cdf(each) for each in z[1:])]
    mean = DEFAULT_MEDIAN_S * math.exp(sigma**2 / 2)
    # The share of the mean duration that the ended generations contribute.
    spent = [0.0, *(mean * NORMAL.cdf(each - sigma) for each in z[1:])]
    cost, best = [0.0] * (count + 1), [count] * (count + 1)
    for i in range(count - 1, -1, -1):
        least, ended_i = math.inf, ended[i]
        for j in range(i + 1, count + 1):
            late = at[j] * (ended[j] - ended_i) - spent[j]
            if late + spent[i] > least:
                break  # Lateness alone already costs more, and it grows with j.
            if late + cost[j] + spent[i] < least:
                least, best[i] = late + cost[j] + spent[i], j
        cost[i] = least + LOOK_COST_S * (1 - ended_i)
    # Beyond the end of the grid (4.5 sigma), poll every 30 s.
    return lambda last: at[best[round(last / GRID_S)]] if last < at[-1] else last + 30


WAN = tuple(
    Row(name.format(count), partial(wan, finished=count, default=default), learns=count > 0)
    for default, name in (
        (1.0, "wan, {} finished"),
        (0.5, "wan, {} finished, default half the truth"),
        (2.0, "wan, {} finished, default twice the truth"),
    )
    for count in (0, 3, 10, 50)
)
STEADY = (
    *WAN,
    Row("wan, 50 finished, as noticed", partial(wan_as_noticed, finished=50), learns=True),
    *(Row(f"every {interval} s", partial(fixed, interval_s=interval)) for interval in (5, 10, 15)),
    *(Row(f"1, 2, 4 … {cap} s", partial(exponential, cap_s=cap)) for cap in (30, 60)),
    Row("optimum for the known law", optimum),
)
CHANGED = tuple(
    Row(f"{change}: {name}", policy, learns=learns, speed=speed)
    for change, speed in (("4× faster", 0.25), ("10× slower", 10.0))
    for name, policy, learns in (
        ("wan, 0 finished", partial(wan, finished=0), False),
        ("wan, 50 finished", partial(wan, finished=50), True),
        ("wan, 50 finished, without the wide part", partial(one_law, finished=50), True),
        ("every 10 s", partial(fixed, interval_s=10), False),
    )
)


def score(cell: tuple[Row, float]) -> str:
    """Return the mean lateness and the mean number of requests of a row at a spread."""
    row, sigma = cell
    truth, past = random.Random(f"{SEED} jobs {sigma}"), random.Random(f"{SEED} past {sigma}")
    jobs = [duration(truth, sigma, row.speed * DEFAULT_MEDIAN_S) for _ in range(JOBS)]
    size = JOBS // HISTORIES if row.learns else JOBS
    late, requests = 0.0, 0
    for start in range(0, JOBS, size):
        group = jobs[start : start + size]
        polls = looks_until(max(group), row.policy(past, sigma))
        for end in group:
            found = bisect_left(polls, end)
            late += polls[found] - end
            requests += found + 1
    return f"{late / JOBS:.1f} / {requests / JOBS:.1f}"


def looks_until(end_s: float, poll: NextLook) -> list[float]:
    """Return the times of all polls, up to the first one at or after the end."""
    times = [poll(0.0)]
    while times[-1] < end_s:
        times.append(poll(times[-1]))
    return times


def table(rows: Sequence[Row], cells: Sequence[str]) -> str:
    """Return rows and their cells as a Markdown table."""
    lines = ["| seconds late / requests | " + " | ".join(f"σ = {sigma:.2f}" for sigma in SIGMAS)]
    lines.append("| " + " | ".join(["---"] * (1 + len(SIGMAS))))
    for index, row in enumerate(rows):
        own = cells[index * len(SIGMAS) : (index + 1) * len(SIGMAS)]
        lines.append(f"| {row.name} | " + " | ".join(own))
    return "\n".join(f"{line} |" for line in lines)


def main() -> None:
    """Print the tables."""
    cells = [(row, sigma) for row in (*STEADY, *CHANGED) for sigma in SIGMAS]
    with ProcessPoolExecutor() as pool:
        scores = list(pool.map(score, cells))
    border = len(STEADY) * len(SIGMAS)
    print(table(STEADY, scores[:border]), table(CHANGED, scores[border:]), sep="\n\n")


if __name__ == "__main__":
    main()
