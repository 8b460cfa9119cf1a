"""A fleet: many machines that run the same command, are killed at random, and start again."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random, SystemRandom

import psycopg
import pytest

from tests.fake.process import Running, Wan

# An orchestrator runs these again: nothing was sent, or what was sent is safe.
RETRIED = (7, 8, 11, 12, 13)
# A fleet that needs longer than this for one command hangs.
PATIENCE_S = 90.0
_PAUSE_S = (0.05, 0.3)


def new_random() -> Random:
    """Return a source of random numbers whose seed is printed, or comes from WAN_FLEET_SEED."""
    seed = os.environ.get("WAN_FLEET_SEED") or str(SystemRandom().randrange(10**6))
    print(f"WAN_FLEET_SEED={seed}")  # noqa: T201  pytest shows it if the test fails.
    return Random(seed)


class Fleet:
    """Machines with a home each, which run one command until it ends by itself."""

    def __init__(self, wan: Wan, homes: Path, machines: int, random: Random) -> None:
        self.ends: Counter[int] = Counter()  # how all runs ended; a negative number is a signal
        self._wan = wan
        self._homes = [homes / f"machine-{number}" for number in range(machines)]
        self._random = random

    def run(
        self, argv: Sequence[str], *, kills: int = 0, events: Sequence[Callable[[], object]] = ()
    ) -> list[int]:
        """Run a command on all machines; return the exit codes with which each ended by itself.

        `{machine}` in a word is the number of the machine. `events` are called one after another,
        spread over the kills.
        """
        due = [kills * place // (len(events) + 1) for place in range(1, len(events) + 1)]
        rest = [*zip(due, events, strict=True)]
        running = [self._start(number, argv) for number in range(len(self._homes))]
        codes: list[int | None] = [None] * len(running)
        killed = 0
        end = time.monotonic() + PATIENCE_S
        while None in codes:
            if time.monotonic() > end:
                self._give_up(running, codes)
            for number, machine in enumerate(running):
                if codes[number] is None and machine.process.poll() is not None:
                    codes[number], running[number] = self._ended(machine, number, argv)
            alive = [each for each in running if each.process.poll() is None]
            if killed < kills and alive:
                self._random.choice(alive).kill(signal.SIGKILL)
                killed += 1
            if rest and killed >= rest[0][0]:
                rest.pop(0)[1]()
            time.sleep(self._random.uniform(*_PAUSE_S))
        return [code for code in codes if code is not None]

    def _start(self, number: int, argv: Sequence[str]) -> Running:
        words = [word.replace("{machine}", str(number)) for word in argv]
        return self._wan.start(*words, env={"WAN_HOME": str(self._homes[number])})

    def _ended(
        self, machine: Running, number: int, argv: Sequence[str]
    ) -> tuple[int | None, Running]:
        """Return its exit code, or None and the process that takes its place."""
        code = machine.wait().code
        self.ends[code] += 1
        if code < 0 or code in RETRIED:
            return None, self._start(number, argv)
        return code, machine

    def _give_up(self, running: Sequence[Running], codes: Sequence[int | None]) -> None:
        slow = [each for each, code in zip(running, codes, strict=True) if code is None]
        said = "\n".join(each.err[-1000:] for each in slow)
        query = "SELECT row_to_json(g) FROM wan_generations g WHERE file IS NULL"
        with psycopg.connect(self._wan.env["WAN_HISTORY"]) as database:
            rows = database.execute(query).fetchall()
        pids = [each.process.pid for each in slow]
        pytest.fail(f"{pids} do not end; {dict(self.ends)}; unfinished: {rows}; stderr:\n{said}")
