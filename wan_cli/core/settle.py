"""Settling: find the outcome of an unknown submission in the account's log.

A missing row proves nothing: the log gets a row only when a generation ends, and shows only the
rows of the key in use. So wan never submits again because the log has no row.
"""

from collections.abc import Iterable
from functools import partial

from wan_cli.account import LogRow
from wan_cli.api.client import ACCOUNT_SECONDS, Client
from wan_cli.core.items import Item, Step, pause_s
from wan_cli.core.lanes import Desk, Job, Lane
from wan_cli.core.run import Run
from wan_cli.core.verdicts import failed_unpaid, not_sent_again, unknown
from wan_cli.core.watch import starts_watching
from wan_cli.errors import Unreachable, WanError
from wan_cli.events import Note, Warned
from wan_cli.generation import Status
from wan_cli.identity import Label
from wan_cli.record import Record, error_fields

# An accepted generation has ended by then, and is in the log.
GENERATION_MAX_S = 1800.0
# A command that does not wait for the video searches this long.
NO_WAIT_S = 30.0
# The log allows 200 requests a minute: leave room for others, even if --poll-interval is short.
PAUSE_MIN_S = 0.4
# The window of the log around a submission, in server time: clocks differ a little, and a row may
# have the time of the generation's end.
BEFORE_S = 15 * 60.0
AFTER_S = 2 * 3600.0
GRACE_S = 0.25


class Settling:
    """The log search for items whose submission has an unknown outcome."""

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
        # Even at the deadline, take one second for a search: the generation may be paid for.
        seconds = min(ACCOUNT_SECONDS, max(item.deadline - run.now, 0.0) + 1.0)
        call = partial(_search, record=record, seconds=seconds)
        return Job(call, seconds + GRACE_S)

    def take(self, item: Item, value: object) -> None:
        """Handle the result of a log search."""
        run = self._run
        record = run.record_of(item)
        if isinstance(value, LogRow):
            owner = run.tools.journal.keys.owner(value.id, run.tools.client.base_url)
            if owner is None or owner.ref == record.ref:
                self._found(item, run.save(item, record, **adopted(record, value)))
                return
            run.tell_once(Warned(f"the log names {value.id}, which belongs to another generation"))
        elif isinstance(value, WanError) and not isinstance(value, Unreachable):
            # The key may not read the log, so no later search can succeed.
            item.settle_until = run.now
        elif isinstance(value, Exception) and not isinstance(value, WanError):
            raise value
        self._search_again(item, record)

    def late(self, item: Item) -> None:
        """Handle a log that did not answer in time."""
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
        """Continue with the outcome that the log shows."""
        run = self._run
        if record.status is Status.ERROR:
            if item.settles_earlier:
                self._submits_again(item, record)
            else:
                run.end(item, failed_unpaid(record), record)
            return
        if item.settles_earlier and not self._may_continue(item, record):
            self._submits_again(item, record)
            return
        if item.settles_earlier:
            words = f"an identical request was accepted before as {record.id}: continuing with it"
            run.tell(Warned(words))
            if item.order and item.order.keys is None:
                # It was made for another purpose: its video goes where that wanted it.
                item.destination = None
        else:
            run.tell(Note(f"the submission was accepted as {record.id}"))
        run.submitted()
        if run.goal.wait or item.order is None:
            starts_watching(run, item, record)
        else:
            run.end(item, None, record)

    def _may_continue(self, item: Item, record: Record) -> bool:
        """Whether the generation of an earlier identical request will do for an item."""
        order, taken = item.order, self._run.variations
        if order and order.is_variation:
            # One variation continues with it, unless this command submitted it for another one.
            is_free = record.ref not in taken
            taken.add(record.ref)
            return is_free
        return order is None or order.keys is None or order.owns(record)

    def _submits_again(self, item: Item, record: Record) -> None:
        """Submit after all: the earlier submission failed, or is for another purpose."""
        item.ignored |= {record.ref}
        item.ref, item.record, item.settles_earlier, item.tries = "", None, False, 0
        item.go(Step.SUBMIT, self._run.now)

    def _stays_unknown(self, item: Item, record: Record) -> None:
        run = self._run
        if record.status is not Status.UNKNOWN:
            # Its process has died: record that the outcome is unknown.
            record = run.save(item, record, status=Status.UNKNOWN)
        if not item.settles_earlier:
            run.end(item, unknown(record, item.reason or "no answer was kept"), None)
            return
        if item.order and item.order.again:
            self._submits_again(item, record)
            return
        run.end(item, not_sent_again(record), record)


def settle_until(run: Run, item: Item, record: Record, *, once: bool = False) -> float:
    """Return the monotonic time at which to stop searching for a submission.

    A command that waits for the video searches until its deadline, while the generation may still
    be running; a later command searches once.
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
    """Return the log's rows around a submission, up to the row that shows it was accepted.

    Raises:
        WanError: the log cannot be read now.
    """
    searched = window(client, record)
    rows = rows_between(client, record, *searched, seconds=seconds)
    if abs(window(client, record)[0] - searched[0]) > BEFORE_S / 2:
        # Only the first reply shows how much the clocks differ: search again, by the server's.
        rows = rows_between(client, record, *window(client, record), seconds=seconds)
    return rows


def rows_between(
    client: Client, record: Record, start: float, end: float, *, seconds: float
) -> list[LogRow]:
    """Return the log's rows in a window, up to the row that shows the submission was accepted."""
    rows = []
    for row in client.log(start, end, seconds=seconds):
        rows.append(row)
        if is_success(record, row):
            break
    return rows


def match(record: Record, rows: Iterable[LogRow]) -> LogRow | None:
    """Return the row with the outcome of this submission; a success takes precedence.

    A failure counts only with the label of the newest attempt: earlier attempts were refused, and
    their rows say nothing about the attempt whose outcome is unknown.
    """
    failure = None
    for row in rows:
        if is_success(record, row):
            return row
        if not row.succeeded and row.client_request_id == record.client_request_id:
            failure = row
    return failure


def is_success(record: Record, row: LogRow) -> bool:
    """Whether a row shows that an attempt of this submission was accepted.

    Later attempts belong to a later submission for the same key.
    """
    label, own = Label.of(row.client_request_id), Label.of(record.client_request_id)
    return row.succeeded and label.base == own.base and label.attempt <= own.attempt


def adopted(record: Record, row: LogRow) -> dict[str, object]:
    """Return the changes that a log row makes to a submission's record."""
    if row.succeeded:
        return {"id": row.id, "status": Status.GENERATING, **error_fields(None)}
    error = failed_unpaid(record)
    return {"id": row.id, "status": Status.ERROR, "cost_usd": 0.0, **error_fields(error)}


def warn_of_other_key(run: Run, record: Record) -> None:
    """Warn if a submission used another key, whose log rows wan cannot see."""
    if record.key_fingerprint != run.tools.key_fingerprint:
        words = f"{record.ref} was submitted with another key; the log shows only the key in use"
        run.tell(Warned(words))


def starts_settling(run: Run, item: Item, record: Record) -> None:
    """Start the log search for a record's submission."""
    item.ref, item.status = record.ref, record.status
    item.reason = "no answer was kept"
    run.tell(Note(f"looking for {record.ref} in the account's log"))
    # The command that submitted it has searched for a long time: search only once.
    item.settle_until = run.now
    item.go(Step.SETTLE, run.now)
