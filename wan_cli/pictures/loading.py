"""Check a picture's file, and prepare it for sending."""

import hashlib
from pathlib import Path

from wan_cli.errors import UsageError
from wan_cli.pictures import Picture
from wan_cli.pictures.files import read, shown_name
from wan_cli.pictures.headers import Damaged, Header, read_header
from wan_cli.pictures.kinds import DAMAGED_HINT, not_a_picture, still_frame
from wan_cli.pictures.sizes import encoded_bytes, in_words
from wan_cli.text import one_line

MIN_SIDE = 16
MAX_RATIO = 10
# Decoding takes 3 to 8 bytes of memory for each pixel.
MAX_PIXELS = 100_000_000


def load(path: Path, limit_bytes: int, *, shrink: bool) -> Picture:
    """Return the picture in a file, ready to be sent.

    Raises:
        UsageError: as `load_picture` says.
    """
    data = read(path)
    try:
        header = read_header(data)
        if header is None:
            raise not_a_picture(data, path)
        _check_header(header, path)
        media_type, sent, width, height, notes = _prepared(data, header, path, limit_bytes, shrink)
    except Damaged as reason:
        raise UsageError(f"{shown_name(path)} {reason}", hint=DAMAGED_HINT) from None
    except MemoryError:
        raise UsageError(
            f"{shown_name(path)} takes more memory to decode than is free",
            hint="use a smaller picture",
        ) from None
    name = one_line(path.name, 100)
    return Picture(
        path=str(path.absolute()),
        sha256=hashlib.sha256(data).hexdigest(),
        media_type=media_type,
        data=sent,
        width=width,
        height=height,
        notes=tuple(f"{name}: {note}" for note in notes),
    )


def _check_header(header: Header, path: Path) -> None:
    """Refuse a picture that no model accepts, before decoding it.

    Raises:
        UsageError: the picture is animated, too small, too narrow or too large.
    """
    width, height = header.width, header.height
    if header.is_animated:
        raise UsageError(
            f"{shown_name(path)} is animated, and models need a still picture",
            hint=still_frame(path),
        )
    if width * height > MAX_PIXELS:
        problem = f"has {width * height / 1e6:,.0f} megapixels; the limit is {MAX_PIXELS // 10**6}"
    elif min(width, height) < MIN_SIDE:
        problem = f"is {width}x{height} pixels; each side needs at least {MIN_SIDE}"
    elif max(width, height) > MAX_RATIO * min(width, height):
        problem = f"is {width}x{height} pixels: one side is over {MAX_RATIO} times the other"
    else:
        return
    raise UsageError(
        f"{shown_name(path)} {problem}", hint="crop or resize it, or use another picture"
    )


def _prepared(
    data: bytes, header: Header, path: Path, limit_bytes: int, shrink: bool
) -> tuple[str, bytes, int, int, tuple[str, ...]]:
    """Return media type, bytes, width, height and notes of the picture to send.

    Raises:
        Damaged: the picture cannot be decoded.
        UsageError: it exceeds the limit, or must be changed and Pillow is not installed.
    """
    is_large = encoded_bytes(header.media_type, data) > limit_bytes
    if is_large and not header.changes and not shrink:
        raise _too_large(path, encoded_bytes(header.media_type, data), limit_bytes, shrink)
    try:
        # Pillow takes 40 ms to import, and is an extra.
        from wan_cli.pictures.pixels import prepare
    except ImportError as missing:
        if (missing.name or "").partition(".")[0] != "PIL":
            raise
        if not header.changes and not is_large:
            return header.media_type, data, header.width, header.height, ()
        reason = header.changes[0] if header.changes else "exceeds the limit"
        raise UsageError(
            f"{shown_name(path)} {reason}, and wan needs Pillow to change that",
            hint="pip install 'aimlapi-wan[images]'",
        ) from None
    sent = prepare(data, header, limit_bytes, shrink=shrink)
    size = encoded_bytes(sent.media_type, sent.data)
    if size > limit_bytes:
        raise _too_large(path, size, limit_bytes, shrink)
    return sent


def _too_large(path: Path, size: int, limit_bytes: int, shrink: bool) -> UsageError:
    """Return the error of a picture that exceeds the limit."""
    return UsageError(
        f"{shown_name(path)} is {in_words(size)} as base64; the limit is {in_words(limit_bytes)}",
        hint="use a smaller picture" if shrink else "--shrink scales it down until it fits",
    )
