"""Choose the command, and import it only when it runs."""

from collections.abc import Sequence

from wan_cli.commands.plain import action_of
from wan_cli.errors import UsageError
from wan_cli.help import COMMANDS
from wan_cli.text import one_line


def run(argv: Sequence[str]) -> int:
    """Run the command that the arguments name and return its exit code.

    Raises:
        UsageError: there is no such command, or its arguments are wrong.
        WanError: the command failed.
    """
    name, *args = argv
    if name not in COMMANDS:
        raise _no_such_command(name, args)
    action = action_of(name, args)
    if action:
        return action()
    # typer takes three times as long to import as the interpreter takes to start.
    from wan_cli.commands.parser import parsed

    return parsed(name, args)


def _no_such_command(name: str, args: Sequence[str]) -> UsageError:
    from wan_cli.nearest import command_for, repeated

    word = one_line(name, 40)
    if name.startswith("-"):
        command = next((arg for arg in args if arg in COMMANDS), "")
        return UsageError(
            f"no such option: {word}; put options after the command",
            hint=_moved(name, args, command) if command else "wan --help",
        )
    meant = command_for(name, COMMANDS)
    if meant is None:
        return UsageError(f"no such command: {word}", hint="wan --help")
    # Do not repeat the words after "login": they may be a key.
    rest = "" if " " in meant or meant.startswith("-") else repeated(args)
    return UsageError(f"no such command: {word}; did you mean {meant}?", hint=f"wan {meant}{rest}")


def _moved(name: str, args: Sequence[str], command: str) -> str:
    """Return the command line with the options behind the command, before any `--`."""
    from wan_cli.nearest import repeated

    place = args.index(command)
    words = [*args[place + 1 :]]
    end = words.index("--") if "--" in words else len(words)
    words[end:end] = [name, *args[:place]]
    return f"wan {command}{repeated(words) or ' --help'}"
