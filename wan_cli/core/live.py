"""Models that this version of wan does not know: their schema comes from the live catalogue."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from wan_cli.api.client import GET_SECONDS, Client
from wan_cli.catalogue import Offer, offer
from wan_cli.core.prices import catalogue_row, kept_answer
from wan_cli.errors import NotFound, Rejected, WanError
from wan_cli.models import ModelSchema, find_schema
from wan_cli.models.docs import schema_from_docs
from wan_cli.text import one_line


def live_schema(
    client: Client, cache_dir: Path, model: str, *, unchecked: bool = False
) -> ModelSchema:
    """Return the schema of a catalogue model, from the document that `info.docsJson` names.

    Args:
        client: a client, with or without a key.
        cache_dir: the folder that keeps the document with its ETag.
        model: an id or an alias.
        unchecked: if the schema cannot be read, accept any field.

    Raises:
        NotFound: the catalogue has no such model.
        Rejected: the catalogue names no usable schema.
        WanError: the API cannot be reached.
    """
    try:
        return _schema(client, cache_dir, model)
    except (NotFound, Rejected):
        if unchecked:
            return ModelSchema(model, (), is_live=True, is_unchecked=True)
        raise


def described(client: Client, cache_dir: Path, model: str) -> Offer:
    """Return a model's fields, defaults and prices, from this version or the live catalogue.

    Raises as `live_schema`.
    """
    known = find_schema(model)
    schema = known or live_schema(client, cache_dir, model)
    try:
        row = catalogue_row(client, cache_dir, schema.name)
    except WanError:
        if known is None:
            raise
        row = {}
    return offer(schema, row.get("pricing"))


def _schema(client: Client, cache_dir: Path, model: str) -> ModelSchema:
    row = catalogue_row(client, cache_dir, model)
    word = one_line(model, 80)
    if not row:
        raise NotFound(f"the API has no model {word!r}", hint="wan models --all")
    info = row.get("info")
    url = info.get("docsJson") if isinstance(info, Mapping) else None
    names = {model, str(row.get("id")), *_aliases(row)}
    document = _document(client, cache_dir, url) if isinstance(url, str) else {}
    schema = schema_from_docs(document, str(row.get("id") or model), names)
    if schema is None:
        raise Rejected(
            f"the catalogue names no schema for {word}, so wan cannot check its fields;"
            " nothing was sent",
            hint="wan models --all, or add --unchecked",
        )
    return schema


def _aliases(row: Mapping[str, object]) -> list[str]:
    aliases = row.get("aliases")
    return [str(alias) for alias in aliases] if isinstance(aliases, list) else []


def _document(client: Client, cache_dir: Path, url: str) -> Mapping[str, object]:
    """Return the JSON object at a URL of the API's own host; never send requests to another."""
    here = urlsplit(client.base_url)
    try:
        there = urlsplit(url)
    except ValueError:
        there = urlsplit("")
    if (there.scheme, there.netloc) != (here.scheme, here.netloc):
        raise Rejected(
            f"the catalogue names a schema on another host ({one_line(there.netloc, 80)});"
            " nothing was sent",
            hint="add --unchecked",
        )
    origin = Client(f"{there.scheme}://{there.netloc}", None, trace=client.trace)
    path = f"{there.path}?{there.query}" if there.query else there.path
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    return kept_answer(
        cache_dir / f"schema-{name}.json",
        lambda etag: origin.kept(path, {}, etag=etag, seconds=GET_SECONDS),
    )
