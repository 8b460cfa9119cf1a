"""How an item starts to be watched or settled. No I/O."""

from wan_cli.core.items import Item, Step
from wan_cli.core.run import UNTOLD_MAX, Run
from wan_cli.events import Note
from wan_cli.record import Record


def starts_watching(run: Run, item: Item, record: Record, *, just_submitted: bool = False) -> None:
    """Let an item wait for the generation of its record, from a poll now or the first one due."""
    now = run.now
    item.ref, item.asked_id, item.status = record.ref, record.handle, record.status
    item.alias = record.other_id
    # The wall clock may jump, so only the age comes from it.
    item.start = now - max(0.0, run.tools.clock.now() - record.created_at)
    item.polled_at = now
    item.said = None
    if record.error_code is None and record.video_url is None and record.cost_usd is not None:
        item.known = record.status, record.credits_used
    if not record.request or not run.tools.keeps or item.unsaved:
        item.record = record
    else:
        item.record = None
    run.count(item, item.status)
    item.law = run.expectations.of(record)
    item.go(Step.WATCH, now)
    if run.goal.wait and len(run.events) < UNTOLD_MAX:
        item.said = item.status
        run.tell(run.expectations.event(item))
    if just_submitted:
        item.due = item.next_poll(now, run.timing.poll_interval_s)


def starts_settling(run: Run, item: Item, record: Record) -> None:
    """Let an item find out what became of the submission of its record."""
    item.ref, item.status = record.ref, record.status
    item.reason = "no answer was kept"
    run.tell(Note(f"looking for {record.ref} in the account's log"))
    # The command that submitted it has looked for long: this one looks once.
    item.settle_until = run.now
    item.go(Step.SETTLE, run.now)
