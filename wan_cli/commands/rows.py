"""Run `wan batch`: read the rows of a file, compare them with the history, and submit them."""

import os
from collections.abc import Mapping
from typing import Any

from wan_cli.batchfile.row import Reading
from wan_cli.batchfile.shard import parse_shard
from wan_cli.commands import paying
from wan_cli.commands.arguments import name_of
from wan_cli.commands.paying import check_prices
from wan_cli.commands.requests import defaults, schemas
from wan_cli.commands.workspace import Workspace
from wan_cli.core import plan as core
from wan_cli.core.batch import Batch
from wan_cli.core.budget import Budget
from wan_cli.core.plan import Plan
from wan_cli.core.survey import Survey, survey
from wan_cli.models.attachment import attaching
from wan_cli.output import Output
from wan_cli.output.faces import path_or_id
from wan_cli.output.results import Results
from wan_cli.output.summary import print_all
from wan_cli.placement import parse_folder


def load(out: Output, space: Workspace, arguments: Mapping[str, Any]) -> Plan:
    """Return the rows of a batch file, read with the arguments of the command.

    Raises:
        UsageError: the file has no prompts, or has rows that cannot be submitted.
    """
    file, settings, folder = arguments["file"], space.settings, arguments["output_dir"]
    # Paths of pictures are relative to the file.
    attach = attaching(file.parent, shrink=arguments["shrink"])
    name = name_of(arguments["as_"])
    plan = core.load(
        file,
        arguments["format_"],
        parse_shard(arguments["shard"], os.environ),
        batch=core.batch_name(file, name, settings.base_url, sandbox=space.sandbox),
        reading=Reading(defaults(out, space, arguments), attach, schemas(space, arguments)),
        folder=space.output_dir if folder is None else parse_folder(folder),
        name_template=settings.name_template,
    )
    out.note(*plan.notes)
    return plan


def dry_run(
    out: Output,
    space: Workspace,
    plan: Plan,
    budget: Budget,
    timeout: str | None,
    *,
    retry_failed: bool,
) -> int:
    """Print the requests that would be submitted, and their prices; return the exit code."""
    with space.journal(out) as journal:
        found = survey(journal, plan, retry_failed=retry_failed)
    budget.add(found.paid_usd)
    return paying.dry_run(space, out, budget, timeout, found.requests, found.at_unknown_cost)


def run(out: Output, space: Workspace, batch: Batch, *, yes: bool) -> int:
    """Submit the rows that are not submitted yet, wait and download; return the exit code."""
    found = _agreed(out, space, batch, yes=yes)
    entries = batch.plan.entries
    results = Results(
        batch.tools.clock.monotonic,
        total=len(entries),
        names={entry.row.number: entry.row.label for entry in entries},
        prompts={
            entry.row.number: entry.row.request.prompt
            for entry in entries
            if not entry.row.has_name
        },
        is_batch=True,
        in_sandbox=space.sandbox,
    )
    return print_all(out, batch.run(found), path_or_id, results)


def _agreed(out: Output, space: Workspace, batch: Batch, *, yes: bool) -> Survey:
    """Return the work to do, after the user agreed to its prices; raise as `Batch.agree`."""
    tools, terms = batch.tools, batch.terms
    found = out.follow(batch.agree())
    prices = check_prices(
        space,
        out,
        tools.client,
        terms.budget,
        terms.timing.left(tools.clock),
        found.requests,
        found.at_unknown_cost,
        needs_consent=not yes,
    )
    return found.priced(prices)
