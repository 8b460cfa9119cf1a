"""Run `wan status`, after typer or `plain` has read the arguments."""

from wan_cli.commands.arguments import need_ids
from wan_cli.commands.words import check_words
from wan_cli.commands.workspace import workspace
from wan_cli.core.status import named, status
from wan_cli.output.begin import begin
from wan_cli.output.faces import state_line
from wan_cli.output.results import Results
from wan_cli.placement import parse_destination


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
    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    words = need_ids(ids)
    space = workspace(out, sandbox=sandbox)
    folder = parse_destination(None, space.output_dir, space.settings.name_template)
    check_words(space, out, words)
    with space.tools(out, keeps=False, timeout=timeout) as tools:
        records = named(tools, words, folder)
        timing = space.timing(tools, timeout, poll_interval)
        outcomes = status(tools, records, timing, watch=watch)
        # After a single poll, the state line is enough; if --watch ends early, print the error too.
        silent = set() if watch else {8}
        several = watch and len(records) > 1
        results = Results(tools.clock.monotonic, done="completed") if several else None
        shown = out.each(outcomes, results)
        return out.outcomes(shown, state_line, shown={0, 8, 9, 10}, silent=silent)
