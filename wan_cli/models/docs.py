"""The schema of a model that this version does not know, from the OpenAPI document of its request.

The catalogue names that document as `info.docsJson`. Pure.
"""

from collections.abc import Collection, Iterator, Mapping

from wan_cli.models.family import FIELD_NAMES
from wan_cli.models.schema import Field, Kind, ModelSchema, Value

# A document may refer to itself.
DEPTH_MAX = 20
PARTS_MAX = 500
_NOT_FIELDS = ("model", "prompt")
Node = Mapping[str, object]


def schema_from_docs(document: Node, name: str, names: Collection[str]) -> ModelSchema | None:
    """Return the schema of the model with one of the names, or None.

    Of a union, take the part whose `model` allows one of the names.
    """
    bodies = list(_bodies(document))
    meant = [body for body in bodies if {*_words(_property(document, body, "model"))} & {*names}]
    unnamed = [body for body in bodies if not [*_words(_property(document, body, "model"))]]
    found = next(iter(meant), None) or (unnamed[0] if len(unnamed) == 1 else None)
    if found is None:
        return None
    properties = _mapping(found.get("properties"))
    fields = tuple(
        _field(str(key), _resolved(document, node))
        for key, node in properties.items()
        if key not in _NOT_FIELDS
    )
    required = found.get("required")
    needed = tuple(str(key) for key in required) if isinstance(required, list) else ()
    needed = tuple(key for key in needed if key in properties and key not in _NOT_FIELDS)
    return ModelSchema(name, fields, required=needed, is_live=True)


def _bodies(document: Node) -> Iterator[Node]:
    """Yield the schemas of the bodies of POST requests, and each part of a union."""
    for path in _mapping(document.get("paths")).values():
        post = _mapping(_mapping(path).get("post"))
        content = _mapping(_mapping(_resolved(document, post.get("requestBody"))).get("content"))
        schema = _mapping(content.get("application/json")).get("schema")
        yield from _parts(document, _resolved(document, schema), {})


def _parts(document: Node, schema: Node, seen: dict[int, Node]) -> Iterator[Node]:
    if id(schema) in seen or len(seen) > PARTS_MAX:
        # A document may refer to itself.
        return
    seen[id(schema)] = schema
    if "properties" in schema:
        yield schema
    for union in ("oneOf", "anyOf"):
        nodes = schema.get(union)
        for node in nodes if isinstance(nodes, list) else ():
            yield from _parts(document, _resolved(document, node), seen)


def _resolved(document: Node, node: object) -> Node:
    """Return a node, or the node it refers to in the same document; X for `X or null`."""
    for _ in range(DEPTH_MAX):
        found = _mapping(node)
        reference = found.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/"):
            target: object = document
            for word in reference[2:].split("/"):
                target = _mapping(target).get(word.replace("~1", "/").replace("~0", "~"))
            node = target
            continue
        union = found.get("anyOf") or found.get("oneOf")
        parts = [_mapping(part) for part in union] if isinstance(union, list) else []
        parts = [part for part in parts if part.get("type") != "null"]
        if len(parts) != 1:
            return found
        # Keep keys beside the union, such as a default.
        node = {**{key: found[key] for key in {*found} - {"anyOf", "oneOf"}}, **parts[0]}
    return {}


def _property(document: Node, schema: Node, name: str) -> Node:
    return _resolved(document, _mapping(schema.get("properties")).get(name))


def _words(node: Node) -> Iterator[str]:
    """Yield the texts that a field allows."""
    options = node.get("enum")
    yield from (str(word) for word in (options if isinstance(options, list) else ()))
    if isinstance(node.get("const"), str):
        yield str(node["const"])


def _field(name: str, node: Node) -> Field:
    return _of_node(name, node)._replace(is_live=name not in FIELD_NAMES)


def _of_node(name: str, node: Node) -> Field:
    options = node.get("enum")
    default = node.get("default")
    if isinstance(options, list) and options:
        choices: tuple[Value, ...] = tuple(options)
        meant = (choice for choice in choices if str(choice) == str(default))
        return Field(name, "choice", choices, next(meant, None))
    kind, types = _kind(name, node)
    chars, most, least = (node.get(key) for key in ("maxLength", "maxItems", "minItems"))
    return Field(
        name,
        kind,
        default=default,
        most=most if isinstance(most, int) else None,
        least=least if isinstance(least, int) else 0,
        max_chars=chars if isinstance(chars, int) and kind == "text" else None,
        types=types,
    )


def _kind(name: str, node: Node) -> tuple[Kind, tuple[str, ...]]:
    given = node.get("type")
    types = tuple(str(word) for word in (given if isinstance(given, list) else [given]) if word)
    plain = [word for word in types if word != "null"]
    is_picture = "image" in name or "frame" in name
    if plain == ["string"] and node.get("format") in ("uri", "url"):
        return ("image" if is_picture else "url"), ()
    if plain == ["array"] and _mapping(node.get("items")).get("format") in ("uri", "url"):
        return ("images" if is_picture else "urls"), ()
    kinds: Mapping[str, Kind] = {"string": "text", "integer": "integer", "boolean": "boolean"}
    if len(plain) == 1 and plain[0] in kinds:
        return kinds[plain[0]], ()
    return "json", types


def _mapping(node: object) -> Node:
    return node if isinstance(node, Mapping) else {}
