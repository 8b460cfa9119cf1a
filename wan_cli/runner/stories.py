"""The stories that commands tell: generate, fetch."""

from collections.abc import Iterable
from itertools import chain, islice
from typing import TYPE_CHECKING

from wan_cli.errors import Interrupted, WanError
from wan_cli.generation import Status
from wan_cli.models import GenerationRequest
from wan_cli.progress import Note, Warned, Watching
from wan_cli.record import Outcome, Record
from wan_cli.runner.context import Context, Patience, Story, explain, failed, with_pauses
from wan_cli.runner.deliver import (
    Delivery,
    deliver,
    is_there,
    meanwhile,
    not_submitted,
    ready_of,
    saved,
)
from wan_cli.runner.look import ended, look_again, may_pass, unfinished, without_id
from wan_cli.runner.recover import settle_all
from wan_cli.runner.save import tidy_up
from wan_cli.runner.submit import new_ref, submit
from wan_cli.runner.twin import Wish

if TYPE_CHECKING:
    from wan_cli.runner.many import Outcomes


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
        story = submit(ctx, request, wish, patience, ref=ref)
        record = yield from with_pauses(ctx, story)
    except WanError as failure:
        return not_submitted(ctx, ref, failure)
    try:
        yield Note(f"submitted {record.id}")
    except Interrupted as interrupted:
        explain(interrupted, record)
        raise
    if not delivery.wait:
        return Outcome(record, ended(record))
    return (yield from deliver(ctx, record, delivery, patience))


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
            outcome = yield from deliver(ctx, current, delivery, patience)
        yield outcome


def _fetch_many(
    ctx: Context, records: Iterable[Record], delivery: Delivery, patience: Patience
) -> "Outcomes":
    """Watch all of them at once; while one is saved, the others are asked for."""
    # `wan generate` needs no threads, and is not to wait for their import.
    from wan_cli.runner.many import Many

    many = Many(ctx, patience)
    saving: Record | None = None

    def others() -> "Outcomes":
        many.go_on()
        yield from ()

    try:
        for record in records:
            if is_there(record, delivery):
                yield Note(f"{record.id} is on disk already")
                yield Outcome(record)
            elif record.id is None:
                yield failed(ctx, record, without_id(record))
            else:
                many.add(record)
        for told in many.watch():
            ready = ready_of(told, delivery)
            if ready is None:
                yield told
                continue
            saving = ready
            outcome = yield from meanwhile(saved(ctx, saving, delivery, patience), others)
            saving = None
            yield outcome
    except Interrupted as interrupted:
        many.explain(interrupted, saving)
        raise


def _fetch_ready(
    ctx: Context, record: Record, delivery: Delivery, patience: Patience
) -> Story[Outcome | None]:
    """Save a video that can be saved now; None where it is to be waited for."""
    if is_there(record, delivery):
        yield Note(f"{record.id} is on disk already")
        return Outcome(record)
    try:
        record = look_again(ctx, record, patience)
    except WanError as failure:
        waits = delivery.wait and may_pass(ctx, record, failure)
        return None if waits else failed(ctx, record, failure)
    if record.status is Status.ERROR or record.video_url:
        return (yield from deliver(ctx, record, delivery, patience))
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
