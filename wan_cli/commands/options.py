"""The arguments and options that commands share, each named once."""

from typing import Annotated, Any

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


def _field(name: str, values: str, *, says: str) -> Any:
    return typer.Option(f"--{name}", metavar=values, help=says)


# The fields of the API, of `wan generate` and of the rows of `wan batch` that lack them.
Model = Annotated[
    str | None, _field("model", "MODEL", says="The model.  [default: alibaba/wan-2-6-t2v]")
]
AudioUrl = Annotated[
    str | None, _field("audio-url", "URL", says="Sound for the video (http or https).")
]
AspectRatio = Annotated[
    str | None, _field("aspect-ratio", "16:9|9:16|1:1|4:3|3:4", says="Shape of the frame.")
]
Resolution = Annotated[str | None, _field("resolution", "720p|1080p", says="Size of the frame.")]
Duration = Annotated[str | None, _field("duration", "5|10|15", says="Seconds of video.")]
NegativePrompt = Annotated[
    str | None, _field("negative-prompt", "TEXT", says="What the video must not show.")
]
ShotType = Annotated[
    str | None, _field("shot-type", "single|multi", says="One shot, or several with cuts.")
]
MultiShot = Annotated[bool, typer.Option("--multi-shot", help="Short for --shot-type multi.")]
SingleShot = Annotated[bool, typer.Option("--single-shot", help="Short for --shot-type single.")]
GenerateAudio = Annotated[
    bool | None,
    typer.Option("--generate-audio/--no-generate-audio", help="Make sound for the video."),
]
Seed = Annotated[str | None, _field("seed", "INTEGER", says="The same seed gives the same video.")]
EnhancePrompt = Annotated[
    bool | None,
    typer.Option("--enhance-prompt/--no-enhance-prompt", help="Let the server rewrite the prompt."),
]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", metavar="USD", help="Refuse to pay more, or an unknown price."),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", "-n", help="Print the request and its price; send nothing paid."),
]
Again = Annotated[
    bool,
    typer.Option("--again", help="Submit another one, although an identical one may be in flight."),
]
NoLookup = Annotated[
    bool,
    typer.Option(
        "--no-lookup", help="Do not search the account's log for what other machines made."
    ),
]
Sidecar = Annotated[
    bool | None,
    typer.Option("--sidecar/--no-sidecar", help="Write FILE.json: request, id, cost, times."),
]
Json = Annotated[bool, typer.Option("--json", help="One compact JSON object a line on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No talk on stderr; errors stay.")]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Print requests and answers on stderr, without the key."),
]
Sandbox = Annotated[
    bool | None,
    typer.Option(
        "--sandbox/--no-sandbox",
        help="Use the API on this machine, free and without a key; or not.",
    ),
]
Wait = Annotated[
    bool | None,
    typer.Option("--wait/--no-wait", help="Wait for the video and download it.  [default: wait]"),
]
Timeout = Annotated[
    str | None,
    typer.Option(
        "--timeout",
        metavar="SECONDS",
        help="Stop waiting after SECONDS (or 5m, 1h); the video stays safe.  [default: 1800]",
    ),
]
PollInterval = Annotated[
    str | None,
    typer.Option(
        "--poll-interval",
        metavar="SECONDS",
        help="Poll every SECONDS.  [default: learned from the history]",
    ),
]
Downloads = Annotated[
    int,
    typer.Option(
        "--downloads",
        metavar="N",
        min=1,
        show_default=False,
        help="Download this many videos at once.  [default: 4]",
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
OneId = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID", help="An id, its beginning (6 characters or more), or @last."),
]
