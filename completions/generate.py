"""Writes the shell completions from the commands themselves.

    python completions/generate.py     (`make completions`)

The scripts are static: a shell completes commands, flags, values and file names without starting
Python. Only for the ids of generations it calls `wan --complete-ids PREFIX`.
"""
# ruff: noqa: INP001  A script beside the files it writes.

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from typer.core import TyperOption
from typer.main import get_command

from wan_cli.commands.helping import SHELLS as SHELLS_OF_WAN
from wan_cli.config.setting import SETTINGS
from wan_cli.generation import Status
from wan_cli.help import COMMANDS, TOPICS
from wan_cli.listing import STATES
from wan_cli.models import MODELS

FOLDER = Path(__file__).parent
# The placeholders for values in the help, and the words that a shell offers for each.
FILES = "files"
TEXT = "text"
OFFERED: Mapping[str, tuple[str, ...] | str] = {
    "FILE": FILES,
    "FILE|DIR/|-": FILES,
    "FILE|URL": FILES,
    "DIR": FILES,
    "K/N|auto": ("auto",),
    "MODEL": tuple(MODELS),
    "STATUS": tuple(dict.fromkeys([*STATES, *map(str, Status)])),
}
IDS = "ids"
# Options whose value is the id of a generation or submission in the history. --adopt is not one.
OFFERED_FOR = {"--like": IDS, "--forget": IDS}
KEYS = tuple(SETTINGS)
ARGUMENTS: Mapping[str, tuple[str, ...] | str] = {
    "generate": TEXT,
    "status": IDS,
    "fetch": IDS,
    "show": IDS,
    "recover": IDS,
    "history copy": FILES,
    "batch": FILES,
    "models": tuple(MODELS),
    "config set": KEYS,
    "config get": KEYS,
    "config unset": KEYS,
    "completion": tuple(SHELLS_OF_WAN),
    "help": (*COMMANDS, *(topic for topic in TOPICS if topic not in COMMANDS)),
}


class Option(NamedTuple):
    """One option: its spellings, its help, and its value (None: it is a flag)."""

    words: tuple[str, ...]
    says: str
    value: tuple[str, ...] | str | None


class Command(NamedTuple):
    """One command, such as `config set`: its options and its arguments (None: no arguments)."""

    name: str
    says: str
    options: tuple[Option, ...]
    arguments: tuple[str, ...] | str | None


def commands() -> list[Command]:
    """Return all commands; a group is followed by its own commands."""
    found = []
    for name, says in COMMANDS.items():
        command: Any = get_command(import_module(f"wan_cli.commands.{name}").app)
        found.append(_command(name, says, command))
        for word, inner in getattr(command, "commands", {}).items():
            found.append(_command(f"{name} {word}", inner.help, inner))
    return found


def _command(name: str, says: str, command: Any) -> Command:
    options = [_option(param) for param in command.params if isinstance(param, TyperOption)]
    options.append(Option(("-h", "--help"), "Show the help", None))
    return Command(name, _sentence(says), tuple(options), ARGUMENTS.get(name))


def _option(param: TyperOption) -> Option:
    words = tuple(sorted([*param.opts, *param.secondary_opts], key=_plain_first))
    return Option(words, _sentence(param.help or ""), None if param.is_flag else _value(param))


def _plain_first(word: str) -> tuple[int, bool]:
    return (min(len(word), 3), word.startswith("--no-"))


def _value(param: TyperOption) -> tuple[str, ...] | str:
    metavar = str(param.metavar)
    known = OFFERED_FOR.get(str(param.opts[0])) or OFFERED.get(metavar)
    if known is not None:
        return known
    return tuple(metavar.split("|")) if "|" in metavar else TEXT


def _sentence(text: str) -> str:
    """Return a help text on one line, without its default and its full stop."""
    return " ".join(text.partition("  [")[0].split()).rstrip(".")


def _inner(table: list[Command], name: str) -> list[Command]:
    """Return the commands of a group, without the group's name."""
    return [
        command._replace(name=command.name.removeprefix(f"{name} "))
        for command in table
        if command.name.startswith(f"{name} ")
    ]


def _groups(table: list[Command]) -> list[str]:
    return [command.name for command in table if _inner(table, command.name)]


def _all_words(command: Command) -> str:
    return " ".join(word for option in command.options for word in option.words)


def _single(text: str) -> str:
    """Return a text in single quotes for bash, zsh and fish."""
    return "'" + text.replace("'", "’") + "'"


def bash(table: list[Command]) -> str:
    """Return wan.bash."""
    flags, values, arguments = [], [], []
    for command in table:
        flags.append(f"    {_single(command.name)}) flags={_single(_all_words(command))} ;;")
        for option in command.options:
            if option.value is not None:
                names = "|".join(f"{_single(command.name + ' ' + word)}" for word in option.words)
                values.append(f"    {names}) {_bash_value(option.value)} ;;")
        if command.arguments is not None:
            arguments.append(f"    {_single(command.name)}) {_bash_value(command.arguments)} ;;")
    for name in _groups(table):
        words = " ".join(inner.name for inner in _inner(table, name))
        arguments.append(f"    {_single(name)}) _wan_words {_single(words)} ;;")
    return _filled(
        "wan.bash",
        top=" ".join([*COMMANDS, "-h", "--help", "-V", "--version"]),
        groups="|".join(_groups(table)),
        flags="\n".join(flags),
        values="\n".join(values),
        arguments="\n".join(arguments),
    )


def _bash_value(value: tuple[str, ...] | str) -> str:
    if value in (FILES, IDS):
        return f"_wan_{value}"
    return f"_wan_words {_single(' '.join(value))}" if isinstance(value, tuple) else ":"


# Change words and CURRENT in place: zsh restores them at the end of a function.
ZSH_GROUP = """\
    {name})
      if (( CURRENT == 2 )); then
        commands=({listed})
        _describe -t commands command commands
        return
      fi
      shift words
      (( CURRENT-- ))
      case "$words[1]" in
{within}
      esac
      ;;"""


def zsh(table: list[Command]) -> str:
    """Return _wan."""
    cases = [
        _zsh_case(command, "    ")
        for command in table
        if " " not in command.name and not _inner(table, command.name)
    ]
    inner = {name: _inner(table, name) for name in _groups(table)}
    for name, found in inner.items():
        listed = " ".join(_zsh_described(one) for one in found)
        within = "\n".join(_zsh_case(one, "        ") for one in found)
        cases.append(ZSH_GROUP.format(name=name, listed=listed, within=within))
    return _filled(
        "_wan",
        commands="\n".join(
            f"    {_zsh_described(command)}" for command in table if " " not in command.name
        ),
        cases="\n".join(cases),
    )


def _zsh_described(command: Command) -> str:
    return _single(f"{command.name}:{_no_colon(command.says)}")


def _no_colon(text: str) -> str:
    """Escape the colons of a text, for places where zsh gives a colon a meaning."""
    return text.replace(":", "\\:")


def _zsh_case(command: Command, indent: str) -> str:
    specs = [_zsh_spec(option) for option in command.options]
    if command.arguments == IDS:
        specs.append("'*:id:_wan_ids'")
    elif isinstance(command.arguments, tuple):
        specs.append(f"'1:word:({' '.join(command.arguments)})'")
    elif command.arguments == FILES:
        specs.append("'1:file:_files'")
    elif command.arguments == TEXT:
        specs.append("'1:text: '")
    body = f" \\\n{indent}    ".join(["_arguments -s", *specs])
    return f"{indent}{command.name})\n{indent}  {body}\n{indent}  ;;"


def _zsh_spec(option: Option) -> str:
    says = _no_colon(option.says.replace("[", "(").replace("]", ")"))
    told = f"[{says}]"
    if option.value == FILES:
        told += ":file:_files"
    elif option.value == IDS:
        told += ":id:_wan_ids"
    elif isinstance(option.value, tuple):
        told += f":value:({_no_colon(' '.join(option.value))})"
    elif option.value is not None:
        told += ":value: "
    if len(option.words) == 1:
        return _single(option.words[0] + told)
    excluded = " ".join(option.words)
    return f"'({excluded})'{{{','.join(option.words)}}}{_single(told)}"


def fish(table: list[Command]) -> str:
    """Return wan.fish."""
    lines = [
        f"complete -c wan -n __wan_none -a {command.name} -d {_single(command.says)}"
        for command in table
        if " " not in command.name
    ]
    for name in _groups(table):
        lines += [
            f"complete -c wan -n '__wan_only {name}' -a {inner.name} -d {_single(inner.says)}"
            for inner in _inner(table, name)
        ]
    for command in table:
        when = f"complete -c wan -n '__wan_in {command.name}'"
        lines += [f"{when} {_fish_option(option)}" for option in command.options]
        if command.arguments == IDS:
            lines.append(f"{when} -k -a '(__wan_ids)'")
        elif isinstance(command.arguments, tuple):
            lines.append(f"{when} -a {_single(' '.join(command.arguments))}")
        elif command.arguments == FILES:
            lines.append(f"{when} -F")
    return _filled("wan.fish", lines="\n".join(lines))


def _fish_option(option: Option) -> str:
    words = [
        f"-l {word[2:]}" if word.startswith("--") else f"-s {word[1:]}" for word in option.words
    ]
    parts = [*words, "-d", _single(option.says)]
    if option.value == FILES:
        parts.append("-rF")
    elif option.value == IDS:
        parts += ["-x", "-k", "-a", "'(__wan_ids)'"]
    elif isinstance(option.value, tuple):
        parts += ["-x", "-a", _single(" ".join(option.value))]
    elif option.value is not None:
        parts.append("-x")
    return " ".join(parts)


def powershell(table: list[Command]) -> str:
    """Return wan.ps1."""
    lines = []
    for command in table:
        flags = ", ".join(_single(word) for option in command.options for word in option.words)
        lines.append(f"    {_single(command.name)} = @({flags})")
    values = [
        f"    {_single(command.name + ' ' + word)} = @({', '.join(map(_single, option.value))})"
        for command in table
        for option in command.options
        for word in option.words
        if isinstance(option.value, tuple)
    ]
    words = {name: [one.name for one in _inner(table, name)] for name in _groups(table)}
    words |= {one.name: [*one.arguments] for one in table if isinstance(one.arguments, tuple)}
    return _filled(
        "wan.ps1",
        top=", ".join(map(_single, COMMANDS)),
        groups=", ".join(map(_single, _groups(table))),
        flags="\n".join(lines),
        values="\n".join(values),
        words="\n".join(
            f"    {_single(name)} = @({', '.join(map(_single, found))})"
            for name, found in words.items()
        ),
        ids=", ".join(_single(one.name) for one in table if one.arguments == IDS),
        likes=", ".join(
            _single(f"{one.name} {word}")
            for one in table
            for option in one.options
            for word in option.words
            if option.value == IDS
        ),
    )


def _filled(name: str, **parts: str) -> str:
    """Return a template with its `@PART@` lines replaced."""
    text = (FOLDER / "templates" / name).read_text("utf-8")
    for part, content in parts.items():
        text = text.replace(f"@{part}@", content)
    return text


SHELLS: Mapping[str, Callable[[list[Command]], str]] = {
    "wan.bash": bash,
    "_wan": zsh,
    "wan.fish": fish,
    "wan.ps1": powershell,
}


def main() -> None:
    """Write all completion scripts."""
    table = commands()
    for name, written in SHELLS.items():
        (FOLDER / name).write_text(written(table), "utf-8")


if __name__ == "__main__":
    main()
