"""The small file beside an unfinished file (`NAME.part.json`): its generation and its version.

wan writes the final name here before it gives the file that name. If this run is killed before the
history knows about the video, a later run finds it by this name.
"""

import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from wan_cli.download.publish import cut_bytes

_MAX_BYTES = 16_384
# Leaves room for ".99.part.json.tmp" below the 255 bytes that file systems allow.
_BASE_MAX_BYTES = 230
_PARTS_MAX = 100
# The numbers of parts may have gaps, because some parts have been removed.
_GAP_MAX = 3
_NUMBERED = re.compile(r"(.+)-[0-9]{1,4}")


class Meta(NamedTuple):
    """The contents of the small file beside a part.

    Args:
        identity: the generation's id.
        validator: the strong ETag or date that names this version of the file.
        total: the size of the whole file in bytes.
        name: the final name that the file is about to get, or already has.
    """

    identity: str
    validator: str | None = None
    total: int | None = None
    name: str | None = None

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return the Meta that a file holds, or None if it holds something else."""
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
    """Return the usable values of a file that anyone may have edited."""
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
    """Open a file without following a link or waiting for a pipe."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    return os.fdopen(os.open(path, flags), "rb")


def part_names(target: Path) -> Iterator[Path]:
    """Yield the names for unfinished files beside a target; several generations may share it."""
    base = cut_bytes(target.name, _BASE_MAX_BYTES)
    for number in range(_PARTS_MAX):
        yield target.with_name(base + (f".{number}.part" if number else ".part"))


def meta_path(part: Path) -> Path:
    """Return the path of a part's Meta."""
    return part.with_name(part.name + ".json")


def tidy(video: Path, identity: str) -> None:
    """Remove the files beside a published video, once the history knows about the video.

    Until then a later run needs them, so that a killed run does not cause a second copy. A file
    that cannot be removed is not an error: the video is safe.
    """
    for part in _parts_of(video):
        with contextlib.suppress(OSError):
            meta = Meta.read(meta_path(part))
            if meta is None or meta.identity != identity:
                continue
            with contextlib.suppress(FileNotFoundError):
                if not os.path.samestat(part.lstat(), video.lstat()):
                    continue
                part.unlink()
            meta_path(part).unlink()


def _parts_of(video: Path) -> Iterator[Path]:
    """Yield the parts that may have become this video, also if it had to become `fox-1.mp4`."""
    targets = [video]
    if match := _NUMBERED.fullmatch(video.stem):
        targets.append(video.with_name(match[1] + video.suffix))
    for target in targets:
        missing = 0
        for part in part_names(target):
            is_there = os.path.lexists(part) or os.path.lexists(meta_path(part))
            missing = 0 if is_there else missing + 1
            if missing > _GAP_MAX:
                break
            yield part
