"""What is kept beside an unfinished file (`NAME.part.json`): whose it is, and which version.

Before the file gets its final name, that name is written here. So a later run finds the video
again if this one is killed before the history knows about it.
"""

import json
import os
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

_MAX_BYTES = 16_384


class Meta(NamedTuple):
    """What is kept beside a part.

    Args:
        identity: the generation's id.
        validator: what names this version of the file.
        total: the bytes of the whole.
        name: the final name that the file is about to get, or has got.
    """

    identity: str
    validator: str | None = None
    total: int | None = None
    name: str | None = None

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what a file holds, or None where that is no Meta."""
        try:
            with open_to_read(path) as file:
                values = json.loads(file.read(_MAX_BYTES))
            identity = values["identity"]
            validator, total = values["validator"], values["total"]
            name = values.get("name")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        if not isinstance(identity, str):
            return None
        return cls(identity, *_checked(validator, total), _checked_name(name))

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


def _checked_name(name: object) -> str | None:
    """Return a name in the same folder, or None."""
    is_name = isinstance(name, str) and name not in ("", ".", "..")
    return name if isinstance(name, str) and is_name and not {"/", "\0"} & {*name} else None


def open_to_read(path: Path) -> BinaryIO:
    """Open a file, but follow no link and wait for no pipe."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    return os.fdopen(os.open(path, flags), "rb")
