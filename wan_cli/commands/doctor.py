"""wan doctor: what works here and what does not, a line each."""

from wan_cli.commands import options
from wan_cli.commands.workspace import examine
from wan_cli.output import Output

app = options.command_app()


@app.command("doctor", epilog="Example: wan doctor && wan fetch --all")
def command(
    sandbox: options.Sandbox = None, json: options.Json = False, quiet: options.Quiet = False
) -> int:
    """Check the key, the files, the API, the clock and the balance; say what to type next."""
    out = Output(json=json, quiet=quiet, sandbox=sandbox)
    return out.checks(examine(sandbox=sandbox))
