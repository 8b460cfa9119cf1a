"""Running a command by typer: ids that begin with a dash are kept, mistakes become sentences."""

import re
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module

import typer
from typer.core import TyperOption
from typer.main import get_command

from wan_cli.errors import UsageError
from wan_cli.text import one_line

# An id of the server: 21 characters, the first of which may be a dash.
_ID = re.compile(r"-[A-Za-z0-9_-]{20}")
_PREFIX_MIN_CHARS = 6
_TAKE_IDS = frozenset({"status", "fetch"})


def parsed(name: str, args: Sequence[str]) -> int:
    """Run a command with its arguments and return its exit code.

    Raises:
        UsageError: its arguments are wrong.
        WanError: what the command raises.
    """
    command = get_command(import_module(f"wan_cli.commands.{name}").app)
    if name in _TAKE_IDS:
        options = [option for option in command.params if isinstance(option, TyperOption)]
        flags = {word for option in options if option.is_flag for word in _words(option)}
        valued = {word for option in options for word in _words(option)} - flags
        args = shielded(args, flags | {"-h", "--help"}, valued, _is_known_id)
    try:
        code = command.main(args=args, prog_name=f"wan {name}", standalone_mode=False)
    except typer.TyperException as wrong:
        raise _wrong_usage(name, one_line(wrong.format_message()).rstrip(".")) from None
    return code if isinstance(code, int) else 0


def _wrong_usage(name: str, words: str) -> UsageError:
    if name == "generate" and "extra argument" in words:
        return UsageError(
            "a prompt of several words stands between quotes",
            hint='wan generate "a fox in the snow"',
        )
    return UsageError(words, hint=f"wan {name} --help")


def _words(option: TyperOption) -> list[str]:
    return [*option.opts, *option.secondary_opts]


def shielded(
    args: Sequence[str], flags: set[str], valued: set[str], is_known: Callable[[str], bool]
) -> list[str]:
    """Return the arguments with all ids after `--`, where no parser takes `-G3b3…` for options.

    Args:
        args: as they were typed.
        flags: the options without a value.
        valued: the options whose value is the next argument.
        is_known: whether the history knows an id, or the beginning of one.
    """
    options: list[str] = []
    ids: list[str] = []
    rest = iter(args)
    for arg in rest:
        if arg == "--":
            ids.extend(rest)
        elif arg in valued:
            options.extend([arg, *_next(rest)])
        elif not arg.startswith("-") or (arg not in flags and _is_id(arg, is_known)):
            ids.append(arg)
        else:
            options.append(arg)
    return [*options, "--", *ids] if ids else options


def _next(rest: Iterator[str]) -> list[str]:
    value = next(rest, None)
    return [] if value is None else [value]


def _is_known_id(word: str) -> bool:
    # The history is asked only for a word that may be an id or options: else help would wait.
    from wan_cli.commands.workspace import is_known_id

    return is_known_id(word)


def _is_id(arg: str, is_known: Callable[[str], bool]) -> bool:
    return bool(_ID.fullmatch(arg)) or (len(arg) >= _PREFIX_MIN_CHARS and is_known(arg))
