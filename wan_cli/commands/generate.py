"""wan generate: a prompt becomes a video file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wan_cli.commands import options

app = options.command_app()


def _field(name: str, values: str, *, says: str) -> Any:
    return typer.Option(f"--{name}", metavar=values, help=says)


@app.command(
    "generate",
    epilog='Example: wan generate "a fox in the snow" --multi-shot -o fox.mp4',
)
def command(
    prompt: Annotated[
        str | None, typer.Argument(metavar="PROMPT", help="The prompt; - reads it from stdin.")
    ] = None,
    prompt_file: Annotated[
        Path | None,
        typer.Option("--prompt-file", metavar="FILE", help="Read the prompt from FILE."),
    ] = None,
    model: Annotated[
        str | None, _field("model", "MODEL", says="The model.  [default: alibaba/wan-2-6-t2v]")
    ] = None,
    audio_url: Annotated[
        str | None, _field("audio-url", "URL", says="Sound for the video (http or https).")
    ] = None,
    aspect_ratio: Annotated[
        str | None, _field("aspect-ratio", "16:9|9:16|1:1|4:3|3:4", says="Shape of the frame.")
    ] = None,
    resolution: Annotated[
        str | None, _field("resolution", "720p|1080p", says="Size of the frame.")
    ] = None,
    duration: Annotated[str | None, _field("duration", "5|10|15", says="Seconds of video.")] = None,
    negative_prompt: Annotated[
        str | None, _field("negative-prompt", "TEXT", says="What the video must not show.")
    ] = None,
    shot_type: Annotated[
        str | None, _field("shot-type", "single|multi", says="One shot, or several with cuts.")
    ] = None,
    multi_shot: Annotated[
        bool, typer.Option("--multi-shot", help="Short for --shot-type multi.")
    ] = False,
    single_shot: Annotated[
        bool, typer.Option("--single-shot", help="Short for --shot-type single.")
    ] = False,
    generate_audio: Annotated[
        bool | None,
        typer.Option("--generate-audio/--no-generate-audio", help="Make sound for the video."),
    ] = None,
    seed: Annotated[
        str | None, _field("seed", "INTEGER", says="The same seed gives the same video.")
    ] = None,
    enhance_prompt: Annotated[
        bool | None,
        typer.Option(
            "--enhance-prompt/--no-enhance-prompt", help="Let the server rewrite the prompt."
        ),
    ] = None,
    wait: options.Wait = None,
    timeout: options.Timeout = None,
    poll_interval: options.PollInterval = None,
    output: options.Destination = None,
    force: options.Force = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "-n", help="Print the request and its price; send nothing paid."),
    ] = False,
    max_cost: Annotated[
        float | None,
        typer.Option("--max-cost", metavar="USD", help="Refuse to pay more, or an unknown price."),
    ] = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Submit although an identical submission may have been accepted."
        ),
    ] = False,
    open_: Annotated[bool, typer.Option("--open", help="Show the video when it is here.")] = False,
    sidecar: Annotated[
        bool | None,
        typer.Option("--sidecar/--no-sidecar", help="Write FILE.json: request, id, cost, times."),
    ] = None,
    sandbox: options.Sandbox = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Submit a prompt, wait for its video and download it; print the file's path."""
    # Help and wrong usage do without what a generation needs: it would double their time.
    from wan_cli.commands.arguments import not_negative
    from wan_cli.commands.workspace import workspace
    from wan_cli.destination import parse_destination
    from wan_cli.models import GenerationRequest, one_shot_type
    from wan_cli.output import Output
    from wan_cli.output.faces import nothing, path_or_id
    from wan_cli.prompt import read_prompt
    from wan_cli.runner.stories import Delivery, generate
    from wan_cli.runner.submit import Wish

    out = Output(json=json, quiet=quiet, sandbox=sandbox)
    space = workspace(out, sandbox=sandbox)
    fields = {
        "model": model,
        "prompt": read_prompt(prompt, prompt_file),
        "audio_url": audio_url,
        "aspect_ratio": aspect_ratio,
        "resolution": resolution,
        "duration": duration,
        "negative_prompt": negative_prompt,
        "shot_type": one_shot_type(shot_type, multi=multi_shot, single=single_shot),
        "generate_audio": generate_audio,
        "seed": seed,
        "enhance_prompt": enhance_prompt,
    }
    request = GenerationRequest.parse(space.with_defaults(fields))
    budget = not_negative("--max-cost", max_cost)
    destination = parse_destination(output, space.output_dir, space.settings.name_template)
    if dry_run:
        return out.dry_run(request, space.price(request, timeout))
    waits = space.chosen("wait", wait)
    # Without a wait, standard output gets the id.
    stdout = out.video_stream(force=force) if destination.to_stdout and waits else None
    has_sidecar = space.chosen("sidecar", sidecar)
    destination.prepare(overwrite=force, sidecar=has_sidecar)
    with space.context(out) as ctx:
        patience = space.patience(ctx, timeout, poll_interval)
        space.check_price(out, request, budget, ctx.client, patience.left(ctx.clock))
        outcome = out.follow(
            generate(
                ctx,
                request,
                Wish(destination, sidecar=has_sidecar, again=again),
                Delivery(waits, destination, overwrite=force, stdout=stdout),
                patience,
            )
        )
    code = out.outcomes([outcome], nothing if stdout else path_or_id)
    if open_ and outcome.record and outcome.record.file:
        typer.launch(outcome.record.file)
    return code
