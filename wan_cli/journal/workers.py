"""The processes that work on a history: each says regularly that it is alive."""

import os
from typing import NamedTuple

from wan_cli.journal.port import Engine

# How often a process says that it is alive; after DEAD_S without a word it counts as dead.
BEAT_S = 15.0
DEAD_S = 120.0


class Seen(NamedTuple):
    """The process of a worker, and the seconds since it last said that it runs."""

    host: str
    pid: int
    silent_s: float


class Workers:
    """The workers of a history. Every method raises SetupError if it cannot be read or written."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # The name of this process in the history.
        self.me = os.urandom(6).hex()
        self._is_known = False

    def beat(self, host: str, now: float) -> None:
        """Write, inside a transaction, that this process is alive."""
        self._engine.change(
            "INSERT INTO workers (worker, host, pid, seen_at)"
            f" VALUES (:me, :host, :pid, {self._engine.now})"
            " ON CONFLICT (worker) DO UPDATE SET seen_at = excluded.seen_at",
            {"me": self.me, "host": host, "pid": os.getpid(), "now": now},
        )
        self._is_known = True

    def beat_again(self, host: str, now: float) -> None:
        """Write that this process is alive, if it has a row already."""
        if self._is_known:
            with self._engine.transaction():
                self.beat(host, now)

    def leave(self) -> None:
        """Write that this process ends: others need not wait to take over its rows."""
        if self._is_known:
            self._is_known = False
            with self._engine.transaction():
                self._engine.change(
                    "UPDATE workers SET seen_at = 0 WHERE worker = :me", {"me": self.me}
                )

    def seen(self, worker: str, now: float) -> Seen | None:
        """Return where a worker runs and when it was last seen; None: the history has it not."""
        rows = self._engine.run(
            f"SELECT host, pid, {self._engine.now} - seen_at FROM workers WHERE worker = :worker",
            {"worker": worker, "now": now},
        )
        return next((Seen(str(host), int(str(pid)), float(str(s))) for host, pid, s in rows), None)
