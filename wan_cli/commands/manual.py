"""The help of one command, made from its parser: options in groups, examples, exit codes."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from wan_cli.examples import CODES, EXAMPLES
from wan_cli.help import EXIT_CODES
from wan_cli.page import Rows, columns, examples, exit_codes, section, wrapped

HELP = ("-h, --help", "Show this help.")
OTHERS = "How it runs"
OUTPUT = "Output"
# The groups of options in the order of the help, by parameter name. OTHERS holds the options
# that are not listed here.
GROUPS: Mapping[str, frozenset[str]] = {
    "The request": frozenset(
        (
            *("prompt_file", "model", "audio_url", "aspect_ratio", "resolution", "duration"),
            *("negative_prompt", "shot_type", "multi_shot", "single_shot", "generate_audio"),
            *("seed", "enhance_prompt", "image", "first_frame", "reference", "video"),
            *("watermark", "enable_prompt_expansion", "field", "unchecked", "shrink", "like"),
        )
    ),
    "Which generations": frozenset(("all_", "status", "limit", "since", "search")),
    OTHERS: frozenset(),
    OUTPUT: frozenset(
        (
            *("output", "output_dir", "force", "sidecar", "open_", "exec_", "notify"),
            *("stats", "json", "quiet", "verbose"),
        )
    ),
}


class Page(NamedTuple):
    """The help of one command: `name` is "config set", `groups` are titled rows."""

    name: str
    usage: str
    says: str
    groups: tuple[tuple[str, Rows], ...]
    examples: Rows
    codes: dict[int, str]

    def text(self, width: int) -> str:
        """Return the page, wrapped to the width."""
        says = wrapped(self.says, width)
        groups = "".join(section(title, rows, width) for title, rows in self.groups)
        usage = wrapped(self.usage, width, " " * 11, "Usage: ")
        return (
            f"{usage}\n{says}{groups}"
            f"\nExamples:\n{examples(self.examples, width)}"
            f"\nExit codes:\n{exit_codes(self.codes, width)}"
            "  more: wan help exit-codes\n"
        )


class PageCommand(TyperCommand):
    """A command whose help is a page."""

    def get_help(self, ctx: Any) -> str:
        """Return the text of `--help`."""
        return _help_of(self, ctx)


class PageGroup(TyperGroup):
    """A group of commands whose help is a page."""

    def get_help(self, ctx: Any) -> str:
        """Return the text of `--help`."""
        return _help_of(self, ctx)


def _help_of(command: Any, ctx: Any) -> str:
    name = ctx.command_path.removeprefix("wan ")
    return page_of(name, command).text(columns()).rstrip("\n")


def page_of(name: str, command: Any) -> Page:
    """Return the help of a command. typer does not declare the type of its parser.

    Args:
        name: the words after `wan`: "config set".
        command: the parser of the command, or of a group of commands.
    """
    arguments = [param for param in command.params if isinstance(param, TyperArgument)]
    inner = getattr(command, "commands", {})
    words = [_in_usage(argument) for argument in arguments]
    if inner:
        # A group with options of its own does something without a command too.
        words += ["[COMMAND]" if len(command.params) > 1 else "COMMAND"]
    groups = (
        ("Commands", tuple((word, one.help or "") for word, one in inner.items())),
        ("Arguments", tuple((metavar_of(one), one.help or "") for one in arguments)),
        *_options(command),
    )
    codes = CODES[name.partition(" ")[0]]
    return Page(
        name,
        " ".join(["wan", name, "[OPTIONS]", *words]),
        command.help or "",
        tuple((title, rows) for title, rows in groups if rows),
        EXAMPLES[name],
        {code: EXIT_CODES[code] for code in codes},
    )


def _options(command: Any) -> Iterator[tuple[str, Rows]]:
    """Return the groups of a command's options; the last group ends with `--help`."""
    options = [
        param
        for param in command.params
        if isinstance(param, TyperOption) and not param.hidden and param.name != "help"
    ]
    for title in GROUPS:
        rows = tuple(row_of(one) for one in options if _group(one.name or "") == title)
        yield title, (*rows, HELP) if title == OUTPUT and rows else rows
    if not options:
        yield "Options", (HELP,)


def _group(name: str) -> str:
    return next((title for title, names in GROUPS.items() if name in names), OTHERS)


def row_of(option: TyperOption) -> tuple[str, str]:
    """Return an option as the user types it, and its help."""
    says = option.help or ""
    if not option.is_flag and option.default is not None and "[default:" not in says:
        says += f"  [default: {option.default:g}]"
    words = [", ".join(sorted(option.opts, key=len)), *option.secondary_opts]
    return " / ".join(words) + ("" if option.is_flag else f" {option.metavar}"), says


def metavar_of(argument: Any) -> str:
    """Return the placeholder of an argument, or of the value of an option."""
    return str(argument.metavar).strip("[]")


def _in_usage(argument: TyperArgument) -> str:
    name = metavar_of(argument)
    return name if argument.required else f"[{name}]"
