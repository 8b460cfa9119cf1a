"""Validates the body of a submission against the published schema, with exact JSON types.

The server has its own checks on purpose: it shares the table of fields with the client, but none
of the client's leniency, so that it notices the client's mistakes. It applies the same schema that
`/docs-json` serves.
"""

import json
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from wan_cli.sandbox.replies import ApiError
from wan_cli.sandbox.schemas import REQUESTS, Node, properties_of

_JSON_TYPES = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}
_SHOWN_CHARS = 100


def parse_body(raw: bytes) -> dict[str, object]:
    """Return the body of a submission as a JSON object.

    Raises:
        ApiError: 400, the body is not JSON or not an object.
    """
    try:
        body = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as cause:
        raise ApiError(400, f"body: expected JSON, received something else ({cause})") from None
    if not isinstance(body, dict):
        raise ApiError(400, f"body: expected object, received {described(body)}")
    return body


def validate(body: Mapping[str, object]) -> None:
    """Check the body of a submission; accept fields that merely have no effect.

    Raises:
        ApiError: 400; the message names the field, the expected and the received value.
    """
    model = body.get("model")
    if not isinstance(model, str) or model not in REQUESTS:
        received = described(model) if "model" in body else "nothing"
        raise _refusal("model", f"one of {_listed([*REQUESTS])}", received)
    properties, required = properties_of(model), REQUESTS[model]["required"]
    assert isinstance(required, list)
    for name in required:
        if name not in body:
            raise _refusal(name, _expected(properties[name]), "nothing")
    for name, value in body.items():
        if name not in properties:
            known = _listed([*properties])
            words = f"no field of this name (for {model} only {known})"
            raise _refusal(name, words, described(value))
        _check(name, properties[name], value)


def described(value: object) -> str:
    """Return a received value in words: its type and its first 100 characters."""
    if value is None:
        return "null"
    if isinstance(value, str) and len(value) > 5 * _SHOWN_CHARS:
        return f"string of {len(value)} characters"
    return f"{_JSON_TYPES[type(value)]} {json.dumps(value)[:_SHOWN_CHARS]}"


def _check(name: str, node: Node, value: object) -> None:
    if not _fits(node, value):
        raise _refusal(name, _expected(node), described(value))
    if isinstance(value, list):
        items = node.get("items")
        assert isinstance(items, Mapping)
        for number, item in enumerate(value):
            _check(f"{name}[{number}]", items, item)


def _fits(node: Node, value: object) -> bool:
    """Whether a node of the schema allows a value; does not check the items of an array."""
    options = node.get("enum")
    if isinstance(options, list):
        return any(type(value) is type(option) and value == option for option in options)
    kind = node["type"]
    # Compare exact types: True is an integer in Python, but not in JSON.
    if _JSON_TYPES[type(value)] != kind and not (kind == "number" and type(value) is int):
        return False
    if isinstance(value, str):
        return _is_within(node, len(value), "Length") and _fits_format(node, value)
    if isinstance(value, list):
        return _is_within(node, len(value), "Items")
    return _is_within(node, value, "imum")


def _is_within(node: Node, value: object, what: str) -> bool:
    """Whether a number is within the limits `min…` and `max…` of a node."""
    least, most = node.get(f"min{what}"), node.get(f"max{what}")
    if not isinstance(value, int | float):
        return True
    return not (
        (isinstance(least, int | float) and value < least)
        or (isinstance(most, int | float) and value > most)
    )


def _fits_format(node: Node, value: str) -> bool:
    if node.get("format") != "uri":
        return True
    pattern = node.get("pattern")
    if isinstance(pattern, str) and not re.match(pattern, value):
        return False
    return (pattern is not None and value.startswith("data:")) or _is_uri(value)


def _is_uri(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and value.isprintable() and " " not in value


def _expected(node: Node) -> str:
    """Describe the values that a node of the schema allows."""
    options = node.get("enum")
    if isinstance(options, list):
        return f"one of {_listed(options)}"
    if node.get("format") == "uri":
        return str(node.get("description", "a string that is a URI"))
    kind = str(node["type"])
    for what, words in (("Length", " character"), ("Items", " item"), ("imum", "")):
        least, most = node.get(f"min{what}"), node.get(f"max{what}")
        if least is not None or most is not None:
            plural = "s" if words and (most or least) != 1 else ""
            return f"{_article(kind)} of {_limits(least, most)}{words}{plural}"
    return kind


def _limits(least: object, most: object) -> str:
    if most is None:
        return f"at least {least}"
    return f"{least} to {most}" if least is not None else f"at most {most}"


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _refusal(name: str, expected: str, received: str) -> ApiError:
    return ApiError(400, f"{name}: expected {expected}, received {received}")


def _listed(values: list[object]) -> str:
    return ", ".join(json.dumps(value) for value in values)


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")
