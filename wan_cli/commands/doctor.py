"""wan doctor: check the set-up, one line for each check."""

from wan_cli.commands import options
from wan_cli.commands.manual import PageCommand

app = options.command_app()


@app.command("doctor", cls=PageCommand)
def command(
    sandbox: options.Sandbox = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Check the key, the files, the API, the clock and the balance; say what to type next."""
    # Help does not need these imports.
    from wan_cli.commands.examination import examine
    from wan_cli.output.begin import begin

    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    return out.checks(examine(out, sandbox=sandbox))
