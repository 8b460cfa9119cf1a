"""Print the history: its rows or its cost by day and model, their number and total cost."""

import time
from collections.abc import Callable, Sequence
from functools import partial

from wan_cli.listing import Spent
from wan_cli.output import Output
from wan_cli.output.faces import record_json, spent_json, total_line
from wan_cli.output.listing import history_lines, stats_lines
from wan_cli.record import Record

_EMPTY = 'the history is empty; try: wan generate "a fox in the snow"'
_NOTHING_FITS = "no generation matches; to list all: wan list"


def print_history(
    out: Output,
    records: Sequence[Record],
    total: Callable[[], Spent],
    *,
    is_filtered: bool,
    in_sandbox: bool = False,
    elsewhere: Callable[[], str] = str,
) -> int:
    """Print records and, for people, their number and cost; return 0.

    `total` is called only if the number is printed; `elsewhere` only if the history is empty: it
    says where there are generations.
    """
    if not records:
        out.note(out.typeable(_NOTHING_FITS if is_filtered else _EMPTY))
        if not is_filtered and out.talks and (also := elsewhere()):
            out.note(also)
        return 0

    def footer() -> list[str]:
        whole = total()
        shown, count = len(records), whole.generations
        cut = [f"{shown} of {count} (--limit N, --all)"] if shown < count else []
        return [*cut, total_line(whole, sandbox=in_sandbox)]

    lines = partial(history_lines, records, time.time())
    out.table(map(record_json, records), lines, footer)
    return 0


def print_stats(out: Output, rows: Sequence[Spent], *, in_sandbox: bool) -> int:
    """Print the cost by day and model and, for people, the total; return 0."""

    def footer() -> list[str]:
        whole = Spent(sum(row.generations for row in rows), 0, sum(row.usd for row in rows))
        return [total_line(whole, sandbox=in_sandbox)]

    out.table(map(spent_json, rows), partial(stats_lines, rows), footer)
    return 0
