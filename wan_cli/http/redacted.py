"""Bodies, headers and URLs as -v shows them: short, without secrets and signed queries. Pure."""

import json
import re
from collections.abc import Mapping

from wan_cli.text import one_line

HIDDEN = "[hidden]"
# Shorter words than any real key may stand in a text for themselves.
SECRET_MIN_CHARS = 8
VALUE_MAX_CHARS = 200
ITEMS_MAX = 3
BODY_MAX_CHARS = 900
# The headers of an answer that help to understand it. Cookies are not among them.
_HEADERS = frozenset(
    {
        "accept-ranges",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "date",
        "etag",
        "location",
        "retry-after",
        "server",
        "via",
        "cf-ray",
        "request-id",
        "x-inference-id",
        "x-request-id",
        "x-wan-sandbox",
    }
)
# None is compiled before it is used: that takes 1 ms, and few commands are verbose.
_HIDDEN_FIELDS = r"(?i)api_?key|authorization|credential|password|secret|signature|token$"
# A query in running text ends at a space, a quote, or a bracket.
_QUERY = r"""(?i)(https?:/{1,2}[^\s?"'<>]*)\?[^\s"'<>]*"""
# JSON inside JSON doubles the backslashes.
_ESCAPED = r"\\+u00([2-7][0-9a-fA-F])"
_ESCAPED_SLASH = r"\\+/"


def url_text(url: str) -> str:
    """Return a URL without its query, which may be a signature, and without a user name."""
    place = re.sub("^([^/]*//)[^/]*@", r"\1", re.split("[?#]", url, maxsplit=1)[0])
    return f"{place}?…" if "?" in url else place


def header_texts(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of an answer that matter; Location without its query."""
    shown = {}
    for name, value in headers.items():
        if name.lower() in _HEADERS or name.lower().startswith("x-ratelimit"):
            value = url_text(value) if name.lower() == "location" else _text(value)
            shown[name] = one_line(value, VALUE_MAX_CHARS)
    return shown


def body_text(data: bytes, key: str | None = None) -> str:
    """Return a body as one short line: long values and lists cut, secrets and queries hidden."""
    text = data.decode("utf-8", "replace")
    try:
        text = json.dumps(_shortened(json.loads(text)), ensure_ascii=False)
    except (ValueError, RecursionError):
        text = _text(text)
    if key and len(key) >= SECRET_MIN_CHARS and key in (plain := _unescaped(text)):
        text = plain.replace(key, "[key]")
    return one_line(text, BODY_MAX_CHARS)


def _shortened(value: object) -> object:
    if isinstance(value, str):
        return _cut(_text(value))
    if isinstance(value, list):
        rest = len(value) - ITEMS_MAX
        shown = [_shortened(item) for item in value[:ITEMS_MAX]]
        return [*shown, f"… {rest} more"] if rest > 0 else shown
    if isinstance(value, dict):
        return {
            _cut(name): HIDDEN if _is_secret(name, item) else _shortened(item)
            for name, item in value.items()
        }
    return value


def _is_secret(name: str, value: object) -> bool:
    return isinstance(value, str) and bool(re.search(_HIDDEN_FIELDS, name))


def _cut(text: str) -> str:
    if len(text) <= VALUE_MAX_CHARS:
        return text
    return f"{text[: VALUE_MAX_CHARS // 2]}… ({len(text)} characters)"


def _text(text: str) -> str:
    """Return text without the queries of its URLs, also where JSON has escaped the URLs."""
    plain = _unescaped(text)
    hidden = re.sub(_QUERY, r"\1?…", plain)
    return text if hidden == plain else hidden


def _unescaped(text: str) -> str:
    """Return text in which JSON's escapes of slashes and of ASCII are undone."""
    text = re.sub(_ESCAPED, lambda found: chr(int(found[1], 16)), text)
    return re.sub(_ESCAPED_SLASH, "/", text)
