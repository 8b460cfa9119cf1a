"""What commands do with their arguments, whether typer understood them or `plain` did."""

from collections.abc import Callable, Mapping

from wan_cli.commands.workspace import workspace
from wan_cli.listing import Listing, parse_search, parse_since, parse_status
from wan_cli.output import Output


def list_(
    *,
    status: str | None = None,
    limit: int = 20,
    since: str | None = None,
    search: str | None = None,
    stats: bool = False,
    sandbox: bool = False,
    json: bool = False,
    quiet: bool = False,
) -> int:
    """List the local history, newest first, and what was spent; return the exit code."""
    out = Output(json=json, quiet=quiet, sandbox=sandbox)
    space = workspace(out, sandbox=sandbox)
    listing = Listing(parse_status(status), parse_since(since), parse_search(search), limit)
    with space.history(out) as history:
        if stats:
            return out.stats(history.spending(listing))
        return out.listing(history.newest(listing), lambda: history.total(listing))


ACTIONS: Mapping[str, Callable[..., int]] = {"list": list_}
