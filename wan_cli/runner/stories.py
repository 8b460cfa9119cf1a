"""The stories that commands tell: generate, fetch."""

from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from wan_cli.destination import Destination, destination_of
from wan_cli.errors import Interrupted, NotRecorded, WanError
from wan_cli.generation import Status
from wan_cli.models import GenerationRequest
from wan_cli.progress import Note, Warned, Watching
from wan_cli.record import Outcome, Record
from wan_cli.runner.context import Context, Patience, Story, explain, failed
from wan_cli.runner.recover import settle_all
from wan_cli.runner.save import is_on_disk, save_video, stream_video, tidy_up
from wan_cli.runner.submit import Wish, new_ref, submit
from wan_cli.runner.watch import ended, look_again, may_pass, unfinished, watch


class Delivery(NamedTuple):
    """What to do with a generation: wait or not, where its video goes. None: as recorded."""

    wait: bool = True
    destination: Destination | None = None
    overwrite: bool = False
    stdout: BinaryIO | None = None


def generate(
    ctx: Context, request: GenerationRequest, wish: Wish, delivery: Delivery, patience: Patience
) -> Story[Outcome]:
    """Submit a request, wait for its generation and save the video.

    Raises:
        WanError: nothing was written down or sent: an identical request is in the way, say.
    """
    for warning in request.warnings:
        yield Warned(warning)
    ref = new_ref()
    try:
        record = yield from submit(ctx, request, wish, patience, ref=ref)
    except WanError as failure:
        return _not_submitted(ctx, ref, failure)
    try:
        yield Note(f"submitted {record.id}")
    except Interrupted as interrupted:
        explain(interrupted, record)
        raise
    if not delivery.wait:
        return Outcome(record, ended(record))
    return (yield from _deliver(ctx, record, delivery, patience))


def _not_submitted(ctx: Context, ref: str, failure: WanError) -> Outcome:
    """Return a failure with the record that was journaled; raise it where there is none."""
    record = ctx.history.find(ref)
    if record is None:
        raise failure
    if isinstance(failure, NotRecorded):
        # Only here the id is known: the history could not be told.
        record = record._replace(id=failure.stdout)
    return Outcome(record, failure)


def _deliver(
    ctx: Context, record: Record, delivery: Delivery, patience: Patience
) -> Story[Outcome]:
    """Watch and save one generation; a failure is its outcome."""
    try:
        error = ended(record)
        if error:
            return Outcome(record, error)
        record = yield from watch(ctx, record, patience)
        return Outcome((yield from _save(ctx, record, delivery, patience)))
    except WanError as error:
        return failed(ctx, record, error)
    except Interrupted as interrupted:
        explain(interrupted, record)
        raise


def _save(ctx: Context, record: Record, delivery: Delivery, patience: Patience) -> Story[Record]:
    destination = delivery.destination or destination_of(record)
    if delivery.stdout is not None:
        return (yield from stream_video(ctx, record, destination, delivery.stdout, patience))
    return (yield from save_video(ctx, record, destination, patience, overwrite=delivery.overwrite))


def fetch(
    ctx: Context, records: Sequence[Record], delivery: Delivery, patience: Patience
) -> Story[list[Outcome]]:
    """Wait for generations and save their videos; what is ready comes first."""
    outcomes: dict[str, Outcome] = {}
    running = []
    for record in records:
        outcome = yield from _fetch_ready(ctx, record, delivery, patience)
        if outcome is None:
            running.append(record)
        else:
            outcomes[record.ref] = outcome
    for record in running:
        current = ctx.history.reread(record)
        outcomes[record.ref] = yield from _deliver(ctx, current, delivery, patience)
    return [outcomes[record.ref] for record in records]


def _fetch_ready(
    ctx: Context, record: Record, delivery: Delivery, patience: Patience
) -> Story[Outcome | None]:
    """Save a video that can be saved now; None where it is to be waited for."""
    if is_on_disk(record) and delivery.destination is None and delivery.stdout is None:
        yield Note(f"{record.id} is on disk already")
        return Outcome(record)
    try:
        record = look_again(ctx, record, patience)
    except WanError as failure:
        waits = delivery.wait and may_pass(ctx, record, failure)
        return None if waits else failed(ctx, record, failure)
    if record.status is Status.ERROR or record.video_url:
        return (yield from _deliver(ctx, record, delivery, patience))
    yield Watching(record.handle, record.status, 0.0, None)
    return None if delivery.wait else Outcome(record, unfinished(record))


def fetch_all(ctx: Context, delivery: Delivery, patience: Patience) -> Story[list[Outcome]]:
    """Settle what is unknown, then fetch everything of the history that is not on disk."""
    tidy_up(ctx)
    unsettled = yield from settle_all(ctx, patience)
    fetched = yield from fetch(ctx, ctx.history.to_fetch(), delivery, patience)
    return fetched + unsettled
