"""wan fetch: wait for generations and download their videos."""

from typing import Annotated

import typer

from wan_cli.commands import options

app = options.command_app()


@app.command("fetch", epilog="Example (cron): wan fetch --all --no-wait --quiet")
def command(
    ids: options.Ids = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Everything in the history that is not on disk yet.")
    ] = False,
    wait: options.Wait = None,
    timeout: options.Timeout = None,
    poll_interval: options.PollInterval = None,
    output: options.Destination = None,
    force: options.Force = False,
    sandbox: options.Sandbox = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Wait for generations and download their videos; print the files' paths."""
    # Help and wrong usage do without what talks to the API: it would double their time.
    from wan_cli.commands.arguments import need_ids_or_all
    from wan_cli.commands.workspace import workspace
    from wan_cli.destination import parse_destination
    from wan_cli.output import Output
    from wan_cli.output.faces import nothing, path_or_id
    from wan_cli.runner.asking import named
    from wan_cli.runner.stories import Delivery, fetch, fetch_all

    out = Output(json=json, quiet=quiet, sandbox=sandbox)
    words = need_ids_or_all(ids, everything=all_)
    space = workspace(out, sandbox=sandbox)
    template = space.settings.name_template
    several = all_ or len(words) > 1
    chosen = parse_destination(output, space.output_dir, template, several=several)
    stdout = out.video_stream(force=force) if chosen.to_stdout else None
    if output is not None:
        chosen.prepare(overwrite=force)
    delivery = Delivery(
        wait=space.chosen("wait", wait),
        destination=None if output is None else chosen,
        overwrite=force,
        stdout=stdout,
    )
    with space.context(out, keeps=False) as ctx:
        patience = space.patience(ctx, timeout, poll_interval)
        story = (
            fetch_all(ctx, delivery, patience)
            if all_
            else fetch(ctx, named(ctx, words, chosen), delivery, patience)
        )
        return out.outcomes(out.each(story), nothing if stdout else path_or_id)
