"""The POST as a job: what a worker sends, and what it hands back."""

from typing import NamedTuple

from wan_cli.api.client import Client
from wan_cli.api.submission import Submission
from wan_cli.core.items import Order
from wan_cli.core.lanes import Desk


class BodyBegins(NamedTuple):
    """The HTTP library asks for the first byte of the body: nothing of it is sent yet."""


class Posted(NamedTuple):
    """What a POST brought, the server's clock minus ours if a reply told, whether it is play."""

    submission: Submission
    server_offset_s: float | None
    is_sandbox: bool = False


def post(client: Client, desk: Desk, *, order: Order, label: str, seconds: float) -> Posted:
    """Submit a request under a label; ask before the first byte of its body is sent."""
    submission = client.submit(
        order.request, label, seconds=seconds, may_begin=lambda: bool(desk.ask(BodyBegins()))
    )
    return Posted(submission, client.server_offset_s, client.is_sandbox)
