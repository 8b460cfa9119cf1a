"""Run `wan help` and `wan completion` without typer: topics and scripts need no parser."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from wan_cli.errors import LocalFileError, UsageError
from wan_cli.help import COMMANDS, TOPICS, top_help
from wan_cli.nearest import nearest
from wan_cli.output.begin import begin
from wan_cli.page import columns
from wan_cli.text import one_line
from wan_cli.topics import topic

# For each shell: its script, and how to install it.
SHELLS: Mapping[str, tuple[str, str]] = {
    "bash": ("wan.bash", 'add to ~/.bashrc: eval "$(wan completion bash)"'),
    "zsh": ("_wan", 'add to ~/.zshrc, after compinit: eval "$(wan completion zsh)"'),
    "fish": ("wan.fish", "run: wan completion fish > ~/.config/fish/completions/wan.fish"),
    "powershell": (
        "wan.ps1",
        "add to $PROFILE: wan completion powershell | Out-String | Invoke-Expression",
    ),
}


def help_(
    words: list[str] | None, *, json: bool = False, quiet: bool = False, verbose: bool = False
) -> int:
    """Print a help text; return 0.

    Raises:
        UsageError: the words name neither a command nor a topic.
    """
    name = " ".join(words or [])
    text = _text_of(name)
    begin(json=json, quiet=quiet, verbose=verbose).result({"help": name, "text": text}, text)
    return 0


def _text_of(name: str) -> str:
    width = columns()
    if not name:
        return top_help(width).rstrip("\n")
    found = []
    if name.partition(" ")[0] in COMMANDS:
        # Topics do not import typer.
        from wan_cli.commands.parser import page_named

        page = page_named(name)
        found += [page.text(width)] if page else []
    found += [topic(name, width)] if name in TOPICS else []
    if not found:
        raise _no_such_help(name)
    return "\n".join(found).rstrip("\n")


def _no_such_help(name: str) -> UsageError:
    near = nearest(name.lower(), [*TOPICS, *COMMANDS])
    meant = f" (did you mean {near}?)" if near else ""
    return UsageError(
        f"no such command or topic: {one_line(name, 40)}{meant}; topics: {', '.join(TOPICS)}",
        hint=f"wan help {near or ''}".strip(),
    )


def completion(
    words: list[str] | None, *, json: bool = False, quiet: bool = False, verbose: bool = False
) -> int:
    """Print the completion script of a shell and, on a terminal, how to install it; return 0.

    Raises:
        LocalFileError: the script is missing from this installation.
        UsageError: the words are not one shell that wan knows.
    """
    shell = Path(words[0]).name.lower() if words and len(words) == 1 else ""
    shell = {"pwsh": "powershell"}.get(shell, shell)
    if shell not in SHELLS:
        given = f"no completion for {one_line(' '.join(words), 40)}; " if words else ""
        raise UsageError(
            f"{given}choose a shell: {', '.join(SHELLS)}",
            hint=f"wan completion {nearest(shell, SHELLS) or 'bash'}",
        )
    name, place = SHELLS[shell]
    out = begin(json=json, quiet=quiet, verbose=verbose)
    script = _script(name)
    out.result({"shell": shell, "script": script}, script.rstrip("\n"))
    # Only on a terminal: a shell that loads the script at start-up must not print this.
    if sys.stdout.isatty() and sys.stderr.isatty():
        out.note(f"to keep it, {place}")
    return 0


def _script(name: str) -> str:
    """Return a script from the installed wheel, or from the source tree."""
    package = Path(__file__).parents[1]
    for folder in (package / "completions", package.parent / "completions"):
        try:
            return (folder / name).read_text("utf-8")
        except OSError:
            continue
    raise LocalFileError(
        f"the completion script {name} is missing from this installation",
        hint="pip install --force-reinstall aimlapi-wan",
    )


# The commands that `plain` calls, by name.
TEXTS: Mapping[str, Callable[..., int]] = {"help": help_, "completion": completion}
