"""wan history: where the history is; migrate its tables, or copy it."""

from typing import Annotated

import typer

from wan_cli.commands import options
from wan_cli.commands.manual import PageCommand, PageGroup

app = typer.Typer(
    cls=PageGroup,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

From = Annotated[
    str | None,
    typer.Argument(
        metavar="FROM", help="A history: a file, postgresql://USER@HOST/DATABASE, or default."
    ),
]
To = Annotated[
    str | None,
    typer.Argument(metavar="TO", help="The same; without it, the configured history (default)."),
]


@app.callback(invoke_without_command=True)
def command(
    ctx: typer.Context,
    sandbox: options.Sandbox = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Print where the history is, what it holds, and whether it can be written."""
    if ctx.invoked_subcommand is not None:
        return 0
    # Help does not need these imports.
    from wan_cli.commands.histories import where

    return where(sandbox=sandbox, json=json, quiet=quiet, verbose=verbose)


@app.command(cls=PageCommand)
def migrate(
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Create the tables of the database, or bring them to this version of wan."""
    from wan_cli.commands.histories import migrate_

    return migrate_(json=json, quiet=quiet, verbose=verbose)


@app.command(cls=PageCommand)
def copy(
    source: From = None,
    target: To = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Copy the generations of one history into another; what is there already stays as it is."""
    from wan_cli.commands.histories import copy_

    return copy_(source, target, json=json, quiet=quiet, verbose=verbose)
