"""Run a command with typer: accept ids that begin with a dash, explain mistakes in sentences."""

import re
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperOption
from typer.main import get_command

from wan_cli.commands.manual import Page, page_of
from wan_cli.errors import UsageError
from wan_cli.nearest import nearest, option_for
from wan_cli.text import one_line

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
    if name in _TAKE_IDS:
        args = shielded(args, flags | {"-h", "--help"}, valued, _is_known_id)
    before, after = around_dashes(args, valued)
    try:
        code = command.main(args=args, prog_name=f"wan {name}", standalone_mode=False, obj=after)
    except typer.TyperException as wrong:
        raise _wrong_usage(name, command, wrong, before) from None
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


def _wrong_usage(
    name: str, command: Any, wrong: typer.TyperException, args: Sequence[str]
) -> UsageError:
    """Return the parser's complaint, reworded if a prompt or a dash is the cause."""
    words = _complaint(name, command, wrong, args)
    if name != "generate":
        return UsageError(words, hint=f"wan {name} --help")
    # No option contains a space.
    prompt = next((arg for arg in args if arg.startswith("-") and " " in arg.partition("=")[0]), "")
    if prompt or "extra argument" in words:
        from wan_cli.prompt import LONG_DASHES, literal, refuse_dash, refuse_file

        if prompt:
            return UsageError(
                "put -- before a prompt that begins with a dash", hint=literal(prompt)
            )
        for arg in args:
            if arg.startswith(tuple(LONG_DASHES)):
                refuse_dash(arg)
            refuse_file(arg)
        return UsageError(
            "put quotes around a prompt of several words", hint='wan generate "a fox in the snow"'
        )
    return UsageError(words, hint=f"wan {name} --help")


def _complaint(name: str, command: Any, wrong: typer.TyperException, args: Sequence[str]) -> str:
    """Return the complaint, with the nearest option or command if there is one."""
    words = one_line(wrong.format_message()).rstrip(".")
    option = getattr(wrong, "option_name", None)
    inner = getattr(command, "commands", {})
    within = inner.get(args[0]) if inner and args else command
    if within is None:
        near = nearest(args[0], inner)
        return f"no such command: {name} {one_line(args[0], 40)}" + _meant(near)
    if option is None or not words.startswith("No such option"):
        return words
    known = [word for param in within.params for word in [*param.opts, *param.secondary_opts]]
    return f"no such option: {one_line(option, 40)}" + _meant(option_for(option, known))


def _meant(word: str | None) -> str:
    return f"; did you mean {word}?" if word else ""


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
