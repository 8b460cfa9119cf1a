"""Waiting for a history that is locked by another process, or whose database is away."""

from wan_cli.core.items import Item
from wan_cli.core.run import Run
from wan_cli.core.verdicts import unreadable
from wan_cli.errors import HistoryLocked, WanError
from wan_cli.events import Warned

# Try again this often.
PAUSE_S = 1.0


def tries_later(run: Run, item: Item, trouble: HistoryLocked | None = None) -> bool:
    """Schedule an item's step again; return False if its deadline has passed."""
    if run.now >= item.deadline:
        return False
    if trouble is not None:
        run.tell_once(Warned(f"{trouble.message}; trying again"))
    pause_s = min(PAUSE_S, run.timing.poll_interval_s or PAUSE_S)
    item.due = min(item.deadline, run.now + pause_s)
    return True


def fails(run: Run, item: Item, error: WanError) -> None:
    """End an item with its failure; try later if only the history could not be used."""
    if isinstance(error, HistoryLocked):
        if tries_later(run, item, error):
            return
        if item.generation_id:
            error = unreadable(item.generation_id, error)
    run.end(item, error)
