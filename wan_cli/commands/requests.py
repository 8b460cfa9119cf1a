"""Turn the flags of a command into requests: defaults, pictures and models."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wan_cli.commands.arguments import request_fields
from wan_cli.commands.like import refuse_lost_pictures
from wan_cli.commands.workspace import Workspace
from wan_cli.models import (
    DEFAULT_MODEL,
    GenerationRequest,
    ModelSchema,
    find_schema,
    for_picture,
    is_id,
    parse_media,
    schema_of,
)
from wan_cli.models.attachment import attaching
from wan_cli.output import Output


def request_of(
    out: Output,
    space: Workspace,
    arguments: Mapping[str, Any],
    prompt: str | None,
    base: Mapping[str, object] | None = None,
) -> GenerationRequest:
    """Return the request of a command line: its flags override the fields of `base`.

    Raises:
        UsageError: a wrong value, a picture that cannot be sent, a field unknown to the model.
        Rejected, Unreachable: wan does not know the model, and cannot get it from the catalogue.
    """
    fields = defaults(out, space, arguments, base)
    if prompt is not None:
        fields["prompt"] = prompt
    request = GenerationRequest.parse(fields, schema_of=schemas(space, arguments))
    out.note(*request.notes)
    return request


def defaults(
    out: Output,
    space: Workspace,
    arguments: Mapping[str, Any],
    base: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Return the fields of flags and settings. Check pictures, which may choose the model.

    The fields of another request, `base`, replace the settings.

    Raises:
        UsageError: a picture that cannot be sent.
    """
    given = request_fields(arguments)
    attach = attaching(Path(), shrink=arguments["shrink"])
    fields = space.with_defaults(given, base)
    if base is not None:
        refuse_lost_pictures(fields)
    fields = parse_media(fields, attach)
    if given.get("image_url") is not None and given.get("model") is None:
        usual = str(fields.get("model") or DEFAULT_MODEL)
        known, found = find_schema(usual), for_picture(usual)
        if known and found and not known.field("image_url"):
            out.note(f"--image: using {found.name}, which starts from a picture")
            fields["model"] = found.name
    return fields


def schemas(space: Workspace, arguments: Mapping[str, Any]) -> Callable[[str], ModelSchema]:
    """Return a function that finds a model's schema in wan's own table, else in the catalogue."""
    live: dict[str, ModelSchema] = {}

    def find(model: str) -> ModelSchema:
        found = find_schema(model) or live.get(model)
        if found or not is_id(model):
            return found or schema_of(model)
        from wan_cli.core.live import live_schema

        with space.client(with_key=False) as client:
            folder, unchecked = space.paths.cache_dir, arguments["unchecked"]
            live[model] = live_schema(client, folder, model, unchecked=unchecked)
        return live[model]

    return find
