"""The Wan models: the fields of each, from the schema table, and its price in each resolution."""

from collections.abc import Mapping
from typing import NamedTuple

from wan_cli.models import Field, GenerationRequest, ModelSchema
from wan_cli.prices import Price, price_of, price_words
from wan_cli.text import one_line


class Offer(NamedTuple):
    """A model, and the price of its default clip in each resolution (USD, None: unknown)."""

    schema: ModelSchema
    prices: Mapping[str, Price]

    @property
    def data(self) -> dict[str, object]:
        """The offer for programs."""
        return {
            "model": self.schema.name,
            "prices_usd": {name: price.usd for name, price in self.prices.items()},
            "seconds": self.seconds,
            "required": list(self.schema.required),
            "defaults": {
                field.name: field.default
                for field in self.schema.fields
                if field.default is not None
            },
            "fields": {
                field.name: list(field.choices) or field.kind for field in self.schema.fields
            },
        }

    @property
    def accepts(self) -> tuple[str, ...]:
        """The flags of its fields, each with its possible values."""
        return tuple(f"{field.flag} {_values(field)}".rstrip() for field in self.schema.fields)

    @property
    def details(self) -> tuple[str, ...]:
        """The flags of its fields, with possible values, defaults, and whether required."""
        return tuple(
            words + self._note(field)
            for field, words in zip(self.schema.fields, self.accepts, strict=True)
        )

    def _note(self, field: Field) -> str:
        if field.name in self.schema.required:
            return "  [required]"
        words = {True: "yes", False: "no"}.get(field.default, field.default)  # type: ignore[call-overload]
        return "" if field.default is None else f"  [default: {words}]"

    @property
    def seconds(self) -> int:
        """The length of the clip that the prices are for."""
        field = self.schema.field("duration")
        return field.default if field and isinstance(field.default, int) else 0


def _values(field: Field) -> str:
    kinds = {
        "boolean": "",
        "integer": "INTEGER",
        "url": "URL",
        "urls": "URL",
        "image": "FILE|URL",
        "images": "FILE|URL",
        "text": "TEXT",
        "choice": "",
        "json": "JSON",
    }
    return " ".join(str(choice) for choice in field.choices) or kinds[field.kind]


def offer(schema: ModelSchema, pricing: object) -> Offer:
    """Return a model with its prices from `pricing`, for each resolution if it has several."""
    field = schema.field("resolution")
    if field is None or not field.choices:
        return Offer(schema, {"clip": price_of(pricing, GenerationRequest(schema, "x"))})
    requests = {
        str(name): GenerationRequest(schema, "x", (("resolution", name),)) for name in field.choices
    }
    return Offer(schema, {name: price_of(pricing, asked) for name, asked in requests.items()})


class Listed(NamedTuple):
    """A video model as the live catalogue lists it, with its price in words."""

    name: str
    developer: str
    price: str

    @property
    def data(self) -> dict[str, object]:
        """The model for programs."""
        return {"model": self.name, "developer": self.developer, "price": self.price}


def listed(row: Mapping[str, object]) -> Listed:
    """Return a row of the catalogue as a Listed model."""
    info = row.get("info")
    developer = info.get("developer") if isinstance(info, Mapping) else None
    name = one_line(str(row.get("id")), 120)
    return Listed(name, one_line(str(developer or ""), 60), price_words(row.get("pricing")))
