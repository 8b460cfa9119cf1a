"""Which process works on a record: each says regularly in the journal that it is running."""

import os
from contextlib import suppress
from math import inf

from wan_cli.api.client import SUBMIT_SECONDS
from wan_cli.core.tools import Tools, this_host
from wan_cli.destination import Destination
from wan_cli.errors import SetupError
from wan_cli.events import Note
from wan_cli.generation import Status
from wan_cli.journal import Journal
from wan_cli.journal.workers import BEAT_S, DEAD_S
from wan_cli.record import Record

# Longer than any submission takes: after this, a process whose record is still `sending` is dead
# or hangs.
SENDING_MAX_S = SUBMIT_SECONDS + 60.0


class Lease:
    """Keeps the records that this process works on, until it ends.

    `due` is when to say again that it is running (monotonic seconds).
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        is_kept = tools.keeps and tools.journal.is_shared
        self.due = tools.clock.monotonic() + BEAT_S if is_kept else inf

    def beat(self) -> None:
        """Say that this process is running, if it is time."""
        clock = self._tools.clock
        if clock.monotonic() < self.due:
            return
        self.due = clock.monotonic() + BEAT_S
        # If this fails for two minutes, another process may continue its records: that is safe.
        with suppress(SetupError):
            self._tools.journal.workers.beat_again(this_host(), clock.now())

    def give_back(self) -> None:
        """Say that this process ends, so that others need not wait for it."""
        with suppress(SetupError):
            if self._tools.keeps:
                self._tools.journal.workers.leave()


def is_of_other(tools: Tools, record: Record) -> bool:
    """Whether a process of another machine may work on a record."""
    journal = tools.journal
    return journal.is_shared and record.worker not in (None, journal.workers.me)


def followed(tools: Tools, record: Record, place: Destination | None) -> Record | None:
    """Return a record as another process has left it, None if that has ended: work on it then.

    The record that is taken over gets the place of this run, if it has one.

    Raises:
        SetupError: the history cannot be read or written.
    """
    current = tools.journal.reread(record)
    if is_of_other(tools, current) and is_working(tools, current):
        return current
    if not tools.journal.take_over(current, this_host(), tools.clock.now()):
        return current
    if place is not None:
        current = tools.save_new(current, **in_record(place))
    # A video that was saved needs no more work.
    return current if current.file else None


def in_record(place: Destination) -> dict[str, object]:
    """Return the values of a record for the place of its video."""
    return {
        "folder": str(place.folder),
        "name": place.name,
        "name_template": place.name_template,
    }


def is_being_sent(tools: Tools, record: Record) -> bool:
    """Whether a running process may be sending this submission.

    wan cannot see processes of another machine or container: they are running while they say so in
    the history, and for at most as long as a submission can take.
    """
    return is_under_way(tools.journal, record, tools.clock.now())


def is_under_way(journal: Journal, record: Record, now: float) -> bool:
    """Return the same as `is_being_sent` for a record of any history."""
    if record.status not in (Status.CLAIMED, Status.SENDING):
        return False
    # Use abs(): if the clock was set back, a submission must not count as recent for ever.
    young = abs(now - record.updated_at) < SENDING_MAX_S
    if record.host in (None, this_host()):
        return young and _is_alive(record.pid)
    if journal.is_shared and record.worker is not None:
        # By the clock of the database: those of the machines may differ.
        return _is_beating(journal, record, now)
    return young


def give_up_claim(tools: Tools, record: Record) -> Note:
    """Write that a claimed submission of a dead process was not sent; return what to say."""
    tools.journal.claims.give_up(record, tools.clock.now())
    return Note(f"{record.ref} was never sent: its process ended first")


def is_working(tools: Tools, record: Record) -> bool:
    """Whether the process that works on a record has said lately that it is running.

    A process that nobody can see counts as running.
    """
    return _is_beating(tools.journal, record, tools.clock.now())


def _is_beating(journal: Journal, record: Record, now: float) -> bool:
    if record.worker is None or not journal.is_shared:
        return True
    seen = journal.workers.seen(record.worker, now)
    if seen is None or seen.silent_s >= DEAD_S:
        return False
    return seen.host != this_host() or _is_alive(seen.pid)


def _is_alive(pid: int | None) -> bool:
    if pid is None or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
