"""The POST as a job: what a worker sends, and what it hands back."""

from typing import NamedTuple

from wan_cli.api.client import Client
from wan_cli.api.outcome import Limited, NotSent, Refused, Submission
from wan_cli.core.items import Item, Order, pause_s
from wan_cli.core.lanes import Desk
from wan_cli.errors import UsageError
from wan_cli.record import Record
from wan_cli.schedule import backoff

# How long a rate limit may make one submission wait in all.
LIMITED_BUDGET_S = 60.0


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
