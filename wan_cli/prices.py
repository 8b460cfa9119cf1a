"""What a request costs, by the `pricing` of a model (`/v1/models?include=pricing`). Pure.

The reference names the kinds `fixed`, `variants` and `variable`, and leaves open what stands in a
unit beside `price` and `per`. So a price is known only where nothing has to be guessed.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from wan_cli.models import MODELS, GenerationRequest

_PER_SECOND = frozenset(
    {"second", "seconds", "sec", "s", "video_second", "output_second", "second_of_video"}
)
_PER_MINUTE = frozenset({"minute", "minutes", "min", "video_minute", "output_minute"})
_PER_VIDEO = frozenset({"video", "generation", "request", "call", "item", "clip", "unit"})
# Where a variant keeps the values of its dimensions, if not beside its price.
_NESTED = ("dimensions", "values", "match", "when", "attributes", "params")
_OF_PRICE = frozenset({"price", "per", "units"})


class Price(NamedTuple):
    """USD for one generation, or None and why it is not known."""

    usd: float | None
    why: str = ""


NOT_ASKED = Price(None, "it was not asked for")


def price_of(pricing: object, request: GenerationRequest) -> Price:
    """Return what one generation of the request costs."""
    if not isinstance(pricing, Mapping):
        return Price(None, "the API names no price")
    if pricing.get("currency") != "USD":
        return Price(None, "the price is not in USD")
    kind = pricing.get("kind")
    if kind == "fixed":
        return _of_units(pricing.get("units"), request)
    if kind == "variants":
        return _of_variants(pricing, request)
    return Price(None, "the price varies" if kind == "variable" else "the price cannot be read")


def _of_variants(pricing: Mapping[str, object], request: GenerationRequest) -> Price:
    rows = pricing.get("variants")
    variants = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    dimensions = pricing.get("dimensions", _named_by(variants))
    if not isinstance(dimensions, list) or not variants:
        return Price(None, "the price cannot be read")
    fields = {field.name for field in MODELS[request.model].fields} | {"model"}
    if not dimensions or not all(isinstance(name, str) and name in fields for name in dimensions):
        return Price(None, "the price depends on something that the request does not say")
    wanted = {name: _word(request.value(name)) for name in dimensions}
    found = [
        variant
        for variant in variants
        if {name: _word(_value(variant, name)) for name in dimensions} == wanted
    ]
    if len(found) != 1:
        return Price(None, "the API names no single price for these parameters")
    units = found[0].get("units", [found[0]])
    # A price that was looked up by the duration is that of the whole video.
    return _of_units(units, request, default_per="video" if "duration" in dimensions else None)


def _named_by(variants: Iterable[Mapping[str, object]]) -> list[str]:
    """Return the dimensions that variants name themselves: all that is no part of a price."""
    return sorted({name for row in variants for name in _values(row)} - _OF_PRICE)


def _values(variant: Mapping[str, object]) -> dict[str, object]:
    """Return a variant's values, also those that are kept one level down."""
    values = dict(variant)
    for key in _NESTED:
        nested = values.get(key)
        if isinstance(nested, Mapping):
            del values[key]
            values = {**nested, **values}
    return values


def _value(variant: Mapping[str, object], name: str) -> object:
    return _values(variant).get(name)


def _of_units(units: object, request: GenerationRequest, default_per: str | None = None) -> Price:
    if not isinstance(units, list) or len(units) != 1 or not isinstance(units[0], Mapping):
        return Price(None, "the price cannot be read")
    price, per = _number(units[0].get("price")), units[0].get("per", default_per)
    if price is None or not isinstance(per, str):
        return Price(None, "the price cannot be read")
    unit = re.sub(r"[\s_-]+", "_", per.strip().lower()).removeprefix("per_")
    if unit in _PER_VIDEO:
        return Price(price)
    duration = request.value("duration")
    if unit in _PER_SECOND and isinstance(duration, int):
        return Price(price * duration)
    if unit in _PER_MINUTE and isinstance(duration, int):
        return Price(price * duration / 60)
    return Price(None, "the price is for a unit that is not known")


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _word(value: object) -> str:
    return str(value).lower()
