"""Planning a batch: where each row's video goes, and which rows are still to be submitted."""

import heapq
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from wan_cli.batchfile import parse
from wan_cli.batchfile.formats import JSON_LINES, format_of
from wan_cli.batchfile.row import Mistake, Row
from wan_cli.batchfile.shard import Shard
from wan_cli.destination import Destination, parse_destination, try_places, working_folder
from wan_cli.errors import DriveTrouble, LocalFileError, UsageError, WanError
from wan_cli.filetypes import STDIN, Source
from wan_cli.generation import Status
from wan_cli.history import History
from wan_cli.models import GenerationRequest
from wan_cli.prices import NOT_ASKED, Price
from wan_cli.prompt import file_meant, read_batch
from wan_cli.record import Record
from wan_cli.text import check_name_template, file_name, one_line

_MEND = "correct the file, then run the same command again; nothing was submitted"
# Of the rows that cannot be used, so many are named.
MISTAKES_SHOWN = 20


class Entry(NamedTuple):
    """A row with all that its submission needs: where its video goes, and what it costs."""

    row: Row
    destination: Destination
    price: Price = NOT_ASKED


class Plan(NamedTuple):
    """The rows of a file that are meant, and what the user is told of the reading."""

    entries: list[Entry]
    notes: tuple[str, ...]


class Survey(NamedTuple):
    """What the history knows of rows: those with a generation, and those to be submitted.

    `impossible` are those that would be submitted if their video could be saved, each with why not.
    """

    known: Sequence[tuple[Entry, Record]]
    coming: Sequence[Entry]
    impossible: Sequence[tuple[Entry, LocalFileError]] = ()

    @property
    def requests(self) -> list[GenerationRequest]:
        """What is to be submitted."""
        return [entry.row.request for entry in self.coming]

    @property
    def paid_usd(self) -> float:
        """What the generations of rows cost, as far as that is known."""
        return sum(record.cost_usd or 0.0 for _, record in self.known)

    @property
    def at_unknown_cost(self) -> list[GenerationRequest]:
        """What was submitted, and costs nobody knows how much yet."""
        return [entry.row.request for entry, record in self.known if record.cost_usd is None]

    def priced(self, prices: Sequence[Price]) -> "Survey":
        """Return the same with what each request costs."""
        pairs = zip(self.coming, prices, strict=True)
        return self._replace(coming=[entry._replace(price=price) for entry, price in pairs])


def load(
    file: Path,
    form: str | None,
    shard: Shard,
    *,
    base_url: str,
    defaults: Mapping[str, object],
    folder: Path,
    name_template: str,
) -> Plan:
    """Read a batch file and return the rows that belong to a shard.

    Args:
        file: `-` is stdin.
        form: one of the formats, None where the file tells.
        shard: which rows are meant; all of them are checked.
        base_url: the API's; another one knows nothing of what this one has made.
        defaults: fields of the API that rows do not have.
        folder: where videos go.
        name_template: what they are called where the row does not say.

    Raises:
        UsageError: the file cannot be read, has no row, or has rows that cannot be used.
    """
    source = Source(str(file), "wan batch", f"--format {form}" if form else "")
    text = read_batch(source)
    found = format_of(form, source, text)
    contents = parse(
        text,
        found,
        source,
        scope=f"{base_url} {_place(file)}",
        defaults=defaults,
        is_sure=form is not None,
    )
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
    return Plan([entry for entry in entries if shard.has(entry.row)], tuple(notes))


def _has_no_suffix(source: Source) -> bool:
    return source.file == STDIN or not Path(source.file).suffix


def source_of(file: Path) -> str:
    """Return what a batch file is called in messages."""
    return "stdin" if str(file) == "-" else str(file)


def _place(file: Path) -> str:
    """Return what tells the rows of a file from equal ones of another: where it is.

    Links are not followed: where what they lead to is replaced, it is the same file still. What
    comes through a pipe has no place of its own; it is told by the folder in which it is read.
    """
    if str(file) != "-" and file.is_file():
        return os.path.abspath(file)  # noqa: PTH100  Path.absolute() keeps "..".
    return f"stdin of {working_folder()}"


def refuse(
    source: str,
    mistakes: Sequence[Mistake],
    hint: str = _MEND,
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
        error.details = (*said, f"and {more:,} more") if more else tuple(said)
        raise error


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


def prepare(source: str, found: Survey, *, overwrite: bool, sidecar: bool) -> Survey:
    """Return a survey whose coming rows can be saved: each final name was tried.

    Rows whose folder or name is impossible are no longer coming, but `impossible`: only they fail.

    Raises:
        UsageError: files exist and must not be replaced.
        LocalFileError: no row can be saved, or a drive takes nothing.
    """
    places = [entry.destination for entry in found.coming]
    tried = zip(found.coming, try_places(places, overwrite=overwrite, sidecar=sidecar), strict=True)
    can_be_saved, impossible, usage = [], [], []
    for entry, error in tried:
        if error is None:
            can_be_saved.append(entry)
        elif isinstance(error, UsageError):
            usage.append(Mistake(entry.row.line, error.message))
        else:
            impossible.append((entry, error))
    refuse(source, usage, f"add --force, or {_MEND}")
    _refuse_drive(source, impossible, is_all=not can_be_saved)
    return found._replace(coming=can_be_saved, impossible=impossible)


def _refuse_drive(
    source: str, impossible: Sequence[tuple[Entry, LocalFileError]], *, is_all: bool
) -> None:
    """Raise a LocalFileError if a drive takes nothing, or none of the rows can be saved."""
    hint = "choose another folder: --output-dir DIR"
    for _, error in impossible:
        if isinstance(error, DriveTrouble):
            raise DriveTrouble(error.message, hint=hint)
    if impossible and is_all:
        if len({error.message for _, error in impossible}) == 1:
            raise LocalFileError(impossible[0][1].message, hint=hint)
        mistakes = [Mistake(entry.row.line, error.message) for entry, error in impossible]
        refuse(source, mistakes, hint, LocalFileError)


def survey(history: History, entries: Sequence[Entry], *, retry_failed: bool) -> Survey:
    """Tell the rows that have a generation from those that are to be submitted.

    A row whose submission has an unknown outcome is among the latter: it is settled there, after
    the rows that were never sent.
    """
    known, new, unknown = [], [], []
    for entry in entries:
        records = history.of_row(entry.row.key)
        if records and records[0].status.is_unresolved:
            unknown.append(entry)
        elif not records or (retry_failed and records[0].status is Status.ERROR):
            new.append(entry)
        else:
            known.append((entry, records[0]))
    return Survey(known, [*new, *unknown])
