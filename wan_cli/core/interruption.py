"""The last steps of an interrupted command: write down every id, and explain what continues."""

from collections.abc import Collection, Sequence
from contextlib import suppress

from wan_cli.core.items import Item, Step
from wan_cli.core.lanes import Answer, Question, Work, Workers
from wan_cli.core.run import Run
from wan_cli.errors import Interrupted, SetupError
from wan_cli.events import Warned
from wan_cli.generation import Status
from wan_cli.record import Record

# Name at most this many ids one by one.
NAMED_MAX = 3


def explain(
    interrupted: Interrupted, run: Run, items: Collection[Item], unknown: Sequence[Record]
) -> None:
    """Say what happens to the generations in flight, and to submissions that were cut off."""
    going = [item for item in items if item.generation_id and item.step is not Step.SETTLE]
    others = len(going)
    if unknown:
        refs = ", ".join(record.ref for record in unknown)
        words = f"interrupted while submitting {refs}: it is unknown whether it was accepted"
        if others:
            words += f"; {others} other{'s continue' if others > 1 else ' continues'}"
            words += f" and {'are' if others > 1 else 'is'} safe"
        interrupted.explain(words, hint="wan recover", record=unknown[0])
        return
    settling = [item for item in items if item.step is Step.SETTLE and item.ref]
    if settling and not going:
        words = f"interrupted; it is unknown whether {settling[0].ref} was accepted"
        interrupted.explain(words, hint="wan recover", record=run.record_if_known(settling[0]))
        return
    if not going:
        if run.done and not interrupted.is_explained:
            words = "interrupted; submitted generations are safe"
            interrupted.explain(words, hint="wan list", record=None)
        return
    _explain_going(interrupted, run, going)
    if settling:
        words = f"{interrupted.message}; it is unknown whether {settling[0].ref} was accepted"
        interrupted.explain(words, hint="wan recover", record=interrupted.record)


def _explain_going(interrupted: Interrupted, run: Run, going: Sequence[Item]) -> None:
    """Say that the generations continue, and how to get their videos."""
    ids, others = [item.generation_id for item in going], len(going)
    record = run.record_if_known(going[0]) if others == 1 else None
    if others == 1 and going[0].step is Step.SAVE:
        words = f"interrupted; the video of {ids[0]} is safe on the server"
    elif others == 1:
        words = f"interrupted; generation {ids[0]} continues and is safe"
    elif others <= NAMED_MAX:
        words = f"interrupted; generations {', '.join(ids)} continue and are safe"
    else:
        words = f"interrupted; {others} generations continue and are safe"
    # The history lacks these: another machine made them, or the history could not be written.
    is_foreign = any(item.unsaved or (item.record and not item.record.request) for item in going)
    named = others <= NAMED_MAX or is_foreign
    hint = f"wan fetch {' '.join(ids)}" if named else "wan fetch --all"
    interrupted.explain(words, hint=hint, record=record)


def salvage(
    run: Run, works: Collection[Work], workers: Workers, items: Collection[Item]
) -> list[Record]:
    """Send nothing more, and write down the answers that have arrived.

    Return the submissions that were cut off, whose outcome is unknown. Raise nothing: one record
    that cannot be written must not keep wan from writing the others.
    """
    for work in works:
        work.lane.waiting.clear()
    while (answer := run.tools.clock.receive(workers.answers, 0.0)) is not None:
        with suppress(Exception):
            _take(run, answer)
    unknown = [_cut_off(run, item) for work in works for item in _posting(work)]
    for item in items:
        with suppress(Exception):
            if item.unsaved and item.record:
                run.save(item, item.record)
    return [record for record in unknown if record]


def _take(run: Run, answer: Answer) -> None:
    """Handle the reply to a submission; refuse any worker's question, so that no worker waits."""
    if isinstance(answer.value, Question):
        answer.value.answer(None)
        return
    ticket = answer.ticket
    if ticket is None or not answer.is_last or ticket.work.step is not Step.SUBMIT:
        return
    if ticket.work.lane.closed(ticket) and ticket.item.step is Step.SUBMIT:
        ticket.work.take(ticket.item, answer.value)
    elif run.late_reply:
        run.late_reply(ticket.item, answer.value)


def _posting(work: Work) -> list[Item]:
    return work.lane.items() if work.step is Step.SUBMIT else []


def _cut_off(run: Run, item: Item) -> Record | None:
    with suppress(Exception):
        return run.cut_off(item) if run.cut_off else None
    return item.record


def keep_late_id(run: Run, ref: str, generation_id: str) -> None:
    """Write down the id of a submission whose reply came after wan had stopped waiting for it."""
    try:
        record = run.tools.journal.at(ref)
        if record.id == generation_id:
            return
        run.tell(_accepted_after_all(generation_id))
        if record.id is None and run.owner_of(generation_id) is None:
            now = run.tools.clock.now()
            found = record._replace(id=generation_id, status=Status.QUEUED, updated_at=now)
            run.tools.journal.save(found, ("id", "status", "updated_at"))
    except SetupError as trouble:
        run.tell(_accepted_after_all(generation_id))
        run.tell_once(Warned(trouble.message))


def _accepted_after_all(generation_id: str) -> Warned:
    return Warned(f"{generation_id} was accepted after all: wan fetch {generation_id}")
