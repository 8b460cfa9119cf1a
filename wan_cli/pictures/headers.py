"""Read the structure of a PNG, JPEG or WebP file, without decoding its picture. Pure."""

import re
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

PNG, JPEG, WEBP = "image/png", "image/jpeg", "image/webp"
# Far more than any real picture has; a file full of empty parts must not take minutes.
_MAX_PARTS = 200_000
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_COLOURS = {
    0: "is greyscale",
    2: "",
    3: "has a palette of colours",
    4: "has transparency",
    6: "has transparency",
}
# Chunks that a PNG needs, or that only define its colours and pixels. The rest is metadata.
_PNG_PLAIN = frozenset(
    (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"sRGB", b"gAMA", b"cHRM", b"sBIT", b"pHYs", b"bKGD")
)
# Pillow reads these; wan does not send them.
_PNG_READ = frozenset((b"tRNS", b"iCCP", b"eXIf"))
# Fill bytes, then a marker; FF 00 is data, D0 to D7 restart the decoder within a scan.
_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PLAIN_FRAMES = (0xC0, 0xC1, 0xC2)
_SCAN, _END, _COMMENT, _JFIF, _ADOBE = 0xDA, 0xD9, 0xFE, 0xE0, 0xEE
_APPLICATIONS = range(0xE0, 0xF0)
_METADATA = "has metadata"


class Damaged(ValueError):
    """The picture is broken. The message completes "cat.jpg …"."""


class Header(NamedTuple):
    """A picture as its file describes it.

    Args:
        media_type: its MIME type.
        width: in pixels, before the picture is turned upright.
        height: in pixels, before the picture is turned upright.
        changes: why it cannot be sent as it is; each completes "cat.jpg …".
        kept: the parts of the file that decoding needs: begin and end of each.
        bits: per colour of a pixel.
        is_animated: whether it has several frames.
        is_lossless: whether decoding returns exactly the encoded pixels.
    """

    media_type: str
    width: int
    height: int
    changes: tuple[str, ...]
    kept: tuple[tuple[int, int], ...]
    bits: int = 8
    is_animated: bool = False
    is_lossless: bool = True

    def decodable(self, data: bytes) -> bytes:
        """Return the file without the parts that decoding does not need."""
        return b"".join(data[start:end] for start, end in self.kept)


class _Part(NamedTuple):
    """A chunk or segment: its kind, where it begins and ends, and its content."""

    kind: bytes
    start: int
    end: int
    content: memoryview


def read_header(data: bytes) -> Header | None:
    """Return the header of a PNG, JPEG or WebP picture, None for any other file.

    Raises:
        Damaged: the file is cut off or broken.
    """
    if data.startswith(_PNG_START):
        return _png(data)
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    return None


def _cut_off(size: int) -> Damaged:
    return Damaged(f"is cut off: it ends after {size:,} bytes")


def _broken(place: int) -> Damaged:
    return Damaged(f"is damaged at byte {place:,}")


def _png(data: bytes) -> Header:
    parts = list(_png_parts(data))
    kinds = [part.kind for part in parts]
    head = parts[0].content
    if kinds[0] != b"IHDR" or len(head) != 13 or kinds.count(b"IHDR") > 1:
        raise _broken(len(_PNG_START))
    if b"IDAT" not in kinds:
        raise Damaged("is a PNG file without a picture in it")
    width, height, bits, colour, *methods = struct.unpack(">IIBBBBB", head)
    if colour not in _PNG_COLOURS or methods[:2] != [0, 0] or methods[2] > 1:
        raise _broken(parts[0].start)
    changes = (
        _PNG_COLOURS[colour],
        "has transparency" if b"tRNS" in kinds else "",
        "" if bits == 8 else f"has {bits} bits per colour",
        "" if _PNG_PLAIN.issuperset(kinds) and parts[-1].end == len(data) else _METADATA,
    )
    needed = [part for part in parts if part.kind in _PNG_PLAIN or part.kind in _PNG_READ]
    return Header(
        PNG,
        width,
        height,
        tuple(filter(None, changes)),
        ((0, len(_PNG_START)), *((part.start, part.end) for part in needed)),
        bits=bits,
        is_animated=_is_apng(parts),
    )


def _png_parts(data: bytes) -> Iterator[_Part]:
    """Walk over the chunks up to IEND, and check each one's checksum."""
    view, start = memoryview(data), len(_PNG_START)
    for _ in range(_MAX_PARTS):
        length, kind = int.from_bytes(data[start : start + 4]), data[start + 4 : start + 8]
        end = start + 12 + length
        if end > len(data):
            raise _cut_off(len(data))
        if zlib.crc32(view[start + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            raise _broken(start)
        yield _Part(kind, start, end, view[start + 8 : end - 4])
        if kind == b"IEND":
            return
        start = end
    raise Damaged("is a PNG file with too many parts")


def _is_apng(parts: list[_Part]) -> bool:
    """Whether a PNG announces more than one frame before its picture."""
    for part in parts:
        if part.kind == b"acTL":
            return int.from_bytes(part.content[:4]) > 1
        if part.kind == b"IDAT":
            break
    return False


def _jpeg(data: bytes) -> Header:
    parts = list(_jpeg_parts(data))
    frames = [part for part in parts if part.kind[0] in _FRAMES]
    if len(frames) != 1 or len(frames[0].content) < 6:
        raise Damaged("is a JPEG file without a picture in it" if not frames else "is damaged")
    bits, height, width, components = struct.unpack_from(">BHHB", frames[0].content)
    changes = (
        {1: "is greyscale", 3: "", 4: "is CMYK"}.get(components, "has unusual colours"),
        "" if bits == 8 else f"has {bits} bits per colour",
        "" if frames[0].kind[0] in _PLAIN_FRAMES else "has an unusual compression",
        "" if parts[-1].end == len(data) and all(map(_is_plain, parts)) else _METADATA,
    )
    kept = [part for part in parts if _is_plain(part) or _is_read(part)]
    return Header(
        JPEG,
        width,
        height,
        tuple(filter(None, changes)),
        ((0, 2), *((part.start, part.end) for part in kept)),
        bits=bits,
        is_lossless=False,
    )


def _jpeg_parts(data: bytes) -> Iterator[_Part]:
    """Walk over the segments up to the end of the picture; a scan's data belong to its segment."""
    view, start = memoryview(data), 2
    for _ in range(_MAX_PARTS):
        marker = _JPEG_MARKER.match(data, start)
        if marker is None:
            raise _cut_off(len(data)) if start + 1 >= len(data) else _broken(start)
        kind, content = marker[1], marker.end() + 2
        if kind[0] == _END:
            yield _Part(kind, start, marker.end(), view[:0])
            return
        end = marker.end() + int.from_bytes(data[marker.end() : content])
        if end > len(data):
            raise _cut_off(len(data))
        if end < content:
            raise _broken(start)
        segment = view[content:end]
        if kind[0] == _SCAN:
            following = _JPEG_MARKER.search(data, end)
            if following is None:
                raise _cut_off(len(data))
            end = following.start()
        yield _Part(kind, start, end, segment)
        start = end
    raise Damaged("is a JPEG file with too many parts")


def _is_plain(part: _Part) -> bool:
    """Whether a segment of a JPEG may be sent: it is not metadata and has no thumbnail."""
    kind = part.kind[0]
    if kind == _JFIF:
        return bytes(part.content[:5]) == b"JFIF\x00" and len(part.content) <= 14
    if kind == _ADOBE:
        return bytes(part.content[:5]) == b"Adobe" and len(part.content) <= 12
    return kind != _COMMENT and kind not in _APPLICATIONS


def _is_read(part: _Part) -> bool:
    """Whether Pillow reads a segment that is not sent: orientation, colours."""
    start = bytes(part.content[:12])
    return start.startswith((b"Exif\x00", b"JFIF\x00", b"Adobe")) or start == b"ICC_PROFILE\x00"


def _webp(data: bytes) -> Header:
    end = int.from_bytes(data[4:8], "little") + 8
    if end > len(data) or len(data) < 30:
        raise _cut_off(len(data))
    first, content = data[12:16], data[20:30]
    if first == b"VP8X":
        width, height = (1 + int.from_bytes(content[at : at + 3], "little") for at in (4, 7))
    elif first == b"VP8L" and content[:1] == b"\x2f":
        size = int.from_bytes(content[1:5], "little")
        width, height = 1 + (size & 0x3FFF), 1 + (size >> 14 & 0x3FFF)
    elif first == b"VP8 " and content[3:6] == b"\x9d\x01\x2a":
        width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", content, 6))
    else:
        raise _broken(12)
    return Header(
        WEBP,
        width,
        height,
        ("is a WebP picture",),
        ((0, len(data)),),
        is_animated=first == b"VP8X" and bool(content[0] & 0x02),
        is_lossless=b"VP8L" in _webp_kinds(data, end),
    )


def _webp_kinds(data: bytes, end: int) -> list[bytes]:
    """Return the kinds of the chunks."""
    kinds: list[bytes] = []
    start = 12
    while start + 8 <= end and len(kinds) < _MAX_PARTS:
        kinds.append(data[start : start + 4])
        length = int.from_bytes(data[start + 4 : start + 8], "little")
        start += 8 + length + length % 2
    return kinds
