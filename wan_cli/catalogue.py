"""The Wan models: what each accepts, by the schema table, and what it costs in each resolution."""

from collections.abc import Mapping
from typing import NamedTuple

from wan_cli.models import Field, GenerationRequest, ModelSchema, flag_of
from wan_cli.prices import Price, price_of


class Offer(NamedTuple):
    """A model, and the price of its default clip in each resolution (USD, None: not known)."""

    schema: ModelSchema
    prices: Mapping[str, Price]

    @property
    def data(self) -> dict[str, object]:
        """The offer for programs."""
        return {
            "model": self.schema.name,
            "prices_usd": {name: price.usd for name, price in self.prices.items()},
            "seconds": self.seconds,
            "fields": {
                field.name: list(field.choices) or field.kind for field in self.schema.fields
            },
        }

    @property
    def accepts(self) -> tuple[str, ...]:
        """The flags of its fields, each with the values it takes."""
        return tuple(
            f"{flag_of(field.name)} {_values(field)}".rstrip() for field in self.schema.fields
        )

    @property
    def seconds(self) -> int:
        """The length of the clip that is priced."""
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
    """Return the offer of a model by its `pricing`."""
    field = schema.field("resolution")
    names = [str(name) for name in field.choices] if field else []
    requests = {name: GenerationRequest(schema, "x", (("resolution", name),)) for name in names}
    return Offer(schema, {name: price_of(pricing, asked) for name, asked in requests.items()})
