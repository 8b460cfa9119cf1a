"""What a history holds, and whether it can be written."""

from typing import NamedTuple

from wan_cli.errors import SetupError
from wan_cli.journal.port import Engine

# Writes nothing, but asks for the rights of a command that pays.
_HARMLESS = (
    "INSERT INTO generations (ref) SELECT ref FROM generations WHERE 1 = 0",
    "UPDATE generations SET ref = ref WHERE 1 = 0",
    "INSERT INTO totals (day) SELECT day FROM totals WHERE 1 = 0",
    "UPDATE totals SET count = count WHERE 1 = 0",
    "INSERT INTO workers (worker) SELECT worker FROM workers WHERE 1 = 0",
    "UPDATE workers SET seen_at = seen_at WHERE 1 = 0",
    "INSERT INTO pace (account) SELECT account FROM pace WHERE 1 = 0",
    "UPDATE pace SET accepted = accepted WHERE 1 = 0",
)


class Facts(NamedTuple):
    """The version of a history's schema, its size, and what it holds (times in seconds)."""

    schema: int
    bytes: int
    generations: int
    oldest: float | None
    newest: float | None


def facts(engine: Engine) -> Facts:
    """Return what a history holds. Raises SetupError if it cannot be read."""
    ((schema, size),) = engine.run(engine.schema_and_size)
    ((count,),) = engine.run("SELECT coalesce(sum(count), 0) FROM totals")
    ((oldest, newest),) = engine.run("SELECT min(created_at), max(created_at) FROM generations")
    return Facts(int(str(schema)), int(str(size)), int(str(count)), _time(oldest), _time(newest))


def _time(value: object) -> float | None:
    return None if value is None else float(str(value))


def refusal(engine: Engine) -> SetupError | None:
    """Return the error of a command that writes to the history, None if it can."""
    try:
        with engine.transaction(serial=True):
            for statement in _HARMLESS:
                engine.change(statement)
    except SetupError as error:
        return error
    return None
