"""Run a command with typer: accept ids that begin with a dash."""

import re
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperOption
from typer.main import get_command

from wan_cli.commands.manual import Page, page_of

# An id of the server: 21 characters, the first of which may be a dash.
_ID = re.compile(r"-[A-Za-z0-9_-]{20}")
_PREFIX_MIN_CHARS = 6
_TAKE_IDS = frozenset({"fetch", "show", "status"})


def parsed(name: str, args: Sequence[str]) -> int:
    """Run a command with its arguments and return its exit code.

    Raises:
        UsageError: the arguments are wrong.
        WanError: the command failed.
    """
    command = _command_of(name)
    options = [option for option in command.params if isinstance(option, TyperOption)]
    flags = {word for option in options if option.is_flag for word in _words(option)}
    valued = {word for option in options for word in _words(option)} - flags
    safe = args
    if name in _TAKE_IDS:
        safe = shielded(args, flags | {"-h", "--help"}, valued, _is_known_id)
    before, after = around_dashes(safe, valued)
    try:
        code = command.main(args=safe, prog_name=f"wan {name}", standalone_mode=False, obj=after)
    except typer.TyperException as wrong:
        # Only a mistake needs the explanations.
        from wan_cli.commands.mistakes import wrong_usage

        raise wrong_usage(name, command, wrong, args, before) from None
    return code if isinstance(code, int) else 0


def page_named(name: str) -> Page | None:
    """Return the help of a command or of a subcommand ("config set"); None if it does not exist."""
    first, _space, second = name.partition(" ")
    command = _command_of(first)
    if second:
        command = getattr(command, "commands", {}).get(second)
    return None if command is None else page_of(name, command)


def _command_of(name: str) -> Any:
    return get_command(import_module(f"wan_cli.commands.{name}").app)


def around_dashes(args: Sequence[str], valued: set[str]) -> tuple[list[str], list[str]]:
    """Return the words before `--`, without the values of options, and those after it.

    The parser takes words after `--` literally.
    """
    before: list[str] = []
    rest = iter(args)
    for arg in rest:
        if arg == "--":
            break
        before.append(arg)
        if arg in valued:
            _next(rest)
    return before, list(rest)


def _words(option: TyperOption) -> list[str]:
    return [*option.opts, *option.secondary_opts]


def shielded(
    args: Sequence[str], flags: set[str], valued: set[str], is_known: Callable[[str], bool]
) -> list[str]:
    """Move all ids after `--`, so that the parser does not read `-G3b3…` as options.

    Args:
        args: as the user typed them.
        flags: the options without a value.
        valued: the options whose value is the next argument.
        is_known: tells whether the history has an id that begins with a word.
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
    # Search the history only for a word that may be an id or options: help must stay fast.
    from wan_cli.commands.words import is_known_id

    return is_known_id(word)


def _is_id(arg: str, is_known: Callable[[str], bool]) -> bool:
    return bool(_ID.fullmatch(arg)) or (len(arg) >= _PREFIX_MIN_CHARS and is_known(arg))
