"""Find the generations of a history by their keys, which identify their purpose."""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from wan_cli.identity import Label
from wan_cli.journal.port import Engine
from wan_cli.journal.rows import any_of, first, path_column, select
from wan_cli.journal.schema import OLD_KEY, TO_FETCH
from wan_cli.record import Record

# Submissions that were paid for, or may have been.
_MADE = "status IN ('sending', 'unknown', 'queued', 'generating', 'completed')"
_NOT_REFUSED = "status NOT IN ('unsent', 'rejected')"
# Ask for this many values in one statement.
_MANY = 5000


class Made(NamedTuple):
    """A submitted request and its batch, if any (`is_old`: a batch whose name was not kept)."""

    request: str
    batch: str | None
    is_old: bool
    created_at: float
    base_url: str


class KeyIndex:
    """The records of a history by their keys, which identify their purpose.

    Every method raises SetupError if the history cannot be read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, *keys: str | None) -> list[Record]:
        """Return the submissions with any of the keys that were not refused, newest first."""
        given = [key for key in keys if key is not None]
        return self._of(given) if given else []

    def of_rows(self, keys: Collection[str]) -> dict[str, list[Record]]:
        """Return the same as `of` for each of many keys, in few questions."""
        found: dict[str, list[Record]] = {}
        for some in _parts(keys):
            for record in self._of(some):
                for key in {record.row_key, record.other_key} - {None}:
                    found.setdefault(str(key), []).append(record)
        return found

    def _of(self, keys: list[str]) -> list[Record]:
        each = (
            f"SELECT seq FROM generations WHERE {self._engine.is_in(name, 'keys')}"
            for name in ("row_key", "other_key")
        )
        where = f"seq IN ({' UNION '.join(each)}) AND {_NOT_REFUSED} ORDER BY seq DESC"
        return select(self._engine, where, {"keys": self._engine.many(keys)})

    def owner(self, generation_id: str, base_url: str) -> Record | None:
        """Return the record of a service that has an id, as its first or second id."""
        where = f"{any_of('id', 'other_id')} AND base_url = :url LIMIT 1"
        return first(self._engine, where, {"word": generation_id, "url": base_url})

    def attempts(self, key: str, base: str) -> int:
        """Return the number of the last attempt for a key, among labels with this base."""
        query = "SELECT client_request_id FROM generations WHERE row_key = :key"
        labels = [Label.of(str(text)) for (text,) in self._engine.run(query, {"key": key})]
        return max((label.attempt for label in labels if label.base == base), default=0)

    def urls_of_batch(self, name: str) -> set[str]:
        """Return the base URLs of the generations of a batch."""
        query = f"SELECT DISTINCT base_url FROM generations WHERE batch = :name AND {_NOT_REFUSED}"
        return {str(url) for (url,) in self._engine.run(query, {"name": name})}

    def old_urls(self) -> set[str]:
        """Return the base URLs of rows whose keys still derive from the path of their file."""
        query = f"SELECT DISTINCT base_url FROM generations WHERE {OLD_KEY}"
        return {str(url) for (url,) in self._engine.run(query)}

    def made(self, digests: Collection[str]) -> Iterator[Made]:
        """Yield every submission of some requests that was paid for, or may have been."""
        query = (
            f"SELECT request, batch, CASE WHEN {OLD_KEY} THEN 1 ELSE 0 END, created_at, base_url"
            f" FROM generations WHERE {self._engine.is_in('digest', 'digests')} AND {_MADE}"
            " ORDER BY seq"
        )
        for some in _parts(digests):
            rows = self._engine.run(query, {"digests": self._engine.many(some)})
            for request, batch, is_old, created_at, base_url in rows:
                name = None if batch is None else str(batch)
                at = float(created_at)  # type: ignore[arg-type]
                yield Made(str(request), name, bool(is_old), at, str(base_url))

    def not_on_disk(self, request: str, folder: str, name: str) -> list[Record]:
        """Return the generations of a request for a file that is not saved yet, newest first."""
        where = (
            f"{TO_FETCH} AND folder = :folder AND name = :name AND request = :request"
            " ORDER BY seq DESC"
        )
        values = {"folder": path_column(folder), "name": path_column(name), "request": request}
        return select(self._engine, where, values)


def _parts(words: Iterable[str]) -> Iterator[list[str]]:
    whole = list(words)
    for start in range(0, len(whole), _MANY):
        yield whole[start : start + _MANY]
