"""What an mp4 file shows: its length, its frame size, whether it has sound. Pure."""

from typing import BinaryIO, NamedTuple

from wan_cli.mp4 import Box, boxes

# The boxes that are read here are far smaller; a broken file must not fill the memory.
BOX_MAX_BYTES = 1000
TRACKS_MAX = 100


class Clip(NamedTuple):
    """What is known of a video."""

    seconds: float | None
    width: int
    height: int
    has_sound: bool


def clip_of(file: BinaryIO, size: int) -> Clip | None:
    """Return what an mp4 file of `size` bytes shows, None if it does not tell.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        movie = next((box for box in boxes(file, 0, size) if box.kind == "moov"), None)
        return _clip(file, movie) if movie else None
    except ValueError:
        return None


def _clip(file: BinaryIO, movie: Box) -> Clip:
    seconds, width, height, has_sound = None, 0, 0, False
    inside = list(boxes(file, movie.start, movie.end))[:TRACKS_MAX]
    for box in inside:
        if box.kind == "mvhd":
            seconds = _seconds(_content(file, box))
        elif box.kind == "trak":
            across, down, kind = _track(file, box)
            has_sound = has_sound or kind == b"soun"
            if kind == b"vide":
                width, height = across, down
    return Clip(seconds, width, height, has_sound)


def _track(file: BinaryIO, track: Box) -> tuple[int, int, bytes]:
    """Return the width, the height and the kind of a track."""
    width, height, kind = 0, 0, b""
    for box in boxes(file, track.start, track.end):
        if box.kind == "tkhd":
            # The last two numbers are width and height, each with 16 bits after the point.
            end = _content(file, box)[-8:]
            width, height = int.from_bytes(end[:4]) >> 16, int.from_bytes(end[4:]) >> 16
        elif box.kind == "mdia":
            inside = boxes(file, box.start, box.end)
            handler = next((each for each in inside if each.kind == "hdlr"), None)
            kind = _content(file, handler)[8:12] if handler else b""
    return width, height, kind


def _seconds(header: bytes) -> float | None:
    """Return the length of a movie by its header, of version 0 or 1."""
    is_long = header[:1] == b"\x01"
    at, size = (20, 8) if is_long else (12, 4)
    scale, length = int.from_bytes(header[at : at + 4]), header[at + 4 : at + 4 + size]
    # All ones: the length is not known.
    if not scale or len(length) < size or length == b"\xff" * size:
        return None
    return int.from_bytes(length) / scale


def _content(file: BinaryIO, box: Box) -> bytes:
    file.seek(box.start)
    return file.read(min(box.end - box.start, BOX_MAX_BYTES))
