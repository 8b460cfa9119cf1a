"""Run `wan history`, `wan history migrate` and `wan history copy`."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from wan_cli.commands.workspace import PATIENCE_S, READING_PATIENCE_S, Workspace, workspace
from wan_cli.core.lease import is_under_way
from wan_cli.errors import SetupError, UsageError, WanError
from wan_cli.journal import Journal
from wan_cli.journal.copying import Copied, Copy, unknown
from wan_cli.journal.facts import Facts, facts, refusal
from wan_cli.journal.port import Patience
from wan_cli.journal.schema import VERSION
from wan_cli.journal.tables import GRANT
from wan_cli.output import Output
from wan_cli.output.begin import begin
from wan_cli.record import utc
from wan_cli.text import one_line

if TYPE_CHECKING:
    from wan_cli.database import Address

    Store = Path | Address

# The word for the history that the configuration names.
DEFAULT = "default"
# How many names of generations a message lists.
_NAMED = 5
_PROGRESS_S = 2.0
# Ask whether the newest records of this machine's file are in the database.
_ASKED = 5000
_URLS = ("postgresql://", "postgres://")


def where(*, sandbox: bool | None, json: bool, quiet: bool, verbose: bool) -> int:
    """Print where the history is and what it holds; return 0."""
    out = begin(json=json, quiet=quiet, verbose=verbose, sandbox=sandbox)
    space = workspace(out, sandbox=sandbox)
    with space.history(out, keeps=False) as (journal, is_writable):
        found = facts(journal.engine)
        error = refusal(journal.engine) if is_writable else None
        _print_facts(out, journal, found, is_writable=is_writable and error is None)
        if error is not None:
            out.warn(f"{error.message}: {error.hint}")
        missing = missing_of_file(space, journal)
    if missing:
        out.warn(missing[0])
        out.note(missing[1])
    return 0


def _print_facts(out: Output, journal: Journal, found: Facts, *, is_writable: bool) -> None:
    data = {
        "history": journal.place,
        "kind": "postgresql" if journal.is_shared else "sqlite",
        "schema": found.schema,
        "generations": found.generations,
        "bytes": found.bytes,
        "oldest": utc(found.oldest),
        "newest": utc(found.newest),
        "writable": is_writable,
    }
    shown = {
        "history": journal.place,
        "schema": f"{found.schema}",
        "generations": f"{found.generations:,}",
        "size": f"{found.bytes / 1e6:,.1f} MB",
        "oldest": utc(found.oldest) or "none",
        "newest": utc(found.newest) or "none",
        "writable": "yes" if is_writable else "no",
    }
    out.result(data, "\n".join(f"{name:<11}  {value}" for name, value in shown.items()))


def missing_of_file(space: Workspace, journal: Journal) -> tuple[str, str] | None:
    """Return that this machine's file has generations which the database has not, and what to do.

    A key or a row of a batch that only the file has would be paid for again.
    """
    file = space.paths.history_file
    if not journal.is_shared or not file.is_file():
        return None
    try:
        with Journal.open_read_only(file) as local:
            count = unknown(local.engine, journal.engine, _ASKED)
    except WanError:
        return None
    if not count:
        return None
    many = "a generation" if count == 1 else f"{count:,} generations"
    words = f"the file {file} has {many} that the history {journal.place} has not"
    return words, f"wan history copy '{file}'"


def migrate_(*, json: bool, quiet: bool, verbose: bool) -> int:
    """Bring the tables of the database to this version; return 0."""
    out = begin(json=json, quiet=quiet, verbose=verbose)
    space = workspace(out, sandbox=False)
    address = space.address
    if address is None:
        with space.journal(out) as journal:
            place = journal.place
        words = f"{place}: schema {VERSION}; each command migrates a file by itself"
        out.result({"history": place, "schema": VERSION, "schema_before": VERSION}, words)
        return 0
    place = address.place
    patience = Patience(PATIENCE_S, out.note)
    before = Journal.migrate(place, space.conninfo(address), patience=patience)
    done = f"migrated from schema {before} to {VERSION}"
    if before is None:
        done = f"created the tables, schema {VERSION}"
    elif before == VERSION:
        done = f"schema {VERSION} already"
    out.result({"history": place, "schema": VERSION, "schema_before": before}, f"{place}: {done}")
    if before != VERSION:
        out.note(f"for roles that run wan but own no tables: {GRANT}")
    return 0


def copy_(source: str | None, target: str | None, *, json: bool, quiet: bool, verbose: bool) -> int:
    """Copy the generations of one history into another; return the exit code."""
    out = begin(json=json, quiet=quiet, verbose=verbose)
    if source is None:
        raise UsageError("no FROM given: the history to copy", hint="wan history copy --help")
    space = workspace(out, sandbox=False)
    stores = [_store(space, word) for word in (source, target or DEFAULT)]
    if stores[0] == stores[1]:
        raise UsageError(
            f"FROM and TO are the same history: {_place(stores[0])}",
            hint="wan history copy FROM TO",
        )
    with (
        _opened(out, space, stores[0], writes=False) as journal,
        _opened(out, space, stores[1], writes=True) as copy,
    ):
        out.warn_all(copy.warnings)
        done = _copied(out, journal, copy)
        return _print_copied(out, journal, copy, done)


def _store(space: Workspace, word: str) -> "Store":
    """Return the file or the address that a word names.

    Raises:
        UsageError: an address is malformed, or has a password, which other users could read.
    """
    if word == DEFAULT:
        return space.address or space.paths.history_file
    if not word.lower().startswith(_URLS):
        return Path(os.path.realpath(Path(word).expanduser()))
    from wan_cli.database import parse_address

    address = parse_address(word)
    if address.has_secret:
        raise UsageError(
            "other users of this machine can read a password on the command line",
            hint="leave it out of the URL, and set PGPASSWORD or ~/.pgpass",
        )
    configured = space.address
    if configured and configured._replace(password="") == address:
        return configured
    return address


def _place(store: "Store") -> str:
    return str(store) if isinstance(store, Path) else store.place


def _opened(out: Output, space: Workspace, store: "Store", *, writes: bool) -> Journal:
    if isinstance(store, Path):
        if writes:
            return Journal.open(store)
        if not store.is_file():
            raise UsageError(f"there is no history {one_line(str(store), 200)}", hint="wan history")
        return Journal.open_read_only(store)
    patience_s = PATIENCE_S if writes else READING_PATIENCE_S
    return space.connected(out, store, patience_s, creates=writes)


def _copied(out: Output, journal: Journal, copy: Journal) -> Copied:
    """Copy, and print the progress from time to time."""
    total = facts(journal.engine).generations
    out.note(f"copying {total:,} generations from {journal.place} to {copy.place}")
    done = Copied()
    due = time.monotonic() + _PROGRESS_S
    task = Copy(journal.engine, copy.engine, lambda one: is_under_way(journal, one, time.time()))
    for part in task.run():
        done = done.plus(part)
        if time.monotonic() >= due:
            due = time.monotonic() + _PROGRESS_S
            seen = done.copied + done.known + len(done.skipped)
            out.note(f"{seen:,} of {total:,}")
    return done


def _print_copied(out: Output, journal: Journal, copy: Journal, done: Copied) -> int:
    data = {
        "from": journal.place,
        "to": copy.place,
        "copied": done.copied,
        "known": done.known,
        "skipped": len(done.skipped),
        "without_key": len(done.unkeyed),
    }
    words = f"copied {done.copied:,}, known {done.known:,}, skipped {len(done.skipped):,}"
    out.result(data, words)
    if done.unkeyed:
        out.warn(
            f"{copy.place} has other generations for the same rows or keys; copied without their"
            f" key: {_names(done.unkeyed)}"
        )
    if not done.skipped:
        return 0
    reasons = dict.fromkeys(why for _name, why in done.skipped)
    names = [name for name, _why in done.skipped]
    error = SetupError(
        f"not copied: {_names(names)}: {one_line('; '.join(reasons), 300)}",
        hint="run the same command again in some minutes",
    )
    out.error(error)
    return error.exit_code


def _names(names: "list[str] | tuple[str, ...]") -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(one_line(name, 60) for name in names[:_NAMED]) + more
