"""wan generate: one request becomes one video."""

from wan_cli.core.engine import Engine, Outcomes
from wan_cli.core.items import Goal, Order
from wan_cli.core.tools import Timing, Tools
from wan_cli.progress import Warned


def generate(tools: Tools, order: Order, goal: Goal, timing: Timing) -> Outcomes:
    """Submit a request, wait for its generation and save the video; yield its outcome.

    Raises:
        Interrupted: a signal; it says what happens to the generation.
    """
    for words in order.request.warnings:
        yield Warned(words)
    engine = Engine(tools, timing, goal)
    engine.submit(order)
    yield from engine.outcomes()
