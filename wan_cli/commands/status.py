"""wan status: how far generations are."""

from typing import Annotated

import typer

from wan_cli.commands import options

app = options.command_app()


@app.command("status", epilog="Example: until wan status @last; do sleep 30; done")
def command(
    ids: options.Ids = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Follow them to the end, without downloading.")
    ] = False,
    timeout: options.Timeout = None,
    poll_interval: options.PollInterval = None,
    sandbox: options.Sandbox = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Print the state of generations; exit 0 when completed, 8 while it is made, 9 if it failed."""
    # Help and wrong usage do without what talks to the API: it would double their time.
    from wan_cli.commands.arguments import need_ids
    from wan_cli.commands.workspace import workspace
    from wan_cli.destination import parse_destination
    from wan_cli.output import Output
    from wan_cli.output.faces import state_line
    from wan_cli.runner.asking import follow, named, status

    out = Output(json=json, quiet=quiet, sandbox=sandbox)
    words = need_ids(ids)
    space = workspace(out, sandbox=sandbox)
    folder = parse_destination(None, space.output_dir, space.settings.name_template)
    with space.context(out, keeps=False) as ctx:
        records = named(ctx, words, folder)
        patience = space.patience(ctx, timeout, poll_interval)
        story = follow(ctx, records, patience) if watch else status(ctx, records, patience)
        return out.outcomes(out.each(story), state_line, shown={0, 8, 9, 10}, silent={8})
