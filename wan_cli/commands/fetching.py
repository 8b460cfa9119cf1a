"""Run `wan fetch`, after typer or `plain` has read the arguments."""

from wan_cli.commands.arguments import need_ids_or_all
from wan_cli.commands.words import check_words
from wan_cli.commands.workspace import workspace
from wan_cli.core import fetch as core
from wan_cli.core.items import Goal
from wan_cli.core.status import named
from wan_cli.output.begin import begin
from wan_cli.output.faces import nothing, path_or_id
from wan_cli.output.results import Results
from wan_cli.output.summary import print_all
from wan_cli.placement import parse_destination


def fetch(
    ids: list[str] | None,
    *,
    everything: bool = False,
    wait: bool | None = None,
    timeout: str | None = None,
    poll_interval: str | None = None,
    output: str | None = None,
    downloads: int = 4,
    force: bool = False,
    sandbox: bool | None = None,
    json: bool = False,
    quiet: bool = False,
    verbose: bool = False,
) -> int:
    """Wait for generations and download their videos; print their paths; return the exit code."""
    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    words = need_ids_or_all(ids, everything=everything)
    space = workspace(out, sandbox=sandbox)
    template = space.settings.name_template
    several = everything or len(words) > 1
    chosen = parse_destination(output, space.output_dir, template, several=several)
    stdout = out.video_stream(force=force) if chosen.to_stdout else None
    if output is not None and not chosen.is_remote:
        chosen.prepare(overwrite=force)
    goal = Goal(
        wait=space.chosen("wait", wait),
        destination=None if output is None else chosen,
        overwrite=force,
        stdout=stdout,
    )
    check_words(space, out, words)
    with space.tools(out, keeps=False, timeout=timeout) as tools:
        timing = space.timing(tools, timeout, poll_interval)
        records = [] if everything else named(tools, words, chosen, to_save=True)
        if output is not None and chosen.is_remote:
            chosen.prepare(overwrite=force, ours=[record.id or "" for record in records])
        outcomes = (
            core.fetch_all(tools, goal, timing, downloads=downloads)
            if everything
            else core.fetch(tools, records, goal, timing, downloads=downloads)
        )
        # In a cron job, a generation that is not finished yet is not an error.
        silent = {8} if everything and not goal.wait else set()
        text = nothing if stdout else path_or_id
        results = Results(tools.clock.monotonic, in_sandbox=space.sandbox) if several else None
        if results and everything:
            return print_all(out, outcomes, text, results, silent=silent, notes=True)
        return out.outcomes(out.each(outcomes, results), text, silent=silent, notes=True)
