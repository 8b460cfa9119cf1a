"""A local picture as a value of a request: known by its hash, and read again when it is sent."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from wan_cli.errors import UsageError
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
            UsageError: the file is gone, or has changed since it was checked.
        """
        picture = load_picture(Path(self.path), limit_bytes=DEFAULT_LIMIT_BYTES, shrink=self.shrink)
        if picture.sha256 != self.sha256:
            raise UsageError(
                f"{one_line(self.path, 200)} has changed since it was checked; nothing was sent",
                hint="run the same command again",
            )
        return picture.data_uri()


def attaching(folder: Path, *, shrink: bool = False) -> Callable[[str], LocalPicture]:
    """Return a function that checks pictures relative to a folder, each file once."""
    known: dict[Path, LocalPicture] = {}

    def attach(text: str) -> LocalPicture:
        path = folder / Path(text).expanduser()
        if path not in known:
            picture = load_picture(path, limit_bytes=DEFAULT_LIMIT_BYTES, shrink=shrink)
            known[path] = LocalPicture(
                picture.path, picture.sha256, picture.shown(), picture.notes, shrink
            )
        return known[path]

    return attach
