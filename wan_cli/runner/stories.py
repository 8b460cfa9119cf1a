"""The stories that commands tell: generate, fetch."""

from collections.abc import Iterable
from contextlib import closing
from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from wan_cli.destination import Destination, destination_of
from wan_cli.errors import Interrupted, NotRecorded, WanError
from wan_cli.generation import Status
from wan_cli.models import GenerationRequest
from wan_cli.progress import Event, Note, Warned, Watching
from wan_cli.record import Outcome, Record
from wan_cli.runner.context import Context, Patience, Story, explain, failed
from wan_cli.runner.look import ended, look_again, may_pass, unfinished, without_id
from wan_cli.runner.recover import settle_all
from wan_cli.runner.save import is_on_disk, save_video, stream_video, tidy_up
from wan_cli.runner.submit import Wish, new_ref, submit
from wan_cli.runner.watch import watch

if TYPE_CHECKING:
    from wan_cli.runner.many import Many, Outcomes


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
        return (yield from _saved(ctx, record, delivery, patience))
    except WanError as error:
        return failed(ctx, record, error)
    except Interrupted as interrupted:
        explain(interrupted, record)
        raise


def _saved(ctx: Context, record: Record, delivery: Delivery, patience: Patience) -> Story[Outcome]:
    """Save the video of a generation that has one; a failure is its outcome."""
    try:
        return Outcome((yield from _save(ctx, record, delivery, patience)))
    except WanError as error:
        return failed(ctx, record, error)


def _save(ctx: Context, record: Record, delivery: Delivery, patience: Patience) -> Story[Record]:
    destination = delivery.destination or destination_of(record)
    if delivery.stdout is not None:
        return (yield from stream_video(ctx, record, destination, delivery.stdout, patience))
    return (yield from save_video(ctx, record, destination, patience, overwrite=delivery.overwrite))


def fetch(
    ctx: Context, records: Iterable[Record], delivery: Delivery, patience: Patience
) -> "Outcomes":
    """Wait for generations and save their videos, each as soon as it is ready."""
    coming = iter(records)
    first = list(islice(coming, 2))
    if delivery.wait and len(first) > 1:
        yield from _fetch_many(ctx, chain(first, coming), delivery, patience)
        return
    for record in chain(first, coming):
        outcome = yield from _fetch_ready(ctx, record, delivery, patience)
        if outcome is None:
            current = ctx.history.reread(record)
            outcome = yield from _deliver(ctx, current, delivery, patience)
        yield outcome


def _fetch_many(
    ctx: Context, records: Iterable[Record], delivery: Delivery, patience: Patience
) -> "Outcomes":
    """Watch all of them at once; while one is saved, the others are asked for."""
    # `wan generate` needs no threads, and is not to wait for their import.
    from wan_cli.runner.many import Many

    many = Many(ctx, patience)
    saving: Record | None = None
    try:
        for record in records:
            if _is_there(record, delivery):
                yield Note(f"{record.id} is on disk already")
                yield Outcome(record)
            elif record.id is None:
                yield failed(ctx, record, without_id(record))
            else:
                many.add(record)
        for told in many.watch():
            ready = _ready(told, delivery)
            if ready is None:
                yield told
                continue
            saving = ready
            outcome = yield from _meanwhile(many, _saved(ctx, saving, delivery, patience))
            saving = None
            yield outcome
    except Interrupted as interrupted:
        many.explain(interrupted, saving)
        raise


def _ready(told: Event | Outcome, delivery: Delivery) -> Record | None:
    """Return what is to be saved now, None where another process has saved it meanwhile."""
    if not isinstance(told, Outcome) or told.error or told.record is None:
        return None
    return None if _is_there(told.record, delivery) else told.record


def _meanwhile(many: "Many", story: Story[Outcome]) -> Story[Outcome]:
    """Tell a story, and at each of its events go on asking for the others."""
    with closing(story):
        while True:
            try:
                event = next(story)
            except StopIteration as end:
                outcome: Outcome = end.value
                return outcome
            many.go_on()
            yield event


def _is_there(record: Record, delivery: Delivery) -> bool:
    return is_on_disk(record) and delivery.destination is None and delivery.stdout is None


def _fetch_ready(
    ctx: Context, record: Record, delivery: Delivery, patience: Patience
) -> Story[Outcome | None]:
    """Save a video that can be saved now; None where it is to be waited for."""
    if _is_there(record, delivery):
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


def fetch_all(ctx: Context, delivery: Delivery, patience: Patience) -> "Outcomes":
    """Settle what is unknown, then fetch everything of the history that is not on disk."""
    tidy_up(ctx)
    unsettled = yield from settle_all(ctx, patience)
    # One at a time: all of them together would not fit into little memory.
    records = (ctx.history.at(ref) for ref in ctx.history.to_fetch())
    yield from fetch(ctx, records, delivery, patience)
    yield from unsettled
