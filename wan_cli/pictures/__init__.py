"""Turn a local picture into the data URI for image-to-video models. Pure except for reading.

wan sends a picture that needs no change byte for byte. Pillow, an extra that is imported only
then, redraws any other picture.
"""

from pathlib import Path
from typing import NamedTuple

from wan_cli.pictures.sizes import base64_text, in_words, uri_start

# Of the data URI. The API states no limit; other services refuse bodies above 20 MB.
DEFAULT_LIMIT_BYTES = 10_000_000


class Picture(NamedTuple):
    """A picture as it is sent: upright, RGB, without metadata and transparency.

    Args:
        path: the absolute path, otherwise as the user named it.
        sha256: of the file as it is on disk, in hex.
        media_type: of `data`: image/jpeg or image/png.
        data: the bytes that are sent.
        width: of `data`, in pixels.
        height: of `data`, in pixels.
        notes: changes that the user may not expect, as lines for people.
    """

    path: str
    sha256: str
    media_type: str
    data: bytes
    width: int
    height: int
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"Picture(path={self.path!r}, sha256={self.sha256!r}, media_type={self.media_type!r}, "
            f"data={len(self.data)} bytes, size={self.width}x{self.height}, notes={self.notes!r})"
        )

    def data_uri(self) -> str:
        """Return the picture as a data URI, in strict base64 without line breaks."""
        return uri_start(self.media_type) + base64_text(self.data)

    def shown(self) -> str:
        """Return the text that people see instead of the data URI."""
        return f"{uri_start(self.media_type)}… ({in_words(len(self.data))})"


def load_picture(
    path: Path, *, limit_bytes: int = DEFAULT_LIMIT_BYTES, shrink: bool = False
) -> Picture:
    """Return the picture in a file, ready to be sent.

    Args:
        path: the file; its content decides what it is, not its suffix.
        limit_bytes: the longest allowed data URI.
        shrink: scale the picture down, or lower its quality, if it exceeds the limit.

    Raises:
        UsageError: the file cannot be read, is not a PNG, JPEG or WebP picture, is animated or
            damaged, its dimensions or its size are out of bounds, or Pillow is needed and missing.
    """
    # All commands import this package, but few of them have a picture.
    from wan_cli.pictures.loading import load

    return load(path, limit_bytes, shrink=shrink)
