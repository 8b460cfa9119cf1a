"""Durations as people write them: 90, 90s, 5m, 1h, 7d. Pure."""

import math
import re

from wan_cli.errors import UsageError
from wan_cli.text import one_line

EXAMPLES = "such as 90, 90s, 5m, 1h or 7d"
# Longer waits than 30 years overflow the system's clocks.
LONGEST_S = 1e9
_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


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
