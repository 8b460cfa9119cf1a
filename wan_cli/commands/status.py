"""wan status: the state of generations."""

from typing import Annotated

import typer

from wan_cli.commands import options
from wan_cli.commands.manual import PageCommand

app = options.command_app()


@app.command("status", cls=PageCommand)
def command(
    ids: options.Ids = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Follow the generations to their end, without downloading."),
    ] = False,
    timeout: options.Timeout = None,
    poll_interval: options.PollInterval = None,
    sandbox: options.Sandbox = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Print the state of generations; exit 0 if completed, 8 if not finished, 9 if failed."""
    # Help and usage errors do not need these imports, which would double their time.
    from wan_cli.commands.polling import status_

    return status_(
        ids,
        watch=watch,
        timeout=timeout,
        poll_interval=poll_interval,
        sandbox=sandbox,
        json=json,
        quiet=quiet,
        verbose=verbose,
    )
