"""The request schema as data, and GenerationRequest: what is sent, validated once.

Facts of the API come from its public reference (api.aimlapi.com, as of 2026-08-21).
"""

import json
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple, Self
from urllib.parse import urlsplit

from wan_cli.errors import UsageError
from wan_cli.text import check_encodable, check_prompt, one_line

DEFAULT_MODEL = "alibaba/wan-2-6-t2v"
# The model's vendor documents these for its own endpoint; this API states neither, so they warn.
PROMPT_HINT_MAX_CHARS = 1500
SEED_HINT_MAX = 2**31 - 1

Kind = Literal["text", "url", "choice", "integer", "boolean"]
Value = str | int | bool


class Field(NamedTuple):
    """One optional field of a request: its name in the API, its kind, the values it takes."""

    name: str
    kind: Kind
    choices: tuple[Value, ...] = ()
    default: Value | None = None


class ModelSchema(NamedTuple):
    """What one model accepts beside `model` and `prompt`."""

    name: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        """Return the field of that name, or None where the model has none."""
        return next((field for field in self.fields if field.name == name), None)


_AUDIO_URL = Field("audio_url", "url")
_ASPECT_RATIO = Field("aspect_ratio", "choice", ("16:9", "9:16", "1:1", "4:3", "3:4"), "16:9")
_RESOLUTION = Field("resolution", "choice", ("720p", "1080p"), "1080p")
_DURATION = Field("duration", "choice", (5, 10, 15), 10)
_NEGATIVE_PROMPT = Field("negative_prompt", "text")
_SHOT_TYPE = Field("shot_type", "choice", ("single", "multi"), "single")
_GENERATE_AUDIO = Field("generate_audio", "boolean", default=True)
_SEED = Field("seed", "integer")
_ENHANCE_PROMPT = Field("enhance_prompt", "boolean", default=True)
_WAN_2_6 = (
    _AUDIO_URL,
    _ASPECT_RATIO,
    _RESOLUTION,
    _DURATION,
    _NEGATIVE_PROMPT,
    _SHOT_TYPE,
    _GENERATE_AUDIO,
    _SEED,
    _ENHANCE_PROMPT,
)

# The text-to-video models that take these two endpoints. The siblings that start from an image or a
# video need fields that have no flag.
MODELS: Mapping[str, ModelSchema] = {
    schema.name: schema
    for schema in (
        ModelSchema(DEFAULT_MODEL, _WAN_2_6),
        ModelSchema("alibaba/wan-2-7-t2v", _WAN_2_6),
        ModelSchema(
            "alibaba/wan2.5-t2v-preview",
            (
                Field("aspect_ratio", "choice", ("16:9", "9:16", "1:1"), "16:9"),
                Field("resolution", "choice", ("480p", "720p", "1080p"), "1080p"),
                Field("duration", "choice", (5, 10), 10),
                _NEGATIVE_PROMPT,
                _SEED,
                _ENHANCE_PROMPT,
            ),
        ),
    )
}
FIELD_NAMES = tuple(field.name for field in _WAN_2_6)


def flag_of(name: str) -> str:
    """Return the flag of a field of the API: `audio_url` has `--audio-url`."""
    return "--" + name.replace("_", "-")


def schema_of(model: str) -> ModelSchema:
    """Return the schema of a model.

    Raises:
        UsageError: no such model in the schema table.
    """
    if model not in MODELS:
        raise UsageError(
            f"unknown model {one_line(model, 80)!r}; choose one of: {', '.join(MODELS)}",
            hint="wan models",
        )
    return MODELS[model]


def parse_field(field: Field, value: object) -> Value:
    """Return a value from a flag, the environment, a file or a row as the API wants it.

    Raises:
        UsageError: not a value of this field; the message lists the right ones.
    """
    parsed = _PARSERS[field.kind](field, value)
    if parsed is None:
        raise UsageError(
            f"{flag_of(field.name)}: {one_line(str(value), 80)!r} is not {_wanted(field)}",
            hint=_suggestion(field, str(value)) or "wan models",
        )
    return parsed


def _suggestion(field: Field, text: str) -> str | None:
    """Return the flag with what was meant: 1080 for 1080p, 5s for 5, MULTI for multi."""
    word = re.sub(r" ?[ps]$", "", text.strip().lower())
    meant = [choice for choice in field.choices if str(choice).lower() in (word, f"{word}p")]
    return f"{flag_of(field.name)} {meant[0]}" if meant else None


def _wanted(field: Field) -> str:
    if field.kind == "choice":
        return "one of: " + ", ".join(str(choice) for choice in field.choices)
    return {
        "text": "text without NUL",
        "url": "an http or https URL",
        "integer": "an integer",
        "boolean": "true or false",
    }[field.kind]


def _parse_text(field: Field, value: object) -> str | None:
    if not isinstance(value, str) or "\x00" in value:
        return None
    return check_encodable(value, flag_of(field.name))


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


_PARSERS = {
    "text": _parse_text,
    "url": _parse_url,
    "choice": _parse_choice,
    "integer": _parse_integer,
    "boolean": _parse_boolean,
}


class GenerationRequest(NamedTuple):
    """A valid request. A field that is None was not set and is not sent: the server decides it."""

    model: str
    prompt: str
    audio_url: str | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    duration: int | None = None
    negative_prompt: str | None = None
    shot_type: str | None = None
    generate_audio: bool | None = None
    seed: int | None = None
    enhance_prompt: bool | None = None

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> Self:
        """Return the request that flags, settings or a row describe; None means not set.

        Raises:
            UsageError: an unknown or wrong field, an empty prompt, a field that can have no effect.
        """
        given = {name: value for name, value in values.items() if value is not None}
        model = given.pop("model", DEFAULT_MODEL)
        prompt = given.pop("prompt", "")
        schema = schema_of(model if isinstance(model, str) else repr(model))
        parsed = {
            name: parse_field(_field_of(schema, name), value) for name, value in given.items()
        }
        _refuse_ineffective(parsed)
        return cls(model=schema.name, prompt=check_prompt(prompt), **parsed)  # type: ignore[arg-type]

    def body(self) -> dict[str, Value]:
        """Return what is sent: the fields that were set, in the order of the schema."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    def to_json(self) -> str:
        """Return the body as compact JSON, equal for equal requests."""
        return json.dumps(self.body(), ensure_ascii=False, separators=(",", ":"))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the API may not take, by the documentation of the model's vendor."""
        found = []
        if len(self.prompt) > PROMPT_HINT_MAX_CHARS:
            found.append(
                f"the prompt has {len(self.prompt)} characters; "
                f"the model may read only {PROMPT_HINT_MAX_CHARS}"
            )
        if self.seed is not None and not 0 <= self.seed <= SEED_HINT_MAX:
            found.append(
                f"the seed {self.seed} is outside 0 to {SEED_HINT_MAX}; the model may refuse it"
            )
        return tuple(found)

    def value(self, name: str) -> Value | None:
        """Return a field's value: the one that was set, else the server's default."""
        field = MODELS[self.model].field(name)
        given: Value | None = getattr(self, name)
        return given if given is not None or field is None else field.default


def one_shot_type(shot_type: str | None, *, multi: bool, single: bool) -> str | None:
    """Return the shot type of --shot-type and its short forms.

    Raises:
        UsageError: two of them that differ.
    """
    given = {shot_type} | ({"multi"} if multi else set()) | ({"single"} if single else set())
    given.discard(None)
    if len(given) > 1:
        raise UsageError(
            "--shot-type, --multi-shot and --single-shot contradict each other",
            hint="leave all but one of them out",
        )
    return given.pop() if given else None


def _field_of(schema: ModelSchema, name: str) -> Field:
    field = schema.field(name)
    if field is None:
        known = ", ".join(flag_of(field.name) for field in schema.fields)
        word = one_line(name, 60)
        raise UsageError(
            f"{schema.name} has no field {word} ({flag_of(word)}); it accepts: {known}",
            hint="wan models",
        )
    return field


def _refuse_ineffective(values: Mapping[str, Value]) -> None:
    if values.get("enhance_prompt") is False and "shot_type" in values:
        raise UsageError(
            "--shot-type has no effect with --no-enhance-prompt: "
            "the shots are planned by the prompt's enhancement",
            hint="leave out --shot-type (--multi-shot, --single-shot) or --no-enhance-prompt",
        )
    if "audio_url" in values and "generate_audio" in values:
        raise UsageError(
            "--generate-audio has no effect with --audio-url: the sound comes from that URL",
            hint="leave out one of --audio-url and --generate-audio (--no-generate-audio)",
        )
