"""What somebody meant who mistyped a word, or typed that of another tool. Pure."""

import re
from collections.abc import Collection, Mapping, Sequence

# What other tools call it, and the command of wan.
ALIASES: Mapping[str, str] = {
    "auth": "config set api_key",
    "login": "config set api_key",
    "logout": "config unset api_key",
    "configure": "config set api_key",
    "init": "config set api_key",
    "settings": "config list",
    "get": "fetch",
    "download": "fetch",
    "pull": "fetch",
    "resume": "fetch --all",
    "create": "generate",
    "gen": "generate",
    "make": "generate",
    "run": "generate",
    "submit": "generate",
    "t2v": "generate",
    "ls": "list",
    "history": "list",
    "ps": "list",
    "jobs": "list",
    "watch": "status --watch",
    "wait": "fetch",
    "stat": "status",
    "check": "doctor",
    "credits": "balance",
    "prices": "models",
    "pricing": "models",
    "serve": "sandbox",
    "mock": "sandbox",
    "completions": "completion",
    "man": "help",
    "version": "--version",
}
# The same for options, wherever the command has the other one.
OPTION_ALIASES: Mapping[str, str] = {
    "--prompt": "the prompt without an option",
    "--file": "--prompt-file",
    "--out": "--output",
    "--ratio": "--aspect-ratio",
    "--aspect": "--aspect-ratio",
    "--size": "--resolution",
    "--quality": "--resolution",
    "--length": "--duration",
    "--seconds": "--duration",
    "--negative": "--negative-prompt",
    "--audio": "--audio-url",
    "--interval": "--poll-interval",
    "--detach": "--no-wait",
    "--async": "--no-wait",
    "--overwrite": "--force",
    "--budget": "--max-cost",
    "--jobs": "--concurrency",
    "--parallel": "--concurrency",
    "--workers": "--concurrency",
    "--follow": "--watch",
    "--silent": "--quiet",
    "--debug": "--verbose",
    "--dry": "--dry-run",
    "--test": "--sandbox",
}
# A word that needs no quotes in any shell: nothing else of what was typed is repeated in a hint.
_PLAIN = re.compile(r"[A-Za-z0-9@_./:=+-]{1,100}")


def command_for(word: str, commands: Collection[str]) -> str | None:
    """Return the command line that was meant by a word which is no command; None if unknown."""
    lower = word.lower()
    if lower in commands:
        return lower
    meant = ALIASES.get(lower)
    if meant is not None:
        return meant
    near = nearest(lower, [*commands, *ALIASES])
    return None if near is None else ALIASES.get(near, near)


def option_for(word: str, options: Collection[str]) -> str | None:
    """Return the option that was meant by a word which is no option; None if unknown."""
    name = word.partition("=")[0].replace("_", "-")
    if name in options:
        return name
    meant = OPTION_ALIASES.get(name)
    if meant is not None and (meant in options or not meant.startswith("-")):
        return meant
    return nearest(name, options) if name.startswith("--") else None


def nearest(word: str, words: Collection[str]) -> str | None:
    """Return the word that is most like another; None if none is like it."""
    # 1 ms, for those alone who mistype.
    import difflib

    near = difflib.get_close_matches(word, words, n=1, cutoff=0.65)
    return near[0] if near else None


def repeated(args: Sequence[str]) -> str:
    """Return arguments for a hint that repeats them, each after a space; "" if any needs quotes."""
    return "".join(f" {arg}" for arg in args) if all(map(_PLAIN.fullmatch, args)) else ""
