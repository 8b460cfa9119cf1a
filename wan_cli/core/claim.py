"""Claiming: wan journals a submission before it opens the connection, once for each key.

An earlier submission for the same key blocks a new one, unless it failed and was not charged.
A worker does the POST itself, and asks before it sends the first byte of the body.
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
from wan_cli.errors import LocalFileError, UsageError
from wan_cli.events import Note
from wan_cli.generation import Status
from wan_cli.identity import Keys, Label, label_base
from wan_cli.models import GenerationRequest
from wan_cli.record import Record, utc
from wan_cli.schedule import backoff
from wan_cli.text import one_line

# How often to check whether another process has finished the same submission.
OTHER_PROCESS_S = 0.2
# The error code that `wan recover --forget` writes: the user gave up this generation.
FORGOTTEN = "forgotten"
# The longest total wait that rate limits may cause for one submission.
LIMITED_BUDGET_S = 60.0


def new_ref() -> str:
    """Return a name for a submission, which finds its record even if the API never sends an id."""
    import uuid  # Takes 2 ms; only submissions need it.

    return f"wan-{uuid.uuid4().hex}"


def claim(run: Run, item: Item, order: Order) -> bool:
    """Journal the next attempt as `claimed`; return False if an earlier submission blocks it.

    Raises:
        WanError: the history cannot be written, or the budget does not allow it.
    """
    journal = run.tools.journal
    if item.tries:
        record, now = run.record_of(item), run.tools.clock.now()
        label = str(Label.of(record.client_request_id).next)
        record = record._replace(status=Status.CLAIMED, client_request_id=label, updated_at=now)
        changed = ("status", "client_request_id", "updated_at")
        blocking = journal.claim_again(record, changed, again=order.again, ignored=item.ignored)
        if blocking is None:
            item.record = record
            return True
        # Another process has submitted the same request since: continue with its generation.
        run.set_cost(item, 0.0)
        item.ref, item.record, item.tries, item.is_new = "", None, 0, False
        _consider(run, item, order, blocking)
        return False
    run.budget.check([order.price])
    item.ref = item.ref or new_ref()
    if order.keys and order.retry_failed:
        item.ignored |= _failed_before(run, order.keys)
    record = new_record(run.tools, order, item.ref, _label(run.tools, item, order))
    blocking = journal.claim(record, again=order.again, ignored=item.ignored)
    if blocking is None:
        item.taken_usd = run.budget.take(order.price)
        if order.is_variation:
            run.variations.add(item.ref)
        item.record, item.is_new = record, True
        return True
    _consider(run, item, order, blocking)
    return False


def _label(tools: Tools, item: Item, order: Order) -> Label:
    """Return the label of the first attempt; with keys, every machine derives the same label."""
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


def _consider(run: Run, item: Item, order: Order, blocking: Record) -> None:
    """Decide what to do about an earlier submission that blocks this one.

    Raises:
        UsageError: it has the same `once` key but asks for something else.
    """
    is_own = order.owns(blocking)
    if order.once and is_own and (wrong := other_request(order.once, blocking, order.request)):
        raise wrong
    if not blocking.status.is_unresolved:
        _continue_with(run, item, blocking)
    elif blocking.ref in run.posting or is_being_sent(blocking, run.tools.clock.now()):
        if run.now >= item.deadline:
            raise not_sent_again(blocking)
        if blocking.ref not in run.posting:
            words = f"waiting for {process_of(blocking)}, which is submitting the same request"
            run.tell_once(Note(words))
        item.misses += 1
        item.due = run.now + pause_s(item.misses, None, first_s=OTHER_PROCESS_S)
    elif blocking.status is Status.CLAIMED:
        run.tell(Note(f"{blocking.ref} was never sent: its process ended first"))
        run.tools.journal.give_up_claim(blocking, run.tools.clock.now())
        item.go(Step.SUBMIT, run.now)
    else:
        item.settles_earlier, item.record = True, None
        item.settle_until = settle_until(run, item, blocking, once=order.again or not is_own)
        item.ref = blocking.ref
        words = f"looking for the earlier submission {blocking.ref} in the account's log"
        run.tell(Note(words))
        item.go(Step.SETTLE, run.now)


def _continue_with(run: Run, item: Item, record: Record) -> None:
    """Continue with the generation that the history has for the same row."""
    item.ref, item.record = record.ref, None
    run.submitted()
    error = ended(record)
    if error or not run.goal.wait:
        run.end(item, error, record)
    else:
        starts_watching(run, item, record)


def _failed_before(run: Run, keys: Keys) -> set[str]:
    """Return the refs of the failed generations for some keys."""
    found = run.tools.journal.keys.of(*keys.all)
    return {record.ref for record in found if is_free(record)}


def current_of(records: Sequence[Record]) -> Record | None:
    """Return the record that counts for a key: the newest that has not failed, else the newest."""
    return next((record for record in records if not is_free(record)), next(iter(records), None))


def is_free(record: Record) -> bool:
    """Whether a generation failed on the server and was not charged."""
    return record.status is Status.ERROR and record.error_code != FORGOTTEN


def other_request(once: str, record: Record, request: GenerationRequest) -> UsageError | None:
    """Return the error if a key was used for another request, else None.

    A generation that failed was not charged, so its key is free for another request.
    """
    if is_free(record) or dict(record.request) == request.body():
        return None
    return UsageError(
        f"--once {one_line(once, 80)} was used on {(utc(record.created_at) or '')[:10]} for another"
        f" request ({record.handle}); nothing was sent",
        hint=f"choose another key, or see that generation: wan status {record.handle}",
    )


class BodyBegins(NamedTuple):
    """The HTTP library is about to read the first byte of the body; none of it is sent yet."""


class Posted(NamedTuple):
    """The result of a submission's POST.

    `ref` names the submission; `server_offset_s` is the server's clock minus ours, if a reply
    had a date; `is_sandbox` is true if the sandbox replied.
    """

    ref: str
    submission: Submission
    server_offset_s: float | None
    is_sandbox: bool = False


def post(client: Client, desk: Desk, *, order: Order, record: Record, seconds: float) -> Posted:
    """Submit a request under its record's label; ask before sending the first byte of the body."""
    try:
        body = order.request.payload()
    except LocalFileError as error:
        # A picture was deleted or changed.
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
    """Return the seconds to wait before retrying a submission, or None to stop retrying."""
    if isinstance(submission, NotSent):
        return pause_s(item.tries, interval_s)
    asked_s = submission.retry_after_s
    # Pause even if the server says "retry at once" every time.
    pause = max(asked_s or 0.0, backoff(item.tries, first_s=1.0 if asked_s is None else 0.1))
    return pause if item.waited_s + pause <= LIMITED_BUDGET_S else None
