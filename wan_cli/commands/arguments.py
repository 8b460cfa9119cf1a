"""Check arguments further than the parser does: amounts above 0, exclusive options, ids."""

import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wan_cli.errors import UsageError
from wan_cli.identity import ONCE_MAX_CHARS, Keys, is_once_key, once_key, task_key
from wan_cli.models import FIELD_NAMES, flag_of, one_shot_type
from wan_cli.text import one_line

if TYPE_CHECKING:
    from wan_cli.core.items import Order


# The word of `--once` for the key of the task that an orchestrator runs.
AUTO = "auto"


def positive(flag: str, value: float | None) -> float | None:
    """Return a number of seconds or USD unchanged.

    Raises:
        UsageError: the value is not a finite number above 0.
    """
    if value is not None and not (math.isfinite(value) and value > 0):
        raise UsageError(
            f"{flag} {value:g} is not a number above 0", hint=f"for example: {flag} 10"
        )
    return value


def not_negative(flag: str, value: float | None) -> float | None:
    """Return an amount unchanged.

    Raises:
        UsageError: the value is not a finite number, or is below 0.
    """
    return value if value == 0 else positive(flag, value)


def request_fields(arguments: Mapping[str, Any]) -> dict[str, object]:
    """Return the API's fields among the arguments of a command, without the prompt.

    Raises:
        UsageError: --shot-type and its short forms contradict each other.
    """
    # Arguments have the names of their flags.
    names = {name: flag_of(name)[2:].replace("-", "_") for name in ("model", *FIELD_NAMES)}
    fields = {name: arguments[argument] or None for name, argument in names.items()}
    fields |= {name: arguments[name] for name in names if arguments.get(name) is False}
    multi, single = arguments["multi_shot"], arguments["single_shot"]
    fields["shot_type"] = one_shot_type(fields["shot_type"], multi=multi, single=single)
    return fields | _more_fields(arguments["field"])


def _more_fields(given: Sequence[str] | None) -> dict[str, object]:
    """Return the fields of `--field NAME=VALUE`.

    Raises:
        UsageError: the text is not NAME=VALUE, or a field is given twice.
    """
    found: dict[str, object] = {}
    for text in given or ():
        name, sign, value = text.partition("=")
        if not sign or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise UsageError(
                f"--field {one_line(text, 60)!r} is not NAME=VALUE",
                hint="for example: --field seed=7",
            )
        if name in found:
            raise UsageError(f"--field {name} was given twice", hint="leave one of them out")
        found[name] = value
    return found


def with_once(order: "Order", once: str | None, service: str) -> "Order":
    """Return an order with the key of `--once KEY`, if there is one.

    Raises:
        UsageError: KEY is not 1 to 200 printable characters.
    """
    if once is None:
        return order
    if once == AUTO:
        once = _key_of_task()
    if not is_once_key(once):
        raise UsageError(
            f"--once {one_line(once, 80)!r} is not a key of 1 to {ONCE_MAX_CHARS} printable"
            " characters",
            hint="for example: --once build-7",
        )
    keys = Keys(once_key(service, once))
    return order._replace(keys=keys, once=once, retry_failed=True)


def _key_of_task() -> str:
    key = task_key(os.environ)
    if key is None:
        raise UsageError(
            "--once auto: no task of Airflow, GitHub Actions, GitLab CI, Slurm or an Indexed Job of"
            " Kubernetes runs this command",
            hint="name the key: --once KEY",
        )
    return key


def name_of(name: str | None) -> str | None:
    """Return the NAME of `--as NAME`.

    Raises:
        UsageError: NAME is not 1 to 200 printable characters.
    """
    if name is not None and not is_once_key(name):
        raise UsageError(
            f"--as {one_line(name, 80)!r} is not a name of 1 to {ONCE_MAX_CHARS} printable"
            " characters",
            hint="for example: --as prompts.txt",
        )
    return name


def at_most_one(given: Mapping[str, str | None]) -> None:
    """Refuse more than one of a set of exclusive options.

    Raises:
        UsageError: two or more are given.
    """
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise UsageError(f"{' and '.join(names)} are mutually exclusive", hint="leave one out")


def need_ids(ids: list[str] | None) -> list[str]:
    """Return the ids that were given.

    Raises:
        UsageError: there are none.
    """
    if not ids:
        raise UsageError("no generation ID given", hint="wan list, then: wan status ID (or @last)")
    return ids


def need_one_id(ids: list[str] | None) -> str:
    """Return the id that was given.

    Raises:
        UsageError: there is no id, or more than one.
    """
    if not ids or len(ids) > 1:
        words = "no generation ID given" if not ids else "wan show takes one ID"
        raise UsageError(words, hint="wan show ID, or: wan show @last")
    return ids[0]


def need_ids_or_all(ids: list[str] | None, *, everything: bool) -> list[str]:
    """Return the given ids; an empty list means `--all`.

    Raises:
        UsageError: neither ids nor `--all` are given, or both are.
    """
    if everything and ids:
        raise UsageError("--all takes no ids", hint="wan fetch --all")
    if not everything and not ids:
        raise UsageError("no generation ID given", hint="wan fetch ID, or: wan fetch --all")
    return ids or []
