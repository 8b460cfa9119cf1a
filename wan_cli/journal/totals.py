"""Queries for a listing: the rows that match it, and their total cost."""

from collections.abc import Mapping
from typing import Any

from wan_cli.journal.port import Engine, Values
from wan_cli.journal.rows import class_of
from wan_cli.listing import NO_LIMIT, READY, SAVED, Listing, Spent

LEARN_FROM = 50
UNRESOLVED = "status IN ('claimed', 'sending', 'unknown')"
NANO = 1_000_000_000
# Requests that failed on the server or were refused are not charged, and do not count.
PAID = "status IN ('queued', 'generating', 'completed')"


def _parts(row: str) -> tuple[str, str, str, str]:
    """Return the day and model of a row (NEW., OLD.), and the amounts it adds to their total."""
    paid = f"CASE WHEN {row}{PAID} THEN"
    return (
        f"coalesce(date({row}created_at, 'unixepoch'), '')",
        f"coalesce(json_extract({row}request, '$.model'), '')",
        f"{paid} coalesce({row}credits_used, 0) ELSE 0 END",
        # Store billionths as integers, so that adding and subtracting them stays exact.
        f"{paid} CAST(round(coalesce({row}cost_usd, 0) * {NANO}) AS INTEGER) ELSE 0 END",
    )


def _change(row: str, sign: str) -> str:
    day, model, used, usd = _parts(row)
    which = f"WHERE day = {day} AND model = {model}"
    # Not `INSERT OR IGNORE`: the policy of the statement that fires the trigger overrides it.
    return (
        f"INSERT INTO totals (day, model) SELECT {day}, {model}"
        f" WHERE NOT EXISTS (SELECT 1 FROM totals {which});"
        f" UPDATE totals SET count = count {sign} 1, credits = credits {sign} ({used}),"
        f" nano_usd = nano_usd {sign} ({usd}) {which};"
    )


# Each write updates the totals in the same transaction, so that `wan list` need not sum all rows.
TOTALS = (
    "CREATE TABLE totals (day TEXT, model TEXT, count INTEGER NOT NULL DEFAULT 0,"
    " credits INTEGER NOT NULL DEFAULT 0, nano_usd INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (day, model)) WITHOUT ROWID",
    "INSERT OR REPLACE INTO totals SELECT {}, {}, count(*), sum({}), sum({})"
    " FROM generations GROUP BY 1, 2".format(*_parts("")),
    f"CREATE TRIGGER totals_insert AFTER INSERT ON generations BEGIN {_change('NEW.', '+')} END",
    f"CREATE TRIGGER totals_delete AFTER DELETE ON generations BEGIN {_change('OLD.', '-')} END",
    "CREATE TRIGGER totals_update"
    " AFTER UPDATE OF status, credits_used, cost_usd, created_at, request ON generations"
    f" BEGIN {_change('OLD.', '-')} {_change('NEW.', '+')} END",
)

_FILTERS = {
    "status": "status = :status",
    "since": "created_at >= :since",
}

# The states that differ from a single status.
_STATES = {
    SAVED: "status = 'completed' AND file IS NOT NULL",
    READY: "status = 'completed' AND file IS NULL",
    "unknown": UNRESOLVED,
}


def newest(engine: Engine, listing: Listing) -> tuple[str, Values]:
    """Return the condition and the values of the query for the newest rows that match."""
    limit = "" if listing.limit == NO_LIMIT else " LIMIT :limit"
    return f"{_filtered(engine, listing)} ORDER BY seq DESC{limit}", _filter(listing)


def spent(engine: Engine, listing: Listing, *, by_day: bool = False) -> list[Spent]:
    """Return the cost of the matching rows: in total, or by day (UTC) and model, newest first."""
    if not (listing.status or listing.since or listing.search):
        return _kept(engine, by_day=by_day)
    columns, groups = "'', ''", ""
    if by_day:
        columns = f"{engine.day('created_at')}, model"
        groups = "GROUP BY 1, 2 ORDER BY 1 DESC, 2"
    paid = f"FILTER (WHERE {PAID})"
    rows = engine.run(
        f"SELECT {columns}, count(*), coalesce(sum(credits_used) {paid}, 0),"
        f" coalesce(sum(cost_usd) {paid}, 0.0) FROM generations"
        f" WHERE {_filtered(engine, listing)} {groups}",
        _filter(listing),
    )
    return [_spent(row, 1) for row in rows]


def _kept(engine: Engine, *, by_day: bool) -> list[Spent]:
    """Return the cost of all rows from the table of totals."""
    columns, groups = ("day, model", "GROUP BY 1, 2") if by_day else ("'', ''", "")
    rows = engine.run(
        f"SELECT {columns}, sum(count), sum(credits), sum(nano_usd) FROM totals"
        f" WHERE count > 0 {groups} ORDER BY 1 DESC, 2"
    )
    return [_spent(row, NANO) for row in rows]


def _spent(row: tuple[Any, ...], per_usd: int) -> Spent:
    day, model, count, used, amount = row
    usd = float(amount or 0) / per_usd
    return Spent(int(count or 0), int(used or 0), usd, str(day or ""), str(model or ""))


def durations(engine: Engine, request: Mapping[str, object]) -> list[float]:
    """Return the durations in seconds of the last finished generations of a request's class."""
    rows: list[tuple[Any, ...]] = engine.run(
        "SELECT finished_at - created_at FROM generations WHERE status = 'completed'"
        f" AND finished_at IS NOT NULL AND class = :class ORDER BY seq DESC LIMIT {LEARN_FROM}",
        {"class": class_of(request)},
    )
    return [float(row[0]) for row in rows]


def _filtered(engine: Engine, listing: Listing) -> str:
    """Return only the requested conditions, so that a covering index can serve the query."""
    filters = _FILTERS | {
        "status": _STATES.get(listing.status or "", _FILTERS["status"]),
        "search": engine.contains("prompt_folded", "search"),
    }
    wanted = [condition for name, condition in filters.items() if getattr(listing, name)]
    return " AND ".join(wanted) or "1 = 1"


def _filter(listing: Listing) -> Values:
    return {
        "status": listing.status,
        "since": listing.since,
        "search": (listing.search or "").casefold().replace("\0", " "),
        "limit": listing.limit,
    }
