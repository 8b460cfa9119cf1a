"""What commands do with their arguments, whether typer understood them or `plain` did."""

import time
from collections.abc import Callable, Mapping

from wan_cli.commands.arguments import need_ids, need_ids_or_all, need_one_id
from wan_cli.commands.words import check_words
from wan_cli.commands.workspace import workspace
from wan_cli.listing import Listing, parse_limit, parse_search, parse_since, parse_status
from wan_cli.output.begin import begin
from wan_cli.output.history import print_history

# The core is imported by the commands that need it: `wan list` does without.


def list_(
    *,
    status: str | None = None,
    limit: int | None = None,
    everything: bool = False,
    since: str | None = None,
    search: str | None = None,
    stats: bool = False,
    sandbox: bool | None = None,
    json: bool = False,
    quiet: bool = False,
    verbose: bool = False,
) -> int:
    """List the local history, newest first, and what was spent; return the exit code."""
    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    space = workspace(out, sandbox=sandbox)
    most = parse_limit(limit, everything=everything)
    listing = Listing(parse_status(status), parse_since(since), parse_search(search), most)
    with space.journal(out) as journal:
        if stats:
            return out.stats(journal.spending(listing))
        return print_history(
            out,
            journal.newest(listing),
            lambda: journal.total(listing),
            is_filtered=listing != Listing(limit=most),
            in_sandbox=space.sandbox,
        )


def show(
    ids: list[str] | None,
    *,
    sandbox: bool | None = None,
    json: bool = False,
    quiet: bool = False,
    verbose: bool = False,
) -> int:
    """Show everything about one generation; return the exit code."""
    from wan_cli.core import show as core
    from wan_cli.output.show import show_json, show_text

    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    word = need_one_id(ids)
    space = workspace(out, sandbox=sandbox)
    check_words(space, out, [word])
    with space.journal(out) as journal:
        shown = core.show(journal, word, in_sandbox=space.sandbox)
    out.result(show_json(shown), show_text(shown, time.time()))
    return 0


def status_(
    ids: list[str] | None,
    *,
    watch: bool = False,
    timeout: str | None = None,
    poll_interval: str | None = None,
    sandbox: bool | None = None,
    json: bool = False,
    quiet: bool = False,
    verbose: bool = False,
) -> int:
    """Print the state of generations; return the exit code."""
    from wan_cli.core.status import named, status
    from wan_cli.destination import parse_destination
    from wan_cli.output.faces import state_line
    from wan_cli.output.results import Results

    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    words = need_ids(ids)
    space = workspace(out, sandbox=sandbox)
    folder = parse_destination(None, space.output_dir, space.settings.name_template)
    check_words(space, out, words)
    with space.tools(out, keeps=False) as tools:
        records = named(tools, words, folder)
        timing = space.timing(tools, timeout, poll_interval)
        story = status(tools, records, timing, watch=watch)
        # Of a look, the line says it all; who has waited in vain is told so.
        silent = set() if watch else {8}
        several = watch and len(records) > 1
        results = Results(tools.clock.monotonic, done="completed") if several else None
        outcomes = out.each(story, results)
        return out.outcomes(outcomes, state_line, shown={0, 8, 9, 10}, silent=silent)


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
    from wan_cli.core import fetch as core
    from wan_cli.core.items import Goal
    from wan_cli.core.status import named
    from wan_cli.destination import parse_destination
    from wan_cli.output.faces import nothing, path_or_id
    from wan_cli.output.results import Results
    from wan_cli.output.summary import print_all

    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    words = need_ids_or_all(ids, everything=everything)
    space = workspace(out, sandbox=sandbox)
    template = space.settings.name_template
    several = everything or len(words) > 1
    chosen = parse_destination(output, space.output_dir, template, several=several)
    stdout = out.video_stream(force=force) if chosen.to_stdout else None
    if output is not None:
        chosen.prepare(overwrite=force)
    goal = Goal(
        wait=space.chosen("wait", wait),
        destination=None if output is None else chosen,
        overwrite=force,
        stdout=stdout,
    )
    check_words(space, out, words)
    with space.tools(out, keeps=False) as tools:
        timing = space.timing(tools, timeout, poll_interval)
        story = (
            core.fetch_all(tools, goal, timing, downloads=downloads)
            if everything
            else core.fetch(
                tools,
                named(tools, words, chosen, to_save=True),
                goal,
                timing,
                downloads=downloads,
            )
        )
        # By cron, "still being made" is news and no error.
        silent = {8} if everything and not goal.wait else set()
        text = nothing if stdout else path_or_id
        results = Results(tools.clock.monotonic, in_sandbox=space.sandbox) if several else None
        if results and everything:
            return print_all(out, story, text, results, silent=silent, notes=True)
        return out.outcomes(out.each(story, results), text, silent=silent, notes=True)


# Those that `plain` calls, by the command's name.
ACTIONS: Mapping[str, Callable[..., int]] = {
    "fetch": fetch,
    "list": list_,
    "show": show,
    "status": status_,
}
