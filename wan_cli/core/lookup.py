"""Find a generation to continue with, in the history or else in the account's log.

Labels are derived from keys and requests, so every machine derives the same ones. The log shows
only finished generations of the API key in use: it says nothing about those still in flight.
"""

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from wan_cli.account import LogRow
from wan_cli.api.client import ACCOUNT_SECONDS
from wan_cli.core.claim import current_of, is_free, new_record, new_ref, other_request
from wan_cli.core.items import Order, pause_s
from wan_cli.core.tools import Timing, Tools
from wan_cli.core.verdicts import changes
from wan_cli.destination import is_on_disk
from wan_cli.errors import KeyNotAllowed, KeyRefused, NoCredits, Rejected, Unreachable, WanError
from wan_cli.events import Events, Note, Warned
from wan_cli.generation import Status
from wan_cli.identity import Label, is_of, label_base
from wan_cli.record import Record

# Search the log back to this age.
WINDOW_S = 7 * 86_400.0
# Request a page again if it takes longer than this.
PAGE_SECONDS = 10.0
# Move the window if the clocks differ by about this much.
CLOCK_S = 3600.0


def find_known(
    tools: Tools, order: Order, timing: Timing, service: str, *, lookup: bool
) -> Events[tuple[Order, Record | None]]:
    """Return an order with the generation to continue with, or None to submit it.

    Args:
        tools: the client, the journal and the clock.
        order: a request, with the keys of its `once` if it has one.
        timing: the deadline.
        service: the API; ignore generations of other APIs.
        lookup: search the account's log for a key that the history does not know.

    Raises:
        UsageError: its `once` key was used for another request.
        Unreachable, KeyRefused, Rejected: the account's log cannot be read; nothing was sent.
    """
    if order.once is None:
        record = None if order.again else _of_same_file(tools, order, service)
    else:
        order, record = yield from _of_key(tools, order, timing, lookup=lookup)
    if record is None or record.status.is_unresolved:
        return order, None
    record = _confirmed(tools, record)
    if is_free(record):
        yield Note(f"generation {record.id} failed on the server and was not charged")
        return order, None
    words = f"continuing with generation {record.id}"
    if order.once is None:
        why = "which goes to the same file; no new charge (--again submits another one)"
        yield Warned(f"{words}, {why}")
    else:
        yield Note(f"{words}, made for --once {order.once}; no new charge")
    return order, record


def _of_same_file(tools: Tools, order: Order, service: str) -> Record | None:
    """Return the generation of the same request for the same FILE, if it is not on disk yet."""
    place = order.destination
    if place.name is None or place.to_stdout:
        return None
    records = tools.journal.keys.not_on_disk(order.request.to_json(), str(place.folder), place.name)
    return next((each for each in records if is_of(each.base_url, service)), None)


def _of_key(
    tools: Tools, order: Order, timing: Timing, *, lookup: bool
) -> Events[tuple[Order, Record | None]]:
    """Return the generation of a `once` key, from the history or else from the account's log."""
    assert order.once is not None
    assert order.keys is not None
    record = current_of(tools.journal.keys.of(*order.keys.all))
    if record and (wrong := other_request(order.once, record, order.request)):
        raise wrong
    if lookup and (record is None or is_free(record)):
        try:
            ((order, found),) = yield from look_up(tools, [order], timing)
        except WanError as failure:
            raise unsearched(failure) from None
        record = found or record
    return order, record


def unsearched(failure: WanError) -> WanError:
    """Return the error to raise if wan could not read the account's log before submitting."""
    words = (
        f"the account's log cannot be read ({failure.message}), so another machine may have made"
        " this already; nothing was submitted"
    )
    hint = "run the same command again, or add --no-lookup if no other machine has done this"
    if isinstance(failure, KeyNotAllowed | NoCredits | Rejected):
        hint = "add --no-lookup if no other machine has done this"
    elif isinstance(failure, KeyRefused) or (isinstance(failure, Unreachable) and failure.is_final):
        # The trouble is not the log: the submission would fail as well.
        hint = failure.hint
    return failure.with_message(words).with_hint(hint)


def _confirmed(tools: Tools, record: Record) -> Record:
    """Return the record updated from the API, if it answers; leave records on disk alone."""
    if is_on_disk(record) or record.id is None:
        return record
    try:
        generation = tools.client.generation(record.id, alias=record.other_id)
    except WanError:
        # The engine polls again, and reports the error.
        return record
    return tools.save_new(record, **changes(tools, record, generation))


class Found(NamedTuple):
    """The log's rows for one order: the first generation that succeeded, and the last attempt.

    `paid` counts the generations that succeeded. It exceeds 1 if machines without a common history
    each paid for one.
    """

    row: LogRow | None = None
    attempts: int = 0
    paid: int = 0

    def with_row(self, row: LogRow) -> "Found":
        """Return a copy with one more row of the log; rows come newest first."""
        attempts = max(self.attempts, Label.of(row.client_request_id).attempt)
        if not row.succeeded:
            return self._replace(attempts=attempts)
        return Found(row, attempts, self.paid + 1)


def look_up(
    tools: Tools, orders: Sequence[Order], timing: Timing
) -> Events[list[tuple[Order, Record | None]]]:
    """Return each order with the record to continue with, or None to submit it.

    A generation that succeeded on another machine is written to the history; a failed one raises
    the order's attempt number.

    Args:
        tools: the client, the journal and the clock.
        orders: orders with keys for which the history has no generation.
        timing: until its deadline, retry a log that cannot be read.

    Raises:
        Unreachable: the log could not be read; nothing was sent.
        KeyRefused, Rejected: this key may not read the log.
    """
    bases = {base: number for number, order in enumerate(orders) for base in _bases(order)}
    found = [Found() for _ in orders]
    seen: set[str] = set()
    yield Note(
        "searching the account's log of the last 7 days for generations of other machines"
        " (--no-lookup skips this); the log does not show generations still in flight"
    )
    rows = yield from _rows(tools, timing)
    for row in rows:
        number = bases.get(Label.of(row.client_request_id).base)
        if number is not None and row.id not in seen:
            seen.add(row.id)
            found[number] = found[number].with_row(row)
    pairs = []
    for order, result in zip(orders, found, strict=True):
        record = _adopted(tools, order, result.row) if result.row else None
        pairs.append((order._replace(attempts=result.attempts), record))
        if record and result.paid > 1:
            yield Warned(
                f"machines that share no history paid for {result.paid} generations of the same"
                f" key; continuing with the first, {record.id}"
            )
    if count := sum(record is not None for _, record in pairs):
        many = "1 generation" if count == 1 else f"{count} generations"
        yield Note(f"found {many} in the account's log: continuing without paying again")
    return pairs


def _bases(order: Order) -> list[str]:
    assert order.keys is not None
    return [label_base(key, order.request.to_json()) for key in order.keys.all]


def _rows(tools: Tools, timing: Timing) -> Events[list[LogRow]]:
    """Return the labelled rows of the window, newest first; after a failure, resume in place."""
    client, clock = tools.client, tools.clock
    rows: list[LogRow] = []
    tries, offset, oldest = 0, client.server_offset_s, inf
    while True:
        now = clock.now() + (offset or 0.0)
        end = min(now + CLOCK_S, oldest + 1.0)
        seconds = min(ACCOUNT_SECONDS, timing.left(clock) + 1.0)
        try:
            for row in client.log(now - WINDOW_S, end, seconds=seconds, page_seconds=PAGE_SECONDS):
                tries = 0
                oldest = min(oldest, inf if row.created_at is None else row.created_at)
                if row.client_request_id is not None:
                    rows.append(row)
        except Unreachable as trouble:
            tries += 1
            left_s = timing.left(clock)
            if left_s <= 0 or trouble.is_final:
                raise
            if tries == 1:
                yield Note(f"the account's log cannot be read: {trouble.message}; trying again")
            pause = max(pause_s(tries, timing.poll_interval_s), trouble.retry_after_s or 0.0)
            clock.sleep(min(left_s, pause))
            continue
        shift = (client.server_offset_s or 0.0) - (offset or 0.0)
        if abs(shift) < CLOCK_S / 2:
            return rows
        # Only the first reply shows how much the clocks differ: search again, by the server's.
        offset, rows, oldest = client.server_offset_s, [], inf


def _adopted(tools: Tools, order: Order, row: LogRow) -> Record:
    """Add another machine's generation to the history; return its record."""
    label = Label.of(row.client_request_id)
    created_at = tools.own_time(row.created_at)
    record = new_record(tools, order, new_ref(), label)
    assert order.keys is not None
    failed = {each.ref for each in tools.journal.keys.of(*order.keys.all) if is_free(each)}
    return tools.journal.claims.adopt(
        record._replace(id=row.id, status=Status.GENERATING, created_at=created_at, pid=None),
        failed,
    )
