"""Decode bytes as UTF-8; if they are not, the hint is the command that converts them."""

import re
from pathlib import PurePath

from wan_cli.errors import UsageError
from wan_cli.filetypes import Source, by_content
from wan_cli.text import decode_utf8

# A file without a byte order mark is judged by its first bytes.
SAMPLE_BYTES = 1 << 16
_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32LE"),
    (b"\x00\x00\xfe\xff", "UTF-32BE"),
    (b"\xff\xfe", "UTF-16LE"),
    (b"\xfe\xff", "UTF-16BE"),
)
_WIDE = ("UTF-32LE", "UTF-32BE", "UTF-16LE", "UTF-16BE")
# Three bytes beyond ASCII in a row: not letters of a western alphabet.
_RUN = re.compile(rb"[\x80-\xff]{3,}")
_HIGH = re.compile(rb"[\x80-\xff]")


def decode(data: bytes, source: Source) -> str:
    """Return the text of a file or of stdin, without a byte order mark.

    Raises:
        UsageError: it is not text, not UTF-8, or contains NUL; the hint says how to fix it.
    """
    kind = by_content(data, PurePath(source.file).suffix)
    if kind:
        raise UsageError(f"{source.name} is {kind.what}", hint=kind.hint(source))
    try:
        text = decode_utf8(data, source.name)
    except UsageError as wrong:
        raise UsageError(wrong.message, hint=_conversion(data, source)) from None
    if "\x00" not in text:
        return text
    encoding = _wide_encoding(data)
    what = (
        f"is {encoding}, not UTF-8" if encoding else "contains a NUL byte, which no prompt can have"
    )
    raise UsageError(
        f"{source.name} {what} (NUL at offset {data.index(0)})", hint=_conversion(data, source)
    )


def _conversion(data: bytes, source: Source) -> str:
    """Return the command that converts bytes to UTF-8 without NUL."""
    encoding = _wide_encoding(data)
    if encoding is None and b"\x00" in data:
        if not _is_utf8(data):
            return "this is not text; wan batch --help lists the formats that wan reads"
        return source.converted("tr -d '\\000'", source.beside("-clean"))
    if encoding is None and _is_damaged_utf8(data):
        command = source.converted("iconv -c -f utf-8 -t utf-8", source.beside("-utf8"), takes="")
        return f"correct that byte, or drop the invalid bytes: {command}"
    encoding = encoding or ("windows-1252" if _is_western(data) else "ENCODING")
    command = source.converted(f"iconv -f {encoding} -t utf-8", source.beside("-utf8"), takes="")
    if encoding != "ENCODING":
        return command
    return (
        f"{command} (ENCODING is often windows-1251 for Cyrillic, gb18030 for Chinese,"
        " cp932 for Japanese, cp949 for Korean)"
    )


def _is_damaged_utf8(data: bytes) -> bool:
    """Whether most bytes beyond ASCII are UTF-8: in another encoding they hardly ever are."""
    valid = data.decode("utf-8", "ignore")
    good = len(valid.encode("utf-8")) - len(valid.encode("ascii", "ignore"))
    return good > len(_HIGH.findall(data)) / 2


def _wide_encoding(data: bytes) -> str | None:
    """Return the encoding of text with two or four bytes per character, or None."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    widths = [encoding for encoding in _WIDE if len(data) % _width(encoding) == 0]
    sample = data[:SAMPLE_BYTES]
    return next((encoding for encoding in widths if _is_wide(sample, encoding)), None)


def _width(encoding: str) -> int:
    return 4 if "32" in encoding else 2


def _is_wide(sample: bytes, encoding: str) -> bool:
    """Whether most characters have NUL as their high byte, as ASCII does in this encoding.

    If fewer do (in Chinese text, only spaces and line ends), the bytes must not be UTF-8: UTF-8
    text may contain a stray NUL.
    """
    width = _width(encoding)
    low = 0 if encoding.endswith("LE") else width - 1
    high = sample[width - 1 - low :: width]
    if high.count(0) <= sample[low::width].count(0) or (width == 4 and high.count(0) < len(high)):
        return False
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return False
    is_text = all(letter.isprintable() or letter in "\r\n\t" for letter in text)
    return is_text and (3 * high.count(0) >= 2 * len(high) or not _is_utf8(sample))


def _is_utf8(sample: bytes) -> bool:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as cause:
        # A sample may end within a character.
        return cause.end == len(sample)
    return True


def _is_western(data: bytes) -> bool:
    """Whether bytes are text in windows-1252: single letters with accents, curly quotes."""
    try:
        data.decode("windows-1252")
    except UnicodeDecodeError:
        return False
    in_runs = sum(len(run) for run in _RUN.findall(data))
    return 2 * in_runs <= len(_HIGH.findall(data))
