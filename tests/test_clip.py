"""The properties of an mp4 file: length, frame size, sound."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fake.mp4 import box, make_mp4
from wan_cli.mp4 import Clip, clip_of


def clip(data: bytes) -> Clip | None:
    return clip_of(io.BytesIO(data), len(data))


def movie(*boxes: bytes) -> bytes:
    return box(b"ftyp", b"isom" + bytes(4)) + box(b"moov", b"".join(boxes)) + box(b"mdat", b"media")


def header(scale: int, length: int) -> bytes:
    return box(b"mvhd", struct.pack(">5I", 0, 0, 0, scale, length) + bytes(80))


SOUND = box(b"trak", box(b"mdia", box(b"hdlr", bytes(8) + b"soun" + bytes(12))))


def test_wan_reads_the_length_and_frame_size_of_a_video() -> None:
    assert clip(make_mp4(5000)) == Clip(10.0, 1920, 1080, has_sound=False)


def test_wan_finds_a_sound_track() -> None:
    assert clip(movie(header(1000, 5040), SOUND)) == Clip(5.04, 0, 0, has_sound=True)


def test_wan_reads_a_long_header() -> None:
    long = box(b"mvhd", b"\x01" + bytes(19) + struct.pack(">IQ", 600, 3000) + bytes(80))
    assert clip(movie(long)) == Clip(5.0, 0, 0, has_sound=False)


@pytest.mark.parametrize("header", [header(0, 5), header(1000, 0xFFFFFFFF), box(b"mvhd"), b""])
def test_a_missing_length_is_unknown(header: bytes) -> None:
    assert clip(movie(header)) == Clip(None, 0, 0, has_sound=False)


@pytest.mark.parametrize("data", [b"", b"hello, world", make_mp4(5000)[:200]])
def test_a_file_that_is_not_an_mp4_has_no_properties(data: bytes) -> None:
    assert clip(data) is None


@given(st.binary(max_size=300))
def test_any_content_is_read_without_an_error(content: bytes) -> None:
    clip(movie(content, box(b"trak", content)))
