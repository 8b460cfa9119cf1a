"""wan list: the local history."""

from typing import Annotated

import typer

from wan_cli.commands import options
from wan_cli.commands.workspace import workspace
from wan_cli.listing import Listing, parse_search, parse_since, parse_status
from wan_cli.output import Output

app = options.command_app()


@app.command("list", epilog="Example: wan list --status completed --since 7d --search fox")
def command(
    status: Annotated[
        str | None, typer.Option("--status", metavar="STATUS", help="Only those of this status.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="At most so many.")
    ] = 20,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="30m, 12h, 7d, 2w, or a date: 2026-08-21."),
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", metavar="TEXT", help="Only prompts with TEXT.")
    ] = None,
    stats: Annotated[
        bool, typer.Option("--stats", help="Sum credits and USD by day and model.")
    ] = False,
    sandbox: options.Sandbox = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """List the local history, newest first, and what was spent."""
    out = Output(json=json, quiet=quiet, sandbox=sandbox)
    space = workspace(out, sandbox=sandbox)
    listing = Listing(parse_status(status), parse_since(since), parse_search(search), limit)
    with space.history(out) as history:
        if stats:
            return out.stats(history.spending(listing))
        return out.listing(history.newest(listing), lambda: history.total(listing))
