"""The two forms of a result: JSON fields for programs, words for people. Pure."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wan_cli.errors import LocalFileError, WanError
from wan_cli.generation import Status
from wan_cli.listing import Spent
from wan_cli.record import Record, utc
from wan_cli.secrets import without_passwords
from wan_cli.text import one_line
from wan_cli.uri import is_uri

if TYPE_CHECKING:
    from wan_cli.models import GenerationRequest
    from wan_cli.prices import Price


def compact(data: Mapping[str, object]) -> str:
    """Return one compact line of JSON in ASCII: no byte of it can move a terminal's cursor."""
    return json.dumps(data, separators=(",", ":"), default=str).replace("\x7f", "\\u007f")


def error_json(error: WanError) -> dict[str, object]:
    """Return a failure that happened before any generation."""
    return {"error": _error(error), "exit_code": error.exit_code}


def _error(error: WanError) -> dict[str, object]:
    words = f"{error.message}: {'; '.join(error.details)}" if error.details else error.message
    said, hint = without_passwords(words), without_passwords(error.hint)
    return {"code": error.code, "message": said, "hint": hint}


def record_json(record: Record, error: WanError | None = None) -> dict[str, object]:
    """Return the known fields of a generation."""
    data: dict[str, object | None] = {
        "id": record.id,
        "client_request_id": record.client_request_id,
        "row": record.row,
        "sandbox": record.sandbox or None,
        "status": str(record.status),
        "model": record.model,
        "request": dict(record.request),
        "created_at": utc(record.created_at),
        "updated_at": utc(record.updated_at),
        "elapsed_s": round(elapsed_s(record), 3),
        "credits_used": record.credits_used,
        "cost_usd": record.cost_usd,
        "video_url": record.video_url,
        "url_expires_at": utc(record.url_expires_at),
        "file": record.file,
        "bytes": record.bytes,
        "sha256": record.sha256,
        "error": _error(error) if error else _recorded_error(record),
        "exit_code": error.exit_code if error else record.exit_code or 0,
    }
    # The request of another machine's generation is unknown.
    return {name: value for name, value in data.items() if value not in (None, "", {})}


def _recorded_error(record: Record) -> dict[str, object] | None:
    if record.error_code is None:
        return None
    return {
        "code": record.error_code,
        "message": record.error_message,
        "hint": record.error_hint,
    }


def kept_words(record: Record) -> str:
    """Say that the video is saved, or that the generation is safe."""
    return f"the video is saved as {record.file}" if record.file else f"{record.handle} is safe"


def elapsed_s(record: Record) -> float:
    """Return the seconds from submission to the end, or to the last poll."""
    end = record.finished_at
    if end is None:
        end = time.time() if record.status.is_running else record.updated_at
    return max(0.0, end - record.created_at)


def seconds(duration_s: float) -> str:
    """Return a duration as people write it: 45 s, 3 min 25 s, 2 h 5 min, 3 d."""
    whole = max(0, round(duration_s))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d"


def clock(duration_s: float) -> str:
    """Return a duration as a clock shows it: 0:45, 3:25, 2:05:00."""
    minutes, whole = divmod(max(0, round(duration_s)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole:02}" if hours else f"{minutes}:{whole:02}"


def file_size(count: int) -> str:
    """Return a number of bytes as people write it: 950 bytes, 12.3 kB, 6.3 MB."""
    if count < 1000:
        return f"{count} bytes"
    size, unit = count / 1000, "kB"
    for larger in ("MB", "GB"):
        if size >= 1000:
            size, unit = size / 1000, larger
    return f"{size:.1f} {unit}"


def money(cost_usd: float | None) -> str:
    """Return an amount in USD, to the cent: $1.58."""
    if cost_usd is None:
        return ""
    # By whole millionths, since 1.575 is a little less as a float.
    cents = (round(cost_usd * 1_000_000) + 5_000) // 10_000
    return f"${cents // 100}.{cents % 100:02}"


def dry_run_json(request: "GenerationRequest", price: "Price") -> dict[str, object]:
    """Return a request that is not sent, with its price if that is known."""
    data: dict[str, object] = {"status": "unsent", "model": request.model}
    data["request"] = request.shown()
    return data if price.usd is None else data | {"cost_usd": price.usd}


def price_words(prices: "Sequence[Price]") -> str:
    """Return the total price of requests: $18.90 for 12 generations."""
    if not prices:
        return "nothing to submit"
    many = "" if len(prices) == 1 else f" for {len(prices)} generations"
    unknown = next((price.why for price in prices if price.usd is None), None)
    if unknown is None:
        return money(sum(price.usd or 0.0 for price in prices)) + many
    return f"unknown{many} ({unknown})"


def total_line(total: Spent, *, sandbox: bool = False) -> str:
    """Return the number of generations and their total cost."""
    word = "generation" if total.generations == 1 else "generations"
    mark = " (sandbox)" if sandbox else ""
    return f"{total.generations} {word}, {money(total.usd)} spent{mark}"


def spent_json(row: Spent) -> dict[str, object]:
    """Return the spending of one day on one model."""
    return {
        "day": row.day,
        "model": row.model,
        "generations": row.generations,
        "credits_used": row.credits,
        "cost_usd": round(row.usd, 6),
    }


def spent_line(row: Spent) -> str:
    """Return the spending of one day on one model, in one line."""
    return f"{row.day}  {row.model}  {row.generations}  {row.credits} credits  {money(row.usd)}"


def path_or_id(record: Record) -> str:
    """Return the path of the video, or the id if there is no file yet."""
    return record.file or record.handle


def nothing(_record: Record) -> str:
    """Return no text: stdout is the video itself."""
    return ""


def state_line(record: Record) -> str:
    """Return a generation's state in one line."""
    parts = [record.handle, str(record.status), seconds(elapsed_s(record))]
    if record.cost_usd is not None:
        parts.append(money(record.cost_usd))
    if where := _where(record):
        parts.append(where)
    if record.status is Status.ERROR and record.error_message:
        parts.append(one_line(record.error_message, 200))
    return "  ".join(parts)


def _where(record: Record) -> str:
    """Return where the video is."""
    if record.file is None:
        return "not on disk yet" if record.status is Status.COMPLETED else ""
    if is_uri(record.file):
        return record.file
    return record.file if Path(record.file).is_file() else f"{record.file} (no longer there)"


def unprinted(cause: LocalFileError, record: Record | None) -> LocalFileError:
    """Return the failure to print a result; the message gives the result."""
    if record is None:
        return cause
    return LocalFileError(
        f"{cause.message}; {kept_words(record)}", hint=f"wan status {record.handle}"
    )
