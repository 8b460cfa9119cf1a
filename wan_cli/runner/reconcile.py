"""Reconciling: what became of a submission whose outcome is unknown, by the account's log.

Absence is never proof: rows come late, and only those of the key in use are shown. So nothing is
ever submitted again from here, and what only might be ours is adopted on the user's word alone.
"""

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from wan_cli.account import Charge, LogRow
from wan_cli.api.client import ACCOUNT_SECONDS, GET_SECONDS, SUBMIT_SECONDS
from wan_cli.errors import GenerationFailed, OutcomeUnknown, SetupError, Unreachable, WanError
from wan_cli.generation import Status
from wan_cli.progress import Note, Pause, Warned
from wan_cli.record import Record, error_fields
from wan_cli.runner.context import Context, Patience, Story, not_recorded
from wan_cli.schedule import backoff

# The command itself looks for so long; later it is `wan recover`. Who asks for frequent looks wants
# to know soon: so many looks, and not less than the shorter time.
SETTLE_SECONDS = 30.0
SETTLE_SECONDS_MIN = 8.0
SETTLE_LOOKS = 20
# Longer than any submission takes: after it, a process that still says "sending" has died.
SENDING_MAX_S = 2 * SUBMIT_SECONDS
# The log takes 200 requests a minute: also a short --poll-interval leaves room for others.
PAUSE_MIN_S = 0.4
PAUSE_MAX_S = 8.0
# The window of the log around a submission, in server time: clocks are a little off, and rows may
# carry the time of the end.
BEFORE_S = 15 * 60.0
AFTER_S = 2 * 3600.0


class Candidate(NamedTuple):
    """A paid generation of the window that no record explains: perhaps this submission's."""

    id: str
    model: str
    created_at: float | None


class Findings(NamedTuple):
    """What the log says: the row with our label, or candidates, or nothing."""

    row: LogRow | None = None
    candidates: tuple[Candidate, ...] = ()


def match(record: Record, rows: Iterable[LogRow]) -> LogRow | None:
    """Return the row that tells the outcome of this submission; a success counts first.

    A failure counts only with the label of the newest attempt: the attempts before it were refused,
    and say nothing of the one whose outcome is unknown.
    """
    failure = None
    for row in rows:
        if _is_success(record, row):
            return row
        if not row.succeeded and row.client_request_id == record.client_request_id:
            failure = row
    return failure


def _is_success(record: Record, row: LogRow) -> bool:
    """Whether a row says that an attempt of this submission was accepted."""
    return row.succeeded and (row.client_request_id or "").startswith(record.ref + ".")


def candidates(
    record: Record, rows: Sequence[LogRow], charges: Sequence[Charge], explained: set[str]
) -> tuple[Candidate, ...]:
    """Return the paid generations without a label that no record explains, once each."""
    labelled = {row.id for row in rows if row.client_request_id or not row.succeeded}
    found: dict[str, Candidate] = {}
    items: list[LogRow | Charge] = [*rows, *charges]
    for item in items:
        strange = item.id not in explained | labelled and item.model in ("", record.model)
        if strange and item.id not in found:
            found[item.id] = Candidate(item.id, item.model, item.created_at)
    return tuple(found.values())


def window(ctx: Context, record: Record) -> tuple[float, float]:
    """Return the window of the log to look through, in seconds since the epoch by the server."""
    offset = record.server_offset_s
    if offset is None:
        offset = ctx.client.server_offset_s or 0.0
    submitted_at = record.created_at + offset
    return submitted_at - BEFORE_S, submitted_at + AFTER_S


def find(
    ctx: Context,
    record: Record,
    *,
    with_candidates: bool = False,
    seconds: float = ACCOUNT_SECONDS,
) -> Findings:
    """Look through the log, and for candidates through the ledger, each within so many seconds.

    Raises:
        WanError: the log cannot be read now.
    """
    looked = window(ctx, record)
    rows = _log_rows(ctx, record, seconds)
    if abs(window(ctx, record)[0] - looked[0]) > BEFORE_S / 2:
        # This was the first reply ever: only now it is known how far the server's clock is off.
        rows = _log_rows(ctx, record, seconds)
    row = match(record, rows)
    if row or not with_candidates:
        return Findings(row)
    try:
        charges = list(ctx.client.charges(*window(ctx, record), seconds=seconds))
    except WanError:
        # The candidates of the log are worth showing without those of the ledger.
        charges = []
    ids = {row.id for row in rows} | {charge.id for charge in charges}
    explained = ctx.history.explained_ids(ids)
    return Findings(None, candidates(record, rows, charges, explained))


def _log_rows(ctx: Context, record: Record, seconds: float) -> list[LogRow]:
    """Return the rows of the window; those that come after the one that is looked for may fail."""
    rows = []
    for row in ctx.client.log(*window(ctx, record), seconds=seconds):
        rows.append(row)
        if _is_success(record, row):
            break
    return rows


def unknown(record: Record, reason: str) -> OutcomeUnknown:
    """Return the error of a submission whose outcome is not known."""
    return OutcomeUnknown(
        f"it is unknown whether {record.ref} was accepted ({reason}); it was not sent again",
        hint="wan recover",
    )


def adopt(ctx: Context, record: Record, row: LogRow) -> Record:
    """Write down what the log says of a submission."""
    status = Status.GENERATING if row.succeeded else Status.ERROR
    if row.succeeded:
        try:
            return ctx.save(record, id=row.id, status=status, **error_fields(None))
        except SetupError as cause:
            raise not_recorded(row.id, cause) from None
    error = failed_unpaid(record)
    return ctx.save(record, id=row.id, status=status, cost_usd=0.0, **error_fields(error))


def failed_unpaid(record: Record) -> GenerationFailed:
    """Return the error of a submission that the log shows as failed."""
    return GenerationFailed(
        f"the submission {record.ref} failed on the server and was not charged",
        hint="the same command again",
    )


def settle(ctx: Context, record: Record, patience: Patience, reason: str) -> Story[Record]:
    """Look for an ambiguous submission for at most 30 s; return its record with the id.

    Raises:
        GenerationFailed: the log shows that it failed.
        OutcomeUnknown: still unknown.
    """
    seconds = _settle_seconds(ctx, patience)
    end = ctx.clock.monotonic() + seconds
    yield Note(f"looking for it in the account's log, for at most {seconds:.0f} s")
    looks = 0
    while True:
        settled = _look(ctx, record, patience)
        if settled is None:
            break
        if settled.status is Status.ERROR:
            raise failed_unpaid(settled)
        if settled.id:
            yield Note(f"it was accepted as {settled.id}")
            return settled
        left_s = end - ctx.clock.monotonic()
        if left_s <= 0:
            break
        looks += 1
        pause_s = min(
            backoff(looks, first_s=1.0, cap_s=PAUSE_MAX_S), patience.poll_interval_s or 60.0
        )
        yield Pause(min(max(pause_s, PAUSE_MIN_S), left_s))
    raise unknown(record, reason)


def _settle_seconds(ctx: Context, patience: Patience) -> float:
    """Return how long the command itself looks for an ambiguous submission."""
    seconds = SETTLE_SECONDS
    if patience.poll_interval_s is not None:
        looks_s = SETTLE_LOOKS * patience.poll_interval_s
        seconds = min(seconds, max(SETTLE_SECONDS_MIN, looks_s))
    return min(seconds, patience.left(ctx.clock))


def settle_twin(ctx: Context, twin: Record, patience: Patience) -> Story[Record]:
    """Look once for an earlier submission; return its record as it stands then."""
    yield Note(f"looking for the earlier submission {twin.ref} in the account's log")
    yield from warn_of_other_key(ctx, twin)
    return _look(ctx, twin, patience) or twin


def warn_of_other_key(ctx: Context, record: Record) -> Story[None]:
    """Say so where the log that can be seen is not the submission's."""
    if record.key_fingerprint != ctx.key_fingerprint:
        yield Warned(
            f"{record.ref} was submitted with another key; the log shows only the key in use"
        )


def _look(ctx: Context, record: Record, patience: Patience) -> Record | None:
    """Return the record after one look, or None where looking is of no use."""
    try:
        # Also at the deadline there is a second for it: what is paid for is worth one look.
        row = find(ctx, record, seconds=min(GET_SECONDS, patience.left(ctx.clock) + 1.0)).row
    except Unreachable:
        return record
    except WanError:
        return None
    return adopt(ctx, record, row) if row else record


def is_being_sent(ctx: Context, record: Record) -> bool:
    """Whether a process that is alive is at this submission right now."""
    young = abs(ctx.clock.now() - record.updated_at) < SENDING_MAX_S
    return record.status is Status.SENDING and young and _is_alive(record.pid)


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
