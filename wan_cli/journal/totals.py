"""What a listing asks of the history: which rows fit it, and what they cost in all."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from wan_cli.journal.file import UNRESOLVED
from wan_cli.journal.trouble import trouble
from wan_cli.listing import READY, SAVED, Listing, Spent

LEARN_FROM = 50

_FILTERS = {
    "status": "status = :status",
    "since": "created_at >= :since",
    "search": "instr(lower(json_extract(request, '$.prompt')), lower(:search)) > 0",
}

# The states that are not one status.
_STATES = {
    SAVED: "status = 'completed' AND file IS NOT NULL",
    READY: "status = 'completed' AND file IS NULL",
    "unknown": UNRESOLVED,
}


def newest(listing: Listing) -> tuple[str, dict[str, str | float | None]]:
    """Return the condition and the values of the newest rows that fit, newest first."""
    return f"{_filtered(listing)} ORDER BY seq DESC LIMIT :limit", _filter(listing)


def spent(
    path: Path, connection: sqlite3.Connection, listing: Listing, *, by_day: bool = False
) -> list[Spent]:
    """Return what the rows that fit cost: in all, or by day (UTC) and model, newest day first."""
    columns, groups = "'', ''", ""
    if by_day:
        columns = "date(created_at, 'unixepoch'), json_extract(request, '$.model')"
        groups = "GROUP BY 1, 2 ORDER BY 1 DESC, 2"
    # What failed on the server or was refused is not charged and does not count.
    paid = "FILTER (WHERE status IN ('queued', 'generating', 'completed'))"
    with trouble(path):
        rows = connection.execute(
            f"SELECT {columns}, count(*), coalesce(sum(credits_used) {paid}, 0),"
            f" coalesce(sum(cost_usd) {paid}, 0.0) FROM generations"
            f" WHERE {_filtered(listing)} {groups}",
            _filter(listing),
        ).fetchall()
    return [
        Spent(int(count), int(used), float(usd), str(day or ""), str(model or ""))
        for day, model, count, used, usd in rows
    ]


def durations(
    path: Path, connection: sqlite3.Connection, request: Mapping[str, object]
) -> list[float]:
    """Return the seconds that the last finished generations of a request's class took."""
    names = ("model", "resolution", "duration")
    same = " AND ".join(f"json_extract(request, '$.{name}') IS ?" for name in names)
    with trouble(path):
        rows = connection.execute(
            f"SELECT finished_at - created_at FROM generations WHERE status = 'completed'"
            f" AND finished_at IS NOT NULL AND {same} ORDER BY seq DESC LIMIT {LEARN_FROM}",
            [request.get(name) for name in names],
        ).fetchall()
    return [float(row[0]) for row in rows]


def _filtered(listing: Listing) -> str:
    """Return the conditions that are wanted, and no others: the index of what is summed may do."""
    filters = _FILTERS | {"status": _STATES.get(listing.status or "", _FILTERS["status"])}
    wanted = [condition for name, condition in filters.items() if getattr(listing, name)]
    return " AND ".join(wanted) or "1"


def _filter(listing: Listing) -> dict[str, str | float | None]:
    return {
        "status": listing.status,
        "since": listing.since,
        "search": listing.search,
        "limit": listing.limit,
    }
