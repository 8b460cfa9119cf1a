"""How large a picture is: as base64, and in words. Pure."""

import binascii


def uri_start(media_type: str) -> str:
    """Return the part of a data URI before the base64."""
    return f"data:{media_type};base64,"


def base64_text(data: bytes) -> str:
    """Return bytes as base64 without line breaks."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def encoded_bytes(media_type: str, data: bytes) -> int:
    """Return the length of the data URI of bytes."""
    return len(uri_start(media_type)) + (len(data) + 2) // 3 * 4


def in_words(size: int) -> str:
    """Return a size for people: 512 bytes, 842 kB, 12.4 MB, 10 MB."""
    if size < 1000:
        return f"{size} bytes"
    if size < 999_500:
        return f"{size / 1e3:.0f} kB"
    return f"{size / 1e6:.1f}".removesuffix(".0") + " MB"
