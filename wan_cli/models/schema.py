"""The schema of a model's request as data: its fields, and the check of their values.

Facts of the API come from its public reference (api.aimlapi.com, as of 2026-08-21).
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from wan_cli.errors import UsageError
from wan_cli.models.attachment import LocalPicture
from wan_cli.text import check_encodable, one_line

Kind = Literal["text", "url", "image", "urls", "images", "choice", "integer", "boolean", "json"]
# The value of a field in a request.
Value = object
# Checks a local picture, given the text that the user typed.
Attach = Callable[[str], LocalPicture]

# Flags whose name differs from their field.
_FLAGS = {
    "image_url": "--image",
    "image_urls": "--reference",
    "video_urls": "--video",
    "first_frame_image": "--first-frame",
}


class Field(NamedTuple):
    """One field of a request: its name in the API, its kind, and the values it takes.

    `most` and `least` count the items of "urls" and "images", `max_chars` the characters of a text.
    `types` are the JSON types that a live schema allows a "json" value to have.
    `is_live`: it comes from the catalogue and has no flag of its own.
    """

    name: str
    kind: Kind
    choices: tuple[Value, ...] = ()
    default: Value | None = None
    most: int | None = None
    least: int = 0
    max_chars: int | None = None
    types: tuple[str, ...] = ()
    is_live: bool = False

    @property
    def flag(self) -> str:
        """How its value is typed."""
        return f"--field {self.name}" if self.is_live else flag_of(self.name)


class ModelSchema(NamedTuple):
    """What one model accepts beside `model` and `prompt`.

    `short` are its short names, `required` its mandatory fields, `median_s` the seconds that a
    generation takes until wan has learned better. `is_live`: it comes from the catalogue, not from
    this program. `is_unchecked`: its fields are unknown.
    """

    name: str
    fields: tuple[Field, ...]
    short: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    median_s: float = 205.0
    is_live: bool = False
    is_unchecked: bool = False

    def field(self, name: str) -> Field | None:
        """Return the field of that name, or None."""
        return next((field for field in self.fields if field.name == name), None)


def flag_of(name: str) -> str:
    """Return the flag of a field of the API: `audio_url` has `--audio-url`."""
    return _FLAGS.get(name) or "--" + name.replace("_", "-")


def field_of_flag(flag: str) -> str:
    """Return the field of a flag: `--image` has `image_url`."""
    names = {flag: name for name, flag in _FLAGS.items()}
    return names.get(flag) or flag.removeprefix("--").replace("-", "_")


def parse_field(field: Field, value: object, attach: Attach | None = None) -> Value:
    """Return a value from a flag, the environment, a file or a row as the API wants it.

    A picture that is not a URL is a local file, which `attach` checks.

    Raises:
        UsageError: the field has no such value; the message lists the valid ones.
    """
    if attach:
        value = attached(field, value, attach)
    parsed = _PARSERS[field.kind](field, value)
    if parsed is None:
        raise UsageError(
            f"{field.flag}: {one_line(str(value), 80)!r} is not {wanted(field)}",
            hint=_suggestion(field, str(value)) or "wan models",
        )
    return parsed


def attached(field: Field, value: object, attach: Attach) -> object:
    """Return a value with its local pictures checked, as `attach` raises."""
    if field.kind not in ("image", "images") or isinstance(value, LocalPicture):
        return value
    items = value if isinstance(value, list | tuple) else [value]
    found = [
        attach(item) if isinstance(item, str) and not _is_url(item) else item for item in items
    ]
    return found if field.kind == "images" else found[0] if len(found) == 1 else value


def _is_url(text: str) -> bool:
    return re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", text.strip()) is not None


def _suggestion(field: Field, text: str) -> str | None:
    """Return the flag with the likely value: 1080p for 1080, 5 for 5s, multi for MULTI."""
    word = re.sub(r" ?[ps]$", "", text.strip().lower())
    meant = [choice for choice in field.choices if str(choice).lower() in (word, f"{word}p")]
    return f"{field.flag}{'=' if field.is_live else ' '}{meant[0]}" if meant else None


def wanted(field: Field) -> str:
    """Describe the values of a field in words."""
    if field.kind == "choice":
        return "one of: " + ", ".join(str(choice) for choice in field.choices)
    many = f"up to {field.most} of them" if field.most else "one or more"
    return {
        "text": f"text of at most {field.max_chars} characters"
        if field.max_chars
        else "text without NUL",
        "url": "an http or https URL",
        "image": "a picture file, or an http or https URL",
        "urls": f"an http or https URL ({many})",
        "images": f"a picture file, or an http or https URL ({many})",
        "integer": "an integer",
        "boolean": "true or false",
        "json": f"a JSON value ({' or '.join(field.types)})" if field.types else "a JSON value",
    }[field.kind]


def _parse_text(field: Field, value: object) -> str | None:
    if not isinstance(value, str) or "\x00" in value:
        return None
    if field.max_chars and len(value) > field.max_chars:
        raise UsageError(
            f"{field.flag} has {len(value)} characters; the model takes at most {field.max_chars}",
            hint=f"shorten the text of {field.flag}",
        )
    return check_encodable(value, field.flag)


def _parse_choice(field: Field, value: object) -> Value | None:
    if isinstance(value, bool):
        return None
    return next((choice for choice in field.choices if str(choice) == str(value)), None)


def _parse_integer(_field: Field, value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -(2**63) <= value < 2**63 else None
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]{1,19}", value):
        return _parse_integer(_field, int(value))
    return None


def _parse_boolean(_field: Field, value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    words = {
        "true": True,
        "1": True,
        "yes": True,
        "on": True,
        "false": False,
        "0": False,
        "no": False,
        "off": False,
    }
    return words.get(value.lower()) if isinstance(value, str) else None


def _parse_url(_field: Field, value: object) -> str | None:
    if not isinstance(value, str) or re.search(r"[\s\x00-\x20\x7f]", value) or not value.isascii():
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return None
    return value if parts.scheme in ("http", "https") and parts.hostname else None


def _parse_image(field: Field, value: object) -> Value | None:
    return value if isinstance(value, LocalPicture) else _parse_url(field, value)


def _parse_items(field: Field, value: object) -> Value | None:
    """Return a list as a tuple, which cannot change; a text is a list of one."""
    items = value if isinstance(value, list | tuple) else [value]
    parse = _parse_image if field.kind == "images" else _parse_url
    parsed = [parse(field, item) for item in items]
    fits = field.least <= len(items) <= (field.most or len(items))
    return tuple(parsed) if parsed and fits and None not in parsed else None


def _parse_json(field: Field, value: object) -> Value | None:
    """Return a value of a live schema; a text may be JSON, unless the field is a text."""
    if isinstance(value, str) and "string" not in field.types:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None if field.types else value
    fits = not field.types or _json_type(value) & {*field.types}
    return value if fits and _is_json(value) else None


def _is_json(value: object) -> bool:
    """Whether a value can be sent and kept: JSON has no NaN, no Infinity and no lone surrogates."""
    if isinstance(value, LocalPicture):
        return True
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def _json_type(value: object) -> set[str]:
    """Return the names that JSON Schema has for the type of a value."""
    if isinstance(value, bool):
        return {"boolean"}
    if isinstance(value, int):
        return {"integer", "number"}
    names: Mapping[type, str] = {float: "number", str: "string", list: "array", dict: "object"}
    return {names.get(type(value), "null")}


_PARSERS: Mapping[str, Callable[[Field, object], Value | None]] = {
    "text": _parse_text,
    "url": _parse_url,
    "image": _parse_image,
    "urls": _parse_items,
    "images": _parse_items,
    "choice": _parse_choice,
    "integer": _parse_integer,
    "boolean": _parse_boolean,
    "json": _parse_json,
}
