"""The request schema of each model as JSON Schema, and the OpenAPI document that publishes it.

The nine models of the family come from the client's own table. `NEW_MODEL` is a model that the
client does not know: only this document describes it.
"""

from collections.abc import Mapping

from wan_cli.models import MODELS, Field, ModelSchema

NEW_MODEL = "sandbox/new-model-1"
# The pattern of a picture: a link, or a data URI.
PICTURE_PATTERN = r"^(https?://|data:image/(png|jpeg|webp);base64,)"
Node = Mapping[str, object]

_TYPES = {str: "string", int: "integer"}
_LINK: Node = {"type": "string", "format": "uri"}
_PICTURE: Node = {
    **_LINK,
    "pattern": PICTURE_PATTERN,
    "description": "a string that is a URI, or a picture as data:image/png;base64,… (png, jpeg or"
    " webp)",
}


def _request(name: str, properties: Node, required: tuple[str, ...]) -> Node:
    """Return the schema of a request to a model; it refuses unknown fields."""
    return {
        "type": "object",
        "title": name,
        "properties": {
            "model": {"type": "string", "enum": [name]},
            "prompt": {"type": "string", "minLength": 1},
            **properties,
        },
        "required": ["model", "prompt", *required],
        "additionalProperties": False,
    }


def _of_table(schema: ModelSchema) -> Node:
    properties = {field.name: _property(field) for field in schema.fields}
    return _request(schema.name, properties, schema.required)


def _property(field: Field) -> Node:
    default = {} if field.default is None else {"default": field.default}
    if field.kind == "choice":
        kind = _TYPES[type(field.choices[0])]
        return {"type": kind, "enum": list(field.choices), **default}
    if field.kind in ("urls", "images"):
        least = {"minItems": field.least} if field.least else {}
        items = _LINK if field.kind == "urls" else _PICTURE
        return {"type": "array", "items": items, **least, "maxItems": field.most}
    if field.kind in ("url", "image"):
        return _LINK if field.kind == "url" else _PICTURE
    if field.kind == "text":
        longest = {"maxLength": field.max_chars} if field.max_chars else {}
        return {"type": "string", **longest, **default}
    return {"type": field.kind, **default}


_NEW: Node = {
    "image_url": _PICTURE,
    "seconds": {"type": "integer", "enum": [4, 8], "default": 4},
    "resolution": {"type": "string", "enum": ["480p", "720p"], "default": "720p"},
    "style": {"type": "string", "enum": ["plain", "ink", "clay"], "default": "plain"},
    "strength": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5},
    "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 10},
}
REQUESTS: Mapping[str, Node] = {
    **{schema.name: _of_table(schema) for schema in MODELS.values()},
    NEW_MODEL: _request(NEW_MODEL, _NEW, ()),
}


def properties_of(model: str) -> Mapping[str, Node]:
    """Return the fields of a model, including `model` and `prompt`."""
    properties = REQUESTS[model]["properties"]
    assert isinstance(properties, Mapping)
    return properties


def completed(body: Mapping[str, object]) -> dict[str, object]:
    """Return a valid body with the model's defaults for the missing fields."""
    defaults = {
        name: node["default"]
        for name, node in properties_of(str(body["model"])).items()
        if "default" in node
    }
    return {**defaults, **body}


def document(model: str) -> Node:
    """Return the OpenAPI document of a model's request."""
    schema = {"schema": REQUESTS[model]}
    return {
        "openapi": "3.0.0",
        "info": {"title": model, "version": "1.0.0"},
        "paths": {
            "/v2/video/generations": {
                "post": {
                    "requestBody": {"required": True, "content": {"application/json": schema}},
                    "responses": {"200": {"description": "The generation is queued."}},
                }
            }
        },
    }
