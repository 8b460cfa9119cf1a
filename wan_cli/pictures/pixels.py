"""Decode a picture with Pillow, draw it upright in RGB without metadata, and encode it."""

import io
import math
import threading
import warnings
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from PIL import Image, ImageCms, ImageMath, JpegImagePlugin

from wan_cli.pictures.headers import JPEG, PNG, WEBP, Damaged, Header
from wan_cli.pictures.sizes import encoded_bytes, in_words

QUALITY = 95
# The quality that --shrink tries before it scales the picture down.
LOWER_QUALITY = 90
MIN_SIDE = 16
# Scaling stops after this many tries, or when the picture fills this share of the limit.
_TRIES = 10
_FULL_ENOUGH = 0.8
_FORMATS = {PNG: "PNG", JPEG: "JPEG", WEBP: "WEBP"}
_ORIENTATION = 0x0112
# The operation that turns a picture upright, by its EXIF orientation; 1 is upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# One picture at a time: a large one takes much memory, and the filters of warnings are global.
_ONE_AT_A_TIME = threading.Lock()


class Sent(NamedTuple):
    """A picture to send, and notes about changes that the user may not expect."""

    media_type: str
    data: bytes
    width: int
    height: int
    notes: tuple[str, ...] = ()


class _Encoding(NamedTuple):
    """One way to encode a picture. `note` says what is lost by it, if anything."""

    media_type: str
    options: Mapping[str, object]
    note: str = ""


def prepare(data: bytes, header: Header, limit_bytes: int, *, shrink: bool) -> Sent:
    """Return the picture to send: its unchanged file, if it needs no change.

    It may exceed the limit, unless `shrink` finds a way to meet it.

    Raises:
        Damaged: the picture cannot be decoded.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = _decoded(data, header)
        if not header.changes and picture.mode == "RGB":
            as_it_is = Sent(header.media_type, data, header.width, header.height)
            if not shrink or _fits(as_it_is, limit_bytes):
                return as_it_is
        encodings = list(_encodings(picture, header, shrink))
        drawn, notes = _drawn(picture, header)
        del picture
        limit = in_words(limit_bytes)
        for encoding in encodings:
            sent = _encoded(drawn, encoding, notes, limit)
            if _fits(sent, limit_bytes):
                return sent
        return _scaled_down(drawn, sent, notes, limit_bytes) if shrink else sent


def _fits(sent: Sent, limit_bytes: int) -> bool:
    return encoded_bytes(sent.media_type, sent.data) <= limit_bytes


def _decoded(data: bytes, header: Header) -> Image.Image:
    """Return the pixels of a picture.

    Raises:
        Damaged: they cannot be decoded, or are not what the header announces.
    """
    try:
        stream = io.BytesIO(header.decodable(data))
        picture = Image.open(stream, formats=[_FORMATS[header.media_type]])
        announced = (header.width, header.height)
        if picture.size == announced:
            picture.load()
    except MemoryError:
        raise
    except Image.DecompressionBombError:
        raise Damaged("decodes to far more than a picture") from None
    except Exception:  # noqa: BLE001 - Decoders raise errors of every kind on damaged data.
        raise Damaged("is damaged: its pixels cannot be decoded") from None
    if picture.size != announced:
        raise Damaged("is damaged: it contradicts itself about its dimensions")
    return picture


def _drawn(picture: Image.Image, header: Header) -> tuple[Image.Image, tuple[str, ...]]:
    """Return a picture upright, in sRGB, on white, and notes about the changes."""
    profile = picture.info.get("icc_profile")
    turn = _TURNS.get(_orientation(picture))
    if turn is not None:
        picture = picture.transpose(turn)
    colours, alpha = _separated(picture, header.bits)
    drawn = _in_srgb(colours, profile)
    notes: tuple[str, ...] = ()
    if alpha is not None:
        white = Image.new("RGB", drawn.size, "white")
        white.paste(drawn, mask=alpha)
        drawn = white
        if alpha.getextrema() != (255, 255):
            notes = ("its transparent parts are sent as white",)
    # Pillow would write the comments, profiles and resolutions in `info`.
    drawn.info = {}
    return drawn, notes


def _orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation, 1 if there is none that can be read."""
    # Pillow would take it from XMP too, which viewers ignore.
    picture.info.pop("xmp", None)
    try:
        value = picture.getexif().get(_ORIENTATION)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - Broken EXIF raises errors of every kind.
        return 1
    return value if isinstance(value, int) else 1


def _separated(picture: Image.Image, bits: int) -> tuple[Image.Image, Image.Image | None]:
    """Return the colours in 8 bits (L, RGB or CMYK), and the alpha channel where there is one."""
    if picture.mode.startswith("I"):
        return _of_16_bits(picture)
    is_grey = picture.mode in ("1", "L", "LA")
    if picture.has_transparency_data:
        picture.info["transparency"] = _in_8_bits(picture.info.get("transparency"), picture, bits)
        if picture.info["transparency"] is None:
            del picture.info["transparency"]
        with_alpha = picture.convert("LA" if is_grey else "RGBA")
        alpha = with_alpha.getchannel("A")
        with_alpha.info = {}
        return with_alpha.convert("L" if is_grey else "RGB"), alpha
    if is_grey or picture.mode == "CMYK":
        return (picture.convert("L") if is_grey else picture), None
    return picture.convert("RGB"), None


def _in_8_bits(key: object, picture: Image.Image, bits: int) -> object:
    """Return the transparent colour of a PNG in the values that its decoded pixels have."""
    if picture.mode == "RGB" and isinstance(key, tuple) and bits == 16:
        return tuple(value >> 8 for value in key)
    if picture.mode == "L" and isinstance(key, int) and bits < 8:
        return key * 255 // (2**bits - 1)
    return key


def _of_16_bits(picture: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Return grey values of 16 bits in 8, and the alpha channel where one value is transparent."""
    key = picture.info.get("transparency")
    wide = picture.convert("I")
    grey = wide.point(lambda value: value * (1 / 257) + 0.5).convert("L")
    if not isinstance(key, int):
        return grey, None
    alpha = ImageMath.lambda_eval(lambda args: (args["wide"] != key) * 255, wide=wide)
    return grey, alpha.convert("L")


def _in_srgb(colours: Image.Image, profile: object) -> Image.Image:
    """Return colours in sRGB. A profile that does not belong to them is ignored."""
    if isinstance(profile, bytes) and profile:
        try:
            converted = ImageCms.profileToProfile(
                colours,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
        except (ImageCms.PyCMSError, ImportError, OSError, ValueError, TypeError):
            converted = None
        if converted is not None:
            return converted
    return colours.convert("RGB")


def _encodings(picture: Image.Image, header: Header, shrink: bool) -> Iterator[_Encoding]:
    """Yield the ways to encode a picture in full size, the best one first."""
    as_jpeg = "" if header.media_type == JPEG else "sent as JPEG"
    if header.is_lossless:
        yield _Encoding(PNG, {})
        if header.media_type == PNG and not shrink:
            return
    note = as_jpeg if header.is_lossless else ""
    yield _Encoding(JPEG, {"quality": QUALITY, "subsampling": 0}, note)
    if isinstance(picture, JpegImagePlugin.JpegImageFile) and picture.mode == "RGB":
        # A photo of lower quality would grow; with its own tables, size and quality stay the same.
        tables = {number: list(table) for number, table in picture.quantization.items()}
        sampling = JpegImagePlugin.get_sampling(picture)
        yield _Encoding(JPEG, {"qtables": tables, "subsampling": sampling})
    if shrink:
        words = f"{as_jpeg or 'saved again'} at quality {LOWER_QUALITY}"
        yield _Encoding(JPEG, {"quality": LOWER_QUALITY, "subsampling": 0}, words)


def _encoded(drawn: Image.Image, way: _Encoding, notes: tuple[str, ...], limit: str) -> Sent:
    stream = io.BytesIO()
    drawn.save(stream, _FORMATS[way.media_type], **way.options)
    if way.note:
        notes = (*notes, f"{way.note} to fit {limit}")
    return Sent(way.media_type, stream.getvalue(), *drawn.size, notes)


def _scaled_down(drawn: Image.Image, sent: Sent, notes: tuple[str, ...], limit_bytes: int) -> Sent:
    """Return a picture that nearly fills the limit, or one that exceeds it if none fits."""
    best, smallest, largest, scale = sent, 0.0, 1.0, 1.0
    for _ in range(_TRIES):
        share = max(limit_bytes, 1) / encoded_bytes(sent.media_type, sent.data)
        scale *= math.sqrt(0.95 * share)
        if not smallest < scale < largest:
            scale = (smallest + largest) / 2
        sent = _in_size(drawn, scale, notes, in_words(limit_bytes))
        if min(sent.width, sent.height) < MIN_SIDE:
            break
        if _fits(sent, limit_bytes):
            best, smallest = sent, scale
            if encoded_bytes(sent.media_type, sent.data) > _FULL_ENOUGH * limit_bytes:
                break
        else:
            largest = scale
    return best


def _in_size(drawn: Image.Image, scale: float, notes: tuple[str, ...], limit: str) -> Sent:
    width, height = (max(1, round(side * scale)) for side in drawn.size)
    smaller = drawn.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    options = {"quality": LOWER_QUALITY, "subsampling": 0}
    note = f"scaled down to {width}x{height}"
    return _encoded(smaller, _Encoding(JPEG, options, note), notes, limit)
