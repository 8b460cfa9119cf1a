"""Numbers from outside: finite and of sane size, or unknown. Pure."""

import math

# No balance, price, duration or amount of credits is beyond this.
LARGEST = 1e15


def sane(value: object, *, least: float = 0.0, largest: float = LARGEST) -> float | None:
    """Return a number of a JSON reply, or None where it is no number, or of absurd size.

    JSON may hold NaN, Infinity and integers of any length.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # An integer of 400 digits is compared exactly, and overflows as a float.
    if not least <= value <= largest:
        return None
    number = float(value)
    return number if math.isfinite(number) else None
