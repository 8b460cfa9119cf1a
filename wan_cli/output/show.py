"""Everything that wan knows about one generation, one fact per line. Pure."""

import time

from wan_cli.core.show import Shown
from wan_cli.output.faces import elapsed_s, money, record_json, seconds
from wan_cli.output.listing import age
from wan_cli.output.states import state_words
from wan_cli.record import Record

_LABEL_WIDTH = 17


def show_json(shown: Shown) -> dict[str, object]:
    """Return all facts for programs: the fields that every command prints, and the command."""
    record = shown.record
    more = {
        "batch": record.batch,
        "once": record.once,
        "saves_to": shown.saves_to,
        "command": shown.command,
    }
    return record_json(record) | {name: value for name, value in more.items() if value is not None}


def show_text(shown: Shown, now: float) -> str:
    """Return all facts for people. `now` is in seconds since the epoch."""
    record = shown.record
    lines = {
        "id": record.id,
        "second id": record.other_id,
        "state": state_words(record, now),
        **_request(record),
        "submitted": _time(record.created_at, now),
        "finished": _time(record.finished_at, now) if record.finished_at else None,
        "took": seconds(elapsed_s(record)) if record.id and not record.status.is_running else None,
        "cost": _cost(record),
        "file": _file(shown),
        "saves to": shown.saves_to,
        "link": _link(record, now),
        "error": _error(record),
        "hint": record.error_hint,
        "batch": _batch(record),
        "once": record.once,
        "label": record.client_request_id,
        "service": _service(record),
        "key": None if _is_embedded(record) else f"fingerprint {record.key_fingerprint}",
        "repeat": shown.command,
    }
    return "\n".join(_line(label, value) for label, value in lines.items() if value)


def _line(label: str, value: str) -> str:
    """Return a label and its value, with later lines indented so that none looks like a label."""
    indented = value.replace("\n", "\n" + " " * _LABEL_WIDTH)
    return f"{label:<{_LABEL_WIDTH}}{indented}"


def _request(record: Record) -> dict[str, str | None]:
    """Return the fields that were sent, by their names, the prompt first."""
    fields = {"prompt": record.prompt, "model": record.model}
    for name, value in record.typed.items():
        words = ("yes" if value else "no") if isinstance(value, bool) else str(value)
        fields[name.replace("_", " ")] = f"{words} s" if name == "duration" else words
    return {name: words or None for name, words in fields.items()}


def _time(at: float, now: float) -> str:
    """Return a local time, and how long ago it was."""
    return f"{time.strftime('%Y-%m-%d %H:%M:%S %z', time.localtime(at))} ({age(now - at)} ago)"


def _cost(record: Record) -> str | None:
    if record.cost_usd is None:
        return None
    credits_used = "" if record.credits_used is None else f" ({record.credits_used:,} credits)"
    return money(record.cost_usd) + credits_used


def _file(shown: Shown) -> str | None:
    file, size = shown.record.file, shown.record.bytes
    if file is None:
        return None
    if not shown.is_on_disk:
        return f"{file} (no longer there; wan fetch downloads it again while the service has it)"
    return file if size is None else f"{file} ({size / 1e6:.2f} MB)"


def _link(record: Record, now: float) -> str | None:
    """Return how long the link works. Anyone with the link can watch: only JSON prints it."""
    ends_at = record.url_expires_at
    if ends_at is None:
        return None
    if ends_at <= now:
        return "expired"
    return f"works for {age(ends_at - now)} (--json prints it)"


def _error(record: Record) -> str | None:
    if record.error_message is None:
        return None
    code = "" if record.exit_code is None else f" (exit {record.exit_code})"
    return record.error_message + code


def _service(record: Record) -> str:
    """Return the address of the API; the built-in sandbox has a new one each time."""
    if record.sandbox:
        return f"{record.base_url} (sandbox)"
    return "sandbox" if _is_embedded(record) else record.base_url


def _is_embedded(record: Record) -> bool:
    return record.key_fingerprint == "sandbox"


def _batch(record: Record) -> str | None:
    if record.batch is None:
        return None
    return record.batch if record.row is None else f"{record.batch}, row {record.row}"
