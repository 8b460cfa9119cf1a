"""wan completion: the completion script of a shell."""

from typing import Annotated

import typer

from wan_cli.commands import options
from wan_cli.commands.manual import PageCommand

app = options.command_app()


@app.command("completion", cls=PageCommand)
def command(
    shell: Annotated[
        list[str] | None, typer.Argument(metavar="SHELL", help="bash, zsh, fish or powershell.")
    ] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.LocalVerbose = False,
) -> int:
    """Print the completion script of a shell; on a terminal, say how to install it."""
    from wan_cli.commands.helping import completion

    return completion(shell, json=json, quiet=quiet, verbose=verbose)
