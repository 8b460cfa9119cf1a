"""Make text from outside harmless, and turn it into file names. Pure."""

import re
import unicodedata
from collections.abc import Mapping

from wan_cli.errors import UsageError

REPLACEMENT = "\ufffd"
# C0 except tab and newline, DEL, C1, bidi controls, line and paragraph separators, lone surrogates.
# Compiled only when needed: that takes 1 ms, and nearly all text is printable.
_HARMFUL = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
_SPACE = re.compile(r"\s+")
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9._-]+")
# All of ASCII except controls and "*/:<>?\|, which FAT and its successors refuse; no name ends in a
# space or a dot there.
_PORTABLE = re.compile(
    r"""[^\x00-\x20."*/:<>?\\|\x7f-\U0010ffff]"""
    r"""[^\x00-\x1f"*/:<>?\\|\x7f-\U0010ffff]{0,99}(?<![ .])"""
)
_QUERY = re.compile(r"(https?://[^\s?]+)\?\S+", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# Windows gives these names to devices, with any extension.
_RESERVED = frozenset(
    ["con", "prn", "aux", "nul", "conin", "conout"]
    + [f"{port}{number}" for port in ("com", "lpt") for number in range(10)]
)
# Categories of Unicode: separators, controls, formats, lone surrogates, marks without a letter.
_UNSEEN = frozenset(("Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Mn", "Mc", "Me"))
# Invisible letters and signs of Hangul, Khmer and Braille.
_FILLERS = "\u115f\u1160\u3164\uffa0\u17b4\u17b5\u2800"
SLUG_MAX_BYTES = 60
# A name leaves room for ".part" and ".json" below the 255 bytes that file systems allow.
NAME_MAX_BYTES = 200
NAME_FIELDS = frozenset({"slug", "id", "id8", "seed", "date", "model", "row"})
DEFAULT_NAME_TEMPLATE = "{slug}-{id8}.mp4"


def clean(text: str, limit: int = 1000) -> str:
    """Return text from outside without control characters, bidi controls and lone surrogates.

    Tab and newline stay. Longer text is cut to `limit` characters and ends with an ellipsis.
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return text if text.isprintable() else re.sub(_HARMFUL, REPLACEMENT, text)


def one_line(text: str, limit: int = 300) -> str:
    """Return `clean` text with each run of white space folded to one space."""
    return clean(_SPACE.sub(" ", text[: 4 * limit]).strip(), limit)


def check_prompt(prompt: object) -> str:
    """Return a prompt unchanged, if the server can use it.

    Raises:
        UsageError: it is not text, contains NUL, or has no visible character.
    """
    words = "is not text"
    if isinstance(prompt, str):
        words = "is empty" if not prompt.strip() else ""
        if "\x00" in prompt:
            words = "contains a NUL character"
        elif not words and not _has_visible(prompt):
            words = "has no visible character"
        if not words:
            return check_encodable(prompt, "the prompt")
    raise UsageError(f"the prompt {words}", hint='wan generate "a fox in the snow"')


def _has_visible(text: str) -> bool:
    """Whether text has a character that can be seen: no space, control, mark or filler."""
    return any(
        unicodedata.category(letter) not in _UNSEEN and letter not in _FILLERS for letter in text
    )


def hide_queries(text: str) -> str:
    """Return text without the queries of URLs: anyone with a signed URL can use it."""
    return _QUERY.sub(r"\1?…", text)


def decode_utf8(data: bytes, source: str) -> str:
    """Return UTF-8 bytes as text, without a byte order mark.

    Raises:
        UsageError: the bytes are not UTF-8; the message gives the offset of the first bad byte.
    """
    try:
        # Not as utf-8-sig, which counts the offset of a bad byte from after the mark.
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as cause:
        bad = f"invalid byte 0x{data[cause.start]:02x} at offset {cause.start}"
        other = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin1"
        raise UsageError(
            f"{source} is not UTF-8: {bad}",
            hint=f"convert it first, for example with: iconv -f {other} -t utf-8",
        ) from None


def check_encodable(text: str, source: str) -> str:
    """Return text that came from the command line or the environment, if it is valid Unicode.

    In a locale without UTF-8, Python leaves its bytes undecoded: they are decoded here.

    Raises:
        UsageError: it contains bytes that are not UTF-8 (lone surrogates in Python).
    """
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return decode_utf8(
            text.encode("utf-8", "surrogateescape" if _came_from_bytes(text) else "surrogatepass"),
            source,
        )
    return text


def _came_from_bytes(text: str) -> bool:
    """Whether each lone surrogate stands for a byte that Python could not decode."""
    return not re.search("[\ud800-\udc7f\udd00-\udfff]", text)


def slug(prompt: str) -> str:
    """Return a file-name word for a prompt: [a-z0-9-], 1 to 60 bytes, never a device's name."""
    plain = (
        unicodedata.normalize("NFKD", prompt[:1000])
        .encode("ascii", "ignore")
        .decode("ascii")
        .lower()
    )
    word = _NOT_IN_SLUG.sub("-", plain).strip("-")
    if len(word) > SLUG_MAX_BYTES:
        cut = word[: SLUG_MAX_BYTES + 1].rpartition("-")[0]
        word = (cut or word[:SLUG_MAX_BYTES]).strip("-")
    if not word:
        return "video"
    return f"video-{word}" if word in _RESERVED else word


def id8(generation_id: str) -> str:
    """Return eight letters or digits for an id: its first ones, filled up from its hash."""
    letters = re.sub(r"[^A-Za-z0-9]", "", generation_id)
    if len(letters) < 8:
        # It imports OpenSSL, which takes 3 ms; hardly any id needs it.
        import hashlib

        letters += hashlib.sha256(generation_id.encode("utf-8", "surrogatepass")).hexdigest()
    return letters[:8]


def check_name_template(template: str) -> str:
    """Return the template if every field in it is known and it makes a file name.

    Raises:
        UsageError: an unknown field, an empty template or one that ends in a slash.
    """
    unknown = [name for name in _PLACEHOLDER.findall(template) if name not in NAME_FIELDS]
    rest = _PLACEHOLDER.sub("", template)
    if unknown or "{" in rest or "}" in rest or not template or template.endswith("/"):
        known = " ".join(f"{{{name}}}" for name in sorted(NAME_FIELDS))
        raise UsageError(
            f"the name template {one_line(template, 100)!r} is not valid",
            hint=f"use these fields: {known}",
        )
    return template


def is_portable(name: str) -> bool:
    """Whether every drive accepts a file name: plain ASCII, not long, not a device's name."""
    return bool(_PORTABLE.fullmatch(name)) and name.split(".")[0].lower() not in _RESERVED


def file_name(template: str, values: Mapping[str, str]) -> str:
    """Fill a template with values; only the template, not a value, can add a slash."""
    filled = _PLACEHOLDER.sub(
        lambda match: _NOT_IN_NAME.sub("-", values.get(match[1], "")), template
    )
    folder, slash, name = clean(filled).rpartition("/")
    stem = name.removesuffix(".mp4").encode("utf-8")[:NAME_MAX_BYTES].decode("utf-8", "ignore")
    stem = stem.strip(". ") or "video"
    if stem.split(".")[0].lower() in _RESERVED:
        stem = f"video-{stem}"
    return f"{folder}{slash}{stem}.mp4"
