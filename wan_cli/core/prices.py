"""Asking for the price of a request, and refusing one that costs too much."""

import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

from wan_cli.account import rows_of
from wan_cli.api.client import GET_SECONDS, Client
from wan_cli.catalogue import Offer, offer
from wan_cli.errors import WanError
from wan_cli.models import MODELS, GenerationRequest
from wan_cli.prices import Price, price_of
from wan_cli.progress import Event, Warned
from wan_cli.storage import replace_whole


def ask_prices(
    client: Client,
    cache_dir: Path,
    requests: Sequence[GenerationRequest],
    *,
    seconds: float = GET_SECONDS,
) -> list[Price]:
    """Return what the API says, within so many seconds a model, that each request costs now.

    The answer is kept with its ETag under `cache_dir`, and used only where the API says that it
    still holds: an old price is no price.
    """
    rows: dict[str, Mapping[str, object] | WanError] = {}
    for model in {request.model for request in requests}:
        try:
            rows[model] = catalogue_row(client, cache_dir, model, seconds=seconds)
        except WanError as failure:
            rows[model] = failure
    return [_price(rows[request.model], request) for request in requests]


def _price(row: Mapping[str, object] | WanError, request: GenerationRequest) -> Price:
    if isinstance(row, WanError):
        return Price(None, row.message)
    return price_of(row.get("pricing"), request)


def offers(client: Client, cache_dir: Path) -> Generator[Event, None, list[Offer]]:
    """Return the models of the schema table with their live prices, as far as they are known."""
    found, said = [], set()
    for schema in MODELS.values():
        try:
            row = catalogue_row(client, cache_dir, schema.name)
        except WanError as failure:
            row = {}
            if failure.message not in said:
                yield Warned(failure.message)
            said.add(failure.message)
        found.append(offer(schema, row.get("pricing")))
    return found


def catalogue_row(
    client: Client, cache_dir: Path, model: str, *, seconds: float = GET_SECONDS
) -> Mapping[str, object]:
    """Return the row of a model from `/v1/models`; empty where the API does not know it.

    Raises:
        WanError: the API cannot be asked.
    """
    name = hashlib.sha256(f"{client.base_url} {model}".encode()).hexdigest()[:16]
    file = cache_dir / f"model-{name}.json"
    etag, kept = _read(file)
    new_etag, answer = client.models(model, etag=etag, seconds=seconds)
    if answer is not None and new_etag:
        _write(file, new_etag, answer)
    rows = [row for row in rows_of(kept if answer is None else answer) if _is_called(row, model)]
    return rows[0] if len(rows) == 1 else {}


def _is_called(row: Mapping[str, object], model: str) -> bool:
    aliases = row.get("aliases")
    return row.get("id") == model or (isinstance(aliases, list) and model in aliases)


def _read(file: Path) -> tuple[str | None, Mapping[str, object]]:
    """Return the kept ETag and answer; a cache that cannot be read is no cache."""
    try:
        kept = json.loads(file.read_bytes())
        etag, answer = kept["etag"], kept["answer"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None, {}
    return (etag, answer) if isinstance(etag, str) and isinstance(answer, dict) else (None, {})


def _write(file: Path, etag: str, answer: Mapping[str, object]) -> None:
    try:
        content = json.dumps({"etag": etag, "answer": answer}).encode()
        replace_whole(file, content, private=True)
    except (OSError, RuntimeError):
        # Without a cache the next price is asked for whole.
        return
