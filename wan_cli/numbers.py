"""Numbers from outside: finite and of sane size, or unknown; durations such as 5m. Pure."""

import math
import re

from wan_cli.errors import UsageError
from wan_cli.text import one_line

# No balance, price, duration or amount of credits is beyond this.
LARGEST = 1e15
# How people write durations.
EXAMPLES = "such as 90, 90s, 5m, 1h or 7d"
# Longer waits than 30 years overflow the system's clocks.
LONGEST_S = 1e9
_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


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


def seconds_of(text: str) -> float | None:
    """Return the seconds of a duration, or None where the text is none."""
    found = re.fullmatch(r"([0-9.eE+]+) ?([smhdw]?)", text.strip())
    if found is None:
        return None
    try:
        seconds = float(found[1]) * _UNITS_S[found[2]]
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and 0 < seconds <= LONGEST_S else None


def parse_duration(flag: str, text: str | None) -> float | None:
    """Return the seconds that an option gives, None where it is not given.

    Raises:
        UsageError: not a duration above 0.
    """
    if text is None:
        return None
    seconds = seconds_of(text)
    if seconds is None:
        raise UsageError(
            f"{flag}: {one_line(text, 40)!r} is not a duration above 0 ({EXAMPLES})",
            hint=f"{flag} 5m",
        )
    return seconds
