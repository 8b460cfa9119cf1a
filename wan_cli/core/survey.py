"""Surveying a batch: which rows have a generation, and which must still be submitted."""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from shlex import quote
from typing import NamedTuple

from wan_cli.batchfile.row import Mistake
from wan_cli.bucket import BucketAway, BucketRefused
from wan_cli.core.claim import current_of, is_free, other_request
from wan_cli.core.plan import CORRECT, Entry, Plan, refuse
from wan_cli.destination import try_places
from wan_cli.errors import DriveTrouble, LocalFileError, UsageError
from wan_cli.identity import BatchName, is_of, old_key
from wan_cli.journal import Journal
from wan_cli.journal.rows import digest_of
from wan_cli.models import GenerationRequest
from wan_cli.prices import Price
from wan_cli.record import Record
from wan_cli.text import one_line

# Name at most this many other batches that made equal requests.
NAMED_MAX = 3


class Survey(NamedTuple):
    """A batch's rows, split into rows with a generation and rows to submit.

    The last `unresolved` rows of `coming` may have been submitted before. `impossible` has the rows
    that cannot be submitted because their video could not be saved, each with its error.
    """

    known: Sequence[tuple[Entry, Record]]
    coming: Sequence[Entry]
    unresolved: int = 0
    impossible: Sequence[tuple[Entry, LocalFileError]] = ()

    @property
    def requests(self) -> list[GenerationRequest]:
        """The requests to submit."""
        return [entry.row.request for entry in self.coming]

    @property
    def paid_usd(self) -> float:
        """The total of the known costs of the rows' generations."""
        return sum(record.cost_usd or 0.0 for _, record in self.known)

    @property
    def at_unknown_cost(self) -> list[GenerationRequest]:
        """The submitted requests whose cost is still unknown."""
        return [entry.row.request for entry, record in self.known if record.cost_usd is None]

    def priced(self, prices: Sequence[Price]) -> "Survey":
        """Return a copy with the price of each request."""
        pairs = zip(self.coming, prices, strict=True)
        return self._replace(coming=[entry._replace(price=price) for entry, price in pairs])


def survey(journal: Journal, plan: Plan, *, retry_failed: bool) -> Survey:
    """Split the rows into rows with a generation and rows to submit.

    A row whose submission has an unknown outcome counts as a row to submit: the engine settles it,
    after the rows that were never sent. Rows that an older history stored by the path of their file
    get their new keys.

    Raises:
        UsageError: a `once` key was used for another request.
    """
    batch, old_urls = plan.batch, journal.keys.old_urls()
    if old_urls:
        old_urls = {url for url in old_urls if is_of(url, batch.service)} | {batch.old_url}
    known, new, unknown, renamed = [], [], [], []
    mistakes = []
    found = journal.keys.of_rows({key for entry in plan.entries for key in entry.row.keys.all})
    for entry in plan.entries:
        record = _current_of(found, entry)
        if record is None and old_urls:
            record = _of_old_row(journal, batch, entry, old_urls)
            renamed += [record] if record else []
        if (
            record
            and entry.row.once
            and (wrong := other_request(entry.row.once, record, entry.row.request))
        ):
            mistakes.append(Mistake(entry.row.line, wrong.message))
        elif record is None or _is_due(entry, record, retry_failed=retry_failed):
            new.append(entry)
        elif record.status.is_unresolved:
            unknown.append(entry)
        else:
            known.append((entry, record))
    refuse(plan.source, mistakes, "use another key; nothing was submitted")
    journal.save_all(renamed, ("row_key", "other_key", "batch", "once"))
    return Survey(known, [*new, *unknown], len(unknown))


def _current_of(found: Mapping[str, Sequence[Record]], entry: Entry) -> Record | None:
    """Return the record that counts for a row, among the newest of each key."""
    first, other = entry.row.keys
    records = found.get(first, ())
    if other is not None:
        merged = {record.ref: record for record in (*records, *found.get(other, ()))}
        records = sorted(merged.values(), key=_created_at, reverse=True)
    return current_of(records)


def _created_at(record: Record) -> float:
    return record.created_at


def _is_due(entry: Entry, record: Record, *, retry_failed: bool) -> bool:
    """Whether to submit a row again because its generation has failed."""
    return is_free(record) and (retry_failed or entry.row.once is not None)


def _of_old_row(
    journal: Journal, batch: BatchName, entry: Entry, urls: Collection[str]
) -> Record | None:
    """Return the record that an older version of wan stored for a row, with its new keys."""
    row, body = entry.row, entry.row.request.to_json()
    keys = [old_key(url, place, body, row.nth) for url in urls for place in batch.old_places]
    record = current_of(journal.keys.of(*keys))
    if record is None:
        return None
    first, other = row.keys
    return record._replace(row_key=first, other_key=other, batch=batch.name, once=row.once)


def is_known(journal: Journal, batch: BatchName) -> bool:
    """Whether the history has a generation of a batch."""
    urls = journal.keys.urls_of_batch(batch.name)
    return any(is_of(url, batch.service) for url in urls)


def made_elsewhere(journal: Journal, plan: Plan, found: Survey) -> list[str]:
    """Return the other batches, or `wan generate`, that made requests still to be submitted.

    Each is a line to show the user before anything is paid.
    """
    batch = plan.batch
    wanted = Counter(request.to_json() for request in found.requests)
    if not wanted:
        return []
    counts: dict[tuple[str | None, bool], Counter[str]] = {}
    latest: dict[tuple[str | None, bool], float] = {}
    services: dict[str, bool] = {}
    for made in journal.keys.made({digest_of(text) for text in wanted}):
        if made.request not in wanted or made.batch == batch.name:
            continue
        url = made.base_url
        services.setdefault(url, is_of(url, batch.service))
        if services[url]:
            maker = made.batch, made.is_old
            counts.setdefault(maker, Counter())[made.request] += 1
            latest[maker] = made.created_at
    shared = {maker: (count & wanted).total() for maker, count in counts.items()}
    makers = sorted(shared, key=lambda maker: (-shared[maker], -latest[maker]))
    return [
        _words(maker, shared[maker], len(plan.entries), latest[maker])
        for maker in makers[:NAMED_MAX]
    ]


def _words(maker: tuple[str | None, bool], count: int, total: int, at: float) -> str:
    name, is_old = maker
    many = f"{count} of these {total} rows {'was' if count == 1 else 'were'} generated by"
    if name is not None:
        shown = one_line(name, 200)
        return f"{many} batch {shown} {_day(at)}; --as {quote(shown)} continues it"
    if is_old:
        return f"{many} a batch {_day(at)}, with an older wan; running that file continues it"
    return f"{many} wan generate {_day(at)}"


def _day(at: float) -> str:
    """Return the day of a time: "today" or "on YYYY-MM-DD"."""
    day = time.strftime("%Y-%m-%d", time.localtime(at))
    return "today" if day == time.strftime("%Y-%m-%d") else f"on {day}"


def prepare(source: str, found: Survey, *, overwrite: bool, sidecar: bool) -> Survey:
    """Try each final file name; return a survey in which every coming row can be saved.

    Rows whose folder or name cannot be used move to `impossible`: only they fail.

    Raises:
        UsageError: files exist and must not be replaced.
        LocalFileError: no row can be saved, or a drive cannot be written.
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
    refuse(source, usage, f"add --force, or {CORRECT}")
    _refuse_drive(source, impossible, is_all=not can_be_saved)
    return found._replace(coming=can_be_saved, impossible=impossible)


def _refuse_drive(
    source: str, impossible: Sequence[tuple[Entry, LocalFileError]], *, is_all: bool
) -> None:
    """Raise a LocalFileError if a drive cannot be written, or if no row can be saved."""
    hint = "choose another folder: --output-dir DIR"
    for _, error in impossible:
        if isinstance(error, BucketRefused | BucketAway):
            raise error
        if isinstance(error, DriveTrouble):
            raise DriveTrouble(error.message, hint=hint)
    if impossible and is_all:
        if len({error.message for _, error in impossible}) == 1:
            raise LocalFileError(impossible[0][1].message, hint=hint)
        mistakes = [Mistake(entry.row.line, error.message) for entry, error in impossible]
        refuse(source, mistakes, hint, LocalFileError)
