"""Claiming: a submission is journaled before its connection is opened, once for each key.

An earlier submission for the same key stands in its way, unless it failed and was not charged.
The POST itself is a job for a worker, which asks before the body's first byte is sent.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

from wan_cli.api.client import Client
from wan_cli.api.outcome import Limited, NotSent, Refused, Submission
from wan_cli.core.items import Item, Order, Step, pause_s
from wan_cli.core.lanes import Desk
from wan_cli.core.run import Run
from wan_cli.core.settle import is_being_sent, settle_until
from wan_cli.core.tools import Tools, this_host
from wan_cli.core.verdicts import ended, not_sent_again, process_of
from wan_cli.core.watch import starts_watching
from wan_cli.errors import UsageError
from wan_cli.events import Note
from wan_cli.generation import Status
from wan_cli.identity import Keys, Label, label_base
from wan_cli.models import GenerationRequest
from wan_cli.record import Record, utc
from wan_cli.schedule import backoff
from wan_cli.text import one_line

# How often to see whether another process is through with the same submission.
OTHER_PROCESS_S = 0.2
# What `wan recover --forget` writes: a generation that its user has given up.
FORGOTTEN = "forgotten"
# How long a rate limit may make one submission wait in all.
LIMITED_BUDGET_S = 60.0


def new_ref() -> str:
    """Return a name for a submission, by which its record can be found whatever becomes of it."""
    import uuid  # 2 ms, for submissions alone.

    return f"wan-{uuid.uuid4().hex}"


def claim(run: Run, item: Item, order: Order) -> bool:
    """Journal the next attempt as `claimed`; False where something stands in its way.

    Raises:
        WanError: the history cannot be written, or the budget does not allow it.
    """
    journal = run.tools.journal
    if item.tries:
        record, now = run.record_of(item), run.tools.clock.now()
        label = str(Label.of(record.client_request_id).next)
        record = record._replace(status=Status.CLAIMED, client_request_id=label, updated_at=now)
        changed = ("status", "client_request_id", "updated_at")
        standing = journal.claim_again(record, changed, again=order.again, over=item.over)
        if standing is None:
            item.record = record
            return True
        # Another process has submitted the same request since: continue with what it made.
        run.costs(item, 0.0)
        item.ref, item.record, item.tries = "", None, 0
        _consider(run, item, order, standing)
        return False
    run.budget.check([order.price])
    item.ref = item.ref or new_ref()
    if order.keys and order.retry_failed:
        item.over |= _failed_before(run, order.keys)
    record = new_record(run.tools, order, item.ref, _label(run.tools, item, order))
    standing = journal.claim(record, again=order.again, over=item.over)
    if standing is None:
        item.taken_usd = run.budget.take(order.price)
        item.record = record
        return True
    _consider(run, item, order, standing)
    return False


def _label(tools: Tools, item: Item, order: Order) -> Label:
    """Return the label of the first attempt: with keys, one that other machines arrive at too."""
    if order.keys is None:
        return Label(item.ref, 1)
    key, base = order.keys.first, label_base(order.keys.first, order.request.to_json())
    return Label(base, max(order.attempts, tools.journal.keys.attempts(key, base)) + 1)


def new_record(tools: Tools, order: Order, ref: str, label: Label) -> Record:
    """Return the record of a submission that is about to be made."""
    now = tools.clock.now()
    return Record(
        ref=ref,
        client_request_id=str(label),
        status=Status.CLAIMED,
        request=order.request.body(),
        created_at=now,
        updated_at=now,
        base_url=tools.client.base_url,
        key_fingerprint=tools.key_fingerprint,
        folder=str(order.destination.folder),
        name=order.destination.name,
        name_template=order.destination.name_template,
        sidecar=order.sidecar,
        row_key=order.keys.first if order.keys else None,
        other_key=order.keys.other if order.keys else None,
        batch=order.batch,
        once=order.once,
        row=order.row,
        pid=os.getpid(),
        host=this_host(),
        server_offset_s=tools.client.server_offset_s,
        pictures=order.request.paths or None,
    )


def _consider(run: Run, item: Item, order: Order, standing: Record) -> None:
    """Decide what to do about an earlier submission that stands in the way.

    Raises:
        UsageError: it is for the same key of `once`, and asks for something else.
    """
    is_own = order.owns(standing)
    if order.once and is_own and (wrong := other_request(order.once, standing, order.request)):
        raise wrong
    if not standing.status.is_unresolved:
        _continue_with(run, item, standing)
    elif standing.ref in run.posting or is_being_sent(standing, run.tools.clock.now()):
        if run.now >= item.deadline:
            raise not_sent_again(standing)
        if standing.ref not in run.posting:
            words = f"waiting for {process_of(standing)}, which is submitting the same request"
            run.tell_once(Note(words))
        item.misses += 1
        item.due = run.now + pause_s(item.misses, None, first_s=OTHER_PROCESS_S)
    elif standing.status is Status.CLAIMED:
        run.tell(Note(f"{standing.ref} was never sent: its process ended before that"))
        run.tools.journal.give_up_claim(standing, run.tools.clock.now())
        item.go(Step.SUBMIT, run.now)
    else:
        item.stands_for, item.record = True, None
        item.settle_until = settle_until(run, item, standing, once=order.again or not is_own)
        item.ref = standing.ref
        words = f"looking for the earlier submission {standing.ref} in the account's log"
        run.tell(Note(words))
        item.go(Step.SETTLE, run.now)


def _continue_with(run: Run, item: Item, record: Record) -> None:
    """Continue with a generation that the history has for the same row."""
    item.ref, item.record = record.ref, None
    run.submitted()
    error = ended(record)
    if error or not run.goal.wait:
        run.end(item, error, record)
    else:
        starts_watching(run, item, record)


def _failed_before(run: Run, keys: Keys) -> set[str]:
    """Return the refs of the generations for some keys that have failed."""
    found = run.tools.journal.keys.of(*keys.all)
    return {record.ref for record in found if is_free(record)}


def standing(records: Sequence[Record]) -> Record | None:
    """Return the record that counts of those for one key, newest first: one that has not failed."""
    return next((record for record in records if not is_free(record)), next(iter(records), None))


def is_free(record: Record) -> bool:
    """Whether a generation failed on the server and was not charged."""
    return record.status is Status.ERROR and record.error_code != FORGOTTEN


def other_request(once: str, record: Record, request: GenerationRequest) -> UsageError | None:
    """Return the error of a key that stands for another request, None where it does not.

    A generation that failed was not charged and leaves its key free for another request.
    """
    if is_free(record) or dict(record.request) == request.body():
        return None
    return UsageError(
        f"--once {one_line(once, 80)} was used on {(utc(record.created_at) or '')[:10]} for another"
        f" request ({record.handle}); nothing was sent",
        hint=f"choose another key, or see what it made: wan status {record.handle}",
    )


class BodyBegins(NamedTuple):
    """The HTTP library asks for the first byte of the body: nothing of it is sent yet."""


class Posted(NamedTuple):
    """What a POST of a submission brought.

    `ref` names the submission, `server_offset_s` is the server's clock minus ours where a reply
    told it, `is_sandbox` says that it was the sandbox that replied.
    """

    ref: str
    submission: Submission
    server_offset_s: float | None
    is_sandbox: bool = False


def post(client: Client, desk: Desk, *, order: Order, record: Record, seconds: float) -> Posted:
    """Submit a request under its record's label; ask before its body's first byte is sent."""
    try:
        body = order.request.payload()
    except UsageError as error:
        # A picture is gone, or has changed.
        return Posted(record.ref, Refused(error), None)
    submission = client.submit(
        body,
        record.client_request_id,
        seconds=seconds,
        may_begin=lambda: bool(desk.ask(BodyBegins())),
    )
    return Posted(record.ref, submission, client.server_offset_s, client.is_sandbox)


def retry_pause(
    item: Item, submission: NotSent | Limited, interval_s: float | None
) -> float | None:
    """Return the seconds until a submission is tried again, None where that is not worth it."""
    if isinstance(submission, NotSent):
        return pause_s(item.tries, interval_s)
    asked_s = submission.retry_after_s
    # A server that says "at once" each time must not be asked without a pause.
    pause = max(asked_s or 0.0, backoff(item.tries, first_s=1.0 if asked_s is None else 0.1))
    return pause if item.waited_s + pause <= LIMITED_BUDGET_S else None
