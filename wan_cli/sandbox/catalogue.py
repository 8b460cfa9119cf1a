"""The sandbox's models: their prices, and how long their generations take."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from urllib.parse import urlencode

from wan_cli.generation import CREDITS_PER_USD
from wan_cli.models import DEFAULT_MODEL, MODELS
from wan_cli.sandbox.schemas import NEW_MODEL, REQUESTS, completed, properties_of

# In the public reference (as of 2026-08-21), 10 s at 1080p cost 3,150,000 credits with Wan 2.6 and
# 3,900,000 with two models of Wan 2.7. The other prices are made up in proportion.
CREDITS_PER_SECOND: Mapping[str, int] = MappingProxyType(
    {"1080p": 315_000, "720p": 200_000, "480p": 100_000}
)
_CREDITS_PER_SECOND_2_7: Mapping[str, int] = MappingProxyType({"1080p": 390_000, "720p": 250_000})
_DEARER = ("alibaba/wan-2-7-t2v", "alibaba/wan-2-7-r2v")
_CREDITS_PER_NEW_VIDEO = 1_000_000
# The default model's generations are queued and done after these times, with speed 1. The times of
# the other models are in the same proportion as in the reference.
_QUEUED_S = 0.5
_DONE_AFTER_S = 2.0


def price(body: Mapping[str, object]) -> int:
    """Return the price of a valid body in credits."""
    model, values = str(body["model"]), completed(body)
    if model == NEW_MODEL:
        return _CREDITS_PER_NEW_VIDEO
    return _per_second(model)[str(values["resolution"])] * int(str(values["duration"]))


def usd(credits_used: int) -> float:
    """Return credits as US dollars."""
    return credits_used / CREDITS_PER_USD


def is_2_7(model: str) -> bool:
    """Whether a model belongs to Wan 2.7, whose replies differ a little."""
    return model.startswith("alibaba/wan-2-7-")


def queued_s(model: str) -> float:
    """Return how long a generation is queued, with speed 1."""
    return _QUEUED_S * _share(model)


def done_after_s(model: str) -> float:
    """Return how long a generation takes, with speed 1."""
    return _DONE_AFTER_S * _share(model)


def model_rows(
    model: str | None, capabilities: Collection[str], *, host: str, with_pricing: bool
) -> list[dict[str, object]]:
    """Return the rows of /v1/models.

    Args:
        model: the id or alias of one model, or None for all.
        capabilities: return only models with one of these capabilities; empty for all.
        host: scheme and host of the schemas' URLs.
        with_pricing: whether to add the prices.
    """
    return [
        _model_row(name, host) | ({"pricing": _pricing(name)} if with_pricing else {})
        for name in REQUESTS
        if model in (None, name, _alias(name))
        and (not capabilities or {*_capabilities(name)} & {*capabilities})
    ]


def metrics_rows(aliases: str | None, speed: float) -> list[dict[str, object]]:
    """Return the rows of /models/metrics for a comma-separated list of models, or for all."""
    wanted = None if aliases is None else {alias.strip() for alias in aliases.split(",")}
    return [
        {
            "alias": name,
            "endpoint": "/v2/video/generations",
            "metrics": {"duration_ms": _durations_ms(done_after_s(name) / speed)},
        }
        for name in REQUESTS
        if wanted is None or name in wanted
    ]


def _durations_ms(median_s: float) -> dict[str, int]:
    return {
        name: round(1000 * median_s * share)
        for name, share in (("p50", 1.0), ("p75", 1.1), ("p90", 1.3), ("p99", 2.0))
    }


def _share(model: str) -> float:
    usual = MODELS[DEFAULT_MODEL]
    return MODELS.get(model, usual).median_s / usual.median_s


def _per_second(model: str) -> Mapping[str, int]:
    return _CREDITS_PER_SECOND_2_7 if model in _DEARER else CREDITS_PER_SECOND


def _alias(model: str) -> str:
    return model.rpartition("/")[2]


def _capabilities(model: str) -> list[str]:
    fields = properties_of(model)
    required = REQUESTS[model]["required"]
    assert isinstance(required, list)
    has = {
        "text_to_video": required == ["model", "prompt"],
        "image_to_video": "image_url" in fields or "first_frame_image" in fields,
        "reference_to_video": "video_urls" in fields,
    }
    return [name for name, is_had in has.items() if is_had]


def _model_row(model: str, host: str) -> dict[str, object]:
    fields = properties_of(model)
    takes = {
        "text": True,
        "image": any("image" in name for name in fields),
        "video": "video_urls" in fields,
        "audio": "audio_url" in fields,
    }
    inputs = [name for name, is_taken in takes.items() if is_taken]
    query = urlencode({"model": model, "endpoint": "video/generations"})
    return {
        "id": model,
        "aliases": [_alias(model)],
        "type": "video",
        "info": {
            "name": _alias(model),
            "developer": "Alibaba Cloud" if model in MODELS else "the sandbox",
            "docsJson": f"{host}/docs-json?{query}",
        },
        "tags": ["sandbox"],
        "modalities": {"input": inputs, "output": ["video"]},
        "capabilities": _capabilities(model),
    }


def _pricing(model: str) -> dict[str, object]:
    if model == NEW_MODEL:
        cost = usd(_CREDITS_PER_NEW_VIDEO)
        unit = {"name": "video", "measure": "output", "price": cost, "per": 1}
        return {"kind": "fixed", "currency": "USD", "units": [unit]}
    options = properties_of(model)["resolution"]["enum"]
    assert isinstance(options, list)
    return {
        "kind": "variants",
        "currency": "USD",
        "dimensions": ["resolution"],
        "variants": [
            {
                "when": {"resolution": choice},
                "price": usd(_per_second(model)[choice]),
                "unit": "second",
                "per": 1,
            }
            for choice in options
        ],
    }
