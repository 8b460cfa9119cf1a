"""The stories that only ask: which generations are meant, how far they are, to their end."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from wan_cli.destination import Destination
from wan_cli.errors import Interrupted, Unreachable, UsageError, WanError
from wan_cli.generation import Status, parse_id
from wan_cli.progress import Warned
from wan_cli.record import Outcome, Record
from wan_cli.runner.context import Context, Patience, Story, explain, failed
from wan_cli.runner.look import ended, look_again, unfinished, without_id
from wan_cli.runner.watch import has_video, watch
from wan_cli.text import one_line

if TYPE_CHECKING:
    from wan_cli.runner.many import Outcomes


def named(
    ctx: Context, words: Iterable[str], folder: Destination, *, to_save: bool = False
) -> list[Record]:
    """Return the records that ids, prefixes and `@last` mean, once each.

    An id that the history does not know is taken as one of another machine. Where it is asked for
    `to_save` it, that is where its video goes, wherever it was asked for before.

    Raises:
        UsageError: an ambiguous prefix, `@last` of an empty history, or what cannot be an id.
    """
    records: dict[str, Record] = {}
    for word in words:
        if parse_id(word) is None:
            raise UsageError(f"{one_line(word, 60)!r} cannot be an id", hint="wan list")
        record = ctx.history.find(word)
        if record is None and word.startswith("@"):
            raise UsageError(
                f"{one_line(word)}: the history is empty", hint='wan generate "a fox in the snow"'
            )
        record = record or _foreign(ctx, word, folder)
        if to_save and is_foreign(record) and record.file is None:
            record = ctx.save_new(
                record, folder=str(folder.folder), name_template=folder.name_template
            )
        records.setdefault(record.ref, record)
    return list(records.values())


def _foreign(ctx: Context, word: str, folder: Destination) -> Record:
    now = ctx.clock.now()
    return Record(
        ref=f"id-{word}",
        client_request_id="",
        status=Status.UNKNOWN,
        request={},
        created_at=now,
        updated_at=now,
        base_url=ctx.client.base_url,
        key_fingerprint=ctx.key_fingerprint,
        folder=str(folder.folder),
        name_template=folder.name_template,
        id=word,
    )


def is_foreign(record: Record) -> bool:
    """Whether it was submitted elsewhere, and is known by its id alone."""
    return not record.client_request_id


def status(ctx: Context, records: Sequence[Record], patience: Patience) -> "Outcomes":
    """Ask once for the state of each generation."""
    for record in records:
        try:
            current = look_again(ctx, record, patience)
        except WanError as failure:
            is_final = record.status in (Status.COMPLETED, Status.ERROR)
            if not (is_final and isinstance(failure, Unreachable)):
                yield failed(ctx, record, failure)
                continue
            yield Warned(f"{failure.message}; this is what the history holds")
            current = record
        yield Outcome(current, _state_error(current))


def _state_error(record: Record) -> WanError | None:
    return unfinished(record) if record.status.is_running else ended(record)


def follow(ctx: Context, records: Sequence[Record], patience: Patience) -> "Outcomes":
    """Follow generations to their end, without saving their videos."""
    if len(records) == 1:
        yield (yield from _follow_one(ctx, records[0], patience))
        return
    # Threads are needed for several only: one is asked for much more often.
    from wan_cli.runner.many import Many

    many = Many(ctx, patience)
    try:
        for record in records:
            if record.id is None:
                yield failed(ctx, record, without_id(record))
            elif has_video(record):
                yield Outcome(record)
            else:
                many.add(record)
        yield from many.watch()
    except Interrupted as interrupted:
        many.explain(interrupted)
        raise


def _follow_one(ctx: Context, record: Record, patience: Patience) -> Story[Outcome]:
    try:
        return Outcome((yield from watch(ctx, record, patience, look_now=True)))
    except WanError as failure:
        return failed(ctx, record, failure)
    except Interrupted as interrupted:
        explain(interrupted, record)
        raise
