"""The fake API's records of POSTs and generations, and their rows in the log and ledger."""

import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from typing import Any

Row = dict[str, Any]
CREDITS_PER_USD = 2_000_000
_ID_LETTERS = string.ascii_letters + string.digits + "_-"


@dataclass(frozen=True, slots=True)
class Post:
    """A POST with a complete body; `time` is the server's clock."""

    body: Row
    raw: bytes
    headers: Message
    accepted: bool
    id: str | None
    client_request_id: str | None
    time: datetime
    path: str

    @property
    def label(self) -> str | None:
        """The X-Client-Request-Id as it was sent, even if the server ignores it."""
        return self.headers.get("X-Client-Request-Id")


@dataclass(slots=True)
class GenerationState:
    """A generation on the server; a test may change any attribute.

    It is queued at the first poll, generating at the next ones, and after `looks` polls it is
    completed, or in error if `error` is set. `status` and `url` set by a test override this.
    """

    id: str
    body: Row
    client_request_id: str | None
    key: str
    created: datetime
    looks: int
    credits_used: int
    seen: int = 0
    status: str | None = None
    url: str | None = None
    error: Row | None = None

    @property
    def is_finished(self) -> bool:
        return self.current_status in ("completed", "error")

    @property
    def current_status(self) -> str:
        if self.status is not None:
            return self.status
        if self.seen > self.looks:
            return "error" if self.error else "completed"
        return "generating" if self.seen > 1 else "queued"

    def fail(self, message: str = "the content was refused", name: str = "ModerationError") -> None:
        """Make it end in an error, which is not charged."""
        self.error = {"name": name, "message": message}

    def reply(self, url: str | None) -> Row:
        """Return the body of a reply about the generation."""
        status = self.current_status
        return {
            "id": self.id,
            "status": status,
            "video": {"url": url} if url else None,
            "error": self.error if status == "error" else None,
            "meta": {"usage": {"credits_used": self.credits_used}},
        }

    def log_row(self, *, labels: bool = True) -> Row:
        """Return its row of /v2/logs."""
        return log_row(
            self.id,
            created=self.created,
            client_request_id=self.client_request_id if labels else None,
            status="failed" if self.error else "succeeded",
            model=str(self.body.get("model")),
            credits_used=0 if self.error else self.credits_used,
        )

    def charge(self) -> Row:
        """Return its row of the ledger."""
        return charge(
            self.id,
            created=self.created,
            model=str(self.body.get("model")),
            credits_used=self.credits_used,
        )


def log_row(
    inference_id: str,
    *,
    created: datetime,
    client_request_id: str | None = None,
    status: str = "succeeded",
    model: str = "alibaba/wan-2-6-t2v",
    credits_used: int = 3_150_000,
) -> Row:
    """Return a row of /v2/logs."""
    return {
        "created": stamp(created),
        "status": status,
        "origin": "api",
        "model": model,
        "cost": amount(credits_used),
        "tokens": {"input": 0, "output": 0, "total": 0},
        "request_id": f"req-{inference_id}",
        "inference_id": inference_id,
        "client_request_id": client_request_id,
    }


def charge(
    reference_id: str,
    *,
    created: datetime,
    model: str = "alibaba/wan-2-6-t2v",
    credits_used: int = 3_150_000,
) -> Row:
    """Return a row of /v2/billing/transactions."""
    return {
        "created_at": stamp(created),
        "direction": "CHARGE",
        "type": "MODEL_USAGE",
        "amount": amount(credits_used),
        "model": model,
        "reference_id": reference_id,
    }


def amount(credits_used: int) -> Row:
    return {"usd": credits_used / CREDITS_PER_USD, "credits": credits_used}


def stamp(time: datetime) -> str:
    """Return a time as the API writes it: UTC, with milliseconds and a Z."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def select(
    rows: list[Row], time_field: str, start: str | None, end: str | None, **equal: str | None
) -> list[Row]:
    """Return the rows of a window (ISO 8601; None: open), newest first, with the given values.

    Raises:
        ValueError: a time that is none.
    """
    after = datetime.fromisoformat(start).astimezone(UTC) if start else None
    before = datetime.fromisoformat(end).astimezone(UTC) if end else None

    def is_meant(row: Row) -> bool:
        time = datetime.fromisoformat(row[time_field])
        inside = (after is None or after <= time) and (before is None or time <= before)
        return inside and all(row[name] == value for name, value in equal.items() if value)

    # Of two rows with the same millisecond, the later row is the newer one.
    return sorted(
        filter(is_meant, reversed(rows)), key=lambda row: str(row[time_field]), reverse=True
    )


def new_ids(seed: int = 0) -> Callable[[], str]:
    """Return a source of ids in the shape of the API's: 21 of [A-Za-z0-9_-]."""
    source = random.Random(seed)
    return lambda: "".join(source.choices(_ID_LETTERS, k=21))
