"""Run `wan recover`; help and usage errors do not import this module."""

from collections.abc import Sequence

from wan_cli.commands.arguments import at_most_one
from wan_cli.commands.workspace import Workspace, workspace
from wan_cli.core.absent import check_age, find_absent, settle_absent
from wan_cli.core.orphans import orphans
from wan_cli.core.prices import UNLIMITED_SECONDS, ask_prices
from wan_cli.core.recover import adopt_id, forget, recover
from wan_cli.core.tools import Tools
from wan_cli.errors import UsageError
from wan_cli.identity import service_of
from wan_cli.models import GenerationRequest
from wan_cli.numbers import parse_duration
from wan_cli.output import Output
from wan_cli.output.absent import absent_lines
from wan_cli.output.begin import begin
from wan_cli.output.faces import state_line
from wan_cli.output.question import can_ask, confirm
from wan_cli.placement import parse_destination
from wan_cli.prices import Price
from wan_cli.record import Outcome, Record


def recover_(
    ref: str | None,
    *,
    adopt: str | None,
    forget_ref: str | None,
    settle_absent_age: str | None,
    lists_orphans: bool,
    yes: bool,
    sandbox: bool | None,
    json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Resolve submissions whose outcome is unknown; return the exit code."""
    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    _check_together(ref, adopt, forget_ref, settle_absent_age, lists_orphans=lists_orphans, yes=yes)
    older_s = parse_duration("--settle-absent", settle_absent_age)
    if older_s is not None:
        check_age(older_s)
    space = workspace(out, sandbox=sandbox)
    with space.tools(out) as tools:
        if lists_orphans and adopt is None:
            return _list_orphans(out, tools)
        if older_s is not None:
            outcomes = _settle_absent(out, space, tools, older_s, ref, yes=yes)
            return out.outcomes(outcomes, state_line, shown={0, 9})
        if adopt is not None:
            folder = parse_destination(None, space.output_dir, space.settings.name_template)
            events = adopt_id(tools, adopt, ref, folder, is_orphan=lists_orphans)
        elif forget_ref is not None:
            events = forget(tools, forget_ref)
        else:
            events = recover(tools, ref)
        return out.outcomes(out.follow(events), state_line, shown={0, 9})


def _check_together(
    ref: str | None,
    adopt: str | None,
    forget_ref: str | None,
    settle_absent_age: str | None,
    *,
    lists_orphans: bool,
    yes: bool,
) -> None:
    """Check that the arguments fit together.

    Raises:
        UsageError: they do not.
    """
    at_most_one(
        {
            "--adopt": adopt,
            "--forget": forget_ref,
            "--settle-absent": settle_absent_age,
            "--orphans": "" if lists_orphans and adopt is None else None,
        }
    )
    at_most_one({"--orphans": "" if lists_orphans else None, "REF": ref})
    if yes and settle_absent_age is None:
        raise UsageError(
            "--yes needs --settle-absent", hint="wan recover --settle-absent 24h --yes"
        )


def _settle_absent(
    out: Output, space: Workspace, tools: Tools, older_s: float, ref: str | None, *, yes: bool
) -> list[Outcome]:
    """List the submissions without a trace, and give them up on the user's word.

    Raises:
        UsageError: the user does not agree, or cannot be asked.
    """
    service = service_of(space.settings.base_url, sandbox=space.sandbox)
    found = out.follow(find_absent(tools, older_s, ref, service))
    if not found.records:
        out.note("no submission of that age is without a trace")
        return list(found.others)
    prices = _prices(space, tools, found.records)
    lines = absent_lines(found.records, prices, tools.clock.now())
    if not yes and not can_ask():
        raise UsageError(
            "they are given up only on your word; nothing was changed",
            hint="run the same command with --yes",
        ).with_details(tuple(lines))
    out.note(*lines)
    if not yes:
        confirm("give them up?", unless="not confirmed; nothing was changed")
    return settle_absent(tools, found)


def _prices(space: Workspace, tools: Tools, records: Sequence[Record]) -> list[Price]:
    """Return the price that each submission was made for, else its price of today."""
    return [
        _price(space, tools, record) if record.price_usd is None else Price(record.price_usd)
        for record in records
    ]


def _price(space: Workspace, tools: Tools, record: Record) -> Price:
    try:
        request = GenerationRequest.parse(record.request)
    except UsageError as failure:
        return Price(None, failure.message)
    return ask_prices(tools.client, space.paths.cache_dir, [request], seconds=UNLIMITED_SECONDS)[0]


def _list_orphans(out: Output, tools: Tools) -> int:
    """Print the generations that the history does not have; return the exit code."""
    found, failure = out.follow(orphans(tools))
    out.results((each.data, each.line) for each in found)
    if failure is not None:
        words = f"the account's log could not be read to its end: {failure.message}"
        raise failure.with_message(words)
    if found:
        words = f"the history does not have these; to save a video: wan fetch {found[0].id}"
        out.note(f"{words}; to add it only: wan recover --orphans --adopt {found[0].id}")
    else:
        out.note("the history has all generations of wan in the account's log")
    return 0
