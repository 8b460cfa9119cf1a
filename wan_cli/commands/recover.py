"""wan recover: resolve submissions whose outcome is unknown."""

from typing import Annotated

import typer

from wan_cli.commands import options
from wan_cli.commands.manual import PageCommand

app = options.command_app()


@app.command("recover", cls=PageCommand)
def command(
    ref: Annotated[
        str | None, typer.Argument(metavar="REF", help="Resolve only this submission (wan-…).")
    ] = None,
    adopt: Annotated[
        str | None,
        typer.Option(
            "--adopt",
            metavar="ID",
            help="Record that generation ID belongs to the submission, or is one of --orphans.",
        ),
    ] = None,
    forget_: Annotated[
        str | None,
        typer.Option(
            "--forget", metavar="REF", help="Record that the submission was not accepted."
        ),
    ] = None,
    settle_absent: Annotated[
        str | None,
        typer.Option(
            "--settle-absent",
            metavar="AGE",
            help="Give up what is older (such as 24h) and left no trace in the account.",
        ),
    ] = None,
    orphans: Annotated[
        bool,
        typer.Option(
            "--orphans", help="List paid generations of wan that the history does not have."
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Give up without asking; a script needs it.")
    ] = False,
    sandbox: options.Sandbox = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Search the account's log for submissions whose outcome is unknown; submit nothing."""
    from wan_cli.commands.recovery import recover_

    return recover_(
        ref,
        adopt=adopt,
        forget_ref=forget_,
        settle_absent_age=settle_absent,
        lists_orphans=orphans,
        yes=yes,
        sandbox=sandbox,
        json=json,
        quiet=quiet,
        verbose=verbose,
    )
