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
            "--adopt", metavar="ID", help="Record that generation ID belongs to the submission."
        ),
    ] = None,
    forget_: Annotated[
        str | None,
        typer.Option(
            "--forget", metavar="REF", help="Record that the submission was not accepted."
        ),
    ] = None,
    sandbox: options.Sandbox = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Search the account's log for submissions whose outcome is unknown; submit nothing."""
    # Help and wrong usage do without what talks to the API: it would double their time.
    from wan_cli.commands.arguments import one_of
    from wan_cli.commands.workspace import workspace
    from wan_cli.core.recover import adopt_id, forget, recover
    from wan_cli.output.begin import begin
    from wan_cli.output.faces import state_line

    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    one_of({"--adopt": adopt, "--forget": forget_})
    space = workspace(out, sandbox=sandbox)
    with space.tools(out) as tools:
        if adopt is not None:
            story = adopt_id(tools, adopt, ref)
        elif forget_ is not None:
            story = forget(tools, forget_)
        else:
            story = recover(tools, ref)
        return out.outcomes(out.follow(story), state_line, shown={0, 9})
