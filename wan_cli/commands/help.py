"""wan help: show the help of a command or a topic."""

from typing import Annotated

import typer

from wan_cli.commands import options
from wan_cli.commands.manual import PageCommand

app = options.command_app()


@app.command("help", cls=PageCommand)
def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND|TOPIC",
            help="A command (generate, config set), or exit-codes, environment, config, names,"
            " money, machines.",
        ),
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.LocalVerbose = False,
) -> int:
    """Show the help of a command or a topic; without a name, the overview."""
    from wan_cli.commands.helping import help_

    return help_(words, json=json, quiet=quiet, verbose=verbose)
