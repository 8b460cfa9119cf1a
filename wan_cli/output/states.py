"""The states of generations in the words of `wan list`, and their colors. Pure."""

from wan_cli.generation import Status
from wan_cli.listing import READY, SAVED
from wan_cli.record import Record

# States with another name in --json; the other states have one name everywhere.
_WORDS = {
    Status.CLAIMED: "unknown",
    Status.SENDING: "unknown",
    Status.ERROR: "failed",
}
_COLORS = {
    SAVED: "32",
    READY: "36",
    "generating": "33",
    "queued": "33",
    "failed": "31",
    "rejected": "31",
    "unknown": "35",
}


def state_of(record: Record) -> str:
    """Return the state of a generation in one word."""
    if record.status is Status.COMPLETED:
        return SAVED if record.file else READY
    return _WORDS.get(record.status, str(record.status))


def state_words(record: Record, now: float) -> str:
    """Return the state and, for a video that is not on disk, the time that its link still works.

    `now` is in seconds since the epoch.
    """
    state = state_of(record)
    ends_at = record.url_expires_at if state == READY else None
    if ends_at is None or ends_at <= now:
        return state
    left_s = ends_at - now
    left = f"{left_s // 3600:.0f} h" if left_s >= 3600 else f"{left_s // 60:.0f} min"
    return f"{state} {left} left"


def color_of(record: Record) -> str | None:
    """Return the terminal's number for the color of a state, or None."""
    return _COLORS.get(state_of(record))
