"""Writes a history of very many rows with SQL, and measures the query for its newest rows.

python bench/journal.py HOME     print the seconds of one query by the wan of this interpreter
"""
# ruff: noqa: INP001, T201  A script that prints.

import json
import sqlite3
import sys
import time
from pathlib import Path
from statistics import median

from wan_cli.journal import Journal
from wan_cli.journal.rows import DERIVED, derived
from wan_cli.listing import Listing

COUNTS = (5_000, 500_000)
ROUNDS = 200
_INSERT = """
WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :count)
INSERT INTO generations (seq, ref, client_request_id, status, request, created_at, updated_at,
  base_url, key_fingerprint, folder, id, finished_at, credits_used, cost_usd, file, bytes,
  model, class, prompt_folded, digest)
SELECT n, printf('wan-%032x', n), printf('wan-%032x.1', n), 'completed', :request, 1.7e9 + n,
  1.7e9 + n + 205, 'https://api.example', 'fingerprint', '/videos', printf('id-%018d', n),
  1.7e9 + n + 205, 3150000, 1.575, printf('/videos/a-fox-%d.mp4', n), 9000000,
  :model, :class, :prompt_folded, :digest
FROM number
"""


def build(home: Path, count: int) -> Path:
    """Write a history of `count` finished generations into a home; return the home."""
    file = home / "history.db"
    Journal.open(file).close()
    request = {"model": "alibaba/wan-2-6-t2v", "prompt": "a fox in the snow"}
    text = json.dumps(request)
    values = dict(zip(DERIVED, derived(request, text), strict=True))
    connection = sqlite3.connect(file)
    with connection:
        connection.execute(_INSERT, {"count": count, "request": text, **values})
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return home


def newest_s(home: Path) -> float:
    """Return the median seconds of the query for the newest 20 rows."""
    took = []
    with Journal.open(home / "history.db") as journal:
        for _ in range(ROUNDS):
            start = time.perf_counter()
            journal.newest(Listing())
            took.append(time.perf_counter() - start)
    return median(took)


if __name__ == "__main__":
    print(newest_s(Path(sys.argv[1])))
