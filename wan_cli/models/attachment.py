"""A local picture as a value of a request: known by its hash, and read again when it is sent."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from wan_cli.errors import LocalFileError, UsageError
from wan_cli.pictures import DEFAULT_LIMIT_BYTES, load_picture
from wan_cli.text import one_line


class LocalPicture(NamedTuple):
    """A checked picture. A batch may have thousands, so their bytes are not kept.

    `sha256` is the file's hash; `shown` replaces its data when a request is printed.
    """

    path: str
    sha256: str
    shown: str
    notes: tuple[str, ...] = ()
    shrink: bool = False

    @property
    def key(self) -> str:
        """The text that the history keeps instead of the bytes: equal for equal files."""
        return f"sha256:{self.sha256}"

    def data_uri(self) -> str:
        """Return the picture as a data URI.

        Raises:
            LocalFileError: the file is gone, or another one than the one that was checked.
        """
        limit, hint = DEFAULT_LIMIT_BYTES, "put the same picture back, then run the command again"
        try:
            picture = load_picture(Path(self.path), limit_bytes=limit, shrink=self.shrink)
        except UsageError as gone:
            raise LocalFileError(f"{gone.message}; this request was not sent", hint=hint) from None
        if picture.sha256 != self.sha256:
            raise LocalFileError(
                f"{one_line(self.path, 200)} has changed since wan checked it; this request was"
                " not sent",
                hint=hint,
            )
        return picture.data_uri()


def attaching(folder: Path, *, shrink: bool = False) -> Callable[[str], LocalPicture]:
    """Return a function that checks pictures relative to a folder, each file once."""
    known: dict[Path, LocalPicture] = {}

    def attach(text: str) -> LocalPicture:
        path = folder / os.path.expanduser(text)  # noqa: PTH111  Path raises if there is no such user.
        if path not in known:
            picture = load_picture(path, limit_bytes=DEFAULT_LIMIT_BYTES, shrink=shrink)
            known[path] = LocalPicture(
                picture.path, picture.sha256, picture.shown(), picture.notes, shrink
            )
        return known[path]

    return attach
