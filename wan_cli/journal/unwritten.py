"""Changes that a database could not take: this machine keeps them for a later command."""

import json
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from wan_cli.errors import SetupError
from wan_cli.journal.port import Engine
from wan_cli.journal.rows import COLUMNS, as_uri, first, to_columns, to_record
from wan_cli.journal.writing import save
from wan_cli.record import Record
from wan_cli.storage import replace_whole
from wan_cli.text import one_line


class Unwritten:
    """The folder of the changes that are not in the journal yet: one file for each record."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: set[str] = set()

    def keep(self, place: str, record: Record, changed: Collection[str]) -> bool:
        """Keep a record and the names of its changed fields; return whether they are on disk.

        `place` is the history that lacks them.
        """
        values = to_columns(record)
        row = [as_uri(v) if isinstance(v := values[name], bytes) else v for name in COLUMNS]
        kept = {"place": place, "columns": COLUMNS, "row": row, "changed": [*changed]}
        self._kept.add(record.ref)
        try:
            replace_whole(self._file(record), json.dumps(kept).encode(), private=True)
        except (OSError, RuntimeError):
            return False
        return True

    def drop(self, record: Record) -> None:
        """Forget the changes of a record: the journal has them."""
        if record.ref in self._kept:
            with suppress(OSError):
                self._file(record).unlink(missing_ok=True)

    def replay(self, engine: Engine) -> list[str]:
        """Write the changes of earlier commands to the journal; return a line about each.

        A change that cannot be read, or not be written now, stays for the next command.
        """
        try:
            files = sorted(self._folder.glob("*.json"))
        except OSError:
            return []
        lines: list[str] = []
        for file in files:
            try:
                with suppress(SetupError, FileNotFoundError):
                    lines += self._replayed(engine, file)
            except (OSError, ValueError, KeyError, TypeError) as cause:
                lines.append(
                    f"cannot read {file}, which belongs into the history"
                    f" ({one_line(str(cause), 100)}); delete it after: wan recover"
                )
        return lines

    def _replayed(self, engine: Engine, file: Path) -> list[str]:
        """Write one file to the journal; return a line about it, if there is one to say."""
        content = file.read_bytes()
        kept = json.loads(content)
        if "place" in kept and kept["place"] != engine.place:
            return []
        values = dict(zip(kept["columns"], kept["row"], strict=True))
        record = to_record([values[name] for name in COLUMNS])
        is_new = save(engine, record, kept["changed"])
        current = first(engine, "ref = :ref", {"ref": record.ref}) or record
        if record.id not in (current.id, current.other_id):
            return [
                f"{record.id} was accepted, but the history has {current.id} for it; delete"
                f" {file} after: wan fetch {record.id}"
            ]
        if file.read_bytes() == content:
            file.unlink(missing_ok=True)
        return [f"{record.handle} is in the history now; it was not before"] if is_new else []

    def _file(self, record: Record) -> Path:
        return self._folder / f"{record.ref}.json"
