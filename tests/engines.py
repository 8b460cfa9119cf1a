"""Tests that run twice: with a history in a file, and with one in a database."""

import pytest

BOTH = pytest.mark.parametrize("engine", ["file", "postgres"], indirect=True)
