"""A hot standby of the tests' PostgreSQL: a server that follows it, and can only be read."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import pytest

from tests.fake.postgres import OTHER_SERVER, Postgres
from tests.fake.waiting import wait_until


class Standby:
    """A copy of a server, during a `with` block. It accepts connections while it follows."""

    def __init__(self, primary: Postgres) -> None:
        if isinstance(primary.address, tuple):
            pytest.skip(f"the server of {OTHER_SERVER} is not ours to copy")
        self._primary = primary
        self._keeper = primary.keeper
        self._data = self._keeper.folder / "standby"

    def __enter__(self) -> Self:
        words: list[str | Path] = [
            "-h",
            self._keeper.folder,
            "-U",
            "wan",
            "-D",
            self._data,
            "-R",
            "-c",
            "fast",
        ]
        self._keeper.run(self._primary.programs / "pg_basebackup", *words)
        pid = f"-c external_pid_file={self._keeper.folder}/standby.pid"
        log = self._keeper.folder / "standby.log"
        self._control("start", "-w", "-l", str(log), "-o", f"-c port=5433 {pid}")
        return self

    def __exit__(self, *error: object) -> None:
        self._control("stop", "-m", "immediate")
        self._keeper.run("rm", "-rf", str(self._data))

    def url(self, url: str) -> str:
        """Return the URL of the same database on the standby, once that has all changes."""
        query = "SELECT CAST(pg_current_wal_lsn() AS text) AS lsn"
        ((wanted,),) = (row.values() for row in self._primary.execute(url, query))
        there = f"postgresql://wan@{urlsplit(url).path}?host={self._keeper.folder}&port=5433"
        behind = f"SELECT pg_last_wal_replay_lsn() >= CAST('{wanted}' AS pg_lsn) AS is_there"
        wait_until(lambda: self._primary.execute(there, behind) == [{"is_there": True}])
        return there

    def _control(self, *words: str) -> None:
        self._keeper.run(self._primary.programs / "pg_ctl", "-s", "-D", self._data, *words)
