"""Checks whether a file is a complete mp4."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fake.mp4 import box, make_mp4
from wan_cli import mp4

FTYP = box(b"ftyp", b"isom" + bytes(4))
MOOV = box(b"moov", box(b"mvhd", bytes(100)) + box(b"trak", bytes(50)))
MDAT = box(b"mdat", b"media")
WHOLE = FTYP + MOOV + MDAT


def check(data: bytes) -> str | None:
    return mp4.check(io.BytesIO(data), len(data))


GOOD = {
    "media last": WHOLE,
    "media first": FTYP + MDAT + MOOV,
    "like the fake's": make_mp4(5000),
    "padding first": box(b"free", bytes(8)) + WHOLE,
    "free, uuid and unknown boxes": FTYP
    + box(b"uuid", bytes(16))
    + MOOV
    + box(b"free")
    + box(b"abcd", b"x")
    + MDAT,
    "64-bit size": FTYP + MOOV + struct.pack(">I4sQ", 1, b"mdat", 16 + 5) + b"media",
    "last box to the end of the file": FTYP + MOOV + struct.pack(">I4s", 0, b"mdat") + b"media",
    "fragments": FTYP + MOOV + (box(b"moof", bytes(9)) + MDAT) * 3 + box(b"mfra", bytes(4)),
}


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD.keys())
def test_a_whole_mp4_is_whole(data):
    assert check(data) is None


BAD = {
    b"": "an empty file",
    b"<!DOCTYPE html><html>": "an HTML page",
    b"\xef\xbb\xbf\n<HTML>": "an HTML page",
    b'<?xml version="1.0"?><Error/>': "an XML answer",
    b' {"error": 1}': "a JSON answer",
    b"[]": "a JSON answer",
    b"\0" * 100: "no mp4 file",
    b"hello": "no mp4 file",
    WHOLE[8:]: "no mp4 file",
    MOOV + MDAT: "no mp4 file",
    FTYP + MDAT: "an mp4 file without its moov box",
    FTYP + MOOV: "an mp4 file without its mdat box",
    FTYP + MOOV + box(b"mdat"): "an mp4 file without any media in it",
    WHOLE[:-1]: f"a file cut off inside mdat: {len(WHOLE) - 1} of {len(WHOLE)} bytes",
    WHOLE + b"\0": f"a file with 1 stray bytes at {len(WHOLE)}",
    WHOLE + bytes(20): f"a file that is not an mp4 from byte {len(WHOLE)}",
    FTYP + struct.pack(">I4s", 7, b"moov"): f"a file with a broken moov box at {len(FTYP)}",
    FTYP + box(b"free") * mp4.MAX_BOXES: "an mp4 file with too many boxes",
}


@pytest.mark.parametrize(("data", "reason"), BAD.items(), ids=BAD.values())
def test_an_incomplete_mp4_is_reported(data, reason):
    assert check(data) == reason


def test_no_cut_off_mp4_is_complete():
    assert [size for size in range(len(WHOLE)) if check(WHOLE[:size]) is None] == []


@given(
    st.binary(max_size=200)
    | st.builds(lambda kept, noise: WHOLE[:kept] + noise, st.integers(0, 200), st.binary())
)
def test_any_bytes_are_checked_without_an_error(data):
    reason = check(data)
    assert reason is None or reason.isprintable()


@given(st.integers(0, 1000), st.binary(max_size=50))
def test_a_wrong_size_neither_raises_an_error_nor_loops(size, data):
    mp4.check(io.BytesIO(data), size)
