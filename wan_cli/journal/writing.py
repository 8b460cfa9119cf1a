"""Write records to the history, without undoing what another process has written since."""

from collections.abc import Collection
from contextlib import suppress

from wan_cli.journal.port import Engine, Taken
from wan_cli.journal.rows import COLUMNS, DERIVED, to_columns
from wan_cli.record import Record

_ALL = (*COLUMNS, *DERIVED)
# Who has not heard of the id must not write over it, nor who has heard of another one.
_SAME_ID = (
    "(generations.id IS NULL OR excluded.id = generations.id OR excluded.id = generations.other_id"
    " OR excluded.other_id = generations.id)"
)
# Who saw an older state must not write it over a newer one.
_NOT_OLDER = (
    "(generations.video_url IS NULL OR excluded.video_url IS NOT NULL"
    " AND excluded.status IN ('completed', 'error'))"
)
_STATE = frozenset({"status", "video_url"})


def put(engine: Engine, record: Record, changed: Collection[str] = ()) -> bool:
    """Write a record inside a transaction: all of a new one, else the changed fields.

    Return False if another process has written more than this one knows: nothing is written then.

    Raises:
        Taken: another process has a record for the same purpose.
    """
    names = [name.rstrip("_") for name in changed]
    if "request" in names:
        names += DERIVED
    fences = [_SAME_ID, _NOT_OLDER] if _STATE & {*names} else [_SAME_ID]
    changes = ", ".join(f"{name} = excluded.{name}" for name in names)
    conflict = f" ON CONFLICT (ref) DO UPDATE SET {changes} WHERE {' AND '.join(fences)}"
    marks = ", ".join(f":{name}" for name in _ALL)
    return bool(
        engine.change(
            f"INSERT INTO generations ({', '.join(_ALL)}) VALUES ({marks})"
            f"{conflict if changed else ''}",
            to_columns(record),
        )
    )


def save(engine: Engine, record: Record, changed: Collection[str]) -> bool:
    """Write the changed fields of a record; return as `put` does.

    A record whose purpose another one has meanwhile loses its key: its id must not be lost.
    """
    try:
        with engine.transaction():
            return put(engine, record, changed)
    except Taken:
        free = record._replace(row_key=None, other_key=None)
        with engine.transaction():
            return put(engine, free, (*changed, "row_key", "other_key"))


def save_all(engine: Engine, records: Collection[Record], changed: Collection[str]) -> None:
    """Write the changed fields of all records, without those that another one stands against."""
    try:
        # Serial: two of them must not lock the same rows in another order.
        with engine.transaction(serial=True):
            for record in records:
                put(engine, record, changed)
    except Taken:
        for record in records:
            with suppress(Taken), engine.transaction():
                put(engine, record, changed)
