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
    story: Generator[Event | Outcome, None, object],
    show: Callable[[Event], None],
    aside: Callable[[Outcome], AbstractContextManager[object]],
) -> Generator[Outcome, None, None]:
    """Show each event; yield each outcome for printing, while `aside` makes room for it."""
    with closing(story):
        while True:
            try:
                told = next(story)
                if isinstance(told, Outcome):
                    with aside(told):
                        yield told
                else:
                    show(told)
            except StopIteration:
                return
            except Interrupted as interrupted:
                story.throw(interrupted)
                raise
