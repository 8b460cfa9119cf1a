"""wan batch: submit many prompts from a file; repeated runs pay for each row once."""

from pathlib import Path
from typing import Annotated

import typer

from wan_cli.commands import options
from wan_cli.commands.manual import PageCommand

app = options.command_app()


@app.command("batch", cls=PageCommand)
def command(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="JSON Lines, JSON, CSV, TSV, or text with a prompt on each line; - is stdin.",
        ),
    ],
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="jsonl|json|csv|tsv|text",
            help="Read FILE as this format.  [default: from the suffix, else text]",
        ),
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
    concurrency: Annotated[
        int,
        typer.Option(
            "--concurrency",
            metavar="N",
            min=1,
            show_default=False,
            help="Keep at most N generations in flight.  [default: 4]",
        ),
    ] = 4,
    downloads: options.Downloads = 4,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="K/N|auto",
            help="Submit every N-th row, starting at row K (0 to N-1); auto for array jobs.",
        ),
    ] = None,
    wait: options.Wait = None,
    timeout: Annotated[
        str | None,
        typer.Option(
            "--timeout",
            metavar="SECONDS",
            help="Stop waiting for a generation after SECONDS (or 5m, 1h).  [default: 1800]",
        ),
    ] = None,
    poll_interval: options.PollInterval = None,
    output_dir: Annotated[
        str | None,
        typer.Option(
            "--output-dir", metavar="DIR", help="Save the videos in DIR, or s3://BUCKET/DIR."
        ),
    ] = None,
    force: options.Force = False,
    sidecar: options.Sidecar = None,
    dry_run: options.DryRun = False,
    max_cost: options.MaxCost = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Pay without asking; a script needs this or --max-cost."),
    ] = False,
    fail_fast: Annotated[
        bool,
        typer.Option(
            "--fail-fast/--keep-going",
            help="After a row fails, submit no more rows; or continue.  [default: continue]",
        ),
    ] = False,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="Submit failed rows again."),
    ] = False,
    again: options.Again = False,
    as_: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="NAME",
            help="Name the batch; the same name continues it.  [default: the file's name]",
        ),
    ] = None,
    no_lookup: options.NoLookup = False,
    sandbox: options.Sandbox = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> int:
    """Submit the prompts of a file, wait, download; run it again to continue where it stopped."""
    arguments = locals()
    # Help and usage errors do not need these imports, which would double their time.
    from wan_cli.commands import paying, rows
    from wan_cli.commands.workspace import workspace
    from wan_cli.core.batch import Batch, Terms
    from wan_cli.output.begin import begin

    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    space = workspace(out, sandbox=sandbox)
    plan = rows.load(out, space, arguments)
    budget = paying.budget_of(space, max_cost)
    if dry_run:
        return rows.dry_run(out, space, plan, budget, timeout, retry_failed=retry_failed)
    with space.tools(out, timeout=timeout) as tools:
        timing = space.timing(tools, timeout, poll_interval, each=True)
        terms = Terms(
            timing,
            budget,
            concurrency,
            downloads,
            wait=space.chosen("wait", wait),
            overwrite=force,
            sidecar=space.chosen("sidecar", sidecar),
            again=again,
            retry_failed=retry_failed,
            fail_fast=fail_fast,
            lookup=not (no_lookup or space.sandbox),
        )
        return rows.run(out, space, Batch(tools, terms, plan), yes=yes)
