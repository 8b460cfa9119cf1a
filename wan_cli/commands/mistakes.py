"""Explain command lines that the parser refuses: in sentences, with the next command to type."""

import re
from collections.abc import Sequence
from typing import Any

from typer import BadParameter, TyperException

from wan_cli.commands.manual import metavar_of
from wan_cli.errors import UsageError
from wan_cli.examples import EXAMPLES
from wan_cli.nearest import nearest, option_for, renamed, repeated
from wan_cli.prompt import LONG_DASHES, literal, refuse_dash, refuse_file
from wan_cli.text import one_line

# The examples of options for which 2 is an odd number.
_EXAMPLE_NUMBERS = {"--port": 8900, "--limit": 20}
_EXAMPLE_NUMBER = 2


def wrong_usage(
    name: str, command: Any, wrong: TyperException, args: Sequence[str], before: Sequence[str]
) -> UsageError:
    """Return the parser's complaint in the words of wan.

    Args:
        name: the command.
        command: its parser, of a type that typer does not declare.
        wrong: what the parser complains about.
        args: the arguments as they were typed.
        before: those before `--`, without the values of options.

    Raises:
        UsageError: the prompt begins with a long dash, or names a file.
    """
    if name == "generate":
        # No option contains a space.
        dashed = (arg for arg in before if arg.startswith("-") and " " in arg.partition("=")[0])
        prompt = next(dashed, "")
        if prompt:
            words = "put -- before a prompt that begins with a dash"
            return UsageError(words, hint=literal(prompt))
    inner = getattr(command, "commands", {})
    if inner and before and before[0] not in inner:
        near = nearest(before[0], inner)
        words = f"no such command: {name} {one_line(before[0], 40)}{_meant(near)}"
        return UsageError(words, hint=f"wan {name} {near or '--help'}")
    if inner and before:
        command, name = inner[before[0]], f"{name} {before[0]}"
    explained = _option(name, command, wrong, args) or _value(name, wrong)
    return explained or _words(name, wrong, before)


def _option(
    name: str, command: Any, wrong: TyperException, args: Sequence[str]
) -> UsageError | None:
    """Explain an option that does not exist, or that has a value too many or too few."""
    option = getattr(wrong, "option_name", None)
    if option is None:
        return None
    # The arguments follow the first word of "config set".
    first, hint = name.partition(" ")[0], f"wan {name} --help"
    if wrong.format_message().startswith("No such option"):
        params = command.params
        known = [word for one in params for word in [*one.opts, *one.secondary_opts]]
        near = option_for(option, known)
        right = repeated(renamed(args, option, near)) if near and near in known else ""
        words = f"no such option: {one_line(option, 40)}{_meant(near)}"
        return UsageError(words, hint=f"wan {first}{right}" if right else hint)
    param = next((one for one in command.params if option in one.opts), None)
    if param is None or param.is_flag:
        right = repeated([option if arg.startswith(f"{option}=") else arg for arg in args])
        words = f"{one_line(option, 40)} takes no value"
        return UsageError(words, hint=f"wan {first}{right}" if right else hint)
    return UsageError(f"{option} needs a value: {metavar_of(param)}", hint=hint)


def _value(name: str, wrong: TyperException) -> UsageError | None:
    """Explain an argument that is missing, and a number that is none or out of its range."""
    param = getattr(wrong, "param", None)
    if not isinstance(wrong, BadParameter) or param is None:
        return None
    shown = metavar_of(param)
    if wrong.format_message().startswith("Missing"):
        return UsageError(f"no {shown} given", hint=EXAMPLES[name][0][0])
    option, kind = max(param.opts, key=len), param.type
    typed = re.match(r"(.*) is not ", wrong.message)
    word = typed[1].strip("'") if typed else ""
    given = f"{option}: {one_line(word, 40)!r} is not" if word else f"{option} is not"
    least, most = getattr(kind, "min", None), getattr(kind, "max", None)
    wanted = "a whole number" if "int" in kind.name else "a number"
    if least is not None:
        wanted += f" of at least {least}" if most is None else f" from {least} to {most}"
    example = _EXAMPLE_NUMBERS.get(option, _EXAMPLE_NUMBER)
    return UsageError(f"{given} {wanted}", hint=f"for example: {option} {example}")


def _words(name: str, wrong: TyperException, before: Sequence[str]) -> UsageError:
    """Explain words that the command does not take."""
    words = one_line(wrong.format_message()).rstrip(".")
    extra = re.search(r"unexpected extra argument(?:s|\(s\))? \((.*)\)$", words)
    if extra is None:
        return UsageError(words, hint=f"wan {name} --help")
    if name == "generate":
        for arg in before:
            if arg.startswith(tuple(LONG_DASHES)):
                refuse_dash(arg)
            refuse_file(arg)
        words = "put quotes around a prompt of several words"
        return UsageError(words, hint='wan generate "a fox in the snow"')
    return UsageError(f"unexpected argument: {extra[1]}", hint=f"wan {name} --help")


def _meant(word: str | None) -> str:
    return f"; did you mean {word}?" if word else ""
