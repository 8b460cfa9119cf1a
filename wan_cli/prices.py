"""Compute the price of a request from a model's `pricing` (`/v1/models?include=pricing`). Pure.

`kind` is `fixed` (one unit), `variants` (one price for each value of some fields) or `variable`.
The API charges `price` for `per` of a unit, and `per` is a number (public reference of
api.aimlapi.com, as of 2026-08-21). Any other form counts as unknown: wan never guesses a price.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from wan_cli.models import GenerationRequest
from wan_cli.numbers import sane
from wan_cli.text import one_line

# Seconds in each unit of time.
_SECONDS = {
    "second": 1.0,
    "seconds": 1.0,
    "sec": 1.0,
    "s": 1.0,
    "minute": 60.0,
    "minutes": 60.0,
    "min": 60.0,
    "hour": 3600.0,
    "hours": 3600.0,
}
_VIDEO = frozenset({"video", "videos", "generation", "generations", "clip", "request"})
_UNREADABLE = "the API sent a price wan cannot read"
# No clip costs more than this.
_USD_MAX = 1e6


class Price(NamedTuple):
    """The price of one generation in USD, or None and the reason why it is unknown."""

    usd: float | None
    why: str = ""


NOT_ASKED = Price(None, "wan did not ask for it")


def price_of(pricing: object, request: GenerationRequest) -> Price:
    """Return the price of one generation of the request."""
    if not isinstance(pricing, Mapping):
        return Price(None, "the API names no price")
    if pricing.get("currency", "USD") != "USD":
        return Price(None, "the price is not in USD")
    kind = pricing.get("kind")
    if kind == "fixed":
        return _of_units(pricing.get("units"), request)
    if kind == "variants":
        return _of_variants(pricing, request)
    return Price(None, "the price varies" if kind == "variable" else _UNREADABLE)


def price_words(pricing: object) -> str:
    """Return a model's prices in words, for any fields, such as `$0.39 to $0.65 a second`."""
    if not isinstance(pricing, Mapping):
        return "unknown"
    rows = pricing.get("units") if pricing.get("kind") == "fixed" else pricing.get("variants")
    if pricing.get("kind") == "variable" or not isinstance(rows, list):
        return "varies" if pricing.get("kind") == "variable" else "unknown"
    found: dict[str, list[float]] = {}
    for row in rows:
        row = row if isinstance(row, Mapping) else {}
        usd, per = sane(row.get("price"), largest=_USD_MAX), sane(row.get("per"))
        unit = row.get("unit") or row.get("name")
        if usd is None or not per or not isinstance(unit, str):
            return "unknown"
        found.setdefault(one_line(unit, 20), []).append(usd / per)
    return ", ".join(_range(prices, unit) for unit, prices in found.items()) or "unknown"


def _range(prices: Sequence[float], unit: str) -> str:
    least, most = min(prices), max(prices)
    words = f"${least:.4g}" if least == most else f"${least:.4g} to ${most:.4g}"
    return f"{words} a {unit}"


def _of_units(units: object, request: GenerationRequest) -> Price:
    if not isinstance(units, list) or len(units) != 1 or not isinstance(units[0], Mapping):
        return Price(None, _UNREADABLE)
    unit = units[0]
    if unit.get("measure", "output") != "output":
        return Price(None, "the price is not for the output video")
    return _charged(unit.get("price"), unit.get("per"), unit.get("name"), request)


def _of_variants(pricing: Mapping[str, object], request: GenerationRequest) -> Price:
    dimensions, variants = pricing.get("dimensions"), pricing.get("variants")
    if not isinstance(dimensions, list) or not isinstance(variants, list) or not dimensions:
        return Price(None, _UNREADABLE)
    fields = {field.name for field in request.schema.fields} | {"model"}
    if not all(isinstance(name, str) and name in fields for name in dimensions):
        return Price(None, "the price depends on a value that the request does not have")
    wanted = {name: _word(request.value(name)) for name in dimensions}
    found = [row for row in variants if isinstance(row, Mapping) and _values(row) == wanted]
    if len(found) != 1:
        return Price(None, "the API names no single price for these parameters")
    variant = found[0]
    return _charged(variant.get("price"), variant.get("per"), variant.get("unit"), request)


def _values(variant: Mapping[str, object]) -> dict[str, str]:
    when = variant.get("when")
    return {name: _word(value) for name, value in when.items()} if isinstance(when, Mapping) else {}


def _charged(price: object, per: object, unit: object, request: GenerationRequest) -> Price:
    """Return the price of a request if the API charges `price` for `per` of a unit."""
    usd, count = sane(price, largest=_USD_MAX), sane(per)
    if usd is None or not count or not isinstance(unit, str):
        return Price(None, _UNREADABLE)
    name = unit.strip().lower()
    if name in _VIDEO:
        return _within_reason(usd / count)
    duration = request.value("duration")
    if name not in _SECONDS or not isinstance(duration, int):
        return Price(None, "the price is for a unit that is neither a time nor a video")
    return _within_reason(usd * duration / (count * _SECONDS[name]))


def _within_reason(usd: float) -> Price:
    return Price(usd) if usd <= _USD_MAX else Price(None, _UNREADABLE)


def _word(value: object) -> str:
    return str(value).lower()
