"""A local picture becomes what is sent: upright, checked, without metadata."""

import base64
from pathlib import Path
from typing import NamedTuple

from wan_cli.errors import UsageError
from wan_cli.text import one_line

DEFAULT_LIMIT_BYTES = 10_000_000


class Picture(NamedTuple):
    """A picture as it is sent; `sha256` is that of its file."""

    path: str
    sha256: str
    media_type: str
    data: bytes
    width: int
    height: int
    notes: tuple[str, ...] = ()

    def data_uri(self) -> str:
        """Return the picture as a data URI."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"

    def shown(self) -> str:
        """Return what stands for the data URI where it is shown."""
        return f"data:{self.media_type};base64,… ({len(self.data) / 1000:.0f} kB)"


def load_picture(
    path: Path, *, limit_bytes: int = DEFAULT_LIMIT_BYTES, shrink: bool = False
) -> Picture:
    """Return a picture. Raises UsageError where it cannot be sent."""
    del limit_bytes, shrink
    raise UsageError(
        f"{one_line(str(path), 200)}: a local picture cannot be sent yet", hint="--image URL"
    )
