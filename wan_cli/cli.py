"""The commands: which one is meant, imported only when it runs."""

from collections.abc import Sequence

from wan_cli.commands.plain import understood
from wan_cli.errors import UsageError
from wan_cli.help import COMMANDS
from wan_cli.text import one_line


def run(argv: Sequence[str]) -> int:
    """Run the command that the arguments name and return its exit code.

    Raises:
        UsageError: no such command, or its arguments are wrong.
        WanError: what the command raises.
    """
    name, *args = argv
    if name not in COMMANDS:
        raise _no_such_command(name)
    action = understood(name, args)
    if action:
        return action()
    # typer takes three times as long to import as the interpreter takes to start.
    from wan_cli.commands.parser import parsed

    return parsed(name, args)


def _no_such_command(name: str) -> UsageError:
    word = one_line(name, 40)
    if name.startswith("-"):
        return UsageError(
            f"no such option: {word}; options stand after the command", hint="wan --help"
        )
    # 1 ms, for those alone who mistype.
    import difflib

    near = difflib.get_close_matches(name, COMMANDS, n=1)
    return UsageError(f"no such command: {word}", hint=f"wan {near[0]}" if near else "wan --help")
