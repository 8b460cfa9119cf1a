"""Claiming: wan journals a submission before it opens the connection, once for each key.

An earlier submission for the same key blocks a new one, unless it failed and was not charged.
A worker does the POST itself, and asks before it sends the first byte of the body.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

from wan_cli.api.client import Client
from wan_cli.api.outcome import Limited, NotSent, Refused, Submission
from wan_cli.core.budget import over_budget
from wan_cli.core.items import Item, Order, Step, pause_s
from wan_cli.core.lanes import Desk
from wan_cli.core.lease import give_up_claim, is_being_sent
from wan_cli.core.run import Run
from wan_cli.core.settle import settle_until
from wan_cli.core.tools import Tools, this_host
from wan_cli.core.verdicts import ended, not_sent_again, process_of
from wan_cli.core.watch import starts_watching
from wan_cli.errors import RUN_AGAIN, LocalFileError, RateLimited, UsageError
from wan_cli.events import Note
from wan_cli.generation import Status
from wan_cli.identity import Keys, Label, label_base
from wan_cli.journal.claims import Terms
from wan_cli.models import GenerationRequest
from wan_cli.record import Record, utc
from wan_cli.schedule import backoff
from wan_cli.text import one_line

# How often to check whether another process has finished the same submission.
OTHER_PROCESS_S = 0.2
# Say how long a pause is from this length on.
SAID_S = 1.0
# The error code that `wan recover --forget` writes: the user gave up this generation.
FORGOTTEN = "forgotten"
# The longest total wait that rate limits may cause for one submission.
LIMITED_BUDGET_S = 60.0


def new_ref() -> str:
    """Return a name for a submission, which finds its record even if the API never sends an id."""
    import uuid  # Takes 2 ms; only submissions need it.

    return f"wan-{uuid.uuid4().hex}"


def claim(run: Run, item: Item, order: Order) -> bool:
    """Journal the next attempt as `claimed`; return False if something else comes first.

    Raises:
        WanError: the history cannot be written, or a budget does not allow it.
    """
    is_first = item.tries == 0
    record = _first_attempt(run, item, order) if is_first else _next_attempt(run, item)
    terms = Terms(
        order.again,
        item.ignored,
        () if item.in_sandbox else run.budget.limits(run.tools.clock.now()),
        account_of(record),
    )
    found = run.tools.journal.claims.claim(record, terms)
    if found.over is not None:
        raise over_budget(found.over, order.price)
    if found.wait_s > 0:
        _keep_pace(run, item, found.wait_s)
        return False
    if found.record is None:
        assert found.blocking is not None
        _is_blocked(run, item, order, found.blocking)
        return False
    if is_first:
        item.taken_usd = run.budget.take(order.price)
        if order.is_variation:
            run.variations.add(item.ref)
        item.is_new = True
    item.record = found.record
    return True


def _first_attempt(run: Run, item: Item, order: Order) -> Record:
    """Return the record of a new submission."""
    run.budget.check([order.price])
    item.ref = item.ref or new_ref()
    if order.keys and order.retry_failed:
        item.ignored |= _failed_before(run, order.keys)
    return new_record(run.tools, order, item.ref, _label(run.tools, item, order))


def _next_attempt(run: Run, item: Item) -> Record:
    """Return the record of a submission with the label of its next attempt."""
    record = run.record_of(item)
    return record._replace(
        status=Status.CLAIMED,
        client_request_id=str(Label.of(record.client_request_id).next),
        updated_at=run.tools.clock.now(),
    )


def _is_blocked(run: Run, item: Item, order: Order, blocking: Record) -> None:
    """Continue with an earlier submission for the same purpose.

    Raises:
        UsageError: it has the same `once` key but asks for something else.
    """
    if item.tries:
        # Another process has submitted the same request since the last attempt.
        run.set_cost(item, 0.0)
        item.ref, item.record, item.tries, item.is_new = "", None, 0, False
    _consider(run, item, order, blocking)


def _keep_pace(run: Run, item: Item, wait_s: float) -> None:
    """Wait for the next moment at which the account may submit.

    Raises:
        RateLimited: it comes after the deadline.
    """
    if run.now + wait_s >= item.deadline:
        raise RateLimited(
            f"the API limits the submissions of this account; the next may be sent in {wait_s:.3g}"
            " s, after the end of --timeout",
            hint=RUN_AGAIN,
        )
    if wait_s >= SAID_S:
        words = "the API limits the submissions of this account"
        run.tell_once(Note(f"{words}: the next one in {wait_s:.3g} s"), about=words)
    item.due = run.submits_from = run.now + wait_s


def account_of(record: Record) -> str:
    """Return the name of the account whose pace a submission keeps: its key and its API."""
    return f"{record.key_fingerprint} {record.base_url}"


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
        price_usd=order.price.usd,
        budget=order.budget,
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
    elif blocking.ref in run.posting or is_being_sent(run.tools, blocking):
        if run.now >= item.deadline:
            raise not_sent_again(blocking)
        if blocking.ref not in run.posting:
            words = f"waiting for {process_of(blocking)}, which is submitting the same request"
            run.tell_once(Note(words))
        item.misses += 1
        item.due = run.now + pause_s(item.misses, None, first_s=OTHER_PROCESS_S)
    elif blocking.status is Status.CLAIMED:
        run.tell(give_up_claim(run.tools, blocking))
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
