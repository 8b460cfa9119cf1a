"""What stands in the way of a submission: an identical one, or one for the same row of a batch."""

from typing import NamedTuple

from wan_cli.destination import Destination
from wan_cli.errors import OutcomeUnknown
from wan_cli.generation import Status
from wan_cli.progress import Pause, Warned
from wan_cli.record import Record
from wan_cli.runner.context import Context, Patience, Story
from wan_cli.runner.reconcile import is_being_sent, settle_twin

# How often to see whether another process is through with an identical submission.
TWIN_INTERVAL_S = 0.2


class Wish(NamedTuple):
    """What a submission needs beside its request: where to, and whether a twin may be sent.

    `row_key` and `row` are those of a batch's row, which has one generation: another one only with
    `retry_failed`, where that has failed.
    """

    destination: Destination
    sidecar: bool = False
    again: bool = False
    row_key: str | None = None
    row: int | None = None
    retry_failed: bool = False


def failed_before(ctx: Context, wish: Wish) -> set[str]:
    """Return the refs of the row's generations that have failed, where it is to be tried anew."""
    if wish.row_key is None or not wish.retry_failed:
        return set()
    found = ctx.history.of_row(wish.row_key)
    return {record.ref for record in found if record.status is Status.ERROR}


def gone_on_with(
    ctx: Context, twin: Record, wish: Wish, over: set[str], patience: Patience
) -> Story[Record | None]:
    """Return what is gone on with in place of a submission, None where it may be made.

    Raises: as `_settle_twin`.
    """
    is_own = twin.row_key == wish.row_key
    if not twin.status.is_unresolved:
        return twin
    settled = yield from _settle_twin(ctx, twin, patience, again=wish.again)
    if settled is None or not (is_own or wish.row_key is None):
        return None
    if settled.status is Status.ERROR or settled.status.is_unresolved:
        # What the log shows as failed was not charged; or it is the user's word.
        over.add(settled.ref)
        return None
    if settled.id:
        yield Warned(f"an identical request was accepted before as {settled.id}: going on with it")
        return settled
    return None


def _settle_twin(
    ctx: Context, twin: Record, patience: Patience, *, again: bool
) -> Story[Record | None]:
    """Return the twin once the log tells its outcome, or what is known of it with `again`.

    None where another process was at it just now and has come to its end: that generation is the
    other command's, and this command wants one of its own.

    Raises:
        OutcomeUnknown: it is not to be known now.
    """
    while is_being_sent(ctx, twin) and patience.left(ctx.clock) > 0:
        yield Pause(TWIN_INTERVAL_S)
        twin = ctx.history.reread(twin)
    if not twin.status.is_unresolved:
        return None
    is_sent_now = is_being_sent(ctx, twin)
    twin = yield from settle_twin(ctx, twin, patience)
    if twin.status.is_unresolved and (is_sent_now or not again):
        raise OutcomeUnknown(
            f"an identical request ({twin.ref}) may have been accepted; it was not sent again"
            " (--again would pay for another one)",
            hint="wan recover",
        )
    return twin
