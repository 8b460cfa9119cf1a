"""What a request costs, and --max-cost that is held against it before anything is sent."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply, forever
from wan_cli.models import GenerationRequest
from wan_cli.prices import price_of

FIXED = {"kind": "fixed", "currency": "USD", "units": [{"price": 1.5, "per": "video"}]}
PER_SECOND = {"kind": "fixed", "currency": "USD", "units": [{"price": "0.15", "per": "second"}]}
# What a variant is for is told by its own members alone.
UNNAMED = {"kind": "variants", "currency": "USD"}
REQUEST = GenerationRequest.parse({"prompt": "a fox", "duration": 5})


def variants(dimensions: list[str], *rows: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "variants", "currency": "USD", "dimensions": dimensions, "variants": [*rows]}


@pytest.mark.parametrize(
    ("pricing", "usd"),
    [
        (FIXED, 1.5),
        (PER_SECOND, 0.75),
        (FIXED | {"units": [{"price": 0, "per": "Per-Video"}]}, 0.0),
        (variants(["resolution"], {"resolution": "1080p", "price": 0.1, "per": "second"}), 0.5),
        (variants(["duration"], {"duration": 5, "price": 0.6}, {"duration": 10, "price": 1}), 0.6),
        (
            variants(
                ["resolution", "duration"],
                {
                    "dimensions": {"resolution": "1080p", "duration": "5"},
                    "units": [{"price": 2, "per": "video"}],
                },
            ),
            2.0,
        ),
        (
            variants(
                ["generate_audio"],
                {"generate_audio": True, "price": 3, "per": "video"},
                {"generate_audio": False, "price": 1, "per": "video"},
            ),
            3.0,
        ),
        (FIXED | {"units": [{"price": 6, "per": "minute"}]}, 0.5),
        (variants(["resolution"], {"resolution": "1080P", "price": 0.1, "per": "second"}), 0.5),
        (UNNAMED | {"variants": [{"resolution": "1080p", "price": 0.1, "per": "second"}]}, 0.5),
        (
            UNNAMED
            | {
                "variants": [
                    {
                        "when": {"resolution": resolution},
                        "units": [{"price": price, "per": "video"}],
                    }
                    for resolution, price in (("720p", 1), ("1080p", 2))
                ]
            },
            2.0,
        ),
    ],
)
def test_a_price_is_read(pricing: object, usd: float) -> None:
    assert price_of(pricing, REQUEST).usd == pytest.approx(usd)


@pytest.mark.parametrize(
    "pricing",
    [
        None,
        "1.50",
        {"kind": "variable", "currency": "USD"},
        FIXED | {"currency": "EUR"},
        {"kind": "fixed", "units": [{"price": 1.5, "per": "video"}]},
        FIXED | {"units": []},
        FIXED | {"units": FIXED["units"] * 2},  # type: ignore[operator]
        FIXED | {"units": [{"price": 1.5}]},
        FIXED | {"units": [{"price": 1.5, "per": "token"}]},
        FIXED | {"units": [{"price": -1, "per": "video"}]},
        FIXED | {"units": [{"price": "NaN", "per": "video"}]},
        FIXED | {"units": [{"price": True, "per": "video"}]},
        variants([], {"price": 1, "per": "video"}),
        UNNAMED | {"variants": [{"price": 1, "per": "video"}]},
        UNNAMED | {"variants": [{"resolution": "1080p", "tier": 1, "price": 1, "per": "video"}]},
        variants(["mood"], {"mood": "good", "price": 1, "per": "video"}),
        variants(["resolution"], {"resolution": "720p", "price": 1, "per": "video"}),
        variants(["resolution"], {"resolution": "1080p", "price": 1}),
        variants(["duration"], {"duration": 5, "price": 1}, {"duration": 5, "price": 2}),
    ],
)
def test_what_would_be_a_guess_is_no_price(pricing: object) -> None:
    price = price_of(pricing, REQUEST)
    assert price.usd is None
    assert price.why


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {"currency": st.just("USD"), "kind": st.sampled_from(["fixed", "variants"])},
        optional={"units": JSON, "dimensions": JSON, "variants": JSON},
    )
    | JSON
)
def test_any_answer_is_a_price_or_none(pricing: object) -> None:
    price = price_of(pricing, REQUEST)
    assert price.usd is None or price.usd >= 0


@pytest.mark.parametrize(
    ("pricing", "budget"),
    [
        (FIXED, "1.49"),
        (PER_SECOND, "0.7"),
        (variants(["duration"], {"duration": 5, "price": 0.6, "per": "video"}), "0.5"),
        ({"kind": "variable", "currency": "USD"}, "100"),
        (FIXED | {"currency": "EUR"}, "100"),
        ({"kind": ["nonsense"]}, "100"),
        (None, "100"),
    ],
)
def test_too_dear_or_not_known_is_5_and_nothing_is_sent(
    wan: Wan, api: FakeApi, pricing: dict[str, Any] | None, budget: str
) -> None:
    api.pricing = pricing
    result = wan("generate", "a fox", "--duration", "5", "--max-cost", budget, "--json")
    (line,) = result.json_lines
    assert (result.code, line["exit_code"], api.posts) == (5, 5, [])
    assert "nothing was sent" in line["error"]["message"]


@pytest.mark.parametrize(
    "reply",
    [Reply(status=500), Reply(fault="reset"), Reply(body=b"<html>"), Reply(body=b"[1]")],
    ids=["500", "reset", "html", "list"],
)
def test_a_price_that_cannot_be_asked_for_is_5(wan: Wan, api: FakeApi, reply: Reply) -> None:
    api.on_models(forever(reply))
    result = wan("generate", "a fox", "--max-cost", "100")
    assert (result.code, api.posts) == (5, [])


def test_a_price_that_does_not_come_is_waited_for_until_the_deadline(
    wan: Wan, api: FakeApi
) -> None:
    api.on_models(forever(Reply(delay=40)))
    result = wan("generate", "a fox", "--max-cost", "100", "--timeout", "1")
    assert (result.code, api.posts) == (5, [])
    assert "no answer" in result.err
    assert wan("generate", "a fox", "--dry-run", "--timeout", "1").code == 0


def test_within_the_budget_it_is_sent(wan: Wan, api: FakeApi) -> None:
    api.pricing = FIXED
    result = wan("generate", "a fox", "--max-cost", "1.5", "--no-wait")
    assert (result.code, len(api.posts)) == (0, 1)
    assert result.out == f"{api.posts[0].id}\n"


def test_a_price_that_has_not_changed_is_known(wan: Wan, api: FakeApi, home: Path) -> None:
    assert wan("generate", "a fox", "--dry-run").err == "price: $1.58\n"
    assert wan("generate", "a fox", "--dry-run").err == "price: $1.58\n"
    asked = [get.headers["If-None-Match"] for get in api.gets]
    assert asked == [None, api.etag]
    assert wan("generate", "a fox", "--max-cost", "1.57").code == 5
    assert wan("generate", "a fox", "--max-cost", "1.58", "--no-wait").code == 0
    api.etag, api.pricing = '"models-2"', FIXED
    assert wan("generate", "a fox", "--dry-run").err == "price: $1.50\n"


def test_a_cache_of_garbage_is_no_price(wan: Wan, api: FakeApi, home: Path) -> None:
    assert wan("generate", "a fox", "--dry-run").code == 0
    (file,) = home.rglob("model-*.json")
    for garbage in (b"{", b"[]", b'{"etag": 1}'):
        file.write_bytes(garbage)
        assert wan("generate", "a fox", "--dry-run").err == "price: $1.58\n"
