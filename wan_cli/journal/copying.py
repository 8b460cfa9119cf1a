"""Copy the records of one history into another; what is there already stays as it is."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from wan_cli.generation import Status
from wan_cli.journal.port import Engine, RowRefused, Taken
from wan_cli.journal.rows import COLUMNS, DERIVED, to_columns, to_record
from wan_cli.record import Record
from wan_cli.text import one_line

# Claims of other processes wait while one part is written.
_PART = 200
# The rows of one statement: with more values, SQLite takes long to find each by its name.
_ROWS = 20
_ALL = (*COLUMNS, *DERIVED)
_REFUSED = (Status.UNSENT, Status.REJECTED)


class Copied(NamedTuple):
    """What was done with some records.

    Attributes:
        copied: how many were written.
        known: how many were there already.
        skipped: the names of those that were not copied, each with the reason.
        unkeyed: the names of those that were copied without their key: the other history has
            another generation for the same purpose.
    """

    copied: int = 0
    known: int = 0
    skipped: tuple[tuple[str, str], ...] = ()
    unkeyed: tuple[str, ...] = ()

    def plus(self, other: "Copied") -> "Copied":
        """Return the sum of two."""
        return Copied(*(mine + its for mine, its in zip(self, other, strict=True)))  # type: ignore[operator]


class Copy:
    """A copy from one history into another. It needs the rights to select and to insert.

    Args:
        is_under_way: tells whether a process may be sending a submission right now.
    """

    def __init__(
        self, source: Engine, target: Engine, is_under_way: Callable[[Record], bool]
    ) -> None:
        self._source = source
        self._target = target
        self._is_under_way = is_under_way

    def run(self) -> Iterator[Copied]:
        """Copy everything in parts; yield what was done with each.

        The order stays: records that are newer than all of the target follow them in their order,
        and the others come before the target's first one.
        """
        found = self._target.run("SELECT max(created_at) FROM generations")[0][0]
        newest = float("-inf") if found is None else float(str(found))
        for part in self._parts("created_at > :newest AND seq > :at", "seq", newest):
            yield self._written(part, before=False)
        if found is not None:
            for part in self._parts("created_at <= :newest AND seq < :at", "seq DESC", newest):
                yield self._written(part, before=True)

    def _parts(self, where: str, order: str, newest: float) -> Iterator[list[tuple[object, ...]]]:
        at = -(2**62) if order == "seq" else 2**62
        query = (
            f"SELECT seq, {', '.join(COLUMNS)} FROM generations WHERE {where}"
            f" ORDER BY {order} LIMIT {_PART}"
        )
        while rows := self._source.run(query, {"newest": newest, "at": at}):
            at = int(str(rows[-1][0]))
            yield rows

    def _written(self, rows: Iterable[Sequence[object]], *, before: bool) -> Copied:
        """Write the records of rows: all together, or one by one if the target refuses one."""
        records, done = [], Copied()
        for row in rows:
            try:
                records.append(to_record(row[1:]))
            except (ValueError, KeyError, TypeError) as cause:
                why = f"it cannot be read: {one_line(str(cause), 100)}"
                done = done.plus(Copied(skipped=((str(row[1]), why),)))
        try:
            return done.plus(self._put(records, before=before))
        except (RowRefused, Taken):
            for record in records:
                done = done.plus(self._put_one(record, before=before))
        return done

    def _put_one(self, record: Record, *, before: bool) -> Copied:
        try:
            return self._put([record], before=before)
        except Taken:
            freed = self._put([_without_key(record)], before=before)
            return freed._replace(unkeyed=(record.handle,))
        except RowRefused as error:
            return Copied(skipped=((record.handle, error.message),))

    def _put(self, records: Sequence[Record], *, before: bool) -> Copied:
        """Write records in one transaction. Claims wait for it: they use the same keys."""
        with self._target.transaction(serial=True):
            known = self._known(records)
            new = [record for record in records if record.ref not in known]
            busy = [record for record in new if self._is_under_way(record)]
            fit, unkeyed = self._with_free_keys([one for one in new if one not in busy])
            for start in range(0, len(fit), _ROWS):
                self._insert(fit[start : start + _ROWS], before=before)
        return Copied(
            copied=len(fit),
            known=len(known),
            skipped=tuple((one.handle, "it is being submitted right now") for one in busy),
            unkeyed=tuple(unkeyed),
        )

    def _known(self, records: Sequence[Record]) -> set[str]:
        """Return the refs that the target has, or whose id it has with more than the id."""
        found = self._refs(self._target, "ref", [record.ref for record in records])
        bare = {r.id: r.ref for r in records if r.id and not r.request and r.ref not in found}
        ids = self._refs(self._target, "id", [*bare])
        return found | {bare[known] for known in ids}

    def _with_free_keys(self, records: Sequence[Record]) -> tuple[list[Record], list[str]]:
        """Return records whose keys the target can take, and the names of those that lost theirs.

        After failures, it takes the next try. After anything else it loses its key: a failure must
        not become the newest try of a key, since the next run would pay again.
        """
        held = self._held({record.row_key for record in records if record.row_key})
        refs = [ref for tries in held.values() for _number, _status, ref in tries]
        own = self._refs(self._source, "ref", refs)
        fit, unkeyed = [], []
        for record in records:
            tries = held.setdefault(record.row_key or "", [])
            others = [
                status
                for _number, status, ref in tries
                if ref not in own and status not in _REFUSED
            ]
            if record.row_key and others and record.status not in _REFUSED:
                if {*others} != {Status.ERROR}:
                    fit.append(_without_key(record))
                    unkeyed.append(record.handle)
                    continue
                record = record._replace(try_=1 + max(number for number, *_rest in tries))
            tries.append((record.try_, str(record.status), record.ref))
            own.add(record.ref)
            fit.append(record)
        return fit, unkeyed

    def _insert(self, records: Sequence[Record], *, before: bool) -> None:
        values: dict[str, object] = {}
        marks = []
        lowest = 0
        if before:
            ((found,),) = self._target.run("SELECT min(seq) FROM generations")
            lowest = 1 if found is None else int(str(found))
        names = (*_ALL, "seq") if before else _ALL
        for number, record in enumerate(records):
            columns = to_columns(record._replace(worker=None)) | {"seq": lowest - 1 - number}
            values |= {f"{name}_{number}": _fit(columns[name]) for name in names}
            marks.append(f"({', '.join(f':{name}_{number}' for name in names)})")
        self._target.change(
            f"INSERT INTO generations ({', '.join(names)}) VALUES {', '.join(marks)}"
            " ON CONFLICT (ref) DO NOTHING",
            values,
        )

    def _held(self, keys: Collection[str]) -> dict[str, list[tuple[int, str, str]]]:
        """Return the try, the status and the ref of each record of the target with these keys."""
        target = self._target
        each = (
            f"SELECT {name}, try, status, ref FROM generations WHERE {target.is_in(name, 'keys')}"
            for name in ("row_key", "other_key")
        )
        found: dict[str, list[tuple[int, str, str]]] = {}
        for key, number, status, ref in target.run(
            " UNION ".join(each), {"keys": target.many([*keys])}
        ):
            found.setdefault(str(key), []).append((int(str(number)), str(status), str(ref)))
        return found

    def _refs(self, engine: Engine, name: str, words: Sequence[str]) -> set[str]:
        """Return those of the words that a column of a history has."""
        query = f"SELECT {name} FROM generations WHERE {engine.is_in(name, 'words')}"
        found = engine.run(query, {"words": engine.many(words)}) if words else []
        return {str(word) for (word,) in found}


def unknown(source: Engine, target: Engine, most: int) -> int:
    """Return how many of the newest records of one history the other one does not have."""
    newest = source.run(f"SELECT ref FROM generations ORDER BY seq DESC LIMIT {most}")
    refs = [str(ref) for (ref,) in newest]
    query = f"SELECT count(*) FROM generations WHERE {target.is_in('ref', 'refs')}"
    ((known,),) = target.run(query, {"refs": target.many(refs)})
    return len(refs) - int(str(known))


def _without_key(record: Record) -> Record:
    return record._replace(row_key=None, other_key=None)


def _fit(value: object) -> object:
    # A database takes no NUL character in a text.
    return value.replace("\0", " ") if isinstance(value, str) else value
