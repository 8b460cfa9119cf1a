"""A row of a batch file: a request, and where its video goes. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

from wan_cli.errors import UsageError
from wan_cli.identity import ONCE_MAX_CHARS, Keys, is_once_key
from wan_cli.models import (
    DEFAULT_MODEL,
    FIELD_NAMES,
    Attach,
    GenerationRequest,
    ModelSchema,
    any_model,
    field_of_flag,
    flag_of,
    parse_media,
    schema_of,
)
from wan_cli.prompt import option_meant
from wan_cli.text import check_encodable, one_line

# Columns that are not fields of the API: where to save the video, and its key.
PLACES = ("output", "name", "once")
# Columns named after their flag, not after their field: `image` is image_url.
SHORT = {flag_of(name)[2:].replace("-", "_"): name for name in FIELD_NAMES}
COLUMNS = ("prompt", "model", *dict.fromkeys([*FIELD_NAMES, *SHORT]), *PLACES)
_SCHEMA = [any_model(name) for name in FIELD_NAMES]
# wan sends these exactly as written.
TEXTS = frozenset({"prompt", *(field.name for field in _SCHEMA if field.kind == "text")})
_WHOLE = frozenset(
    field.name
    for field in _SCHEMA
    if field.kind == "integer" or any(isinstance(choice, int) for choice in field.choices)
)
# Spreadsheets write 5.0 (some write 5,0) in a column of numbers with gaps.
_POINT_ZERO = re.compile(r"([+-]?[0-9]{1,19})[.,]0+")
_LISTS = frozenset(field.name for field in _SCHEMA if field.kind in ("urls", "images"))
_FLAG = re.compile(r"--[a-z]+(?:-[a-z]+)*")
_DRIVE = re.compile(r"[A-Za-z]:(?=[\\/])")


class Row(NamedTuple):
    """A request for one video.

    `number` counts the rows of the file from 1, `line` its lines. `keys` identify the row in every
    run of the batch, even if rows before it come or go. `output` and `name` say where to save the
    video; `once` is the user's own key: wan pays for at most one generation per key. `nth` counts
    the rows with the same request from 1.
    """

    number: int
    line: int
    keys: Keys
    request: GenerationRequest
    output: str | None = None
    name: str | None = None
    once: str | None = None
    nth: int = 1

    @property
    def has_name(self) -> bool:
        """Whether it has its own name; a template is not the name of one row."""
        return self.name is not None and "{" not in self.name

    @property
    def label(self) -> str:
        """The row's label on the screen and in logs: its name, otherwise its number."""
        return self.name if self.name is not None and self.has_name else f"row {self.number}"


class Mistake(NamedTuple):
    """A mistake in a line."""

    line: int
    words: str


class Reading(NamedTuple):
    """How to read rows: defaults for missing fields, local pictures, the schemas of models."""

    defaults: Mapping[str, object] = {}
    attach: Attach | None = None
    schema_of: Callable[[str], ModelSchema] = schema_of

    def unknown_column(self, names: Collection[str]) -> str | None:
        """Return the mistake if a row cannot have a column of this name.

        With a column `model`, this depends on the model of each row.
        """
        if "model" in names:
            return None
        try:
            self.check_fields(names, None)
        except UsageError as wrong:
            return wrong.message
        return None

    def check_fields(self, names: Iterable[str], model: object) -> None:
        """Refuse names of fields that a row of this model cannot have.

        Raises:
            UsageError: the row cannot have one of the fields.
        """
        unknown = next((name for name in names if name not in COLUMNS), None)
        if unknown is None:
            return
        schema = self.schema_of(str(model or self.defaults.get("model") or DEFAULT_MODEL))
        if not (schema.is_unchecked or (schema.is_live and schema.field(unknown))):
            raise UsageError(_no_such_field(one_line(unknown, 60)), hint="")


@lru_cache(maxsize=64)
def _no_such_field(word: str) -> str:
    near = get_close_matches(word.lower().replace("-", "_"), COLUMNS, n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    return f"no such field: {word!r}{meant}; a row may have: {', '.join(COLUMNS)}"


def request_of(found: Mapping[str, object], reading: Reading) -> GenerationRequest:
    """Return the request of a row.

    Raises:
        UsageError: a field that a row cannot have, or a wrong value.
    """
    named = {SHORT.get(name, name): value for name, value in found.items() if name not in PLACES}
    given = {name: _value(name, value) for name, value in named.items() if value is not None}
    try:
        if reading.attach:
            given = parse_media(given, reading.attach)
        reading.check_fields(given, given.get("model"))
        request = GenerationRequest.parse(
            {**reading.defaults, **given}, attach=reading.attach, schema_of=reading.schema_of
        )
    except UsageError as wrong:
        raise UsageError(_as_columns(wrong.message), hint="") from None
    option = option_meant(request.prompt)
    if option:
        raise UsageError(f"the prompt begins with {option}, which looks like an option", hint="")
    return request


def _value(name: str, value: object) -> object:
    """Return 5 for 5.0 in a column of whole numbers, and the items of a list."""
    if name in _LISTS and isinstance(value, str):
        return [item.strip() for item in value.split("|")]
    if name not in _WHOLE:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    match = _POINT_ZERO.fullmatch(value) if isinstance(value, str) else None
    return match[1] if match else value


def _as_columns(words: str) -> str:
    """Return a message about flags, reworded for the fields of a row."""
    words = words.replace("--field ", "")
    return _FLAG.sub(lambda flag: _as_column(flag[0]), words)


def _as_column(flag: str) -> str:
    name = field_of_flag(flag)
    plain = name.removeprefix("no_")
    if plain not in FIELD_NAMES:
        return flag
    return plain if plain == name else f"{plain} false"


def place_of(found: Mapping[str, object], name: str) -> str | None:
    """Return a row's `output` or `name`, or None.

    Raises:
        UsageError: the value cannot be a file name on this machine.
    """
    value = found.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or "\x00" in value:
        raise UsageError(f"{name}: {one_line(str(value), 80)!r} is not a file name", hint="")
    if "\\" in value or _DRIVE.match(value):
        slashes = _DRIVE.sub("", value).replace("\\", "/").lstrip("/")
        raise UsageError(
            f"{name}: {one_line(value, 80)} is a Windows path; write {one_line(slashes, 80)}"
            f"{' (folders go into output)' if name == 'name' and '/' in slashes else ''}",
            hint="",
        )
    return check_encodable(value, name)


def once_of(found: Mapping[str, object]) -> str | None:
    """Return the key of a row's `once`, or None.

    Raises:
        UsageError: the key is not 1 to 200 printable characters.
    """
    key = found.get("once")
    if key is None:
        return None
    if not isinstance(key, str) or not is_once_key(key):
        raise UsageError(
            f"once: {one_line(str(key), 80)!r} is not a key of 1 to {ONCE_MAX_CHARS} printable"
            " characters",
            hint="",
        )
    return key
