"""Measures wan history copy: a file into a PostgreSQL of the tests, again, and back into a file.

python -m bench.copying [COUNT]     (5,000 generations; it needs Debian's package postgresql)
"""
# ruff: noqa: INP001, S603, T201  A script that prints and starts processes.

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.journal import build
from tests.fake.postgres import Postgres

COUNT = 5_000


def main() -> None:
    """Print the seconds of each copy, as whole processes."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    with tempfile.TemporaryDirectory() as name, Postgres() as postgres:
        folder = Path(name)
        (folder / "of").mkdir()
        file = build(folder / "of", count) / "history.db"
        url = postgres.create()
        env = os.environ | {"WAN_HOME": str(folder / "home"), "WAN_HISTORY": url}
        for what, *words in (
            ("into the database", str(file)),
            ("again: all are known", str(file)),
            ("back into a file", "default", str(folder / "back.db")),
        ):
            start = time.perf_counter()
            command = [sys.executable, "-m", "wan_cli", "history", "copy", "-q", *words]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
            print(f"{time.perf_counter() - start:6.2f} s  {what}: {done.stdout.strip()}")


if __name__ == "__main__":
    main()
