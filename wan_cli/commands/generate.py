"""wan generate: a prompt becomes a video file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wan_cli.commands import options
from wan_cli.commands.manual import PageCommand

if TYPE_CHECKING:
    from wan_cli.output import Output
    from wan_cli.record import Record

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
    open_: Annotated[bool, typer.Option("--open", help="Open the video when it is saved.")] = False,
    sidecar: options.Sidecar = None,
    sandbox: options.Sandbox = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Submit a prompt, wait for its video and download it; print the file's path."""
    arguments = locals()
    # Help and wrong usage do without what a generation needs: it would double their time.
    from wan_cli.commands.arguments import with_once
    from wan_cli.commands.requests import request_of
    from wan_cli.commands.workspace import workspace
    from wan_cli.config.service import service_of
    from wan_cli.core.generate import generate
    from wan_cli.core.items import Goal, Order
    from wan_cli.core.known import find_known
    from wan_cli.destination import parse_destination
    from wan_cli.output.begin import begin
    from wan_cli.output.ending import say_ending
    from wan_cli.output.faces import nothing, path_or_id
    from wan_cli.prompt import read_prompt

    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    space = workspace(out, sandbox=sandbox)
    text = read_prompt(prompt, prompt_file, is_literal=prompt in call.obj)
    request = request_of(out, space, arguments, text)
    budget = space.budget(max_cost)
    destination = parse_destination(output, space.output_dir, space.settings.name_template)
    if dry_run:
        return space.dry_run(out, budget, timeout, [request])
    waits = space.chosen("wait", wait)
    # Without a wait, standard output gets the id.
    stdout = out.video_stream(force=force) if destination.to_stdout and waits else None
    has_sidecar = space.chosen("sidecar", sidecar)
    order = Order(request, destination, has_sidecar, again, is_placed=output is not None)
    service = service_of(space.settings.base_url, sandbox=space.sandbox)
    order = with_once(order, once, service)
    if once is None:
        destination.prepare(overwrite=force, sidecar=has_sidecar)
    with space.tools(out) as tools:
        timing = space.timing(tools, timeout, poll_interval)
        lookup = not (no_lookup or space.sandbox)
        order, known = out.follow(find_known(tools, order, timing, service, lookup=lookup))
        goal = Goal(waits, waits, destination, force, stdout, accepts_saved=stdout is None)
        if known is None:
            destination.prepare(overwrite=force, sidecar=has_sidecar)
            space.check_prices(out, tools.client, budget, timing.left(tools.clock), [request])
        outcomes = list(out.each(generate(tools, order, goal, timing, known)))
    code = out.outcomes(outcomes, nothing if stdout else path_or_id)
    for outcome in outcomes:
        say_ending(out, outcome)
    if open_:
        _open(out, outcomes[0].record)
    return code


def _open(out: "Output", record: "Record | None") -> None:
    """Show a video, if there is one."""
    from wan_cli.programs import open_file

    if record and record.file:
        trouble = open_file(Path(record.file))
        if trouble:
            out.warn(f"{record.file}: {trouble}")
