"""Show the progress of work. Pass a signal back to the work, which decides how to end."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing
from typing import TypeVar

from wan_cli.errors import Interrupted
from wan_cli.events import Event
from wan_cli.record import Outcome

T = TypeVar("T")


def follow(events: Generator[Event, None, T], show: Callable[[Event], None]) -> T:
    """Show each event; return the result of the work."""
    while True:
        try:
            show(next(events))
        except StopIteration as end:
            value: T = end.value
            return value
        except Interrupted as interrupted:
            events.throw(interrupted)


def each(
    work: Generator[Event | Outcome, None, object],
    show: Callable[[Event], None],
    aside: Callable[[Outcome], AbstractContextManager[object]],
) -> Generator[Outcome, None, None]:
    """Show each event; yield each outcome for printing, while `aside` makes room for it."""
    with closing(work):
        while True:
            try:
                item = next(work)
                if isinstance(item, Outcome):
                    with aside(item):
                        yield item
                else:
                    show(item)
            except StopIteration:
                return
            except Interrupted as interrupted:
                work.throw(interrupted)
                raise
