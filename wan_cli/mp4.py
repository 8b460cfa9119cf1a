"""Check that a file is a whole mp4, and read its properties from its boxes (ISO/IEC 14496-12)."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

# Far more than any real video has; a file of only empty boxes must not take minutes.
MAX_BOXES = 200_000
# This many bytes are enough to see what a server sent instead of a video.
HEAD_BYTES = 512
# Boxes that may precede `ftyp` in an mp4.
_PADDING = frozenset({"free", "skip", "wide"})
_FIRST = _PADDING | {"ftyp", "styp"}
# The boxes that wan reads are far smaller; a broken file must not fill the memory.
BOX_MAX_BYTES = 1000
TRACKS_MAX = 100


class _NotWhole(ValueError):
    """The file is not a whole mp4; the message says why."""


class Box(NamedTuple):
    """One box: its four letters, and the offsets of its content."""

    kind: str
    start: int
    end: int


def check(file: BinaryIO, size: int) -> str | None:
    """Return None if a file of `size` bytes is a whole mp4, else words that describe the file.

    The words complete a sentence such as "the server sent …". Memory use is constant, and no
    content of the file raises an error.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        _walk(file, size)
    except _NotWhole as reason:
        return str(reason)
    return None


def _walk(file: BinaryIO, size: int) -> None:
    _check_beginning(file, size)
    found: dict[str, int] = {}
    for box in boxes(file, 0, size):
        if not found and box.kind not in _FIRST:
            raise _NotWhole("no mp4 file")
        found[box.kind] = found.get(box.kind, 0) + box.end - box.start
    for kind in ("ftyp", "moov", "mdat"):
        if kind not in found:
            raise _NotWhole(f"an mp4 file without its {kind} box")
    if not found["mdat"]:
        raise _NotWhole("an mp4 file without any media in it")


def _check_beginning(file: BinaryIO, size: int) -> None:
    file.seek(0)
    head = file.read(min(size, HEAD_BYTES))
    if not starts_like_mp4(head):
        raise _NotWhole(words_for(head))


def starts_like_mp4(head: bytes) -> bool:
    """Whether a file that begins with these bytes (at least 8) may be an mp4."""
    return head[4:8].decode("latin-1") in _FIRST


def is_document(head: bytes) -> bool:
    """Whether a server sent a document, such as an XML error, instead of a video."""
    return _text_of(head).startswith((b"<", b"{", b"["))


def words_for(head: bytes) -> str:
    """Describe a file that is not a video. The words complete "the server sent …"."""
    text = _text_of(head)
    if not head:
        return "an empty file"
    if text.startswith(b"<"):
        return "an HTML page" if b"<html" in text or b"<!doc" in text else "an XML answer"
    return "a JSON answer" if text.startswith((b"{", b"[")) else "no mp4 file"


def _text_of(head: bytes) -> bytes:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes that fill [start, end) exactly.

    Raises:
        ValueError: the boxes do not fill the range.
        OSError: the file cannot be read.
    """
    for _ in range(MAX_BOXES):
        if start == end:
            return
        box = _read_box(file, start, end)
        yield box
        start = box.end
    raise _NotWhole("an mp4 file with too many boxes")


def _read_box(file: BinaryIO, start: int, end: int) -> Box:
    file.seek(start)
    header = file.read(min(16, end - start))
    if len(header) < 8:
        raise _NotWhole(f"a file with {end - start} stray bytes at {start}")
    length, content = int.from_bytes(header[:4]), start + 8
    kind = header[4:8].decode("latin-1")
    if not (kind.isprintable() and kind.strip()):
        raise _NotWhole(f"a file that is not an mp4 from byte {start}")
    if length == 0:
        length = end - start
    elif length == 1:
        if len(header) < 16:
            raise _NotWhole(f"a file cut off inside {kind}: it ends at {end} bytes")
        length, content = int.from_bytes(header[8:]), start + 16
    if length < content - start:
        raise _NotWhole(f"a file with a broken {kind} box at {start}")
    if start + length > end:
        raise _NotWhole(f"a file cut off inside {kind}: {end} of {start + length} bytes")
    return Box(kind, content, start + length)


class Clip(NamedTuple):
    """The known properties of a video."""

    seconds: float | None
    width: int
    height: int
    has_sound: bool


def clip_of(file: BinaryIO, size: int) -> Clip | None:
    """Return the properties of an mp4 file of `size` bytes, None if it cannot be parsed.

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
            # The last two numbers are width and height, each with 16 fractional bits.
            end = _content(file, box)[-8:]
            width, height = int.from_bytes(end[:4]) >> 16, int.from_bytes(end[4:]) >> 16
        elif box.kind == "mdia":
            inside = boxes(file, box.start, box.end)
            handler = next((each for each in inside if each.kind == "hdlr"), None)
            kind = _content(file, handler)[8:12] if handler else b""
    return width, height, kind


def _seconds(header: bytes) -> float | None:
    """Return the length of a movie from its header, of version 0 or 1."""
    is_long = header[:1] == b"\x01"
    at, size = (20, 8) if is_long else (12, 4)
    scale, length = int.from_bytes(header[at : at + 4]), header[at + 4 : at + 4 + size]
    # All ones: the length is unknown.
    if not scale or len(length) < size or length == b"\xff" * size:
        return None
    return int.from_bytes(length) / scale


def _content(file: BinaryIO, box: Box) -> bytes:
    file.seek(box.start)
    return file.read(min(box.end - box.start, BOX_MAX_BYTES))
