"""The Wan models that this version knows: their fields, and the names that people use."""

import re
from collections.abc import Mapping
from functools import lru_cache

from wan_cli.errors import UsageError
from wan_cli.models.schema import Attach, Field, ModelSchema, attached, flag_of
from wan_cli.text import one_line

DEFAULT_MODEL = "alibaba/wan-2-6-t2v"

_IMAGE = Field("image_url", "image")
_AUDIO_URL = Field("audio_url", "url")
_ASPECT_RATIO = Field("aspect_ratio", "choice", ("16:9", "9:16", "1:1", "4:3", "3:4"), "16:9")
_RESOLUTION = Field("resolution", "choice", ("720p", "1080p"), "1080p")
_DURATION = Field("duration", "choice", (5, 10, 15), 10)
_NEGATIVE_PROMPT = Field("negative_prompt", "text")
_SHORT_NEGATIVE_PROMPT = _NEGATIVE_PROMPT._replace(max_chars=500)
_SHOT_TYPE = Field("shot_type", "choice", ("single", "multi"), "single")
_GENERATE_AUDIO = Field("generate_audio", "boolean", default=True)
_SEED = Field("seed", "integer")
_ENHANCE_PROMPT = Field("enhance_prompt", "boolean", default=True)
_EXPANSION = Field("enable_prompt_expansion", "boolean", default=True)
_WATERMARK = Field("watermark", "boolean", default=False)
_TEXT_TO_VIDEO = (
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
_IMAGE_TO_VIDEO = (_IMAGE, *(field for field in _TEXT_TO_VIDEO if field is not _ASPECT_RATIO))
_PREVIEW = (
    Field("aspect_ratio", "choice", ("16:9", "9:16", "1:1"), "16:9"),
    Field("resolution", "choice", ("480p", "720p", "1080p"), "1080p"),
    Field("duration", "choice", (5, 10), 10),
    _NEGATIVE_PROMPT,
    _SEED,
    _ENHANCE_PROMPT,
)


def _with(fields: tuple[Field, ...], *others: Field) -> tuple[Field, ...]:
    """Return the fields, with those of the same name replaced."""
    replaced = {field.name: field for field in others}
    return tuple(replaced.get(field.name, field) for field in fields)


# Durations come from the API's reference. `short` begins with the shortest name.
MODELS: Mapping[str, ModelSchema] = {
    schema.name: schema
    for schema in (
        ModelSchema(DEFAULT_MODEL, _TEXT_TO_VIDEO, ("2.6", "2.6-t2v")),
        ModelSchema(
            "alibaba/wan-2-6-i2v", _IMAGE_TO_VIDEO, ("2.6-i2v",), ("image_url",), median_s=172.0
        ),
        ModelSchema(
            "alibaba/wan-2-6-image-to-video-flash",
            _with(_IMAGE_TO_VIDEO, _RESOLUTION._replace(default="720p")),
            ("2.6-flash", "2.6-i2v-flash"),
            ("image_url",),
            median_s=264.0,
        ),
        ModelSchema(
            "alibaba/wan-2-6-r2v",
            (
                Field("video_urls", "urls", most=3, least=1),
                *(f for f in _TEXT_TO_VIDEO if f not in (_AUDIO_URL, _GENERATE_AUDIO)),
            ),
            ("2.6-r2v",),
            ("video_urls",),
            median_s=260.0,
        ),
        ModelSchema("alibaba/wan-2-7-t2v", _TEXT_TO_VIDEO, ("2.7", "2.7-t2v"), median_s=503.0),
        ModelSchema(
            "alibaba/wan-2-7-i2v",
            (
                _IMAGE,
                _AUDIO_URL,
                _RESOLUTION,
                _DURATION,
                _SHORT_NEGATIVE_PROMPT,
                _SEED,
                _ENHANCE_PROMPT,
                _WATERMARK,
                _EXPANSION,
            ),
            ("2.7-i2v",),
            ("image_url",),
            median_s=64.0,
        ),
        ModelSchema(
            "alibaba/wan-2-7-r2v",
            (
                Field("first_frame_image", "image"),
                Field("image_urls", "images", most=5),
                Field("video_urls", "urls", most=5),
                _ASPECT_RATIO,
                _RESOLUTION,
                _DURATION,
                _SHORT_NEGATIVE_PROMPT,
                _SEED,
                _ENHANCE_PROMPT,
                _WATERMARK,
            ),
            ("2.7-r2v",),
            median_s=522.0,
        ),
        ModelSchema("alibaba/wan2.5-t2v-preview", _PREVIEW, ("2.5", "2.5-t2v"), median_s=180.0),
        ModelSchema(
            "alibaba/wan2.5-i2v-preview",
            (_IMAGE, *_PREVIEW),
            ("2.5-i2v",),
            ("image_url",),
            median_s=180.0,
        ),
    )
}
# Every field that has a flag, in the order in which it is sent.
FIELD_NAMES = (
    "image_url",
    "first_frame_image",
    "image_urls",
    "video_urls",
    *(field.name for field in _TEXT_TO_VIDEO),
    "watermark",
    "enable_prompt_expansion",
)
# Files and URLs belong to one request, not in the configuration.
MEDIA_NAMES = ("image_url", "first_frame_image", "image_urls", "video_urls")


# Each row of a batch asks again.
@lru_cache(maxsize=256)
def find_schema(name: str) -> ModelSchema | None:
    """Return the schema of a model by its id, an alias or a short name, or None."""
    if name in MODELS:
        return MODELS[name]
    word = _plain(name)
    return next((schema for schema in MODELS.values() if word in _names(schema)), None)


def schema_of(model: str) -> ModelSchema:
    """Return the schema of a model.

    Raises:
        UsageError: the table has no such model.
    """
    schema = find_schema(model)
    if schema is None:
        raise UsageError(
            f"unknown model {one_line(model, 80)!r}; choose one of: {', '.join(MODELS)}",
            hint="wan models",
        )
    return schema


def is_id(model: str) -> bool:
    """Whether a name may be the id of a model that only the live catalogue knows: VENDOR/NAME."""
    return re.fullmatch(r"[A-Za-z0-9._-]{1,80}/[A-Za-z0-9._:/-]{1,120}", model) is not None


def for_picture(model: str) -> ModelSchema | None:
    """Return the model of the same version that starts from a picture, or None."""
    schema = find_schema(model)
    version = schema.short[0].partition("-")[0] if schema and schema.short else ""
    return find_schema(f"{version}-i2v")


def models_with(name: str) -> str:
    """Return the names of the models that have a field, as a list for people."""
    return ", ".join(schema.name for schema in MODELS.values() if schema.field(name))


def any_model(name: str) -> Field:
    """Return a field with the values of all models: a flag may still choose the model."""
    found = [field for schema in MODELS.values() if (field := schema.field(name))]
    choices = dict.fromkeys(choice for field in found for choice in field.choices)
    most = max((field.most or 0 for field in found), default=0)
    return Field(name, found[0].kind, tuple(choices), most=most or None)


def _names(schema: ModelSchema) -> set[str]:
    return {_plain(name) for name in (schema.name, *schema.short)}


def _plain(name: str) -> str:
    """Return a name without the parts that people leave out or write differently."""
    word = name.strip().lower().removeprefix("alibaba/").replace(".", "-").replace("_", "-")
    return re.sub(r"^wan-?", "", word)


def parse_media(fields: Mapping[str, object], attach: Attach) -> dict[str, object]:
    """Return fields with their local pictures checked, as `attach` raises."""
    return {
        name: value
        if value is None or name not in MEDIA_NAMES
        else attached(any_model(name), value, attach)
        for name, value in fields.items()
    }


def no_such_field(schema: ModelSchema, name: str) -> UsageError:
    """Return the error of a field that a model does not have, with the models that have it."""
    word = one_line(name, 60)
    others = models_with(name)
    if others:
        words = f"{schema.name} has no field {word} ({flag_of(word)}); these have it: {others}"
    else:
        known = ", ".join(field.flag for field in schema.fields)
        words = f"{schema.name} has no field {word} ({flag_of(word)}); it accepts: {known}"
    return UsageError(words, hint=f"wan models {schema.name}")
