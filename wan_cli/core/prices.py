"""Asking for the price of a request, and refusing one that costs too much."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from wan_cli.account import rows_of
from wan_cli.api.client import GET_SECONDS, Client
from wan_cli.catalogue import Listed, Offer, listed, offer
from wan_cli.errors import WanError
from wan_cli.events import Events, Note, Warned
from wan_cli.models import MODELS, GenerationRequest, find_schema
from wan_cli.numbers import sane
from wan_cli.prices import Price, price_of
from wan_cli.storage import replace_whole

# Takes the ETag of the kept answer; returns the new ETag and answer, or None if still valid.
Ask = Callable[[str | None], tuple[str | None, Mapping[str, object] | None]]
# How long a kept price is used before asking the API again.
KEPT_S = 3600.0
# How long a command without --max-cost waits for a price.
UNLIMITED_SECONDS = 2.0


def ask_prices(
    client: Client,
    cache_dir: Path,
    requests: Sequence[GenerationRequest],
    *,
    seconds: float = GET_SECONDS,
) -> list[Price]:
    """Return the price of each request, from answers of the API within `seconds` in total.

    Answers are kept under `cache_dir` for an hour; then wan asks the API, by ETag, whether they
    are still valid. An older price is never used.
    """
    rows: dict[str, Mapping[str, object] | WanError] = {}
    end = time.monotonic() + seconds
    for model in dict.fromkeys(request.model for request in requests):
        try:
            left_s = max(0.0, end - time.monotonic())
            rows[model] = catalogue_row(client, cache_dir, model, seconds=left_s)
        except WanError as failure:
            rows[model] = failure
    return [_price(rows[request.model], request) for request in requests]


def _price(row: Mapping[str, object] | WanError, request: GenerationRequest) -> Price:
    if isinstance(row, WanError):
        return Price(None, row.message)
    return price_of(row.get("pricing"), request)


def offers(client: Client, cache_dir: Path) -> Events[list[Offer]]:
    """Return the models of the schema table with their live prices, if known.

    Also name the Wan models that only the catalogue has: `wan models ID` describes them.
    """
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
    others = [] if said else _other_wans(client, cache_dir)
    if others:
        yield Note(f"newer in the catalogue: {', '.join(others)} (wan models ID describes one)")
    return found


def _other_wans(client: Client, cache_dir: Path) -> list[str]:
    """Return the ids of Wan models that the schema table lacks."""
    try:
        names = [model.name for model in video_models(client, cache_dir)]
    except WanError:
        return []
    return [name for name in names if "/wan" in name and find_schema(name) is None]


def video_models(client: Client, cache_dir: Path) -> list[Listed]:
    """Return every video model of the live catalogue. Raises WanError if the API cannot be read."""
    params = {"capabilities": "text_to_video,image_to_video", "include": "pricing"}
    name = hashlib.sha256(client.base_url.encode()).hexdigest()[:16]
    answer = kept_answer(
        cache_dir / f"videos-{name}.json",
        lambda etag: client.kept("/v1/models", params, etag=etag, seconds=GET_SECONDS),
    )
    rows = [row for row in rows_of(answer) if isinstance(row.get("id"), str)]
    names = {row["id"] for row in rows}
    # The filter has no value for references, so a model of this version may be missing.
    missing = (catalogue_row(client, cache_dir, name) for name in MODELS if name not in names)
    return [listed(row) for row in (*rows, *filter(None, missing))]


def catalogue_row(
    client: Client, cache_dir: Path, model: str, *, seconds: float = GET_SECONDS
) -> Mapping[str, object]:
    """Return a model's row from `/v1/models`; empty if the API does not know the model.

    Raises:
        WanError: the API cannot be read.
    """
    name = hashlib.sha256(f"{client.base_url} {model}".encode()).hexdigest()[:16]
    file = cache_dir / f"model-{name}.json"
    answer = kept_answer(file, lambda etag: client.models(model, etag=etag, seconds=seconds))
    rows = [row for row in rows_of(answer) if _is_called(row, model)]
    return rows[0] if len(rows) == 1 else {}


def kept_answer(file: Path, ask: Ask) -> Mapping[str, object]:
    """Return an answer from its file if younger than an hour; else ask again with its ETag."""
    etag, kept, age_s = _read(file)
    if 0 <= age_s < KEPT_S:
        return kept
    new_etag, answer = ask(etag)
    if new_etag:
        _write(file, new_etag, kept if answer is None else answer)
    return kept if answer is None else answer


def _is_called(row: Mapping[str, object], model: str) -> bool:
    aliases = row.get("aliases")
    return row.get("id") == model or (isinstance(aliases, list) and model in aliases)


def _read(file: Path) -> tuple[str | None, Mapping[str, object], float]:
    """Return the kept ETag, answer and age in seconds; an unreadable file counts as empty."""
    try:
        kept = json.loads(file.read_bytes())
        etag, answer, asked_at = kept["etag"], kept["answer"], sane(kept.get("asked_at"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, {}, math.inf
    if not isinstance(etag, str) or not isinstance(answer, dict):
        return None, {}, math.inf
    return etag, answer, math.inf if asked_at is None else time.time() - asked_at


def _write(file: Path, etag: str, answer: Mapping[str, object]) -> None:
    kept = {"etag": etag, "answer": answer, "asked_at": time.time()}
    try:
        replace_whole(file, json.dumps(kept).encode(), private=True)
    except (OSError, RuntimeError):
        # Without the file, the next command fetches the whole answer again.
        return
