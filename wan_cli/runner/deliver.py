"""What becomes of a submitted generation: watched, saved, its outcome known."""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from typing import BinaryIO, NamedTuple

from wan_cli.destination import Destination, destination_of
from wan_cli.errors import Interrupted, NotRecorded, SetupError, WanError
from wan_cli.progress import Event
from wan_cli.record import Outcome, Record
from wan_cli.runner.context import Context, Patience, Story, explain, failed
from wan_cli.runner.look import ended
from wan_cli.runner.save import is_on_disk, save_video, stream_video
from wan_cli.runner.watch import watch

# For how long a download that gets no further is tried again by a command that does not wait, and
# while other videos wait for it.
ONE_SHOT_S = 10.0
OTHERS_WAIT_S = 60.0


class Delivery(NamedTuple):
    """What to do with a generation: wait or not, where its video goes. None: as recorded."""

    wait: bool = True
    destination: Destination | None = None
    overwrite: bool = False
    stdout: BinaryIO | None = None


def not_submitted(ctx: Context, ref: str, failure: WanError) -> Outcome:
    """Return a failure with the record that was journaled; raise it where there is none."""
    try:
        record = ctx.history.find(ref)
    except SetupError:
        raise failure from None  # What became of the money comes first.
    if record is None:
        raise failure
    if isinstance(failure, NotRecorded):
        # Only here the id is known: the history could not be told.
        record = record._replace(id=failure.stdout)
    return Outcome(record, failure)


def deliver(ctx: Context, record: Record, delivery: Delivery, patience: Patience) -> Story[Outcome]:
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


def saved(ctx: Context, record: Record, delivery: Delivery, patience: Patience) -> Story[Outcome]:
    """Save a video for which others wait; a failure is its outcome."""
    hurried = patience._replace(stamina_s=OTHERS_WAIT_S)
    return (yield from _saved(ctx, record, delivery, hurried))


def _saved(ctx: Context, record: Record, delivery: Delivery, patience: Patience) -> Story[Outcome]:
    """Save the video of a generation that has one; a failure is its outcome."""
    try:
        return Outcome((yield from _save(ctx, record, delivery, patience)))
    except WanError as error:
        return failed(ctx, record, error)


def _save(ctx: Context, record: Record, delivery: Delivery, patience: Patience) -> Story[Record]:
    destination = delivery.destination or destination_of(record)
    if not delivery.wait:
        patience = patience._replace(stamina_s=min(ONE_SHOT_S, patience.stamina_s))
    if delivery.stdout is not None:
        return (yield from stream_video(ctx, record, destination, delivery.stdout, patience))
    return (yield from save_video(ctx, record, destination, patience, overwrite=delivery.overwrite))


def ready_of(told: Event | Outcome, delivery: Delivery) -> Record | None:
    """Return what is to be saved now, None where another process has saved it meanwhile."""
    if not isinstance(told, Outcome) or told.error or told.record is None:
        return None
    return None if is_there(told.record, delivery) else told.record


def meanwhile(
    story: Story[Outcome], others: Callable[[], Iterable[Event | Outcome]]
) -> Generator[Event | Outcome, None, Outcome]:
    """Tell a story, and after each of its events look after the others."""
    with closing(story):
        while True:
            try:
                event = next(story)
            except StopIteration as end:
                outcome: Outcome = end.value
                return outcome
            yield event
            yield from others()


def is_there(record: Record, delivery: Delivery) -> bool:
    """Whether its video is on disk, and nobody wishes it elsewhere."""
    return is_on_disk(record) and delivery.destination is None and delivery.stdout is None
