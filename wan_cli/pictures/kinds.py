"""Describe a file that is not a PNG, JPEG or WebP picture, and how to convert it. Pure."""

import shlex
from pathlib import Path, PurePath
from typing import NamedTuple

from wan_cli.errors import UsageError
from wan_cli.filetypes import by_content
from wan_cli.text import one_line

PICTURE_HINT = "give a PNG, JPEG or WebP file"
DAMAGED_HINT = "if an image viewer still opens it, save it again there as PNG"
_SAMPLE_BYTES = 4096
_CONVERT = "convert it first, for example with: "
_MAGICK = f"{_CONVERT}magick FILE NEW.png"
_FRAME = "take one frame of it, for example with: ffmpeg -i FILE -frames:v 1 NEW.png"


class _Kind(NamedTuple):
    """A kind of file, and a hint with FILE and NEW in place of file names."""

    what: str
    hint: str = PICTURE_HINT


_VIDEO = _Kind("a video", _FRAME)
_SOUND = _Kind("a sound file")
_HEIC = _Kind("a HEIC picture", _MAGICK.replace("png", "jpg"))
_RAW = _Kind("a raw photo", f"{_CONVERT}darktable-cli FILE NEW.jpg")
_SVG = _Kind("an SVG drawing", f"{_CONVERT}rsvg-convert --width 1920 FILE -o NEW.png")
_LFS = _Kind("a Git LFS pointer", "fetch the picture itself with: git lfs pull")
# The first bytes of files.
_BEGINNINGS = (
    (b"GIF87a", _Kind("a GIF", _FRAME)),
    (b"GIF89a", _Kind("a GIF", _FRAME)),
    (b"%PDF-", _Kind("a PDF file", f"{_CONVERT}pdftoppm -png -singlefile FILE NEW")),
    (b"%!PS", _Kind("a PostScript file", _MAGICK)),
    (b"BM", _Kind("a BMP picture", _MAGICK)),
    (b"II*\x00", _Kind("a TIFF picture", _MAGICK)),
    (b"MM\x00*", _Kind("a TIFF picture", _MAGICK)),
    (b"\x00\x00\x01\x00", _Kind("an icon", _MAGICK)),
    (b"8BPS", _Kind("a Photoshop file", _MAGICK)),
    (b"\xff\x0a", _Kind("a JPEG XL picture", _MAGICK)),
    (b"\x00\x00\x00\x0cJXL ", _Kind("a JPEG XL picture", _MAGICK)),
    (b"\x00\x00\x00\x0cjP  ", _Kind("a JPEG 2000 picture", _MAGICK)),
    (b"\x1aE\xdf\xa3", _VIDEO),
    (b"FLV\x01", _VIDEO),
    (b"\x00\x00\x01\xba", _VIDEO),
    (b"\x00\x00\x01\xb3", _VIDEO),
    (b"0&\xb2u\x8ef\xcf\x11", _VIDEO),
    (b"OggS", _Kind("a sound file or a video", _FRAME)),
    (b"ID3", _SOUND),
    (b"fLaC", _SOUND),
    (b"version https://git-lfs.github.com/spec/", _LFS),
)
# The brand of a file in the format of mp4; most others are videos.
_BRANDS = {
    b"heic": _HEIC,
    b"heix": _HEIC,
    b"hevc": _HEIC,
    b"mif1": _HEIC,
    b"msf1": _HEIC,
    b"avif": _Kind("an AVIF picture", _MAGICK),
    b"avis": _Kind("an AVIF picture", _MAGICK),
    b"crx ": _RAW,
    b"M4A ": _SOUND,
}
_RIFF = {b"AVI ": _VIDEO, b"WAVE": _SOUND}


def not_a_picture(data: bytes, path: Path) -> UsageError:
    """Return the error of a file that is not a PNG, JPEG or WebP picture."""
    kind = _kind_of(data)
    return UsageError(f"{one_line(str(path), 200)} is {kind.what}", hint=_filled(kind.hint, path))


def still_frame(path: Path) -> str:
    """Return the hint that turns an animated picture into a still one."""
    return _filled(_FRAME, path)


def _kind_of(data: bytes) -> _Kind:
    head = data[:_SAMPLE_BYTES]
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], _VIDEO)
    if head[:4] == b"RIFF" and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if head[:1] == b"G" and head[188:189] == b"G" and head[376:377] == b"G":
        return _VIDEO
    found = next((kind for start, kind in _BEGINNINGS if head.startswith(start)), None)
    if found:
        return found
    known = by_content(data, "")
    return _Kind(known.what) if known else _text_kind(head)


def _text_kind(head: bytes) -> _Kind:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<"):
        if b"<svg" in text:
            return _SVG
        is_page = b"<html" in text or text.startswith(b"<!doctype html")
        return _Kind("an HTML page, not a picture" if is_page else "XML, not a picture")
    is_text = b"\x00" not in head and _is_utf8(head)
    return _Kind("text, not a picture" if is_text else "not a picture")


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as cause:
        # The sample may end within a character.
        return cause.end == len(head) and len(head) == _SAMPLE_BYTES
    return True


def _filled(hint: str, path: Path) -> str:
    """Put file names, quoted for a shell, into a hint."""
    name, stem = str(path), PurePath(path).stem
    if not name.isprintable() or len(name) > 200:
        name, stem = "FILE", "NEW"
    if name.startswith("-"):
        name = f"./{name}"
    new = f"./{stem}" if stem.startswith("-") else stem
    parts = (_quoted(part, name, new) for part in hint.split(" "))
    return " ".join(parts)


def _quoted(part: str, name: str, new: str) -> str:
    if part == "FILE":
        return shlex.quote(name)
    if part.startswith("NEW"):
        return shlex.quote(new + part.removeprefix("NEW"))
    return part
