"""Command lines that skip the parser do the same as with the parser."""

import re

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan

# A command line that skips the parser, and an equivalent one that needs it.
PAIRS = [
    (["list"], ["list", "--limit", "20"]),
    (["list", "--json"], ["list", "--limit", "20", "--json"]),
    (["list", "--all"], ["list", "--all", "--since", "2020-01-01"]),
    (["list", "-q"], ["list", "--limit", "20", "--quiet"]),
    (["list", "--json", "--quiet"], ["list", "-q", "--json", "--limit", "20"]),
    (["status", "@last"], ["status", "--timeout", "1800", "@last"]),
    (["status", "@last", "-q"], ["status", "--quiet", "--timeout", "1800", "@last"]),
    (["status", "no-such-id"], ["status", "--timeout", "1800", "no-such-id"]),
    (["fetch", "@last"], ["fetch", "--wait", "@last"]),
    (["fetch", "@last", "--json"], ["fetch", "--wait", "--json", "--", "@last"]),
    (["fetch", ""], ["fetch", "--wait", ""]),
]


def ageless(text: str) -> str:
    """Remove ages and durations from the output."""
    return re.sub(r"\d+ s( ago)?", "", text)


@pytest.mark.parametrize(("plain", "parsed"), PAIRS, ids=lambda words: " ".join(words))
def test_a_plain_command_line_does_the_same_as_with_the_parser(
    api: FakeApi, wan: Wan, plain: list[str], parsed: list[str]
) -> None:
    api.looks = 0
    for prompt in ("a fox", "a hare"):
        assert wan("generate", prompt).code == 0
    one, other = wan(*plain), wan(*parsed)
    assert (one.code, ageless(one.out), one.err) == (other.code, ageless(other.out), other.err)


@pytest.mark.parametrize(
    "args", [["list", "x"], ["list", "--jsn"], ["list", "--json=1"], ["status"], ["fetch", "-q"]]
)
def test_the_parser_reports_mistakes(api: FakeApi, wan: Wan, args: list[str]) -> None:
    result = wan(*args)
    assert (result.code, result.out) == (2, "")
    assert "hint: wan " in result.err
