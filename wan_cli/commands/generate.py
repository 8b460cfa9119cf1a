"""wan generate: turn a prompt into a video file."""

from pathlib import Path
from typing import Annotated

import typer

from wan_cli.commands import options
from wan_cli.commands.manual import PageCommand

app = options.command_app()


@app.command("generate", cls=PageCommand)
def command(
    call: typer.Context,
    prompt: Annotated[
        str | None,
        typer.Argument(
            metavar="PROMPT",
            help="The prompt; - reads stdin. Put -- before a prompt that begins with a dash.",
        ),
    ] = None,
    prompt_file: Annotated[
        Path | None,
        typer.Option("--prompt-file", metavar="FILE", help="Read the prompt from FILE."),
    ] = None,
    model: options.Model = None,
    image: options.Image = None,
    first_frame: options.FirstFrame = None,
    reference: options.Reference = None,
    video: options.Video = None,
    audio_url: options.AudioUrl = None,
    aspect_ratio: options.AspectRatio = None,
    resolution: options.Resolution = None,
    duration: options.Duration = None,
    negative_prompt: options.NegativePrompt = None,
    shot_type: options.ShotType = None,
    multi_shot: options.MultiShot = False,
    single_shot: options.SingleShot = False,
    generate_audio: options.GenerateAudio = None,
    seed: options.Seed = None,
    enhance_prompt: options.EnhancePrompt = None,
    watermark: options.Watermark = None,
    enable_prompt_expansion: options.EnablePromptExpansion = None,
    field: options.MoreFields = None,
    unchecked: options.Unchecked = False,
    shrink: options.Shrink = False,
    wait: options.Wait = None,
    timeout: options.Timeout = None,
    poll_interval: options.PollInterval = None,
    output: options.Destination = None,
    force: options.Force = False,
    dry_run: options.DryRun = False,
    max_cost: options.MaxCost = None,
    again: options.Again = False,
    once: Annotated[
        str | None,
        typer.Option(
            "--once",
            metavar="KEY",
            help="Pay for at most one video per KEY; the next run continues with it.",
        ),
    ] = None,
    no_lookup: options.NoLookup = False,
    like: Annotated[
        str | None,
        typer.Option(
            "--like", metavar="ID", help="Start from the request of ID; flags override it."
        ),
    ] = None,
    count: Annotated[
        int,
        typer.Option(
            "--count",
            metavar="N",
            min=1,
            max=1000,
            show_default=False,
            help="Make N variations; a seed, if set, goes up by 1 each.  [default: 1]",
        ),
    ] = 1,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            "-y",
            help="Do not ask before paying for --count N.",
        ),
    ] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the video when it is saved.")] = False,
    exec_: Annotated[
        str | None,
        typer.Option(
            "--exec",
            metavar="COMMAND",
            help="Run COMMAND with the saved video: {} is its path, its JSON is on stdin.",
        ),
    ] = None,
    notify: Annotated[
        bool,
        typer.Option("--notify", help="Notify on the desktop at the end, or ring the bell."),
    ] = False,
    sidecar: options.Sidecar = None,
    sandbox: options.Sandbox = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Submit a prompt, wait for its video and download it; print the file's path."""
    arguments = locals()
    # Help and usage errors do not need these imports, which would double their time.
    from wan_cli.commands.like import request_like
    from wan_cli.commands.requests import request_of
    from wan_cli.commands.workspace import workspace
    from wan_cli.output.begin import begin
    from wan_cli.prompt import read_prompt

    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    space = workspace(out, sandbox=sandbox)
    base = None if like is None else request_like(space, out, like)
    text = None
    if base is None or prompt is not None or prompt_file is not None:
        text = read_prompt(prompt, prompt_file, is_literal=prompt in call.obj)
    request = request_of(out, space, arguments, text, base)
    # A wrong value is reported without these imports.
    from wan_cli.commands import generation, paying
    from wan_cli.commands.afterwards import afterwards
    from wan_cli.core.variations import requests_of
    from wan_cli.placement import parse_destination

    place = parse_destination(output, space.output_dir, space.settings.name_template)
    generation.check_count(count, once=once, to_stdout=place.to_stdout)
    waits = space.chosen("wait", wait)
    then = afterwards(open_, exec_, notify=notify, has_file=waits and not place.to_stdout)
    budget = paying.budget_of(space, max_cost)
    if dry_run:
        return paying.dry_run(space, out, budget, timeout, requests_of(request, count))
    terms = generation.Terms(
        place,
        budget,
        waits,
        timeout,
        poll_interval,
        is_placed=output is not None,
        force=force,
        sidecar=space.chosen("sidecar", sidecar),
        again=again,
        once=once,
        lookup=not (no_lookup or space.sandbox),
        yes=yes,
        # With --no-wait, standard output gets the id.
        stdout=out.video_stream(force=force) if place.to_stdout and waits else None,
    )
    code, made = generation.generate(out, space, request, terms, count)
    then.run(out, made, count=count, code=code)
    return code
