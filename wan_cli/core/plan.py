"""Planning a batch: where each row's video goes, and which rows are still to be submitted."""

import heapq
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from wan_cli.batchfile import parse
from wan_cli.batchfile.formats import JSON_LINES, format_of
from wan_cli.batchfile.row import Mistake, Reading, Row
from wan_cli.batchfile.shard import Shard
from wan_cli.destination import Destination, parse_destination, working_folder
from wan_cli.errors import UsageError, WanError
from wan_cli.filetypes import STDIN, Source
from wan_cli.identity import BatchName, service_of
from wan_cli.prices import NOT_ASKED, Price
from wan_cli.prompt import file_meant, read_batch
from wan_cli.text import check_name_template, file_name, one_line

CORRECT = "correct the file, then run the same command again; nothing was submitted"
# Of the rows that cannot be used, so many are named.
MISTAKES_SHOWN = 20


class Entry(NamedTuple):
    """A row with all that its submission needs: where its video goes, and what it costs.

    `attempts` is the number of the last attempt that another machine made for it, in vain.
    """

    row: Row
    destination: Destination
    price: Price = NOT_ASKED
    attempts: int = 0


class Plan(NamedTuple):
    """A batch: its name, the rows that are meant, and what the user is told of the reading.

    `source` is what its file is called in messages.
    """

    batch: BatchName
    source: str
    entries: list[Entry]
    notes: tuple[str, ...]


def load(
    file: Path,
    form: str | None,
    shard: Shard,
    *,
    batch: BatchName,
    reading: Reading,
    folder: Path,
    name_template: str,
) -> Plan:
    """Read a batch file and return the rows that belong to a shard.

    Args:
        file: `-` is stdin.
        form: one of the formats, None where the file tells.
        shard: which rows are meant; all of them are checked.
        batch: its name.
        reading: how rows are read.
        folder: where videos go.
        name_template: what they are called where the row does not say.

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
    return Plan(batch, source_of(file), meant, tuple(notes))


def _has_no_suffix(source: Source) -> bool:
    return source.file == STDIN or not Path(source.file).suffix


def source_of(file: Path) -> str:
    """Return what a batch file is called in messages."""
    return "stdin" if str(file) == "-" else str(file)


def batch_name(file: Path, name: str | None, base_url: str, *, sandbox: bool) -> BatchName:
    """Return the name of a batch: not its path, so that a link, a copy or a checkout continues it.

    A link has the name of its file too. What comes through a pipe has no name: the folder in which
    it is read is its name.

    Args:
        file: `-` is stdin.
        name: what the user calls the batch, None: as its file is called.
        base_url: the API's URL; another service knows nothing of what this one has made.
        sandbox: it is the embedded sandbox instead.
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
        # Histories that knew a batch by its path alone knew no other name.
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
    """Let a file pass that has no mistake.

    Raises:
        UsageError, or another kind: it names the first mistakes, each with its line, and counts the
            others.
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
    rows: Sequence[Row], folder: Path, name_template: str
) -> tuple[list[Entry], list[Mistake]]:
    """Return rows with their destinations, and what is wrong with those of others.

    What a row's `output` names is looked for in the folder, unless it is absolute.
    """
    entries: list[Entry] = []
    mistakes: list[Mistake] = []
    taken: dict[Path, int] = {}
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


def _destination(row: Row, folder: Path, name_template: str) -> Destination:
    place = parse_destination(None, folder, name_template)
    if row.output is not None:
        if row.output == "-":
            raise UsageError("output: the videos of a batch do not go to stdout", hint="")
        # A slash at its end says that it is a folder.
        slash = "/" if row.output.endswith("/") else ""
        path = folder / _expanded(row.output)
        place = parse_destination(f"{path}{slash}", folder, name_template)
    if row.name is None:
        return place
    if place.name is not None:
        raise UsageError("output and name both name the file; output may be a folder/", hint="")
    if "/" in row.name:
        raise UsageError(f"name: {one_line(row.name, 80)!r} holds a slash (output may)", hint="")
    check_name_template(row.name)
    if "{" in row.name:
        return place._replace(name_template=row.name)
    return place._replace(name=file_name(row.name, {}))


def _expanded(output: str) -> Path:
    """Return a path with the home folder in place of `~`: no shell does it for a file's rows."""
    try:
        return Path(output).expanduser()
    except RuntimeError:
        raise UsageError("output: there is no home folder for ~", hint="") from None


def _take_name(taken: dict[Path, int], entry: Entry) -> None:
    """Let no two rows have one file."""
    place = entry.destination
    if place.name is None:
        return
    line = taken.setdefault(place.folder / place.name, entry.row.line)
    if line != entry.row.line:
        raise UsageError(f"{place.name} is the file of line {line} too", hint="")
