"""What is kept beside an unfinished file (`NAME.part.json`): whose it is, and which version."""

import json
import os
from pathlib import Path
from typing import NamedTuple, Self

_MAX_BYTES = 16_384


class Meta(NamedTuple):
    """What is kept beside a part: whose it is, which version of the file, how long the whole is."""

    identity: str
    validator: str | None = None
    total: int | None = None

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what a file holds, or None where that is no Meta."""
        try:
            with open(path, "rb", opener=_open_to_read) as file:
                values = json.loads(file.read(_MAX_BYTES))
            identity, validator, total = (
                values[name] for name in ("identity", "validator", "total")
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        if not isinstance(identity, str):
            return None
        return cls(identity, *_checked(validator, total))

    def write(self, path: Path) -> None:
        """Replace the file whole."""
        new = path.with_name(path.name + ".tmp")
        new.unlink(missing_ok=True)
        with open(new, "x", encoding="utf-8") as file:  # noqa: PTH123  The mode "x" follows no link.
            json.dump(self._asdict(), file)
        new.replace(path)


def _checked(validator: object, total: object) -> tuple[str | None, int | None]:
    """Return what may be used of a file that anybody may have changed."""
    usable = isinstance(validator, str) and validator.isascii() and validator.isprintable()
    return (
        validator if isinstance(validator, str) and usable else None,
        total if isinstance(total, int) and total > 0 else None,
    )


def _open_to_read(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
