"""Complete mp4 files made by hand: right in structure and size, but not playable."""

import random
import struct

_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_NAMES = frozenset({b"ftyp", b"moov", b"mdat"})


def box(name: bytes, payload: bytes = b"") -> bytes:
    """Return one box: its size, its name, its payload."""
    return struct.pack(">I4s", 8 + len(payload), name) + payload


def make_mp4(size: int = 200_000, seed: int = 0) -> bytes:
    """Return a complete mp4 of exactly `size` bytes; equal arguments give equal bytes."""
    head = box(b"ftyp", b"isom" + struct.pack(">I", 512) + b"isomiso2avc1mp41") + _moov()
    rest = size - len(head) - 8
    if rest < 1:
        raise ValueError(f"an mp4 needs at least {len(head) + 9} bytes")
    return head + box(b"mdat", random.Random(seed).randbytes(rest))


def is_whole(data: bytes) -> bool:
    """Whether the top-level boxes add up to the data and include the three important ones."""
    at, seen = 0, set()
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if size < 8:
            return False
        seen.add(name)
        at += size
    return at == len(data) and seen >= _NAMES


def _moov() -> bytes:
    mvhd = struct.pack(">5I", 0, 0, 0, 1000, 10_000) + struct.pack(">IHHQ", 0x10000, 0x100, 0, 0)
    mvhd += _MATRIX + bytes(24) + struct.pack(">I", 2)
    tkhd = struct.pack(">6I", 7, 0, 0, 1, 0, 10_000) + bytes(16) + _MATRIX
    tkhd += struct.pack(">2I", 1920 << 16, 1080 << 16)
    mdhd = struct.pack(">5IHH", 0, 0, 0, 1000, 10_000, 0x55C4, 0)
    hdlr = bytes(8) + b"vide" + bytes(12) + b"VideoHandler\0"
    dinf = box(b"dinf", box(b"dref", struct.pack(">2I", 0, 1) + box(b"url ", bytes([0, 0, 0, 1]))))
    tables = (
        box(b"stsd", bytes(8))
        + box(b"stts", bytes(8))
        + box(b"stsc", bytes(8))
        + box(b"stsz", bytes(12))
        + box(b"stco", bytes(8))
    )
    minf = box(b"vmhd", struct.pack(">IQ", 1, 0)) + dinf + box(b"stbl", tables)
    mdia = box(b"mdhd", mdhd) + box(b"hdlr", hdlr) + box(b"minf", minf)
    return box(b"moov", box(b"mvhd", mvhd) + box(b"trak", box(b"tkhd", tkhd) + box(b"mdia", mdia)))
