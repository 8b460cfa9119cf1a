"""wan balance: print the account's balance."""

from wan_cli.commands import options
from wan_cli.commands.manual import PageCommand
from wan_cli.commands.workspace import workspace
from wan_cli.output.begin import begin

app = options.command_app()


@app.command("balance", cls=PageCommand)
def command(
    sandbox: options.Sandbox = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Print the account's balance in USD."""
    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    space = workspace(out, sandbox=sandbox)
    with space.client() as client:
        balance, currency = client.balance()
        mark = " (sandbox)" if space.sandbox or client.is_sandbox else ""
    words = f"{balance:.2f} {currency}".strip() + mark
    out.result({"balance": balance, "currency": currency}, words)
    return 0
