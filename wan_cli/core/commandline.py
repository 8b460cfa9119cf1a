"""The command line that repeats a request, quoted so that a shell restores every character."""

import json
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import PurePath

from wan_cli.models import FIELD_NAMES, Value, flag_of
from wan_cli.prompt import LONG_DASHES
from wan_cli.text import clean


def command_of(request: Mapping[str, Value], *, sandbox: bool) -> str:
    """Return `wan generate` with the prompt and a flag for each field that was sent."""
    flags = []
    for name, value in request.items():
        if name != "prompt":
            flags += _flags(name, value)
    if sandbox:
        flags.append("--sandbox")
    prompt = str(request.get("prompt", ""))
    words = [*flags, "--", prompt] if _looks_like_more(prompt) else [prompt, *flags]
    return " ".join(["wan generate", *map(quoted, words)])


def _flags(name: str, value: Value) -> list[str]:
    if name != "model" and name not in FIELD_NAMES:
        return ["--field", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    items = value if isinstance(value, list) else [value]
    return [word for item in items for word in _flag(flag_of(name), item)]


def _flag(flag: str, value: Value) -> list[str]:
    if isinstance(value, bool):
        return [flag if value else f"--no-{flag[2:]}"]
    text = str(value)
    return [f"{flag}={text}"] if text.startswith("-") else [flag, text]


def _looks_like_more(prompt: str) -> bool:
    """Whether a prompt could be mistaken for an option, for stdin or for a file name."""
    if prompt.startswith(("-", *LONG_DASHES, " ", "\t", "\n", "@")):
        return True
    return len(prompt.split()) < 2 or bool(PurePath(prompt).suffix)


def quoted(word: str) -> str:
    """Return a word quoted for a shell.

    Control characters, tabs, line breaks and bidi controls become escapes (`$'…'` of bash, zsh
    and ksh), because a terminal would act on them.
    """
    if clean(word, sys.maxsize) == word and not re.search(r"[\t\n]", word):
        return shlex.quote(word)
    return "$'" + "".join(map(_escaped, word)) + "'"


def _escaped(char: str) -> str:
    if char in "\\'":
        return f"\\{char}"
    if clean(char) == char and char not in "\t\n":
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"
