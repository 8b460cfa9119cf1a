"""Judges the body of a submission by the published schema, as strictly as JSON types allow.

This is the server's own judgement on purpose: it shares the table of fields with the client, but
none of the client's leniency, so that it notices what the client sends wrongly.
"""

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

from wan_cli.models import MODELS, Field
from wan_cli.sandbox.replies import ApiError

_JSON_TYPES = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


def parse_body(raw: bytes) -> dict[str, object]:
    """Return the body of a submission as a JSON object.

    Raises:
        ApiError: 400, it is not JSON or not an object.
    """
    try:
        body = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as cause:
        raise ApiError(400, f"body: expected JSON, received something else ({cause})") from None
    if not isinstance(body, dict):
        raise ApiError(400, f"body: expected object, received {_described(body)}")
    return body


def validate(body: Mapping[str, object]) -> None:
    """Check the body of a submission; what is merely ineffective is accepted.

    Raises:
        ApiError: 400; the message says which field, what was expected and what was received.
    """
    model = body.get("model")
    if not isinstance(model, str) or model not in MODELS:
        _refuse("model", f"one of {_listed(tuple(MODELS))}", body)
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        _refuse("prompt", "a string of at least 1 character", body)
    schema = MODELS[str(model)]
    for name, value in body.items():
        field = schema.field(name)
        if field is not None:
            _check_field(field, value, body)
        elif name not in ("model", "prompt"):
            known = _listed(("model", "prompt", *(field.name for field in schema.fields)))
            _refuse(name, f"no field of this name (for {schema.name} only {known})", body)


def _check_field(field: Field, value: object, body: Mapping[str, object]) -> None:
    if field.kind == "choice":
        if not any(type(value) is type(choice) and value == choice for choice in field.choices):
            _refuse(field.name, f"one of {_listed(field.choices)}", body)
        return
    wanted = {"text": str, "url": str, "integer": int, "boolean": bool}[field.kind]
    # An exact comparison: in Python, but not in JSON, true is an integer.
    if type(value) is not wanted:
        _refuse(field.name, _JSON_TYPES[wanted], body)
    if field.kind == "url" and not _is_uri(str(value)):
        _refuse(field.name, "a string that is a URI", body)


def _is_uri(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and value.isprintable() and " " not in value


def _refuse(name: str, expected: str, body: Mapping[str, object]) -> None:
    received = _described(body[name]) if name in body else "nothing"
    raise ApiError(400, f"{name}: expected {expected}, received {received}")


def _described(value: object) -> str:
    return "null" if value is None else f"{_JSON_TYPES[type(value)]} {json.dumps(value)[:100]}"


def _listed(values: tuple[object, ...]) -> str:
    return ", ".join(json.dumps(value) for value in values)


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")
