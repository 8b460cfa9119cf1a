"""The meaning of each result of a submission, on which the promise to pay once rests. Pure.

body never begun                                   NotSent: safe to retry
2xx with an id in the body or in x-inference-id    Submitted
400 401 402 403 404 405 413 414 415 422            Refused: nothing was spent
429                                                Limited: nothing was spent, retry later
a reply that echoes a label other than ours        Ambiguous: it is about another submission
408 409 425 5xx, 3xx, anything else                with x-inference-id Submitted, else Ambiguous
a reset, a close, a timeout once the body began    Ambiguous: never retried automatically
"""

from typing import NamedTuple

from wan_cli.api.exchange import Reply
from wan_cli.api.replies import is_about_another, json_object, refusal
from wan_cli.errors import WanError
from wan_cli.generation import USD_MAX, Generation, Status, parse_id
from wan_cli.numbers import sane

_REFUSED = frozenset({400, 401, 402, 403, 404, 405, 413, 414, 415, 422})


class Submitted(NamedTuple):
    """The server accepted the submission. `other_id` is a second, different id in the reply."""

    generation: Generation
    id: str
    other_id: str | None
    cost_usd: float | None


class NotSent(NamedTuple):
    """Nothing was submitted. `is_final`: another try would fail too."""

    reason: str
    is_final: bool = False


class Refused(NamedTuple):
    """The server refused the submission."""

    error: WanError


class Limited(NamedTuple):
    """Too many requests; `retry_after_s` is the pause that the server asks for, if any."""

    retry_after_s: float | None


class Ambiguous(NamedTuple):
    """The server may or may not have accepted the submission."""

    reason: str


Submission = Submitted | NotSent | Refused | Limited | Ambiguous


def judge(reply: Reply, label: str) -> Submission:
    """Return the meaning of a reply to the POST with this label."""
    status = reply.status
    if is_about_another(reply, label):
        return Ambiguous("the reply was about another submission")
    if status in _REFUSED:
        return Refused(refusal(reply))
    if status == 429:
        return Limited(reply.retry_after_s)
    data = json_object(reply)
    is_good = 200 <= status < 300
    said = Generation.parse(data) if data is not None and (is_good or "status" in data) else None
    in_header = parse_id(reply.headers.get("x-inference-id"))
    in_body = said.id if said else None
    generation_id = in_body or in_header
    if generation_id is None:
        return Ambiguous(_why_ambiguous(reply))
    # The status in an error's body is about the error: poll for the generation's status.
    generation = (
        said._replace(id=generation_id)
        if said and is_good
        else Generation(generation_id, Status.QUEUED)
    )
    other = in_header if in_header != generation_id else None
    return Submitted(generation, generation_id, other, _cost_usd(reply, generation))


def _why_ambiguous(reply: Reply) -> str:
    if 200 <= reply.status < 300:
        trouble = "was cut off" if not reply.whole else "has no id"
        return f"the answer (HTTP {reply.status}) {trouble}"
    return f"the API answered HTTP {reply.status}"


def _cost_usd(reply: Reply, generation: Generation) -> float | None:
    """Return the cost from the reply's body, or from its header `x-aimlapi-usd-spent`."""
    if generation.usd_spent is not None:
        return generation.usd_spent
    try:
        spent = float(reply.headers.get("x-aimlapi-usd-spent", ""))
    except ValueError:
        return generation.cost_usd
    in_header = sane(spent, largest=USD_MAX)
    return generation.cost_usd if in_header is None else in_header
