"""What the sandbox says of its models: prices, and how long they take."""

from collections.abc import Mapping
from types import MappingProxyType

from wan_cli.generation import CREDITS_PER_USD
from wan_cli.models import MODELS, ModelSchema

# A 10 s clip at 1080p costs 3,150,000 credits by the public reference (as of 2026-08-21). The
# other prices are made up, in proportion.
CREDITS_PER_SECOND: Mapping[str, int] = MappingProxyType(
    {"1080p": 315_000, "720p": 200_000, "480p": 100_000}
)
# How long a generation waits and then works, with speed 1.
QUEUED_S = 0.5
DONE_AFTER_S = 2.0


def price(body: Mapping[str, object]) -> int:
    """Return what a valid body costs, in credits."""
    defaults = {field.name: field.default for field in MODELS[str(body["model"])].fields}
    values = {**defaults, **body}
    return CREDITS_PER_SECOND[str(values["resolution"])] * int(str(values["duration"]))


def usd(credits_used: int) -> float:
    """Return credits as US dollars."""
    return credits_used / CREDITS_PER_USD


def model_rows(model: str | None, *, with_pricing: bool) -> list[dict[str, object]]:
    """Return the rows of /v1/models: one model or, where none is named, all."""
    rows = []
    for schema in MODELS.values():
        if model in (None, schema.name, _alias(schema)):
            row = _model_row(schema)
            if with_pricing:
                row["pricing"] = _pricing(schema)
            rows.append(row)
    return rows


def metrics_rows(aliases: str | None, speed: float) -> list[dict[str, object]]:
    """Return the rows of /models/metrics for a comma-separated list of models, or for all."""
    wanted = None if aliases is None else {alias.strip() for alias in aliases.split(",")}
    duration = {
        name: round(1000 * DONE_AFTER_S / speed * share)
        for name, share in (("p50", 1.0), ("p75", 1.1), ("p90", 1.3), ("p99", 2.0))
    }
    return [
        {
            "alias": name,
            "endpoint": "/v2/video/generations",
            "metrics": {"duration_ms": duration},
        }
        for name in MODELS
        if wanted is None or name in wanted
    ]


def _alias(schema: ModelSchema) -> str:
    return schema.name.rpartition("/")[2]


def _model_row(schema: ModelSchema) -> dict[str, object]:
    return {
        "id": schema.name,
        "aliases": [_alias(schema)],
        "type": "video",
        "info": {"name": _alias(schema), "developer": "Alibaba Cloud"},
        "tags": ["sandbox"],
        "modalities": {"input": ["text"], "output": ["video"]},
        "capabilities": [],
    }


def _pricing(schema: ModelSchema) -> dict[str, object]:
    resolution = schema.field("resolution")
    assert resolution is not None
    return {
        "kind": "variants",
        "currency": "USD",
        "dimensions": ["resolution"],
        "variants": [
            {
                "when": {"resolution": choice},
                "price": usd(CREDITS_PER_SECOND[str(choice)]),
                "unit": "second",
                "per": 1,
            }
            for choice in resolution.choices
        ],
    }
