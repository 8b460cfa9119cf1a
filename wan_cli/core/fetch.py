"""wan fetch: wait for generations of earlier commands and save their videos."""

from collections.abc import Iterable
from functools import partial
from itertools import chain
from pathlib import Path

from wan_cli.core.engine import Engine, Outcomes
from wan_cli.core.items import Goal
from wan_cli.core.lease import give_up_claim, is_being_sent
from wan_cli.core.save import DOWNLOADS, Saving
from wan_cli.core.settle import Settling
from wan_cli.core.tools import Timing, Tools
from wan_cli.core.verdicts import being_sent, saved_already
from wan_cli.core.watch import Watching
from wan_cli.destination import is_there
from wan_cli.download.meta import tidy
from wan_cli.download.shelf import drop, spooled
from wan_cli.events import Note
from wan_cli.generation import Status
from wan_cli.listing import Listing
from wan_cli.record import Outcome, Record


def fetch(
    tools: Tools,
    records: Iterable[Record],
    goal: Goal,
    timing: Timing,
    *,
    downloads: int = DOWNLOADS,
) -> Outcomes:
    """Save the videos of generations, each as soon as it is ready; yield their outcomes."""
    saving = partial(Saving, downloads=downloads)
    engine = Engine(tools, timing, goal, [Settling, Watching, saving])
    for record in records:
        if is_there(record, goal.destination, to_stdout=goal.stdout is not None):
            yield Note(saved_already(record))
            yield Outcome(record)
        elif is_being_sent(tools, record):
            yield Outcome(record, being_sent(record))
        else:
            if record.status is Status.CLAIMED:
                give_up_claim(tools, record)
                record = tools.journal.reread(record)
            engine.add(record)
    yield from engine.outcomes()


def fetch_all(tools: Tools, goal: Goal, timing: Timing, *, downloads: int = DOWNLOADS) -> Outcomes:
    """Fetch every video of the history that is not on disk, and settle unknown submissions."""
    _tidy_up(tools)
    journal, refs = tools.journal, []
    for record in journal.unresolved():
        if is_being_sent(tools, record):
            yield Note(being_sent(record).message)
        elif record.status is Status.CLAIMED:
            yield give_up_claim(tools, record)
        else:
            refs.append(record.ref)
    # Read one record at a time: a small machine cannot hold all of them in memory.
    records = map(journal.at, chain(refs, journal.to_fetch()))
    yield from fetch(tools, records, goal, timing, downloads=downloads)


def _tidy_up(tools: Tools) -> None:
    """Remove files that killed processes left beside the newest videos."""
    for record in tools.journal.newest(Listing(status=Status.COMPLETED)):
        if record.stored is None:
            continue
        generation_id, file = record.stored
        if isinstance(file, Path):
            tidy(file, generation_id)
        elif (left := spooled(tools.spool, generation_id)).exists():
            drop(left, generation_id)
