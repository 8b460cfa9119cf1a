"""The last line of a generation on a terminal: the video's properties, cost and time."""

import sys
from collections.abc import Sequence
from pathlib import Path

from wan_cli.mp4 import Clip, clip_of
from wan_cli.output import Output
from wan_cli.output.faces import elapsed_s, file_size, money, seconds
from wan_cli.record import Outcome, Record


def print_ending(out: Output, outcome: Outcome) -> None:
    """Describe a saved video, on a terminal."""
    record = outcome.record
    if record and record.file and outcome.error is None and sys.stderr.isatty():
        out.note(ending(record, _clip(record.file)))


def print_total(out: Output, records: Sequence[Record], count: int) -> None:
    """Print the number of saved videos and their cost, on a terminal."""
    saved = [record for record in records if record.file]
    if saved and sys.stderr.isatty():
        mark = " (sandbox)" if _is_sandbox(saved[0]) else ""
        cost = money(sum(record.cost_usd or 0.0 for record in saved))
        out.note(f"{len(saved)} of {count} saved · {cost}{mark}")


def ending(record: Record, clip: Clip | None) -> str:
    """Return size, length, resolution, sound, cost and time of a video, in one line."""
    parts = [file_size(record.bytes or 0)]
    if clip and clip.seconds:
        parts.append(f"{clip.seconds:.3g} s")
    if clip and clip.width:
        parts.append(f"{clip.width}x{clip.height}")
    if clip:
        parts.append("with sound" if clip.has_sound else "no sound")
    if record.cost_usd is not None:
        parts.append(money(record.cost_usd) + (" (sandbox)" if _is_sandbox(record) else ""))
    parts.append(f"made in {seconds(elapsed_s(record))}")
    return " · ".join(parts)


def _is_sandbox(record: Record) -> bool:
    return record.sandbox or record.key_fingerprint == "sandbox"


def _clip(file: str) -> Clip | None:
    try:
        with Path(file).open("rb") as video:
            return clip_of(video, Path(file).stat().st_size)
    except OSError:
        return None
