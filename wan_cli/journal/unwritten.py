"""Changes that a database could not take: this machine keeps them for a later command."""

import json
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from wan_cli.errors import SetupError
from wan_cli.journal.port import Engine
from wan_cli.journal.rows import COLUMNS, as_uri, to_columns, to_record
from wan_cli.journal.writing import save
from wan_cli.record import Record
from wan_cli.storage import replace_whole
from wan_cli.text import one_line


class Unwritten:
    """The folder of the changes that are not in the journal yet: one file for each record."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: set[str] = set()

    def keep(self, record: Record, changed: Collection[str]) -> bool:
        """Keep a record and the names of its changed fields; return whether they are on disk."""
        values = to_columns(record)
        row = [as_uri(v) if isinstance(v := values[name], bytes) else v for name in COLUMNS]
        text = json.dumps({"columns": COLUMNS, "row": row, "changed": [*changed]})
        self._kept.add(record.ref)
        try:
            replace_whole(self._file(record), text.encode(), private=True)
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
        lines = []
        for file in files:
            try:
                with suppress(SetupError, FileNotFoundError):
                    record = self._replayed(engine, json.loads(file.read_bytes()))
                    file.unlink(missing_ok=True)
                    lines.append(f"{record.handle} is in the history now; it was not before")
            except (OSError, ValueError, KeyError, TypeError) as cause:
                lines.append(
                    f"cannot read {file}, which belongs into the history"
                    f" ({one_line(str(cause), 100)}); delete it after: wan recover"
                )
        return lines

    def _replayed(self, engine: Engine, kept: dict[str, list[str]]) -> Record:
        values = dict(zip(kept["columns"], kept["row"], strict=True))
        record = to_record([values[name] for name in COLUMNS])
        save(engine, record, kept["changed"])
        return record

    def _file(self, record: Record) -> Path:
        return self._folder / f"{record.ref}.json"
