"""The account's data from the API: its log, its ledger, and what its key may spend. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Self

from wan_cli.generation import parse_id
from wan_cli.numbers import sane
from wan_cli.text import one_line

# The scope that a key needs for videos, if it has scopes.
VIDEO_SCOPE = "model:video"
_WORD_CHARS, _SCOPES_CHARS = 60, 200
# The periods after which a key's limit begins again, in words.
_PERIODS: Mapping[str, str] = {
    "day": " a day",
    "week": " a week",
    "month": " a month",
    "no_reset": " in total",
}
_PERIODS_S: Mapping[str, float] = {"day": 86_400.0, "week": 7 * 86_400.0}


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


class Usage(NamedTuple):
    """What the key has spent in a period, on all machines (`/v2/usage`): USD, charged requests."""

    usd: float
    requests: int | None = None

    @classmethod
    def parse(cls, answer: Mapping[str, object]) -> Self | None:
        """Return the usage, or None if the answer has no amount in USD."""
        usd = sane(answer.get("spend"))
        if usd is None or answer.get("currency", "USD") != "USD":
            return None
        requests = sane(answer.get("requests"))
        return cls(usd, None if requests is None else int(requests))


class Left(NamedTuple):
    """What a limit leaves in USD; `bound` says that it leaves `at least` or `at most` that."""

    usd: float
    bound: str = ""


class KeyLimits(NamedTuple):
    """What the key in use may do (`/v1/key`).

    `scopes` is None if the key may do everything. `limit_usd` is None if it has no limit, or none
    that wan can read; the limit begins again after each `period`: day, week, month or no_reset.
    """

    name: str | None = None
    disabled: bool = False
    scopes: tuple[str, ...] | None = None
    limit_usd: float | None = None
    period: str | None = None
    month_usd: float | None = None

    @classmethod
    def parse(cls, answer: Mapping[str, object]) -> Self | None:
        """Return the limits, or None if the answer describes no key."""
        data = answer.get("data")
        if not isinstance(data, Mapping):
            return None
        name, scopes, limit = data.get("name"), data.get("scopes"), data.get("limit")
        limit = limit if isinstance(limit, Mapping) else {}
        period = limit.get("retention")
        words = (
            [scope for scope in scopes if isinstance(scope, str)]
            if isinstance(scopes, list)
            else []
        )
        return cls(
            name=one_line(name, _WORD_CHARS) if isinstance(name, str) and name else None,
            disabled=data.get("disabled") is True,
            scopes=tuple(one_line(word, _WORD_CHARS) for word in words) or None,
            limit_usd=sane(limit.get("threshold")),
            period=period if isinstance(period, str) and period in _PERIODS else None,
            month_usd=sane(data.get("monthly_usage")),
        )

    @property
    def period_s(self) -> float | None:
        """The length of the period whose usage shows what is left; None: `month_usd` does."""
        return _PERIODS_S.get(self.period or "")

    @property
    def may_make_videos(self) -> bool:
        """Whether the key is enabled and its scopes, if any, allow videos."""
        return not self.disabled and (self.scopes is None or VIDEO_SCOPE in self.scopes)

    def left(self, recent: Usage | None = None) -> Left | None:
        """Return what the limit leaves, or None if there is no limit or it cannot be known.

        `recent` is the usage of the last `period_s` seconds. The API does not say when a day or a
        week begins: at least the difference is left. What it has spent before this month counts for
        a limit without a period: at most the difference is left.
        """
        if self.limit_usd is None or self.period is None:
            return None
        if self.period_s is not None:
            return recent and Left(max(0.0, self.limit_usd - recent.usd), "at least")
        if self.month_usd is None:
            return None
        bound = "" if self.period == "month" else "at most"
        return Left(max(0.0, self.limit_usd - self.month_usd), bound)

    def limit_words(self, left: Left | None) -> str:
        """Return the limit, and what it leaves."""
        if self.limit_usd is None:
            return "none"
        limit = f"{self.limit_usd:.2f} USD{_PERIODS.get(self.period or '', '')}"
        if left is None:
            return limit
        return f"{left.bound} {left.usd:.2f} USD left of {limit}".strip()

    @property
    def scope_words(self) -> str:
        """The scopes in one line."""
        return one_line(", ".join(self.scopes or ("all",)), _SCOPES_CHARS)


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
