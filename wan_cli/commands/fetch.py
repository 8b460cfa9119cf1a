"""wan fetch: wait for generations and download their videos."""

from typing import Annotated

import typer

from wan_cli.commands import options
from wan_cli.commands.manual import PageCommand

app = options.command_app()


@app.command("fetch", cls=PageCommand)
def command(
    ids: options.Ids = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Fetch everything in the history that is not on disk yet.")
    ] = False,
    wait: options.Wait = None,
    timeout: options.Timeout = None,
    poll_interval: options.PollInterval = None,
    output: options.Destination = None,
    downloads: options.Downloads = 4,
    force: options.Force = False,
    sandbox: options.Sandbox = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Wait for generations and download their videos; print the files' paths."""
    # Help and usage errors do not need these imports, which would double their time.
    from wan_cli.commands.fetching import fetch

    return fetch(
        ids,
        everything=all_,
        wait=wait,
        timeout=timeout,
        poll_interval=poll_interval,
        output=output,
        downloads=downloads,
        force=force,
        sandbox=sandbox,
        json=json,
        quiet=quiet,
        verbose=verbose,
    )
