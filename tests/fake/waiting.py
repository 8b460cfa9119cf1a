"""Waiting in a test for a condition, always with a time limit."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")
# Longer than any passing test takes on a busy machine; only a failing test waits this long.
PATIENCE_S = 30.0
_PAUSE_S = 0.005


def wait_until(happens: Callable[[], T], seconds: float = PATIENCE_S) -> T:
    """Return the first true value of `happens`; fail the test if there is none in time."""
    end = time.monotonic() + seconds
    while not (value := happens()):
        if time.monotonic() > end:
            pytest.fail(f"it did not happen within {seconds:g} s")
        time.sleep(_PAUSE_S)
    return value
