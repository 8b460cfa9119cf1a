"""wan models: the Wan models with live prices and what each accepts."""

from functools import partial

from wan_cli.commands import options
from wan_cli.commands.manual import PageCommand
from wan_cli.commands.workspace import workspace
from wan_cli.core.prices import offers
from wan_cli.output.begin import begin
from wan_cli.output.offers import offer_lines

app = options.command_app()


@app.command("models", cls=PageCommand)
def command(
    sandbox: options.Sandbox = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """List the Wan models, what a clip costs now, and what each accepts; no key is needed."""
    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    space = workspace(out, sandbox=sandbox)
    with space.client(with_key=False) as client:
        found = out.follow(offers(client, space.paths.cache_dir))
    out.table((offer.data for offer in found), partial(offer_lines, found))
    return 0
