"""The models with their prices: a table for a screen, complete rows for a pipe. Pure."""

from collections.abc import Sequence

from wan_cli.catalogue import Listed, Offer
from wan_cli.output.table import Color, Grid, fitted

_UNKNOWN = "unknown"
_MORE = "all options of a model, with their values: wan models MODEL"


def offer_lines(offers: Sequence[Offer], width: int | None, color: Color) -> list[str]:
    """Return the lines of a list of models: prices, and the options that each accepts.

    Args:
        offers: the models.
        width: cells of the screen. None for a pipe: a row for each model, with tabs between its
            name, the priced clip, the price of each resolution, and its options.
        color: returns a word in a color, or unchanged.
    """
    if width is None:
        return ["\t".join(_row(offer)) for offer in offers]
    resolutions = sorted({name for offer in offers for name in offer.prices}, key=_by_size)
    prices = {name: name for name in resolutions}
    heads = {"model": "MODEL", "short": "MODEL", "clip": "CLIP", **prices, "accepts": "ACCEPTS"}
    cells = [_cells(offer, resolutions) for offer in offers]
    layouts = [
        ("model", "clip", *resolutions, "accepts"),
        ("short", "clip", *resolutions, "accepts"),
        ("short", "clip", *resolutions),
        ("short", *resolutions),
    ]
    first, *rows = ("".join(line).rstrip() for line in Grid(heads, cells, layouts, width).lines())
    return [color(first, "1"), *rows, fitted(_MORE, width)]


def _by_size(resolution: str) -> tuple[int, str]:
    return len(resolution), resolution


def _cells(offer: Offer, resolutions: Sequence[str]) -> dict[str, str]:
    prices = {name: _price(offer, name) for name in resolutions}
    accepts = ", ".join(flag.split()[0].removeprefix("--") for flag in offer.accepts)
    name = offer.schema.name
    # --model takes the short name too.
    short = next(iter(offer.schema.short), name.rpartition("/")[2])
    clip = f"{offer.seconds} s" if offer.seconds else "-"
    return {"model": name, "short": short, "clip": clip, **prices, "accepts": accepts}


def _price(offer: Offer, resolution: str) -> str:
    """Return the exact price in one resolution; - if the model does not have it."""
    price = offer.prices.get(resolution)
    if price is None:
        return "-"
    return _UNKNOWN if price.usd is None else _usd(price.usd)


def _usd(price_usd: float) -> str:
    """Return a price with its cents, and fractions of a cent if any: $1.00, $1.575."""
    whole, _, rest = f"{price_usd:.4f}".rstrip("0").partition(".")
    return f"${whole}.{rest:0<2}"


def _row(offer: Offer) -> list[str]:
    prices = [f"{name} {_price(offer, name)}" for name in offer.prices]
    clip = f"{offer.seconds} s" if offer.seconds else ""
    return [offer.schema.name, clip, ", ".join(prices), ", ".join(offer.accepts)]


def offer_details(offer: Offer, width: int | None, color: Color) -> list[str]:
    """Return the lines about one model: prices, then each field with its default."""
    if width is None:
        return ["\t".join(_row(offer))]
    head = [color(offer.schema.name, "1")]
    clip = f" for {offer.seconds} s" if offer.seconds else ""
    head += [f"  {name:<8} {_price(offer, name)}{clip}" for name in offer.prices]
    return head + [fitted(f"  {line}", width) for line in ("", *offer.details)]


def listed_lines(models: Sequence[Listed], width: int | None, color: Color) -> list[str]:
    """Return a line for each model of the catalogue; for a pipe, complete and with tabs."""
    if width is None:
        return ["\t".join(model) for model in models]
    heads = {"name": "MODEL", "developer": "DEVELOPER", "price": "PRICE"}
    layouts = [("name", "developer", "price"), ("name", "price"), ("name",)]
    cells = [model._asdict() for model in models]
    grid = Grid(heads, cells, layouts, width)
    first, *rows = ("".join(line).rstrip() for line in grid.lines())
    return [color(first, "1"), *rows]
