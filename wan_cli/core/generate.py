"""wan generate: one request becomes one video."""

from collections.abc import Callable

from wan_cli.core.budget import Budget
from wan_cli.core.engine import Engine, Outcomes
from wan_cli.core.files import placed
from wan_cli.core.items import Goal, Order
from wan_cli.core.lanes import Work
from wan_cli.core.run import Run
from wan_cli.core.save import Saving
from wan_cli.core.settle import Settling
from wan_cli.core.submit import Submitting
from wan_cli.core.tools import Timing, Tools
from wan_cli.core.verdicts import ended, saved_already
from wan_cli.core.watch import Watching
from wan_cli.destination import is_there
from wan_cli.errors import LocalFileError
from wan_cli.events import Note, Warned
from wan_cli.record import Outcome, Record


def generate(
    tools: Tools,
    order: Order,
    goal: Goal,
    timing: Timing,
    known: Record | None = None,
    budget: Budget | None = None,
) -> Outcomes:
    """Submit a request, wait for its generation and save the video; yield its outcome.

    Args:
        tools: the client, the journal and the clock.
        order: what to submit.
        goal: whether to wait for the video and save it.
        timing: the deadline and the polling interval.
        known: the generation to continue with, or None to submit.
        budget: the limits of its cost; None: no limit.

    Raises:
        Interrupted: a signal; it says what happens to the generation.
    """
    for words in order.request.warnings:
        yield Warned(words)
    if known is not None and not goal.wait:
        yield Outcome(known, ended(known))
        return
    if known is not None and is_there(known, None, to_stdout=goal.stdout is not None):
        yield Note(saved_already(known))
        yield _placed(tools, order, goal, known)
        return
    kinds: list[Callable[[Run], Work]] = [Submitting, Settling, Watching, Saving]
    engine = Engine(tools, timing, goal, kinds, budget=budget)
    if known is None:
        engine.submit(order)
    else:
        engine.add(known)
    yield from engine.outcomes()


def _placed(tools: Tools, order: Order, goal: Goal, known: Record) -> Outcome:
    """Return the outcome of a generation on disk, copied to the requested FILE or DIR/ if any."""
    if not order.is_placed:
        return Outcome(known)
    try:
        record, _ = placed(
            tools, known, order.destination, overwrite=goal.overwrite, sidecar=order.sidecar
        )
    except LocalFileError as trouble:
        return Outcome(known, trouble)
    return Outcome(record)
