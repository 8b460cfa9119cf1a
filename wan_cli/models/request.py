"""GenerationRequest: the request to send, validated once."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Self

from wan_cli.errors import UsageError
from wan_cli.models.attachment import LocalPicture
from wan_cli.models.family import DEFAULT_MODEL, FIELD_NAMES, no_such_field, schema_of
from wan_cli.models.schema import Attach, Field, ModelSchema, Value, parse_field, wanted
from wan_cli.text import check_prompt

# The model's vendor documents these for its own endpoint; this API does not, so wan only warns.
PROMPT_HINT_MAX_CHARS = 1500
SEED_HINT_MAX = 2**31 - 1
_ORDER = {name: number for number, name in enumerate(FIELD_NAMES)}


class GenerationRequest(NamedTuple):
    """A valid request. A field that is not among `fields` was not set and is not sent.

    The server chooses the other values. `fields` holds names and values in the order of sending.
    """

    schema: ModelSchema
    prompt: str
    fields: tuple[tuple[str, Value], ...] = ()

    @classmethod
    def parse(
        cls,
        values: Mapping[str, object],
        *,
        attach: Attach | None = None,
        schema_of: Callable[[str], ModelSchema] = schema_of,
    ) -> Self:
        """Return the request that flags, settings or a row describe; None means not set.

        Args:
            values: by the names of the fields, including `model` and `prompt`.
            attach: checks a local picture.
            schema_of: finds a model's schema.

        Raises:
            UsageError: an unknown or wrong field, an empty prompt, a field that can have no effect.
        """
        given = {name: value for name, value in values.items() if value is not None}
        model = given.pop("model", DEFAULT_MODEL)
        prompt = given.pop("prompt", "")
        schema = schema_of(model if isinstance(model, str) else repr(model))
        ordered = sorted(given, key=lambda name: (_ORDER.get(name, len(_ORDER)), name))
        parsed = {
            name: parse_field(_field_of(schema, name), given[name], attach) for name in ordered
        }
        _refuse_ineffective(parsed)
        _need(schema, parsed)
        return cls(schema, check_prompt(prompt), tuple(parsed.items()))

    @property
    def model(self) -> str:
        """The id of its model."""
        return self.schema.name

    @property
    def pictures(self) -> Mapping[str, tuple[LocalPicture, ...]]:
        """The local pictures by the names of their fields."""
        found = {name: tuple(_pictures(value)) for name, value in self.fields}
        return {name: pictures for name, pictures in found.items() if pictures}

    @property
    def paths(self) -> dict[str, str]:
        """The paths of its local pictures, by their text in `body`."""
        found = (picture for pictures in self.pictures.values() for picture in pictures)
        return {picture.key: picture.path for picture in found}

    def body(self) -> dict[str, Value]:
        """Return the request for the history: the set fields, and pictures by their hash."""
        return self._body(lambda picture: picture.key)

    def shown(self) -> dict[str, Value]:
        """Return the request for display, with the data of pictures shortened."""
        return self._body(lambda picture: picture.shown)

    def shown_json(self) -> str:
        """Return the request for display, as compact JSON."""
        return _compact(self.shown())

    def to_json(self) -> str:
        """Return the request for the history, as compact JSON: equal for equal requests."""
        return _compact(self.body())

    def payload(self) -> bytes:
        """Return the body of the POST. Pictures are read.

        Raises:
            UsageError: a picture is gone or has changed.
        """
        return _compact(self._body(LocalPicture.data_uri)).encode()

    def _body(self, word: Callable[[LocalPicture], str]) -> dict[str, Value]:
        fields = {name: _replaced(value, word) for name, value in self.fields}
        return {"model": self.model, "prompt": self.prompt, **fields}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Values that the API may refuse, according to the model's vendor."""
        found = []
        if len(self.prompt) > PROMPT_HINT_MAX_CHARS:
            found.append(
                f"the prompt has {len(self.prompt)} characters; "
                f"the model may read only {PROMPT_HINT_MAX_CHARS}"
            )
        seed = dict(self.fields).get("seed")
        if isinstance(seed, int) and not 0 <= seed <= SEED_HINT_MAX:
            found.append(
                f"the seed {seed} is outside 0 to {SEED_HINT_MAX}; the model may refuse it"
            )
        return tuple(found)

    @property
    def notes(self) -> tuple[str, ...]:
        """The changes that wan made to its pictures."""
        return tuple(
            note for found in self.pictures.values() for picture in found for note in picture.notes
        )

    def value(self, name: str) -> Value | None:
        """Return a field's value: the one that was set, else the server's default."""
        field = self.schema.field(name)
        given = dict(self.fields).get(name)
        return given if given is not None or field is None else field.default


def _compact(body: Mapping[str, Value]) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _pictures(value: Value) -> Iterator[LocalPicture]:
    # A LocalPicture is a tuple too.
    if isinstance(value, LocalPicture):
        yield value
    elif isinstance(value, list | tuple):
        yield from (item for item in value if isinstance(item, LocalPicture))


def _replaced(value: Value, word: Callable[[LocalPicture], str]) -> Value:
    if isinstance(value, LocalPicture):
        return word(value)
    if isinstance(value, list | tuple):
        return [_replaced(item, word) for item in value]
    return value


def one_shot_type(shot_type: str | None, *, multi: bool, single: bool) -> str | None:
    """Return the shot type of --shot-type and its short forms.

    Raises:
        UsageError: two of them differ.
    """
    given = {shot_type} | ({"multi"} if multi else set()) | ({"single"} if single else set())
    given.discard(None)
    if len(given) > 1:
        raise UsageError(
            "--shot-type, --multi-shot and --single-shot contradict each other",
            hint="keep only one of them",
        )
    return given.pop() if given else None


def _field_of(schema: ModelSchema, name: str) -> Field:
    field = schema.field(name)
    if field is None and schema.is_unchecked:
        return Field(name, "json", is_live=True)
    if field is None:
        raise no_such_field(schema, name)
    return field


def _need(schema: ModelSchema, values: Mapping[str, Value]) -> None:
    missing = next((name for name in schema.required if name not in values), None)
    if missing is None:
        return
    field = schema.field(missing) or Field(missing, "json", is_live=True)
    raise UsageError(
        f"{schema.name} needs {field.flag}: {wanted(field)}", hint=f"wan models {schema.name}"
    )


def _refuse_ineffective(values: Mapping[str, Value]) -> None:
    if values.get("enhance_prompt") is False and "shot_type" in values:
        raise UsageError(
            "--shot-type has no effect with --no-enhance-prompt: "
            "the server plans the shots when it enhances the prompt",
            hint="leave out --shot-type (--multi-shot, --single-shot) or --no-enhance-prompt",
        )
    if "audio_url" in values and "generate_audio" in values:
        raise UsageError(
            "--generate-audio has no effect with --audio-url: the sound comes from that URL",
            hint="leave out one of --audio-url and --generate-audio (--no-generate-audio)",
        )
