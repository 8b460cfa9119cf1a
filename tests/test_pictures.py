"""A local picture becomes one that image-to-video models accept, or an error that says why not."""

import base64
import hashlib
import io
import math
import os
import shlex
import socket
import struct
import subprocess
import sys
import textwrap
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, JpegImagePlugin, PngImagePlugin

from wan_cli.errors import UsageError
from wan_cli.pictures import DEFAULT_LIMIT_BYTES, Picture, load_picture
from wan_cli.pictures.headers import read_header

PNG, JPEG = "image/png", "image/jpeg"
ORIENTATION = 0x0112
SECRET = b"taken at 52.5200, 13.4050"


def scene(width: int = 64, height: int = 48) -> Image.Image:
    """A picture whose four corners differ, smooth enough for JPEG."""
    across = Image.linear_gradient("L").rotate(90).resize((width, height))
    down = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", (across, down, ImageChops.invert(across)))


def noise(width: int, height: int) -> Image.Image:
    """A picture that no encoder can compress well."""
    return Image.merge(
        "RGB", [Image.effect_noise((width, height), sigma) for sigma in (60, 80, 100)]
    )


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def decoded(sent: Picture) -> Image.Image:
    assert sent.media_type in {PNG, JPEG}
    picture = Image.open(io.BytesIO(sent.data))
    assert picture.format == sent.media_type.removeprefix("image/").upper()
    assert picture.size == (sent.width, sent.height)
    assert picture.mode == "RGB"
    return picture


def differ(one: Image.Image, other: Image.Image) -> int:
    """Return the largest difference of any colour of any pixel."""
    assert one.size == other.size
    extrema = ImageChops.difference(one.convert("RGB"), other.convert("RGB")).getextrema()
    assert isinstance(extrema[0], tuple)
    return max(high for _, high in extrema)


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(
    width: int = 32,
    height: int = 32,
    bits: int = 8,
    colour: int = 2,
    row: bytes | None = None,
    before: bytes = b"",
) -> bytes:
    """A PNG of equal rows, with chunks before its pixels."""
    row = bytes(width * 3) if row is None else row
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    pixels = zlib.compress((b"\0" + row) * height)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + before
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND")
    )


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def is_plain(data: bytes) -> bool:
    """Whether a picture can be sent unchanged."""
    header = read_header(data)
    return header is not None and not header.changes


@pytest.fixture
def load(tmp_path):
    """Load bytes as a file with a name."""

    def load(data: bytes, name: str = "cat.png", **options) -> Picture:
        file = tmp_path / name
        file.write_bytes(data)
        picture = load_picture(file, **options)
        assert picture.path == str(file)
        assert picture.sha256 == hashlib.sha256(data).hexdigest()
        assert is_plain(picture.data)
        assert len(picture.data_uri()) <= options.get("limit_bytes", DEFAULT_LIMIT_BYTES)
        decoded(picture)
        return picture

    return load


@pytest.fixture
def refuse(tmp_path):
    """Load bytes that wan refuses; return the message after the file's name, and the hint."""

    def refuse(data: bytes, name: str = "cat.png", **options) -> tuple[str, str]:
        file = tmp_path / name
        file.write_bytes(data)
        with pytest.raises(UsageError) as refused:
            load_picture(file, **options)
        start = f"{file} "
        assert refused.value.message.startswith(start)
        assert refused.value.exit_code == 2
        return refused.value.message.removeprefix(start), refused.value.hint

    return refuse


PLAIN = {
    "PNG": encoded(scene()),
    "an interlaced PNG of the file suffix of another type": png(),
    "PNG with its colours and density described": png(
        before=chunk(b"sRGB", b"\0") + chunk(b"gAMA", bytes(4)) + chunk(b"pHYs", bytes(9))
    ),
    "JPEG": encoded(scene(), "JPEG"),
    "progressive JPEG": encoded(scene(), "JPEG", progressive=True),
    "JPEG with restarts": encoded(scene(), "JPEG", restart_marker_rows=1),
    "JPEG of RGB": encoded(scene(), "JPEG", keep_rgb=True),
}


@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN.keys())
def test_a_picture_that_needs_no_change_is_sent_unchanged(load, data):
    picture = load(data, "cat.of-any-suffix")
    assert picture.data == data
    assert picture.media_type == (PNG if data[:1] == b"\x89" else JPEG)
    assert picture.notes == ()


def test_the_data_uri_is_strict_base64_and_the_text_shows_its_size(load):
    data = encoded(noise(600, 400), "JPEG", quality=98)
    picture = load(data)
    start, _, text = picture.data_uri().partition(",")
    assert start == "data:image/jpeg;base64"
    assert base64.b64decode(text, validate=True) == data
    assert picture.shown() == f"data:image/jpeg;base64,… ({len(data) / 1000:.0f} kB)"


def test_a_picture_prints_without_its_bytes(load):
    data = encoded(noise(40, 40))
    text = repr(load(data))
    assert f"data={len(data)} bytes, size=40x40" in text
    assert "\\x" not in text
    assert len(text) < 400


def test_the_path_is_absolute_and_otherwise_unchanged(tmp_path, monkeypatch):
    (tmp_path / "real.png").write_bytes(png())
    (tmp_path / "link.png").symlink_to("real.png")
    monkeypatch.chdir(tmp_path)
    assert load_picture(Path("link.png")).path == str(tmp_path / "link.png")


TURNS = {
    1: lambda upright: upright,
    2: lambda upright: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda upright: upright.transpose(Image.Transpose.ROTATE_180),
    4: lambda upright: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda upright: upright.transpose(Image.Transpose.TRANSPOSE),
    # The camera was rotated, so it stored the upright picture rotated the other way.
    6: lambda upright: upright.transpose(Image.Transpose.ROTATE_90),
    7: lambda upright: upright.transpose(Image.Transpose.TRANSVERSE),
    8: lambda upright: upright.transpose(Image.Transpose.ROTATE_270),
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", TURNS)
def test_a_picture_of_each_orientation_is_turned_upright(load, orientation, kind):
    upright = scene(96, 64)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    stored = TURNS[orientation](upright)
    picture = load(encoded(stored, kind, exif=exif, **options))
    assert (picture.width, picture.height) == (96, 64)
    assert differ(decoded(picture), upright) <= (12 if kind == "JPEG" else 0)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_invalid_orientation_is_ignored(load, value):
    exif = Image.Exif()
    exif[ORIENTATION] = value
    assert differ(decoded(load(encoded(scene(), exif=exif))), scene()) == 0


@pytest.mark.parametrize("exif", [b"", b"MM\0*", b"II*\0\xff\xff\xff\xff", b"rubbish " * 9])
def test_broken_exif_does_not_hide_the_picture(load, exif):
    assert differ(decoded(load(png(before=chunk(b"eXIf", exif)))), Image.new("RGB", (32, 32))) == 0
    jpeg = with_segments(encoded(scene(), "JPEG"), segment(0xE1, b"Exif\0\0" + exif))
    assert differ(decoded(load(jpeg)), scene()) <= 12


def test_viewers_ignore_an_orientation_in_xmp_and_so_does_wan(load):
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    jpeg = with_segments(
        encoded(scene(), "JPEG"), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)
    )
    assert (load(jpeg).width, load(jpeg).height) == (64, 48)
    webp = encoded(scene(), "WEBP", xmp=xmp)
    assert (load(webp).width, load(webp).height) == (64, 48)


def _with_gps() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[0x1D] = SECRET.decode()
    return exif


def _texts() -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", SECRET.decode())
    texts.add_itxt("XML:com.adobe.xmp", SECRET.decode())
    return texts


METADATA = {
    "EXIF of a JPEG": encoded(scene(), "JPEG", exif=_with_gps()),
    "EXIF of a PNG": encoded(scene(), exif=_with_gps()),
    "EXIF and XMP of a WebP": encoded(scene(), "WEBP", exif=_with_gps(), xmp=SECRET),
    "a JPEG's comment": encoded(scene(), "JPEG", comment=SECRET),
    "XMP of a JPEG": with_segments(encoded(scene(), "JPEG"), segment(0xE1, b"http://" + SECRET)),
    "IPTC of a JPEG": with_segments(encoded(scene(), "JPEG"), segment(0xED, SECRET)),
    "a JPEG's thumbnail": with_segments(encoded(scene(), "JPEG"), segment(0xE0, b"JFXX" + SECRET)),
    "texts of a PNG": encoded(scene(), pnginfo=_texts()),
    "a private chunk of a PNG": png(before=chunk(b"gpSx", SECRET)),
    "the time of a PNG": png(before=chunk(b"tIME", bytes(7))),
    "a film after a JPEG": encoded(scene(), "JPEG") + b"\0\0\0\x18ftypmp42" + SECRET,
    "data after a PNG": png() + SECRET,
}


@pytest.mark.parametrize("data", METADATA.values(), ids=METADATA.keys())
def test_metadata_is_not_sent(load, data):
    picture = load(data)
    assert picture.data != data
    assert SECRET not in picture.data
    assert not {"exif", "icc_profile", "comment", "xmp"} & decoded(picture).info.keys()
    assert picture.notes == ()


def test_a_huge_compressed_text_is_dropped_without_reading_it(load):
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000)))
    assert load(png(before=bomb)).media_type == PNG


def test_colours_of_a_profile_become_srgb(load):
    # This profile swaps red and blue, so the test would notice if wan ignored it.
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")
    red = Image.new("RGB", (32, 32), "red")
    blue = Image.new("RGB", (32, 32), "blue")
    for kind in ("PNG", "JPEG", "WEBP"):
        converted = decoded(load(encoded(red, kind, icc_profile=swapped)))
        assert differ(converted, blue) <= 3
        same = decoded(load(encoded(red, kind, icc_profile=srgb)))
        assert differ(same, red) <= 3
        # wan ignores a profile that is broken or describes other colours.
        for profile in (lab, b"rubbish" * 40, srgb[:200]):
            assert differ(decoded(load(encoded(red, kind, icc_profile=profile))), red) <= 3


def test_transparent_parts_are_sent_as_white_with_a_notice(load):
    clear = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    clear.paste((0, 0, 255, 255), (0, 0, 16, 32))
    clear.paste((0, 0, 0, 128), (0, 0, 8, 32))
    expected = Image.new("RGB", (32, 32), "white")
    expected.paste((0, 0, 255), (0, 0, 16, 32))
    expected.paste((127, 127, 127), (0, 0, 8, 32))
    for kind in ("PNG", "WEBP"):
        picture = load(encoded(clear, kind, **({"lossless": True} if kind == "WEBP" else {})))
        assert differ(decoded(picture), expected) <= 1
        assert picture.notes == ("cat.png: its transparent parts are sent as white",)
    opaque = load(encoded(scene().convert("RGBA")))
    assert differ(decoded(opaque), scene()) == 0
    assert opaque.notes == ()


GREY = scene().convert("L")
HALF = Image.new("L", (32, 32), 255)
HALF.paste(0, (0, 0, 16, 32))
MODES: dict[str, tuple[bytes, Image.Image | int, int]] = {
    "greyscale": (encoded(GREY), GREY, 0),
    "greyscale JPEG": (encoded(GREY, "JPEG"), GREY, 8),
    "black and white": (encoded(HALF.convert("1")), HALF, 0),
    "grey with alpha": (encoded(GREY.convert("LA")), GREY, 0),
    "a palette": (
        encoded(scene().quantize(64)),
        scene().quantize(64).convert("RGB"),
        0,
    ),
    "CMYK": (encoded(scene().convert("CMYK"), "JPEG", quality=95), scene(), 12),
    "16 bits of grey": (png(bits=16, colour=0, row=b"\x80\x80" * 32), 128, 0),
    "16 bits of nearly white": (png(bits=16, colour=0, row=b"\xff\xff" * 32), 255, 0),
    "16 bits of RGB": (png(bits=16, row=b"\x40\xff" * 96), 64, 1),
    "16 bits of RGBA": (
        png(bits=16, colour=6, row=(b"\x40\xff" * 3 + b"\xff\xff") * 32),
        64,
        1,
    ),
    "4 bits of grey": (png(bits=4, colour=0, row=b"\x88" * 16), 136, 0),
    "a transparent colour": (png(before=chunk(b"tRNS", bytes(6))), 255, 0),
    "another transparent colour": (png(before=chunk(b"tRNS", b"\0\1" * 3)), 0, 0),
    "a transparent colour of 16 bits": (
        png(bits=16, row=b"\x40\x50" * 96, before=chunk(b"tRNS", b"\x40\x50" * 3)),
        255,
        0,
    ),
    "a transparent grey of 16 bits": (
        png(bits=16, colour=0, row=b"\x40\x50" * 32, before=chunk(b"tRNS", b"\x40\x50")),
        255,
        0,
    ),
    "a transparent grey": (
        png(colour=0, row=bytes([9]) * 32, before=chunk(b"tRNS", b"\0\x09")),
        255,
        0,
    ),
    "a transparent grey of 4 bits": (
        png(bits=4, colour=0, row=b"\x88" * 16, before=chunk(b"tRNS", b"\0\x08")),
        255,
        0,
    ),
    "a transparent black of 1 bit": (
        png(bits=1, colour=0, row=bytes(4), before=chunk(b"tRNS", b"\0\0")),
        255,
        0,
    ),
    "a palette with a transparent entry": (
        png(
            colour=3,
            row=b"\1" * 32,
            before=chunk(b"PLTE", bytes(6)) + chunk(b"tRNS", b"\xff\0"),
        ),
        255,
        0,
    ),
}


@pytest.mark.parametrize("name", MODES)
def test_each_kind_of_colours_becomes_rgb_of_8_bits(load, name):
    data, expected, tolerance = MODES[name]
    picture = load(data)
    assert picture.data != data
    if isinstance(expected, int):
        expected = Image.new("RGB", (32, 32), (expected,) * 3)
    assert differ(decoded(picture), expected) <= tolerance
    assert picture.media_type == (JPEG if data[:1] == b"\xff" else PNG)


def tables(jpeg: bytes) -> tuple[object, object]:
    """Return the quality of a JPEG: its tables and its colour sampling."""
    picture = Image.open(io.BytesIO(jpeg))
    assert isinstance(picture, JpegImagePlugin.JpegImageFile)
    return picture.quantization, picture.layer


def test_a_jpeg_is_encoded_in_high_quality(load):
    data = encoded(scene(), "JPEG", quality=95, subsampling=0, comment=b"x")
    again = tables(load(data).data)
    assert again == tables(encoded(scene(), "JPEG", quality=95, subsampling=0))
    assert again != tables(encoded(scene(), "JPEG", quality=95))


def test_webp_becomes_png_if_it_is_lossless_and_fits_and_jpeg_otherwise(load):
    lossless = encoded(scene(), "WEBP", lossless=True)
    picture = load(lossless, "cat.webp")
    assert picture.media_type == PNG
    assert differ(decoded(picture), scene()) == 0
    assert load(encoded(scene(), "WEBP"), "cat.webp").media_type == JPEG
    loud = encoded(noise(128, 128), "WEBP", lossless=True)
    picture = load(loud, "cat.webp", limit_bytes=60_000)
    assert picture.media_type == JPEG
    assert picture.notes == ("cat.webp: sent as JPEG to fit 60 kB",)


def test_a_photo_of_low_quality_does_not_outgrow_the_limit(load):
    data = encoded(noise(256, 256), "JPEG", quality=50, comment=b"x")
    limit = math.ceil(len(data) * 4 / 3) + 100
    picture = load(data, limit_bytes=limit)
    assert (picture.width, picture.height) == (256, 256)
    assert picture.notes == ()


ANIMATED = {
    "GIF": encoded(scene(), "GIF", save_all=True, append_images=[noise(64, 48)]),
    "WebP": encoded(scene(), "WEBP", save_all=True, append_images=[noise(64, 48)]),
    "PNG": encoded(scene(), save_all=True, append_images=[noise(64, 48)]),
}


@pytest.mark.parametrize("data", ANIMATED.values(), ids=ANIMATED.keys())
def test_an_animation_is_refused_with_a_hint_how_to_get_a_frame(refuse, data):
    words, hint = refuse(data, "cat in snow.png")
    assert words in {"is animated, and models need a still picture", "is a GIF"}
    assert "take one frame of it, for example with: ffmpeg -i '" in hint
    assert hint.endswith("cat in snow.png' -frames:v 1 'cat in snow.png'")


def test_an_apng_of_one_frame_is_a_picture(load):
    assert load(png(before=chunk(b"acTL", struct.pack(">II", 1, 0)))).media_type == PNG


OTHERS = {
    "a GIF": b"GIF89a" + bytes(20),
    "a video": b"\0\0\0\x18ftypisom" + bytes(20),
    "a video ": b"\x1aE\xdf\xa3" + bytes(20),
    "a video  ": b"RIFF\0\0\0\0AVI " + bytes(20),
    "a video   ": (b"G" + bytes(187)) * 4,
    "a sound file": b"RIFF\0\0\0\0WAVE" + bytes(20),
    "a HEIC picture": b"\0\0\0\x18ftypheic" + bytes(20),
    "an AVIF picture": b"\0\0\0\x18ftypavif" + bytes(20),
    "a PDF file": b"%PDF-1.7\n",
    "an SVG drawing": b'\xef\xbb\xbf<?xml version="1.0"?>\n<svg xmlns="http://x">',
    "a BMP picture": encoded(scene(), "BMP"),
    "a TIFF picture": encoded(scene(), "TIFF"),
    "an icon": encoded(scene(), "ICO"),
    "a JPEG XL picture": b"\xff\x0a" + bytes(20),
    "a JPEG 2000 picture": b"\0\0\0\x0cjP  \r\n\x87\n",
    "an archive": b"PK\x03\x04" + bytes(20),
    "an HTML page, not a picture": b"<!DOCTYPE html><title>404",
    "XML, not a picture": b"<Error><Code>AccessDenied",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "text, not a picture": "ein Fuchs im Schnee, größer".encode() * 400,
    "not a picture": bytes(range(1, 256)),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_file_of_another_type_is_refused_with_its_type(refuse, what):
    words, hint = refuse(OTHERS[what])
    assert words == f"is {what.strip()}"
    assert hint


def test_hints_hold_commands_that_a_shell_accepts(refuse, tmp_path, monkeypatch):
    _, hint = refuse(OTHERS["a HEIC picture"], "it's me.heic")
    command = shlex.split(hint.partition(": ")[2])
    assert command == ["magick", str(tmp_path / "it's me.heic"), "it's me.jpg"]
    _, hint = refuse(OTHERS["a PDF file"], "-a.pdf")
    assert shlex.split(hint.partition(": ")[2])[-1] == "./-a"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as refused:
        load_picture(Path("-a.pdf"))
    assert refused.value.hint.endswith("pdftoppm -png -singlefile ./-a.pdf ./-a")
    _, hint = refuse(OTHERS["a video"], "clip.mp4")
    assert hint.endswith(" -frames:v 1 clip.png")


def test_file_names_cannot_harm_the_terminal(tmp_path):
    for name in ("a\x1b[2J\nb.png", "\u202egnp.exe", "x" * 250, os.fsdecode(b"\xff.png")):
        file = tmp_path / name
        file.write_bytes(OTHERS["a video"])
        with pytest.raises(UsageError) as refused:
            load_picture(file)
        for text in (refused.value.message, refused.value.hint):
            assert text.isprintable()
            assert len(text) < 300
        file.write_bytes(encoded(Image.new("RGBA", (32, 32))))
        (note,) = load_picture(file).notes
        assert note.isprintable()


def test_an_unreadable_file_is_reported(tmp_path):
    cases = {
        tmp_path / "none.png": "cannot read {}: No such file or directory",
        tmp_path: "{} is a folder",
        Path("/dev/null"): "{} is a device, not a file",
        tmp_path / ("x" * 300): "cannot read",
        tmp_path / "a\0b": "cannot be the name of a file",
        tmp_path / "\udc00\ud800": "cannot be the name of a file",
    }
    circle = tmp_path / "circle.png"
    circle.symlink_to(circle)
    cases[circle] = "cannot read {}: Too many levels of symbolic links"
    for file, words in cases.items():
        with pytest.raises(UsageError) as refused:
            load_picture(file)
        assert words.format(file) in refused.value.message
        assert refused.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_reported(tmp_path):
    file = tmp_path / "cat.png"
    file.write_bytes(png())
    file.chmod(0)
    with pytest.raises(UsageError, match="Permission denied"):
        load_picture(file)


def test_pipes_and_sockets_are_refused_without_waiting(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UsageError, match=r"pipe\.png is a pipe, not a file"):
        load_picture(tmp_path / "pipe.png")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.png")
        with pytest.raises(UsageError, match=r"socket\.png is a socket, not a file"):
            load_picture(Path("socket.png"))


def test_a_file_of_many_gigabytes_is_not_read(tmp_path):
    file = tmp_path / "film.png"
    with file.open("wb") as stream:
        stream.truncate(1 << 36)
    with pytest.raises(UsageError, match="is too large for a picture: over 200 MB"):
        load_picture(file)


def test_an_empty_file_is_reported(refuse):
    assert refuse(b"") == ("is empty", "give a PNG, JPEG or WebP file")


def test_dimensions_out_of_bounds_are_refused_before_decoding(refuse):
    row = png()
    huge = row.replace(struct.pack(">II", 32, 32), struct.pack(">II", 50_000, 50_000))
    at = huge.index(b"IHDR")
    huge = huge[: at + 17] + struct.pack(">I", zlib.crc32(huge[at : at + 17])) + huge[at + 21 :]
    words = "has 2,500 megapixels; the limit is 100"
    assert refuse(huge) == (words, "crop or resize it, or use another picture")
    assert refuse(encoded(scene(15, 40)))[0] == "is 15x40 pixels; each side needs at least 16"
    assert (
        refuse(encoded(scene(16, 161)))[0]
        == "is 16x161 pixels: one side is over 10 times the other"
    )
    assert refuse(encoded(scene(161, 16), "WEBP"))[0].startswith("is 161x16 pixels: one side")


def test_the_narrowest_picture_is_accepted(load):
    assert load(encoded(scene(16, 160), "JPEG")).height == 160


DAMAGED = {
    "a PNG cut off": (PLAIN["PNG"][:-20], "is cut off: it ends after"),
    "a PNG cut off between chunks": (PLAIN["PNG"][:-12], "is cut off: it ends after"),
    "a JPEG cut off": (PLAIN["JPEG"][:-100], "is cut off: it ends after"),
    "a JPEG's beginning": (PLAIN["JPEG"][:200], "is cut off: it ends after 200 bytes"),
    "a WebP cut off": (encoded(scene(), "WEBP")[:-40], "is cut off: it ends after"),
    "a PNG with a changed byte": (
        PLAIN["PNG"].replace(b"IDATx", b"IDATy"),
        "is damaged at byte 33",
    ),
    "a PNG without pixels": (
        PLAIN["PNG"][:33] + chunk(b"IEND"),
        "is a PNG file without a picture in it",
    ),
    "a JPEG without a frame": (b"\xff\xd8\xff\xd9", "is a JPEG file without a picture in it"),
    "pixels that are none": (
        PLAIN["PNG"][:33] + chunk(b"IDAT", b"rubbish") + chunk(b"IEND"),
        "is damaged: its pixels cannot be decoded",
    ),
    "countless chunks": (
        png(before=chunk(b"aaAa") * 200_001),
        "is a PNG file with too many parts",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_cut_off_or_damaged_picture_is_refused(refuse, name):
    data, expected = DAMAGED[name]
    words, hint = refuse(data)
    assert words.startswith(expected)
    assert hint == "if an image viewer still opens it, save it again there as PNG"


def test_a_picture_above_the_limit_is_refused_with_its_size(refuse):
    data = encoded(noise(200, 200))
    words, hint = refuse(data, limit_bytes=100_000)
    assert words == f"is {(len(data) * 4 / 3 + 22) / 1e3:.0f} kB as base64; the limit is 100 kB"
    assert hint == "--shrink scales it down until it fits"
    # Like the first picture, but this one also needs a change.
    words, _ = refuse(data + b"after its end", limit_bytes=100_000)
    assert words.endswith(" kB as base64; the limit is 100 kB")


def test_the_limit_applies_to_the_data_uri(load, refuse):
    data = encoded(noise(40, 40))
    size = len(load(data).data_uri())
    assert load(data, limit_bytes=size).data == data
    refuse(data, limit_bytes=size - 1)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("limit", [5_000, 40_000, 100_000])
def test_shrink_makes_a_picture_fit_and_says_how(load, kind, limit):
    data = encoded(noise(320, 240), kind, **({} if kind == "PNG" else {"quality": 98}))
    picture = load(data, limit_bytes=limit, shrink=True)
    (note,) = picture.notes
    assert note.startswith("cat.png: ")
    assert note.endswith(f" to fit {limit // 1000} kB")
    if picture.width < 320:
        assert f"scaled down to {picture.width}x{picture.height} " in note
        assert abs(picture.width / picture.height - 4 / 3) < 0.05
        # wan does not make it much smaller than necessary.
        assert len(picture.data_uri()) > 0.6 * limit
    else:
        assert "JPEG" in note or "saved again in quality 90" in note


def test_shrink_leaves_a_picture_that_fits_unchanged(load):
    data = encoded(noise(100, 100))
    picture = load(data, shrink=True)
    assert picture.data == data
    assert picture.notes == ()


def test_shrink_prefers_another_encoding_to_fewer_pixels(load):
    loud = encoded(noise(320, 240))
    picture = load(loud, limit_bytes=int(len(loud) * 1.2), shrink=True)
    assert (picture.width, picture.media_type) == (320, JPEG)
    assert picture.notes[0].startswith("cat.png: sent as JPEG to fit ")


def test_a_picture_that_cannot_shrink_enough_is_refused(refuse):
    words, hint = refuse(encoded(noise(320, 240)), limit_bytes=600, shrink=True)
    assert words.endswith("as base64; the limit is 600 bytes")
    assert hint == "use a smaller picture"


WITHOUT_PILLOW = """
    import importlib.abc, sys
    from pathlib import Path
    class NoPillow(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path, target=None):
            if name.partition(".")[0] == "PIL":
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    sys.meta_path.insert(0, NoPillow())
    from wan_cli.errors import UsageError
    from wan_cli.pictures import load_picture
    for name in sys.argv[1:]:
        try:
            picture = load_picture(Path(name), limit_bytes=50_000)
        except UsageError as refused:
            print(refused.message.removeprefix(f"{name} "), "|", refused.hint)
        else:
            assert picture.data == Path(name).read_bytes()
            print("sent", picture.media_type, picture.width, picture.height)
"""


def test_without_pillow_only_pictures_that_need_no_change_are_sent(tmp_path):
    pip = "and wan needs Pillow to change that | pip install 'aimlapi-wan[images]'"
    cases = [(data, "sent image/") for data in PLAIN.values()]
    cases += [(data, f"has metadata, {pip}") for data in METADATA.values() if data[:1] != b"R"]
    cases += [
        (encoded(scene(), "WEBP"), f"is a WebP picture, {pip}"),
        (encoded(scene().convert("RGBA")), f"has transparency, {pip}"),
        (encoded(scene().convert("CMYK"), "JPEG"), f"is CMYK, {pip}"),
        (encoded(scene().convert("L"), "JPEG"), f"is greyscale, {pip}"),
        (encoded(scene().quantize(64)), f"has a palette of colours, {pip}"),
        (png(bits=16, row=bytes(192)), f"has 16 bits per colour, {pip}"),
        (ANIMATED["PNG"], "is animated"),
        (ANIMATED["WebP"], "is animated"),
        (encoded(noise(200, 200)), "is 160 kB as base64; the limit is 50 kB | --shrink"),
        (OTHERS["a PDF file"], "is a PDF file"),
        (PLAIN["JPEG"][:-100], "is cut off"),
    ]
    for number, (data, _) in enumerate(cases):
        (tmp_path / str(number)).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(WITHOUT_PILLOW)]
        + [str(tmp_path / str(number)) for number in range(len(cases))],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for line, (_, expected) in zip(done.stdout.splitlines(), cases, strict=True):
        assert line.startswith(expected)


def test_pillow_is_imported_only_for_a_picture(tmp_path):
    (tmp_path / "cat.txt").write_bytes(b"a cat")
    code = """
        import sys
        from pathlib import Path
        from wan_cli.errors import UsageError
        from wan_cli.pictures import load_picture
        try:
            load_picture(Path(sys.argv[1]))
        except UsageError:
            print([name for name in sys.modules if name.partition(".")[0] == "PIL"])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "cat.txt")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "[]\n"


SEEDS = [
    *PLAIN.values(),
    *(data for data in METADATA.values() if len(data) < 20_000),
    *(data for data, *_ in MODES.values()),
    *ANIMATED.values(),
    encoded(scene(), "WEBP", lossless=True),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        start, length = draw(st.integers(0, len(data))), draw(st.integers(0, 40))
        data[start : start + length] = draw(st.binary(max_size=40))
    if draw(st.booleans()):
        data = data[: draw(st.integers(0, len(data)))]
    return _with_checksums(bytes(data)) if draw(st.booleans()) else bytes(data)


def _with_checksums(data: bytes) -> bytes:
    """Return the chunks of a PNG with right checksums, so that the decoder finds the damage."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    whole, start = data[:8], 8
    while start + 12 <= len(data):
        length = int.from_bytes(data[start : start + 4])
        if start + 12 + length > len(data):
            break
        whole += chunk(data[start + 4 : start + 8], data[start + 8 : start + 8 + length])
        start += 12 + length
    return whole


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "cat.png"


@settings(max_examples=400, deadline=None)
@given(data=st.one_of(damaged(), st.binary(max_size=200)), shrink=st.booleans())
def test_any_bytes_give_a_picture_or_an_error(file, data, shrink):
    file.write_bytes(data)
    picture = None
    with suppress(UsageError):
        picture = load_picture(file, limit_bytes=20_000, shrink=shrink)
    if picture:
        assert len(picture.data_uri()) <= 20_000
        assert is_plain(picture.data)
        decoded(picture).load()
