"""Planning a batch: read its rows, and choose a destination for each row's video."""

import heapq
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from wan_cli.batchfile import parse
from wan_cli.batchfile.formats import JSON_LINES, format_of
from wan_cli.batchfile.row import Mistake, Reading, Row
from wan_cli.batchfile.shard import Shard
from wan_cli.destination import Destination
from wan_cli.errors import UsageError, WanError
from wan_cli.filetypes import STDIN, Source
from wan_cli.identity import BatchName, budget_name, service_of
from wan_cli.placement import below, parse_destination, working_folder
from wan_cli.prices import NOT_ASKED, Price
from wan_cli.prompt import file_meant, read_batch
from wan_cli.text import check_name_template, file_name, one_line
from wan_cli.uri import Place

CORRECT = "correct the file, then run the same command again; nothing was submitted"
# Name at most this many of the rows that cannot be used.
MISTAKES_SHOWN = 20


class Entry(NamedTuple):
    """A row with the destination of its video and its price.

    `attempts` is the number of the last failed attempt that another machine made for it.
    """

    row: Row
    destination: Destination
    price: Price = NOT_ASKED
    attempts: int = 0


class Plan(NamedTuple):
    """A batch: its name, the rows of this shard, and notes for the user about the file.

    `source` names the file in messages; `budget` names its rows for a budget that other machines,
    which may run other shards, share.
    """

    batch: BatchName
    source: str
    entries: list[Entry]
    notes: tuple[str, ...]
    keys: tuple[str, ...] = ()

    @property
    def budget(self) -> str:
        """The name of this batch's rows, of all shards."""
        return budget_name(self.batch, self.keys)


def load(
    file: Path,
    form: str | None,
    shard: Shard,
    *,
    batch: BatchName,
    reading: Reading,
    folder: Place,
    name_template: str,
) -> Plan:
    """Read a batch file and return the rows that belong to a shard.

    Args:
        file: the batch file; `-` is stdin.
        form: the format; None: detect it from the file.
        shard: the rows to return; wan checks all rows.
        batch: the batch's name.
        reading: how to read rows.
        folder: the folder for videos.
        name_template: the file name for rows that name none.

    Raises:
        UsageError: the file cannot be read, has no row, or has rows that cannot be used.
    """
    source = Source(str(file), "wan batch", f"--format {form}" if form else "")
    text = read_batch(source)
    found = format_of(form, source, text)
    contents = parse(text, found, source, batch=batch, reading=reading, is_sure=form is not None)
    entries, misplaced = entries_of(contents.rows, folder, name_template)
    refuse(source.name, [*contents.mistakes, *misplaced])
    skipped = f" ({contents.skipped} skipped)" if contents.skipped else ""
    if not entries:
        raise UsageError(
            f"{source.name} holds no prompt{skipped}", hint="write one prompt on each line"
        )
    notes = [f"{source.name}: {contents.skipped} skipped"] if contents.skipped else []
    if form is None and found == JSON_LINES and _has_no_suffix(source):
        notes.append(f"{source.name} is read as JSON Lines")
    meant = [entry for entry in entries if shard.has(entry.row)]
    keys = tuple(entry.row.keys.first for entry in entries)
    return Plan(batch, source_of(file), meant, tuple(notes), keys)


def _has_no_suffix(source: Source) -> bool:
    return source.file == STDIN or not Path(source.file).suffix


def source_of(file: Path) -> str:
    """Return the name of a batch file for messages."""
    return "stdin" if str(file) == "-" else str(file)


def batch_name(file: Path, name: str | None, base_url: str, *, sandbox: bool) -> BatchName:
    """Return the name of a batch: not its path, so that a link, a copy or a checkout continues it.

    A link also has the name of its target. A batch from a pipe has no file name: it is named after
    the working folder.

    Args:
        file: the batch file; `-` is stdin.
        name: the user's name for the batch; None: the file's name.
        base_url: the API's URL; each service has its own batches.
        sandbox: the service is the embedded sandbox instead.
    """
    service = service_of(base_url, sandbox=sandbox)
    target = ""
    if str(file) == STDIN or not file.is_file():
        own = str(working_folder())
        places: tuple[str, ...] = (f"stdin of {own}",)
    else:
        places = os.path.abspath(file), os.path.realpath(file)  # noqa: PTH100  Keeps links.
        own, target = (os.path.basename(place) for place in places)  # noqa: PTH119
    if name is not None and name != own:
        # Older histories named a batch by its path only, so this name cannot be in them.
        return BatchName(service, name)
    other = None if target in ("", own) else _as_text(target)
    return BatchName(service, _as_text(own), other, base_url, places)


def _as_text(name: str) -> str:
    """Return a file's name as text, also if it is not UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def refuse(
    source: str,
    mistakes: Sequence[Mistake],
    hint: str = CORRECT,
    kind: type[WanError] = UsageError,
) -> None:
    """Raise an error if there are mistakes.

    Raises:
        UsageError, or `kind`: it lists the first mistakes with their lines, and counts the others.
    """
    first = heapq.nsmallest(MISTAKES_SHOWN, mistakes)
    said = [f"{source}:{line}: {words}" for line, words in first]
    if len(mistakes) == 1:
        raise kind(said[0], hint=hint)
    if mistakes:
        error = kind(f"{len(mistakes):,} rows of {source} cannot be used", hint=hint)
        more = len(mistakes) - len(said)
        raise error.with_details((*said, f"and {more:,} more") if more else tuple(said))


def entries_of(
    rows: Sequence[Row], folder: Place, name_template: str
) -> tuple[list[Entry], list[Mistake]]:
    """Return the rows with their destinations, and the mistakes of rows that have none.

    A row's `output` is relative to the folder, unless it is absolute.
    """
    entries: list[Entry] = []
    mistakes: list[Mistake] = []
    taken: dict[Place, int] = {}
    for row in rows:
        try:
            _refuse_file_name(row.request.prompt)
            entry = Entry(row, _destination(row, folder, name_template))
            _take_name(taken, entry)
        except UsageError as wrong:
            mistakes.append(Mistake(row.line, wrong.message))
        else:
            entries.append(entry)
    return entries, mistakes


def _refuse_file_name(prompt: str) -> None:
    name = file_meant(prompt)
    if name:
        raise UsageError(f"the prompt is the name of a file: {one_line(name, 80)}", hint="")


def _destination(row: Row, folder: Place, name_template: str) -> Destination:
    place = parse_destination(None, folder, name_template)
    if row.output is not None:
        if row.output == "-":
            raise UsageError("output: a batch cannot write videos to stdout", hint="")
        place = parse_destination(below(folder, row.output), folder, name_template)
    if row.name is None:
        return place
    if place.name is not None:
        raise UsageError("output and name both name the file; make output a folder/", hint="")
    if "/" in row.name:
        words = f"name: {one_line(row.name, 80)!r} contains a slash (only output may)"
        raise UsageError(words, hint="")
    check_name_template(row.name)
    if "{" in row.name:
        return place._replace(name_template=row.name)
    return place._replace(name=file_name(row.name, {}))


def _take_name(taken: dict[Place, int], entry: Entry) -> None:
    """Refuse a row whose file is already another row's."""
    place = entry.destination
    if place.name is None:
        return
    line = taken.setdefault(place.folder / place.name, entry.row.line)
    if line != entry.row.line:
        raise UsageError(f"line {line} uses the file name {place.name} too", hint="")
