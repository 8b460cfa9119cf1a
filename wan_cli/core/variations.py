"""wan generate --count N: several generations of one request, each with its own submission."""

from collections.abc import Sequence
from typing import NamedTuple

from wan_cli.core.budget import Budget
from wan_cli.core.engine import Engine, Outcomes
from wan_cli.core.items import Goal, Order
from wan_cli.core.save import Saving
from wan_cli.core.settle import Settling
from wan_cli.core.submit import Submitting
from wan_cli.core.tools import Timing, Tools
from wan_cli.core.verdicts import ended
from wan_cli.core.watch import Watching
from wan_cli.destination import Destination
from wan_cli.events import Warned
from wan_cli.models import Field, GenerationRequest, parse_field
from wan_cli.record import Outcome, Record

# The same as the default of wan batch.
CONCURRENCY = 4


class Variation(NamedTuple):
    """One of the generations: the order to submit, or the record to continue with."""

    order: Order
    known: Record | None = None


def requests_of(request: GenerationRequest, count: int) -> list[GenerationRequest]:
    """Return the requests of the variations; if there is a seed, each seed is one higher.

    Raises:
        UsageError: a seed is larger than the API allows.
    """
    fields = dict(request.fields)
    seed, field = fields.get("seed"), request.schema.field("seed")
    if field is None and request.schema.is_unchecked:
        field = Field("seed", "integer", is_live=True)
    if field is None or not isinstance(seed, int):
        return [request] * count
    seeds = [parse_field(field, seed + number) for number in range(count)]
    return [request._replace(fields=tuple((fields | {"seed": each}).items())) for each in seeds]


def places_of(destination: Destination, count: int) -> list[Destination]:
    """Return the destinations of the variations: FILE-1.mp4, FILE-2.mp4, … for one FILE.mp4."""
    if destination.name is None or count == 1:
        return [destination] * count
    stem, dot, suffix = destination.name.rpartition(".")
    if not stem:
        stem, dot, suffix = destination.name, "", ""
    names = [f"{stem}-{number}{dot}{suffix}" for number in range(1, count + 1)]
    return [destination._replace(name=name) for name in names]


def vary(
    tools: Tools, variations: Sequence[Variation], goal: Goal, timing: Timing, budget: Budget
) -> Outcomes:
    """Submit each variation once, wait for all and save them; yield their outcomes.

    Args:
        tools: the client, the journal and the clock.
        variations: the orders to submit, or the records to continue with.
        goal: whether to wait and save; each video goes to the destination of its order.
        timing: the time limit for each from its submission, and the polling interval.
        budget: the limit for the total cost.

    Raises:
        Interrupted: a signal; it says what happens to the generations.
    """
    engine = Engine(
        tools,
        timing,
        goal,
        [Submitting, Settling, Watching, Saving],
        budget=budget,
        concurrency=CONCURRENCY,
    )
    # The requests differ only in their seeds, so show each warning once.
    for words in dict.fromkeys(
        words for variation in variations for words in variation.order.request.warnings
    ):
        yield Warned(words)
    for order, known in variations:
        if known is None:
            engine.submit(order)
        elif goal.wait:
            engine.add(known, deadline=engine.run.deadline_of_new())
        else:
            yield Outcome(known, ended(known))
    yield from engine.outcomes()
    if left := engine.not_submitted:
        words = "1 variation was" if left == 1 else f"{left} variations were"
        yield Warned(f"{words} not submitted and cost nothing")
