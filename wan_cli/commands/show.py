"""wan show: everything about one generation."""

from wan_cli.commands import options
from wan_cli.commands.manual import PageCommand

app = options.command_app()


@app.command("show", cls=PageCommand)
def command(
    ids: options.OneId = None,
    sandbox: options.Sandbox = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Show everything about one generation, and the exact command that repeats it."""
    # Help and usage errors do not need these imports.
    from wan_cli.commands.actions import show

    return show(ids, sandbox=sandbox, json=json, quiet=quiet, verbose=verbose)
