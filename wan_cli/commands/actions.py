"""Run `wan list` and `wan show`, after typer or `plain` has read the arguments."""

import time
from functools import partial

from wan_cli.commands.arguments import need_one_id
from wan_cli.commands.words import check_words, count_in_sandbox
from wan_cli.commands.workspace import workspace
from wan_cli.listing import Listing, parse_limit, parse_search, parse_since, parse_status
from wan_cli.output.begin import begin
from wan_cli.output.history import print_history, print_stats

# `wan list` does not import the core.


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
    """List the local history, newest first, and its total cost; return the exit code."""
    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    space = workspace(out, sandbox=sandbox)
    most = parse_limit(limit, everything=everything)
    listing = Listing(parse_status(status), parse_since(since), parse_search(search), most)
    with space.journal(out) as journal:
        if stats:
            return print_stats(out, journal.spending(listing), in_sandbox=space.sandbox)
        return print_history(
            out,
            journal.newest(listing),
            lambda: journal.total(listing),
            is_filtered=listing != Listing(limit=most),
            in_sandbox=space.sandbox,
            elsewhere=partial(count_in_sandbox, space),
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
