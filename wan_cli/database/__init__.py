"""The address of the database that holds a shared history (pure)."""

from wan_cli.database.address import Address
from wan_cli.database.url import parse_address

__all__ = ["Address", "parse_address"]
