"""The arguments and options that commands share, each named once."""

from typing import Annotated

import typer


def command_app() -> typer.Typer:
    """Return an empty Typer app with the settings that every command has."""
    return typer.Typer(
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )


Json = Annotated[bool, typer.Option("--json", help="One compact JSON object a line on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No talk on stderr; errors stay.")]
Sandbox = Annotated[
    bool, typer.Option("--sandbox", help="Use the API on this machine: free, no key needed.")
]
Wait = Annotated[
    bool | None,
    typer.Option("--wait/--no-wait", help="Wait for the video and download it.  [default: wait]"),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", metavar="SECONDS", help="Wait at most so long in all.  [default: 1800]"
    ),
]
PollInterval = Annotated[
    float | None,
    typer.Option(
        "--poll-interval",
        metavar="SECONDS",
        help="Look so often.  [default: learned from the history]",
    ),
]
Destination = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE|DIR/|-",
        help="Save as FILE or into DIR/; - writes the video to stdout.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
Ids = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ID...", help="Ids, beginnings of ids (6 characters or more), or @last."
    ),
]
