"""The summary of a command over several generations: results, cost, and how to continue."""

import sys
from collections.abc import Callable, Collection, Generator, Iterable
from typing import NamedTuple

from wan_cli.core.commandline import quoted
from wan_cli.errors import RUN_AGAIN, Interrupted
from wan_cli.events import Event
from wan_cli.listing import READY, SAVED
from wan_cli.output import Output
from wan_cli.output.faces import money, seconds
from wan_cli.output.results import FAILED, IN_FLIGHT, UNKNOWN, Results
from wan_cli.record import Outcome, Record

RETRY_FAILED = "--retry-failed"
# The summary names at most this many failed rows.
NAMES_SHOWN = 10


class Command(NamedTuple):
    """The command as it was typed. Only a batch can resubmit failed generations."""

    argv: tuple[str, ...]
    is_batch: bool

    @property
    def text(self) -> str:
        """The command line to type again."""
        return " ".join(["wan", *map(quoted, self.argv)])

    def to_continue(self, results: Results, not_submitted: int) -> str | None:
        """Return the command that continues the remaining work, or None if there is none."""
        retries = self.is_batch and results.has_failed_on_server
        left = [UNKNOWN, IN_FLIGHT, READY, *([FAILED] if self.is_batch else [])]
        if not (not_submitted or any(results.counts[state] for state in left)):
            return None
        if not retries or RETRY_FAILED in self.argv:
            return self.text
        end = self.argv.index("--") if "--" in self.argv else len(self.argv)
        return Command((*self.argv[:end], RETRY_FAILED, *self.argv[end:]), is_batch=True).text


def print_all(
    out: Output,
    work: Generator[Event | Outcome, None, object],
    text: Callable[[Record], str],
    results: Results,
    *,
    silent: Collection[int] = (),
    notes: bool = False,
) -> int:
    """Print the outcome of each generation, then the summary; return the overall exit code.

    Args:
        out: where to print.
        work: yields events and outcomes.
        text: a record's line for people.
        results: counts them. Only a batch has a summary of one generation.
        silent: as in `Output.outcomes`.
        notes: as in `Output.outcomes`.
    """
    command = Command(tuple(sys.argv[1:]), results.is_batch)
    try:
        code = out.outcomes(out.each(work, results), text, silent=silent, notes=notes)
    except Interrupted as interrupted:
        # The caller reports what is still in flight after this, with the next command.
        if results.tally:
            out.note(*words_of(results))
        if results.is_batch and interrupted.hint == RUN_AGAIN:
            interrupted.hint = command.text
        raise
    if results.is_batch or results.total > 1:
        out.note(*words_of(results, command))
        out.result(summary_json(results, command, code), "")
    return code


def words_of(results: Results, command: Command | None = None) -> Iterable[str]:
    """Return the lines of a summary for people; no command means that work was interrupted."""
    counts = results.counts
    unfinished, cost_usd = 0, results.cost_usd
    if command is None and results.tally:
        # Generations in flight have no outcome yet, but their price is spent.
        unfinished, cost_usd = results.in_flight, max(cost_usd, results.tally.spent_usd)
    in_flight = counts[IN_FLIGHT] + unfinished
    rest = results.total - results.ended - unfinished
    parts = [f"{counts[SAVED]:,} of {results.total:,} {results.done}"]
    parts += [f"{counts[state]:,} {state}" for state in (FAILED, UNKNOWN) if counts[state]]
    if counts[READY]:
        parts.append(f"{counts[READY]:,} ready to download")
    if in_flight:
        parts.append(f"{in_flight:,} in flight")
    if rest > 0:
        parts.append(f"{rest:,} not submitted")
    # Only a batch pays; other commands continue generations that are paid for.
    is_all_new = command is None or results.spent_usd == results.cost_usd
    spent = "spent" if results.is_batch and is_all_new and not results.earlier else "spent in total"
    parts.append(f"{money(cost_usd)} {spent}" + (" (sandbox)" if results.in_sandbox else ""))
    yield ", ".join([*parts, seconds(results.elapsed_s)])
    if names := results.failed_names:
        more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
        yield f"failed: {', '.join(names[:NAMES_SHOWN])}{more}"
    again = command.to_continue(results, rest) if command else None
    if again:
        yield f"to continue: {again}"


def summary_json(results: Results, command: Command, exit_code: int) -> dict[str, object]:
    """Return the summary for programs."""
    counts, rest = results.counts, results.total - results.ended
    data = {
        "type": "summary",
        "total": results.total,
        "saved": counts[SAVED],
        "failed": counts[FAILED],
        "failed_names": results.failed_names,
        "ready": counts[READY],
        "unknown": counts[UNKNOWN],
        "in_flight": counts[IN_FLIGHT],
        "not_submitted": rest,
        "finished_earlier": results.earlier,
        "cost_usd": round(results.spent_usd, 6),
        "total_cost_usd": round(results.cost_usd, 6),
        "elapsed_s": round(results.elapsed_s, 3),
        "exit_code": exit_code,
    }
    if results.in_sandbox:
        data["sandbox"] = True
    again = command.to_continue(results, rest)
    return data | {"continue": again} if again else data
