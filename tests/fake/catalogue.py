"""The fake API's data about the model: its entry, its prices and its live durations."""

import json
from pathlib import Path

from tests.fake.records import Row

MODEL = "alibaba/wan-2-6-t2v"
# The request schemas of the public reference, as of 2026-08-21.
MODELS = json.loads((Path(__file__).parent / "models.json").read_text())
PRICING: Row = {
    "kind": "variants",
    "currency": "USD",
    "dimensions": ["resolution"],
    "variants": [
        {"when": {"resolution": resolution}, "price": price, "unit": "second", "per": 1}
        for resolution, price in (("720p", 0.105), ("1080p", 0.1575))
    ],
}


def wan_model(pricing: Row | None, name: str = MODEL) -> Row:
    """Return a model's entry of /v1/models, with its prices if requested."""
    entry: Row = {
        "id": name,
        "aliases": [name.partition("/")[2]],
        "type": "alibaba/video-generation",
        "info": {"name": "Wan 2.6 Text-to-Video", "developer": "Alibaba Cloud"},
        "tags": [],
    }
    return entry if pricing is None else entry | {"pricing": pricing}


def wan_metrics(p50_ms: float) -> Row:
    """Return the model's entry of /models/metrics."""
    law = {"p50": p50_ms, "p75": p50_ms * 1.1, "p90": p50_ms * 1.25, "p99": p50_ms * 1.6}
    return {"alias": MODEL, "endpoint": "/v2/video/generations", "metrics": {"duration_ms": law}}
