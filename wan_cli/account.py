"""The account's data from the API: rows of its log, charges of its ledger. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Self

from wan_cli.generation import parse_id
from wan_cli.numbers import sane


class LogRow(NamedTuple):
    """One finished request of the key in use (`/v2/logs`)."""

    id: str
    client_request_id: str | None
    model: str
    succeeded: bool
    created_at: float | None

    @classmethod
    def parse(cls, row: Mapping[str, object]) -> Self | None:
        """Return a row, or None if it has no inference id."""
        row_id = parse_id(row.get("inference_id"))
        if row_id is None:
            return None
        label = row.get("client_request_id")
        return cls(
            id=row_id,
            client_request_id=label if isinstance(label, str) and label else None,
            model=str(row.get("model") or ""),
            succeeded=row.get("status") == "succeeded",
            created_at=parse_time(row.get("created")),
        )


class Charge(NamedTuple):
    """One charge of the ledger (`/v2/billing/transactions`)."""

    id: str
    model: str
    created_at: float | None
    usd: float | None

    @classmethod
    def parse(cls, row: Mapping[str, object]) -> Self | None:
        """Return a charge, or None if it has no reference id."""
        row_id = parse_id(row.get("reference_id"))
        if row_id is None:
            return None
        amount = row.get("amount")
        usd = amount.get("usd") if isinstance(amount, Mapping) else None
        return cls(
            id=row_id,
            model=str(row.get("model") or ""),
            created_at=parse_time(row.get("created_at")),
            usd=sane(usd),
        )


def parse_time(value: object) -> float | None:
    """Return an ISO 8601 time as seconds since the epoch, or None."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def rows_of(answer: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return the objects in the `data` list of an answer."""
    data = answer.get("data")
    return [row for row in data if isinstance(row, Mapping)] if isinstance(data, list) else []
