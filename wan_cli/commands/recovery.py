"""Run `wan recover`; help and usage errors do not import this module."""

from wan_cli.commands.arguments import at_most_one
from wan_cli.commands.workspace import workspace
from wan_cli.core.recover import adopt_id, forget, recover
from wan_cli.output.begin import begin
from wan_cli.output.faces import state_line


def recover_(
    ref: str | None,
    *,
    adopt: str | None,
    forget_ref: str | None,
    sandbox: bool | None,
    json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Resolve submissions whose outcome is unknown; return the exit code."""
    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    at_most_one({"--adopt": adopt, "--forget": forget_ref})
    space = workspace(out, sandbox=sandbox)
    with space.tools(out) as tools:
        if adopt is not None:
            events = adopt_id(tools, adopt, ref)
        elif forget_ref is not None:
            events = forget(tools, forget_ref)
        else:
            events = recover(tools, ref)
        return out.outcomes(out.follow(events), state_line, shown={0, 9})
