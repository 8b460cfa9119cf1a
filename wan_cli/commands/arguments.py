"""What arguments must be beyond what the parser sees: numbers above 0, one of two, some ids."""

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
    """Return a number of seconds or USD as it is given.

    Raises:
        UsageError: not a finite number above 0.
    """
    if value is not None and not (math.isfinite(value) and value > 0):
        raise UsageError(f"{flag} {value:g} is not a number above 0", hint=f"such as: {flag} 10")
    return value


def not_negative(flag: str, value: float | None) -> float | None:
    """Return an amount as it is given.

    Raises:
        UsageError: not a finite number, or below 0.
    """
    return value if value == 0 else positive(flag, value)


def request_fields(arguments: Mapping[str, Any]) -> dict[str, object]:
    """Return the fields of the API among the arguments of a command, but for the prompt.

    Raises:
        UsageError: --shot-type and its short forms contradict each other.
    """
    # The arguments are called as their flags are.
    names = {name: flag_of(name)[2:].replace("-", "_") for name in ("model", *FIELD_NAMES)}
    fields = {name: arguments[argument] or None for name, argument in names.items()}
    fields |= {name: arguments[name] for name in names if arguments.get(name) is False}
    multi, single = arguments["multi_shot"], arguments["single_shot"]
    fields["shot_type"] = one_shot_type(fields["shot_type"], multi=multi, single=single)
    return fields | _more_fields(arguments["field"])


def _more_fields(given: Sequence[str] | None) -> dict[str, object]:
    """Return the fields of `--field NAME=VALUE`.

    Raises:
        UsageError: it is not written so, or names a field twice.
    """
    found: dict[str, object] = {}
    for text in given or ():
        name, sign, value = text.partition("=")
        if not sign or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise UsageError(
                f"--field {one_line(text, 60)!r} is not NAME=VALUE", hint="such as: --field seed=7"
            )
        if name in found:
            raise UsageError(f"--field {name} was given twice", hint="leave one of them out")
        found[name] = value
    return found


def with_once(order: "Order", once: str | None, service: str) -> "Order":
    """Return an order with the key of `--once KEY`, if there is one.

    Raises:
        UsageError: it is no key.
    """
    if once is None:
        return order
    if once == AUTO:
        once = _key_of_task()
    if not is_once_key(once):
        raise UsageError(
            f"--once {one_line(once, 80)!r} is not a key of 1 to {ONCE_MAX_CHARS} printable"
            " characters",
            hint="such as: --once build-7",
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
        UsageError: no text of 1 to 200 printable characters.
    """
    if name is not None and not is_once_key(name):
        raise UsageError(
            f"--as {one_line(name, 80)!r} is not a name of 1 to {ONCE_MAX_CHARS} printable"
            " characters",
            hint="such as: --as prompts.txt",
        )
    return name


def one_of(given: Mapping[str, str | None]) -> None:
    """Let at most one of some options pass.

    Raises:
        UsageError: two of them.
    """
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise UsageError(f"{' and '.join(names)} exclude each other", hint="leave one of them out")


def need_ids(ids: list[str] | None) -> list[str]:
    """Return the ids that were given.

    Raises:
        UsageError: none.
    """
    if not ids:
        raise UsageError("which generation?", hint="wan list, then: wan status ID (or @last)")
    return ids


def need_one_id(ids: list[str] | None) -> str:
    """Return the id that was given.

    Raises:
        UsageError: none, or several.
    """
    if not ids or len(ids) > 1:
        words = "which generation?" if not ids else "one generation at a time"
        raise UsageError(words, hint="wan show ID, or: wan show @last")
    return ids[0]


def need_ids_or_all(ids: list[str] | None, *, everything: bool) -> list[str]:
    """Return the ids that were given, none where `--all` stands for them.

    Raises:
        UsageError: neither, or both.
    """
    if everything and ids:
        raise UsageError("--all takes no ids", hint="wan fetch --all")
    if not everything and not ids:
        raise UsageError("which generation?", hint="wan fetch ID, or: wan fetch --all")
    return ids or []
