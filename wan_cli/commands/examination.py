"""The checks of wan doctor; a broken part skips the checks that depend on it."""

import os
from collections.abc import Iterator

from wan_cli.checkup import Check, Level, problem, warning
from wan_cli.commands.histories import missing_of_file
from wan_cli.commands.workspace import Workspace
from wan_cli.config.paths import paths
from wan_cli.core.doctor import (
    examine_api,
    examine_bucket,
    examine_config,
    examine_environment,
    examine_history,
    examine_shared,
)
from wan_cli.core.tools import CLOCK
from wan_cli.errors import WanError
from wan_cli.output import Output
from wan_cli.uri import Uri


def examine(out: Output, *, sandbox: bool | None) -> Iterator[Check]:
    """Yield a check for each thing that a command needs.

    Raises:
        SetupError: there is no place for configuration and history.
    """
    places = paths(os.environ)
    yield from examine_environment(os.environ)
    checks, settings = examine_config(places, os.environ, sandbox=sandbox)
    yield from checks
    if settings is None:
        yield _skipped("history, API, clock, balance", checks)
        return
    in_sandbox = settings.sandbox if sandbox is None else sandbox
    space = Workspace(places, settings, in_sandbox, out.trace)
    if space.address is None:
        yield from examine_history(space.history_file)
    else:
        yield from _shared(space, out)
    if isinstance(settings.output_dir, Uri):
        yield examine_bucket(settings.output_dir)
    if all(check.level is not Level.PROBLEM for check in checks):
        with space.client() as client:
            yield from examine_api(client, CLOCK.get().now())
    else:
        yield _skipped("API, clock, balance", checks)


def _shared(space: Workspace, out: Output) -> Iterator[Check]:
    """Check the database of the history, and whether this machine's file has more."""
    try:
        with space.history(out, keeps=False) as (journal, _is_written):
            yield from examine_shared(journal)
            missing = missing_of_file(space, journal)
    except WanError as error:
        # The error's own hint may be `wan doctor`, which is already running.
        hint = "wan config get history" if error.hint == "wan doctor" else error.hint
        yield problem("history", error)._replace(hint=hint)
        return
    if missing:
        yield warning("history file", missing[0], hint=missing[1])


def _skipped(names: str, checks: list[Check]) -> Check:
    """Say that a problem of the configuration or the key prevents other checks."""
    cause = next(check for check in checks if check.level is Level.PROBLEM)
    return warning(names, f"not checked; fix the {cause.name} first", hint=cause.hint)
