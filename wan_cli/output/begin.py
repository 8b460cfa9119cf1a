"""The output of one command, made from the flags that every command has."""

import os
from collections.abc import Mapping

from wan_cli.output import Output


def begin(
    *, json: bool = False, quiet: bool = False, verbose: bool = False, sandbox: bool | None = None
) -> Output:
    """Return the output of a command. With -v, or WAN_DEBUG=1, print the versions first."""
    if not (verbose or is_debugging(os.environ)):
        return Output(json=json, quiet=quiet, sandbox=sandbox)
    # Importing it takes 10 ms, and few commands are verbose.
    from wan_cli.output.verbose import Verbose

    printer = Verbose()
    printer.begin()
    return Output(json=json, quiet=quiet, sandbox=sandbox, verbose=printer)


def is_debugging(env: Mapping[str, str]) -> bool:
    """Whether WAN_DEBUG turns on -v."""
    return env.get("WAN_DEBUG", "").strip().lower() not in ("", "0", "false", "no", "off")
