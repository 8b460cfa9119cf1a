"""wan models: list the Wan models with live prices and options."""

from functools import partial
from typing import Annotated

import typer

from wan_cli.commands import options
from wan_cli.commands.arguments import at_most_one
from wan_cli.commands.manual import PageCommand
from wan_cli.commands.workspace import workspace
from wan_cli.core.live import described
from wan_cli.core.prices import offers, video_models
from wan_cli.output.begin import begin
from wan_cli.output.offers import listed_lines, offer_details, offer_lines

app = options.command_app()


@app.command("models", cls=PageCommand)
def command(
    model: Annotated[
        str | None,
        typer.Argument(metavar="MODEL", help="Describe this model: its fields and prices."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="List every video model of the catalogue.")
    ] = False,
    sandbox: options.Sandbox = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """List the Wan models with live prices and options; no key is needed."""
    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    at_most_one({"MODEL": model, "--all": "" if everything else None})
    space = workspace(out, sandbox=sandbox)
    with space.client(with_key=False) as client:
        folder = space.paths.cache_dir
        if everything:
            rows = video_models(client, folder)
            out.table((row.data for row in rows), partial(listed_lines, rows))
            return 0
        if model:
            one = described(client, folder, model)
            out.table([one.data], partial(offer_details, one))
            return 0
        found = out.follow(offers(client, folder))
    out.table((offer.data for offer in found), partial(offer_lines, found))
    return 0
