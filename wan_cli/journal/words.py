"""Find the record that a word of the command line names."""

import os

from wan_cli.errors import UsageError
from wan_cli.journal.port import NO_VALUES, Engine, Values
from wan_cli.journal.rows import any_of, first, path_column, select
from wan_cli.record import Record
from wan_cli.text import one_line
from wan_cli.uri import is_uri

MIN_PREFIX = 6
# `id8` of a file name: the id's first letters and digits. The schema indexes it.
ID8_LENGTH = 8
ID8 = f"substr(replace(replace(id, '-', ''), '_', ''), 1, {ID8_LENGTH})"
# Greater than any character in an id.
_LAST_CHAR = "\U0010ffff"


class Words:
    """The records of a history by words: ids and their beginnings, @last, @KEY, saved files.

    Every method raises SetupError if the history cannot be read.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, word: str) -> Record | None:
        """Return the record that a word names.

        A word is an id, a ref, a label, @last, @KEY, a unique prefix, the eight letters or digits
        of an id that a file name has, or the path of a saved video.

        Raises:
            UsageError: several ids begin with the prefix, or have the same eight characters.
        """
        if isinstance(path_column(word), bytes):
            # No text may be other than UTF-8: no id has it, but a path may.
            return self._by_file(word)
        if word == "@last":
            return self._first("1 = 1 ORDER BY seq DESC LIMIT 1")
        if word.startswith("@"):
            order = "status IN ('unsent', 'rejected', 'error'), seq DESC"
            return self._first(f"once = :key ORDER BY {order} LIMIT 1", {"key": word[1:]})
        names = any_of("id", "other_id", "ref", "client_request_id")
        order = "CASE WHEN id = :word THEN 0 ELSE 1 END, seq DESC"
        exact = self._first(f"{names} ORDER BY {order} LIMIT 1", {"word": word})
        return exact or self._by_beginning(word) or self._by_file(word)

    def _by_beginning(self, word: str) -> Record | None:
        if len(word) < MIN_PREFIX:
            return None
        ids = " UNION ".join(
            f"SELECT seq FROM generations WHERE {name} >= :word AND {name} < :end"
            for name in ("id", "ref")
        )
        if len(word) == ID8_LENGTH:
            ids += f" UNION SELECT seq FROM generations WHERE {ID8} = :word"
        found = select(self._engine, f"seq IN ({ids})", {"word": word, "end": word + _LAST_CHAR})
        if len(found) > 1:
            some = ", ".join(one_line(record.handle, 60) for record in found[:5])
            raise UsageError(
                f"{len(found)} ids begin with {one_line(word, 60)}: {some}",
                hint="type more characters of the id",
            )
        return found[0] if found else None

    def _by_file(self, word: str) -> Record | None:
        """Return the newest generation saved as a file: `--force` may have replaced older ones."""
        if "." not in word and os.sep not in word:
            return None
        # The folder as the user typed it, and without links.
        here, real = (path_column(make(word)) for make in (os.path.abspath, os.path.realpath))
        if is_uri(word):
            here = real = word
        where = "file IN (:here, :real) ORDER BY seq DESC LIMIT 1"
        return self._first(where, {"here": here, "real": real})

    def _first(self, where: str, values: Values = NO_VALUES) -> Record | None:
        return first(self._engine, where, values)
