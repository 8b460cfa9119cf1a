"""The history as a list: a table for a screen, complete rows for a pipe. Pure."""

from collections.abc import Sequence

from wan_cli.listing import Spent
from wan_cli.models import MODELS
from wan_cli.output.faces import elapsed_s, money, seconds, spent_line
from wan_cli.output.states import color_of, state_words
from wan_cli.output.table import Color, Grid
from wan_cli.record import Record, utc
from wan_cli.text import one_line

_HEADS = {
    "id": "ID",
    "short": "ID",
    "state": "STATE",
    "age": "AGE",
    "took": "TOOK",
    "cost": "COST",
    "clip": "CLIP",
    "what": "NAME OR PROMPT",
}
_STATS_HEADS = {
    "day": "DAY",
    "model": "MODEL",
    "short": "MODEL",
    "generations": "CLIPS",
    "credits": "CREDITS",
    "usd": "COST",
}
_STATS = (
    ("day", "model", "generations", "credits", "usd"),
    ("day", "short", "generations", "credits", "usd"),
    ("day", "short", "generations", "usd"),
    ("short", "usd"),
)
# Every command accepts the beginning of an id. Narrow screens drop the least useful columns.
_LAYOUTS = (
    ("id", "state", "age", "took", "cost", "clip", "what"),
    ("short", "state", "age", "took", "cost", "clip", "what"),
    ("short", "state", "age", "took", "cost", "what"),
    ("short", "state", "age", "cost", "what"),
    ("short", "state", "age", "what"),
    ("short", "state", "what"),
)
_ID_MAX_CHARS = 80
_SHORT_ID = 8
# A ref begins with `wan-`.
_SHORT_REF = 12
# No screen is wider; do not measure more of a prompt than this.
_WHAT_MAX_CHARS = 1000
_WHOLE = 10**9


def history_lines(
    records: Sequence[Record], now: float, width: int | None, color: Color
) -> list[str]:
    """Return the lines of a list of generations.

    Args:
        records: newest first.
        now: seconds since the epoch, for the ages.
        width: cells of the screen, for a table with heads. None for a pipe: complete rows, with
            tabs between cells.
        color: returns a word in a color, or unchanged.
    """
    if not records:
        return []
    if width is None:
        return ["\t".join(_row(record, now, color)) for record in records]
    grid = Grid(_HEADS, [_cells(record, now) for record in records], _LAYOUTS, width)
    heads, *lines = grid.lines()
    place = grid.columns.index("state")
    for record, line in zip(records, lines, strict=True):
        line[place] = _colored(line[place], color_of(record), color)
    return [_colored("".join(heads), "1", color), *("".join(line).rstrip() for line in lines)]


def _colored(text: str, number: str | None, color: Color) -> str:
    """Return a text with its words colored, but not the spaces after them."""
    words = text.rstrip()
    return color(words, number) + text[len(words) :]


def _cells(record: Record, now: float) -> dict[str, str]:
    handle = one_line(record.handle, _ID_MAX_CHARS)
    return {
        "id": handle,
        "short": handle[: _SHORT_ID if record.id else _SHORT_REF],
        "state": state_words(record, now),
        "age": age(now - record.created_at),
        "took": _took(record),
        "cost": money(record.cost_usd),
        "clip": clip(record),
        "what": _name(record) or _prompt(record, _WHAT_MAX_CHARS),
    }


def _row(record: Record, now: float, color: Color) -> list[str]:
    """Return the cells of a complete row: no cell contains a tab or a line end."""
    return [
        one_line(record.handle, _ID_MAX_CHARS),
        color(state_words(record, now), color_of(record)),
        utc(record.created_at) or "",
        _took(record),
        money(record.cost_usd),
        clip(record),
        _name(record),
        _prompt(record, _WHOLE),
    ]


def age(seconds_ago: float) -> str:
    """Return a time span in its largest unit: 3 min."""
    past = max(0.0, seconds_ago)
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if past >= size:
            return f"{past // size:.0f} {unit}"
    return f"{past:.0f} s"


def clip(record: Record) -> str:
    """Return a video's resolution and length: the server's defaults if the request sets none."""
    schema = MODELS.get(record.model)
    values = []
    for name in ("resolution", "duration"):
        field = schema.field(name) if schema else None
        values.append(record.request.get(name, field.default if field else None))
    resolution, duration = values
    words = [one_line(str(resolution), 10)] if resolution is not None else []
    words += [f"{one_line(str(duration), 10)} s"] if duration is not None else []
    return " ".join(words)


def _took(record: Record) -> str:
    return seconds(elapsed_s(record)) if record.id and not record.status.is_running else ""


def _name(record: Record) -> str:
    """Return the name that the user gave the file, without its suffix."""
    return one_line((record.name or "").removesuffix(".mp4"), 200)


def _prompt(record: Record, limit: int) -> str:
    return one_line(record.prompt, limit) or one_line(record.file or "", limit)


def stats_lines(rows: Sequence[Spent], width: int | None, color: Color) -> list[str]:
    """Return a line for each day and model, in a table with heads for a screen."""
    if width is None or not rows:
        return [spent_line(row) for row in rows]
    cells = [
        {
            "day": row.day,
            "model": row.model,
            "short": row.model.rpartition("/")[2],
            "generations": str(row.generations),
            "credits": f"{row.credits:,}",
            "usd": money(row.usd),
        }
        for row in rows
    ]
    heads = dict(_STATS_HEADS)
    for name in ("generations", "credits", "usd"):
        widest = max(len(row[name]) for row in [heads, *cells])
        for row in [heads, *cells]:
            row[name] = row[name].rjust(widest)
    first, *lines = ("".join(line).rstrip() for line in Grid(heads, cells, _STATS, width).lines())
    return [color(first, "1"), *lines]
