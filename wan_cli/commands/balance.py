"""wan balance: print the account's balance, and what its key may spend and has spent."""

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
    """Print the account's balance in USD, what the key may still spend, and what it has spent."""
    # Help does not need these imports.
    from wan_cli.commands.budgets import budgets_left
    from wan_cli.core.balance import standing
    from wan_cli.core.tools import CLOCK
    from wan_cli.output.balance import balance_json, balance_text

    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    space = workspace(out, sandbox=sandbox)
    with space.client() as client:
        found = standing(client, CLOCK.get().now())
        mark = " (sandbox)" if space.sandbox or client.is_sandbox else ""
    if found.why:
        out.note(f"what the key may spend and has spent is not complete: {found.why}")
    budgets = budgets_left(out, space, CLOCK.get().now())
    out.result(balance_json(found, budgets), balance_text(found, mark, budgets))
    return 0
