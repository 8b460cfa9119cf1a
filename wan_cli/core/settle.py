"""Settling: what became of a submission whose outcome is unknown, by the account's log.

Absence is never proof: the log is filled when a generation ends, and only rows of the key in use
are shown. So nothing is ever submitted again because the log says nothing.

"""

import os
from collections.abc import Iterable
from functools import partial

from wan_cli.account import LogRow
from wan_cli.api.client import ACCOUNT_SECONDS, SUBMIT_SECONDS, Client
from wan_cli.core.items import Item, Step, pause_s
from wan_cli.core.lanes import Desk, Job, Lane
from wan_cli.core.run import Run
from wan_cli.core.tools import this_host
from wan_cli.core.verdicts import failed_unpaid, not_sent_again, unknown
from wan_cli.core.watch import starts_watching
from wan_cli.errors import Unreachable, WanError
from wan_cli.events import Note, Warned
from wan_cli.generation import Status
from wan_cli.identity import Label
from wan_cli.record import Record, error_fields

# A generation that was accepted has ended by then, and the log shows it.
GENERATION_MAX_S = 1800.0
# A command that does not wait for the video searches this long.
NO_WAIT_S = 30.0
# The log takes 200 requests a minute: a short --poll-interval leaves room for others.
PAUSE_MIN_S = 0.4
# The window of the log around a submission, in server time: clocks are a little off, and rows may
# carry the time of the end.
BEFORE_S = 15 * 60.0
AFTER_S = 2 * 3600.0
GRACE_S = 0.25
# Longer than any submission takes: after it, a process that still says `sending` has died or hangs.
SENDING_MAX_S = SUBMIT_SECONDS + 60.0


class Settling:
    """The work of items whose submission has an unknown outcome."""

    step = Step.SETTLE

    def __init__(self, run: Run) -> None:
        self.lane = Lane(1, 5.0)
        self._run = run

    def begin(self, item: Item) -> Job | None:
        """Return a search of the log for the item's label."""
        run = self._run
        record = run.record_of(item)
        if record.id:
            # Another process has settled it.
            self._found(item, record)
            return None
        if not item.misses:
            warn_of_other_key(run, record)
        # Also at the deadline there is a second for it: what is paid for is worth one search.
        seconds = min(ACCOUNT_SECONDS, max(item.deadline - run.now, 0.0) + 1.0)
        call = partial(_search, record=record, seconds=seconds)
        return Job(call, seconds + GRACE_S)

    def take(self, item: Item, value: object) -> None:
        """Take in what the log says."""
        run = self._run
        record = run.record_of(item)
        if isinstance(value, LogRow):
            owner = run.tools.journal.owner(value.id, run.tools.client.base_url)
            if owner is None or owner.ref == record.ref:
                self._found(item, run.save(item, record, **adopted(record, value)))
                return
            run.tell_once(Warned(f"the log names {value.id}, which is another generation's"))
        elif isinstance(value, WanError) and not isinstance(value, Unreachable):
            # The key may not read the log: no later search would do better.
            item.settle_until = run.now
        elif isinstance(value, Exception) and not isinstance(value, WanError):
            raise value
        self._search_again(item, record)

    def late(self, item: Item) -> None:
        """Take in that the log did not answer in time."""
        self._search_again(item, self._run.record_of(item))

    def _search_again(self, item: Item, record: Record) -> None:
        run = self._run
        left_s = item.settle_until - run.now
        if left_s <= 0:
            self._stays_unknown(item, record)
            return
        item.misses += 1
        pause = max(PAUSE_MIN_S, pause_s(item.misses, run.timing.poll_interval_s, first_s=1.0))
        item.due = run.now + min(pause, left_s)

    def _found(self, item: Item, record: Record) -> None:
        """Continue with what the log shows of a submission."""
        run = self._run
        if record.status is Status.ERROR:
            if item.stands_for:
                self._submits_again(item, record)
            else:
                run.end(item, failed_unpaid(record), record)
            return
        may_continue = item.order is None or item.order.may_continue_with(record)
        if item.stands_for and not may_continue:
            self._submits_again(item, record)
            return
        if item.stands_for:
            words = f"an identical request was accepted before as {record.id}: continuing with it"
            run.tell(Warned(words))
        else:
            run.tell(Note(f"it was accepted as {record.id}"))
        run.submitted()
        if run.goal.wait or item.order is None:
            starts_watching(run, item, record)
        else:
            run.end(item, None, record)

    def _submits_again(self, item: Item, record: Record) -> None:
        """Submit after all: the earlier submission is none, or belongs to somebody else."""
        item.over |= {record.ref}
        item.ref, item.record, item.stands_for, item.tries = "", None, False, 0
        item.go(Step.SUBMIT, self._run.now)

    def _stays_unknown(self, item: Item, record: Record) -> None:
        run = self._run
        if record.status is not Status.UNKNOWN:
            # Its process has died: from now on the row says what is known.
            record = run.save(item, record, status=Status.UNKNOWN)
        if not item.stands_for:
            run.end(item, unknown(record, item.reason or "no answer was kept"), None)
            return
        if item.order and item.order.again:
            self._submits_again(item, record)
            return
        run.end(item, not_sent_again(record), record)


def settle_until(run: Run, item: Item, record: Record, *, once: bool = False) -> float:
    """Return the monotonic time until which to search for a submission.

    A command that waits for the video searches until its deadline, as long as the generation may
    still be in the making; a later command searches once.
    """
    now = run.now
    if once:
        return now
    if not run.goal.wait:
        seconds = NO_WAIT_S
        if run.timing.poll_interval_s is not None:
            seconds = min(seconds, max(8.0, 20 * run.timing.poll_interval_s))
        return min(item.deadline, now + seconds)
    age_s = abs(run.tools.clock.now() - record.created_at)
    return min(item.deadline, now + max(0.0, GENERATION_MAX_S - age_s))


def window(client: Client, record: Record) -> tuple[float, float]:
    """Return the window of the log to search, in seconds since the epoch by the server's clock."""
    offset = record.server_offset_s
    if offset is None:
        offset = client.server_offset_s or 0.0
    submitted_at = record.created_at + offset
    return submitted_at - BEFORE_S, submitted_at + AFTER_S


def _search(client: Client, _desk: Desk, *, record: Record, seconds: float) -> LogRow | None:
    return match(record, log_rows(client, record, seconds=seconds))


def log_rows(client: Client, record: Record, *, seconds: float) -> list[LogRow]:
    """Return the log's rows around a submission, up to the one that shows it accepted.

    Raises:
        WanError: the log cannot be read now.
    """
    searched = window(client, record)
    rows = rows_between(client, record, *searched, seconds=seconds)
    if abs(window(client, record)[0] - searched[0]) > BEFORE_S / 2:
        # This was the first reply ever: only now it is known how far the server's clock is off.
        rows = rows_between(client, record, *window(client, record), seconds=seconds)
    return rows


def rows_between(
    client: Client, record: Record, start: float, end: float, *, seconds: float
) -> list[LogRow]:
    """Return the log's rows of a window, up to the one that shows the submission accepted."""
    rows = []
    for row in client.log(start, end, seconds=seconds):
        rows.append(row)
        if is_success(record, row):
            break
    return rows


def match(record: Record, rows: Iterable[LogRow]) -> LogRow | None:
    """Return the row that tells the outcome of this submission; a success counts first.

    A failure counts only with the label of the newest attempt: the attempts before it were refused,
    and say nothing of the one whose outcome is unknown.
    """
    failure = None
    for row in rows:
        if is_success(record, row):
            return row
        if not row.succeeded and row.client_request_id == record.client_request_id:
            failure = row
    return failure


def is_success(record: Record, row: LogRow) -> bool:
    """Whether a row says that an attempt of this submission was accepted.

    Attempts after it are of a later submission for the same key.
    """
    label, own = Label.of(row.client_request_id), Label.of(record.client_request_id)
    return row.succeeded and label.base == own.base and label.attempt <= own.attempt


def adopted(record: Record, row: LogRow) -> dict[str, object]:
    """Return what the log's row of a submission changes in its record."""
    if row.succeeded:
        return {"id": row.id, "status": Status.GENERATING, **error_fields(None)}
    error = failed_unpaid(record)
    return {"id": row.id, "status": Status.ERROR, "cost_usd": 0.0, **error_fields(error)}


def warn_of_other_key(run: Run, record: Record) -> None:
    """Say so where the log that can be seen is not the submission's."""
    if record.key_fingerprint != run.tools.key_fingerprint:
        words = f"{record.ref} was submitted with another key; the log shows only the key in use"
        run.tell(Warned(words))


def starts_settling(run: Run, item: Item, record: Record) -> None:
    """Let an item find out what became of the submission of its record."""
    item.ref, item.status = record.ref, record.status
    item.reason = "no answer was kept"
    run.tell(Note(f"looking for {record.ref} in the account's log"))
    # The command that submitted it has searched for long: this one searches once.
    item.settle_until = run.now
    item.go(Step.SETTLE, run.now)


def is_being_sent(record: Record, now: float) -> bool:
    """Whether a living process is at this submission. `now` is in seconds since the epoch.

    A process of another machine or container cannot be seen: it counts as living while its
    submission may last.
    """
    # By its distance: a clock that was put back must not make a submission young for ever.
    young = abs(now - record.updated_at) < SENDING_MAX_S
    at_it = record.status in (Status.CLAIMED, Status.SENDING)
    is_here = record.host in (None, this_host())
    return at_it and young and (_is_alive(record.pid) if is_here else True)


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
