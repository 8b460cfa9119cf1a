"""wan list: the local history."""

from typing import Annotated

import typer

from wan_cli.commands import options
from wan_cli.commands.manual import PageCommand

app = options.command_app()


@app.command("list", cls=PageCommand)
def command(
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            metavar="STATUS",
            help="List only saved, ready, generating, queued, failed or unknown generations.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            max=10**9,
            show_default=False,
            help="List at most N generations.  [default: 20]",
        ),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="List the whole history.")] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="WHEN",
            help="List only generations since WHEN: 30m, 12h, 7d, 2w, or 2026-08-21.",
        ),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(
            "--search", metavar="TEXT", help="List only generations whose prompt contains TEXT."
        ),
    ] = None,
    stats: Annotated[
        bool, typer.Option("--stats", help="Print credits and USD by day and model.")
    ] = False,
    sandbox: options.Sandbox = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """List the local history, newest first, and its total cost."""
    # Help and usage errors do not need these imports.
    from wan_cli.commands.actions import list_

    return list_(
        status=status,
        limit=limit,
        everything=all_,
        since=since,
        search=search,
        stats=stats,
        sandbox=sandbox,
        json=json,
        quiet=quiet,
        verbose=verbose,
    )
