"""Run `wan generate`: turn one request into one video, or --count N variations."""

from collections.abc import Callable
from typing import BinaryIO, NamedTuple

from wan_cli.commands.arguments import AUTO, with_once
from wan_cli.commands.paying import check_prices
from wan_cli.commands.workspace import Workspace
from wan_cli.core import generate as core
from wan_cli.core.budget import Budget
from wan_cli.core.items import Goal, Order
from wan_cli.core.lookup import find_known
from wan_cli.core.tools import Tools
from wan_cli.core.variations import Variation, places_of, requests_of, vary
from wan_cli.destination import Destination, try_places
from wan_cli.errors import UsageError
from wan_cli.identity import service_of
from wan_cli.models import GenerationRequest
from wan_cli.output import Output
from wan_cli.output.ending import print_ending, print_total
from wan_cli.output.faces import nothing, path_or_id
from wan_cli.output.results import Results
from wan_cli.record import Record


class Terms(NamedTuple):
    """The flags and settings that decide how wan runs a request."""

    destination: Destination
    budget: Budget
    waits: bool
    timeout: str | None = None
    poll_interval: str | None = None
    is_placed: bool = False
    force: bool = False
    sidecar: bool = False
    again: bool = False
    once: str | None = None
    lookup: bool = True
    yes: bool = False
    stdout: BinaryIO | None = None

    def order(self, request: GenerationRequest, destination: Destination) -> Order:
        """Return the order to submit."""
        return Order(request, destination, self.sidecar, self.again, is_placed=self.is_placed)


def check_count(count: int, *, once: str | None, to_stdout: bool) -> None:
    """Refuse several variations for one key or for standard output.

    Raises:
        UsageError: `--count` is above 1 with `--once` or `-o -`.
    """
    if count > 1 and once is not None:
        raise UsageError(
            f"--once pays for one video, and --count {count} asks for {count}",
            hint="leave one out, or give each video a key: wan batch FILE, with a column once",
        )
    if count > 1 and to_stdout:
        raise UsageError(
            f"-o - takes one video, and --count {count} makes {count}", hint="-o FILE or -o DIR/"
        )


def generate(
    out: Output, space: Workspace, request: GenerationRequest, terms: Terms, count: int
) -> tuple[int, list[Record]]:
    """Make one video, or some variations; return the exit code and the records of the videos."""
    if count == 1:
        return _one(out, space, request, terms)
    return _several(out, space, request, terms, count)


def _one(
    out: Output, space: Workspace, request: GenerationRequest, terms: Terms
) -> tuple[int, list[Record]]:
    """Make one video; return the same as `generate`."""
    place = terms.destination
    service = service_of(space.settings.base_url, sandbox=space.sandbox)
    order = with_once(terms.order(request, place), terms.once, service)
    if terms.once == AUTO:
        out.note(f"--once auto: the key is {order.once}")
    # An object may be that of the generation to continue with: the history must tell first.
    if terms.once is None and not place.is_remote:
        place.prepare(overwrite=terms.force, sidecar=terms.sidecar)
    with space.tools(out, timeout=terms.timeout) as tools:
        timing = space.timing(tools, terms.timeout, terms.poll_interval)
        order, known = out.follow(find_known(tools, order, timing, service, lookup=terms.lookup))
        accepts_saved = terms.stdout is None
        goal = Goal(terms.waits, terms.waits, place, terms.force, terms.stdout, accepts_saved)
        goal = goal._replace(follows=True)
        if known is None:
            place.prepare(overwrite=terms.force, sidecar=terms.sidecar)
            left_s = timing.left(tools.clock)
            prices = check_prices(space, out, tools.client, terms.budget, left_s, [request])
            order = order._replace(price=prices[0])
        work = core.generate(tools, order, goal, timing, known, terms.budget)
        outcomes = list(out.each(work))
    made: list[Record] = []
    text = nothing if terms.stdout else path_or_id
    code = out.outcomes(outcomes, _collecting(made, text))
    for outcome in outcomes:
        print_ending(out, outcome)
    return code, made


def _several(
    out: Output, space: Workspace, request: GenerationRequest, terms: Terms, count: int
) -> tuple[int, list[Record]]:
    """Make variations of a request; return the same as `generate`."""
    places = places_of(terms.destination, count)
    if not terms.destination.is_remote:
        _try(places, terms)
    requests = requests_of(request, count)
    service = service_of(space.settings.base_url, sandbox=space.sandbox)
    made: list[Record] = []
    with space.tools(out, timeout=terms.timeout) as tools:
        timing = space.timing(tools, terms.timeout, terms.poll_interval, each=True)
        variations = []
        for asked, place in zip(requests, places, strict=True):
            order = terms.order(asked, place)._replace(is_variation=True)
            found = find_known(tools, order, timing, service, lookup=False)
            variations.append(Variation(*out.follow(found)))
        if terms.destination.is_remote:
            _try([each.order.destination for each in variations if each.known is None], terms)
        agreed = _agreed(out, space, terms, tools, timing.left(tools.clock), variations)
        goal = Goal(terms.waits, terms.waits, overwrite=terms.force, accepts_saved=True)
        work = vary(tools, agreed, goal, timing, terms.budget)
        results = Results(tools.clock.monotonic, total=count, in_sandbox=space.sandbox)
        code = out.outcomes(out.each(work, results), _collecting(made, path_or_id))
    print_total(out, made, count)
    return code, made


def _try(places: list[Destination], terms: Terms) -> None:
    """Raise the first error of places where videos cannot be saved."""
    for error in try_places(places, overwrite=terms.force, sidecar=terms.sidecar):
        if error is not None:
            raise error


def _agreed(
    out: Output, space: Workspace, terms: Terms, tools: Tools, left_s: float, found: list[Variation]
) -> list[Variation]:
    """Return the variations and their prices, after the user agreed to pay."""
    new = [each.order.request for each in found if each.known is None]
    prices = check_prices(
        space, out, tools.client, terms.budget, left_s, new, needs_consent=not terms.yes
    )
    coming = iter(prices)
    return [
        each if each.known else each._replace(order=each.order._replace(price=next(coming)))
        for each in found
    ]


def _collecting(made: list[Record], text: Callable[[Record], str]) -> Callable[[Record], str]:
    """Return `text`, wrapped to append the record of each call to `made`."""

    def collected(record: Record) -> str:
        made.append(record)
        return text(record)

    return collected
