"""Models, their fields, and valid requests.

`schema` defines fields, `family` lists the models, `request` builds the request to send.
"""

from wan_cli.models.family import (
    DEFAULT_MODEL,
    FIELD_NAMES,
    MEDIA_NAMES,
    MODELS,
    any_model,
    find_schema,
    for_picture,
    is_id,
    models_with,
    no_such_field,
    parse_media,
    schema_of,
)
from wan_cli.models.request import GenerationRequest, one_shot_type
from wan_cli.models.schema import (
    Attach,
    Field,
    ModelSchema,
    Value,
    field_of_flag,
    flag_of,
    parse_field,
    wanted,
)

__all__ = [
    "DEFAULT_MODEL",
    "FIELD_NAMES",
    "MEDIA_NAMES",
    "MODELS",
    "Attach",
    "Field",
    "GenerationRequest",
    "ModelSchema",
    "Value",
    "any_model",
    "field_of_flag",
    "find_schema",
    "flag_of",
    "for_picture",
    "is_id",
    "models_with",
    "no_such_field",
    "one_shot_type",
    "parse_field",
    "parse_media",
    "schema_of",
    "wanted",
]
