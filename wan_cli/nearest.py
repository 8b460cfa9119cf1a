"""What somebody meant who mistyped a word, or typed that of another tool. Pure."""

import shlex
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
    "ps": "list",
    "stats": "list --stats",
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
# A shorter word begins like too many others.
_PREFIX_MIN_CHARS = 3
# A hint repeats no more characters than these: a longer line would not be read.
_REPEATED_MAX_CHARS = 200


def command_for(word: str, commands: Collection[str]) -> str | None:
    """Return the command line that was meant by a word which is no command; None if unknown."""
    lower = word.lower()
    if lower in commands:
        return lower
    meant = ALIASES.get(lower)
    if meant is not None:
        return meant
    near = nearest(lower, commands) or nearest(lower, ALIASES)
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
    """Return the only word that begins so, else the most similar one; None if there is none."""
    begun = [one for one in words if len(word) >= _PREFIX_MIN_CHARS and one.startswith(word)]
    if len(begun) == 1:
        return begun[0]
    # 1 ms, for those alone who mistype.
    import difflib

    near = difflib.get_close_matches(word, words, n=1, cutoff=0.65)
    return near[0] if near else None


def repeated(args: Sequence[str]) -> str:
    """Return arguments, quoted, for a hint that repeats them, each after a space.

    Return "" for arguments that a hint must not repeat: a key may stand among them, or they are
    too long or not printable.
    """
    text = "".join(f" {shlex.quote(arg)}" for arg in args)
    is_fit = len(text) <= _REPEATED_MAX_CHARS and text.isprintable()
    return text if is_fit and "api_key" not in text else ""


def renamed(args: Sequence[str], wrong: str, right: str) -> list[str]:
    """Return arguments with the right name for a mistyped option, before `--`; keep its value."""
    found: list[str] = []
    rest = iter(args)
    for arg in rest:
        name, sign, value = arg.partition("=")
        found.append(f"{right}{sign}{value}" if name == wrong else arg)
        if arg in (wrong, "--"):
            break
    return [*found, *rest]
