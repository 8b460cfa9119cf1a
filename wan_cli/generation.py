"""Read the API's replies about a generation leniently: Status and Generation.

Facts of the API come from its public reference (api.aimlapi.com, as of 2026-08-21).
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, Self

from wan_cli.numbers import sane

CREDITS_PER_USD = 2_000_000
# No generation costs more than this.
USD_MAX = 1e6


class Status(StrEnum):
    """The states of a generation: five before the server has accepted it, and four of the server.

    CLAIMED: journaled, but no byte of its body is sent yet. UNSENT: final, and nothing was sent.
    """

    CLAIMED = "claimed"
    UNSENT = "unsent"
    SENDING = "sending"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    QUEUED = "queued"
    GENERATING = "generating"
    COMPLETED = "completed"
    ERROR = "error"

    @property
    def is_unresolved(self) -> bool:
        """Whether it is unknown if the server accepted the submission."""
        return self in (Status.CLAIMED, Status.SENDING, Status.UNKNOWN)

    @property
    def is_running(self) -> bool:
        """Whether the server is still working on it."""
        return self in (Status.QUEUED, Status.GENERATING)


class Generation(NamedTuple):
    """A reply about a generation, from either endpoint of /v2/video/generations."""

    id: str | None
    status: Status
    url: str | None = None
    error: str | None = None
    credits_used: int | None = None
    usd_spent: float | None = None

    @property
    def cost_usd(self) -> float | None:
        """The cost: in USD if the reply has it, else computed from the credits."""
        if self.usd_spent is not None or self.credits_used is None:
            return self.usd_spent
        return self.credits_used / CREDITS_PER_USD

    @classmethod
    def parse(cls, reply: Mapping[str, object]) -> Self:
        """Return a reply as a Generation. Missing fields and fields of a wrong type become None.

        An unknown status counts as completed if there is a URL, as failed if there is an error
        object, and as running otherwise: a new status must not lose a paid generation.
        """
        url = _member(reply, "video", "url")
        error = reply.get("error")
        return cls(
            id=parse_id(reply.get("id")),
            status=_parse_status(
                reply.get("status"),
                has_url=isinstance(url, str) and bool(url),
                has_error=isinstance(error, Mapping) and bool(error),
            ),
            url=url if isinstance(url, str) and url else None,
            error=error_words(error) if error else None,
            credits_used=_whole(_member(reply, "meta", "usage", "credits_used")),
            usd_spent=sane(_member(reply, "meta", "usage", "usd_spent"), largest=USD_MAX),
        )


def parse_id(value: object) -> str | None:
    """Return a server's id, or None if the value cannot be an id.

    Ids may have any printable character (the reference's samples have `-G3b3…` and `a:b/c`).
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if (
        isinstance(value, str)
        and 0 < len(value) <= 512
        and value.isprintable()
        and " " not in value
    ):
        return value
    return None


def _parse_status(word: object, *, has_url: bool, has_error: bool) -> Status:
    known = {
        "queued": Status.QUEUED,
        "generating": Status.GENERATING,
        "completed": Status.COMPLETED,
        "error": Status.ERROR,
    }
    status = known.get(word.lower()) if isinstance(word, str) else None
    if status is not None:
        return status
    if has_url:
        return Status.COMPLETED
    return Status.ERROR if has_error else Status.GENERATING


def _member(value: object, *names: str) -> object:
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def error_words(error: object) -> str:
    """Return the text of an error; the reference's samples have `message` or `detail`."""
    if isinstance(error, Mapping):
        for name in ("message", "detail", "name"):
            if error.get(name):
                return error_words(error[name])
    return error if isinstance(error, str) else json.dumps(error, ensure_ascii=False, default=str)


def _whole(value: object) -> int | None:
    number = sane(value)
    return None if number is None else round(number)
