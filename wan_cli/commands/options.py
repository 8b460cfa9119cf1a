"""The arguments and options that commands share, each defined once."""

from typing import Annotated, Any

import typer


def command_app() -> typer.Typer:
    """Return an empty Typer app with the settings that every command has."""
    return typer.Typer(
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        pretty_exceptions_show_locals=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _field(name: str, values: str, *, says: str) -> Any:
    return typer.Option(f"--{name}", metavar=values, help=says)


# The fields of the API: for `wan generate`, and for rows of `wan batch` that do not set them.
Model = Annotated[
    str | None, _field("model", "MODEL", says="The model to use.  [default: alibaba/wan-2-6-t2v]")
]
Image = Annotated[
    str | None, _field("image", "FILE|URL", says="Start from this picture (image-to-video models).")
]
FirstFrame = Annotated[
    str | None,
    _field("first-frame", "FILE|URL", says="First frame (2.7-r2v)."),
]
Reference = Annotated[
    list[str] | None,
    _field("reference", "FILE|URL", says="A person or thing to show; may be repeated."),
]
Video = Annotated[
    list[str] | None, _field("video", "URL", says="A video to refer to; may be repeated.")
]
Watermark = Annotated[
    bool | None, typer.Option("--watermark/--no-watermark", help="Put a watermark on the video.")
]
EnablePromptExpansion = Annotated[
    bool | None,
    typer.Option(
        "--enable-prompt-expansion/--no-enable-prompt-expansion",
        help="Let the server expand the prompt (2.7-i2v).",
    ),
]
Shrink = Annotated[
    bool, typer.Option("--shrink", help="Scale a picture down if it is too large to send.")
]
MoreFields = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        metavar="NAME=VALUE",
        help="Set a field of a model of the live catalogue (VALUE may be JSON); may be repeated.",
    ),
]
Unchecked = Annotated[
    bool,
    typer.Option("--unchecked", help="Submit to a model without a schema; check nothing."),
]
AudioUrl = Annotated[
    str | None, _field("audio-url", "URL", says="Take the sound from URL (http or https).")
]
AspectRatio = Annotated[
    str | None, _field("aspect-ratio", "16:9|9:16|1:1|4:3|3:4", says="Shape of the frame.")
]
Resolution = Annotated[
    str | None, _field("resolution", "480p|720p|1080p", says="Size of the frame.")
]
Duration = Annotated[str | None, _field("duration", "5|10|15", says="Seconds of video.")]
NegativePrompt = Annotated[
    str | None, _field("negative-prompt", "TEXT", says="Leave TEXT out of the video.")
]
ShotType = Annotated[
    str | None, _field("shot-type", "single|multi", says="Make one shot, or several with cuts.")
]
MultiShot = Annotated[bool, typer.Option("--multi-shot", help="Same as --shot-type multi.")]
SingleShot = Annotated[bool, typer.Option("--single-shot", help="Same as --shot-type single.")]
GenerateAudio = Annotated[
    bool | None,
    typer.Option(
        "--generate-audio/--no-generate-audio", help="Make the video with sound, or silent."
    ),
]
Seed = Annotated[
    str | None,
    _field("seed", "INTEGER", says="Seed: the same request and seed give the same video."),
]
EnhancePrompt = Annotated[
    bool | None,
    typer.Option(
        "--enhance-prompt/--no-enhance-prompt", help="Let the server rewrite the prompt (or not)."
    ),
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        "--max-cost", metavar="USD", help="Refuse to pay more than USD, or an unknown price."
    ),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", "-n", help="Print the request and its price; submit nothing."),
]
Again = Annotated[
    bool,
    typer.Option("--again", help="Submit again, even if an identical submission may be in flight."),
]
NoLookup = Annotated[
    bool,
    typer.Option(
        "--no-lookup", help="Do not search the account's log for videos that other machines made."
    ),
]
Sidecar = Annotated[
    bool | None,
    typer.Option("--sidecar/--no-sidecar", help="Also write FILE.json: request, id, cost, times."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object per line on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors on stderr.")]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Print requests and responses on stderr, not the key."),
]
LocalVerbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print the versions on stderr first.")
]
Sandbox = Annotated[
    bool | None,
    typer.Option(
        "--sandbox/--no-sandbox",
        help="Use the free API on this machine, which needs no key.",
    ),
]
Wait = Annotated[
    bool | None,
    typer.Option(
        "--wait/--no-wait",
        help="Wait for the video and download it (or not).  [default: wait]",
    ),
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
        help="Download at most N videos at once.  [default: 4]",
    ),
]
Destination = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE|DIR/|-",
        help="Save as FILE or into DIR/, also in s3://BUCKET/; - writes to stdout.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID...", help="Ids, their first 6 or more characters, or @last."),
]
OneId = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID", help="An id, its beginning (6 characters or more), or @last."),
]
