"""The price of a request, and --max-cost, which wan checks before it sends anything."""

import json
import math
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

SECONDS = {"name": "second", "measure": "output", "price": 0.15, "per": 1}
FIXED = {"kind": "fixed", "currency": "USD", "units": [SECONDS]}
A_VIDEO = {"kind": "fixed", "units": [{"name": "video", "price": 1.5, "per": 1}]}
REFERENCE = {
    "kind": "variants",
    "dimensions": ["resolution"],
    "variants": [
        {"when": {"resolution": "720p"}, "price": 0.39, "unit": "second", "per": 1},
        {"when": {"resolution": "1080p"}, "price": 0.65, "unit": "second", "per": 1},
    ],
}


def request(**fields: object) -> GenerationRequest:
    return GenerationRequest.parse({"prompt": "a fox", **fields})


REQUEST = request(duration=5)


def units(**changes: object) -> dict[str, Any]:
    return {"kind": "fixed", "units": [SECONDS | changes]}


def variants(dimensions: object, *rows: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "variants", "dimensions": dimensions, "variants": [*rows]}


def variant(when: object, price: object = 1.0, unit: object = "video", per: object = 1) -> Any:
    return {"when": when, "price": price, "unit": unit, "per": per}


@pytest.mark.parametrize(
    ("pricing", "fields", "usd"),
    [
        (REFERENCE, {"duration": 5, "resolution": "1080p"}, 3.25),
        (REFERENCE, {"duration": 10, "resolution": "720p"}, 3.90),
        (REFERENCE, {}, 6.50),
        (FIXED, {"duration": 15}, 2.25),
        (units(price=1.20, per=60), {"duration": 10}, 0.20),
        (units(name="minute", price=6), {"duration": 5}, 0.50),
        (A_VIDEO, {"duration": 15}, 1.50),
        (units(name="generation", price=0), {}, 0.0),
        (
            variants(["duration"], variant({"duration": "5"}, 0.6), variant({"duration": 10})),
            {"duration": 5},
            0.6,
        ),
        (
            variants(
                ["resolution", "generate_audio"],
                variant({"resolution": "1080p", "generate_audio": True}, 3),
                variant({"resolution": "1080p", "generate_audio": False}, 1),
            ),
            {},
            3.0,
        ),
    ],
)
def test_a_price_is_read_as_the_api_sends_it(
    pricing: object, fields: dict[str, Any], usd: float
) -> None:
    assert price_of(pricing, request(**fields)).usd == pytest.approx(usd)


@pytest.mark.parametrize(
    "pricing",
    [
        None,
        "1.50",
        {"kind": "variable"},
        FIXED | {"currency": "EUR"},
        FIXED | {"units": []},
        FIXED | {"units": [SECONDS, SECONDS]},
        units(per="second"),
        units(per=0),
        units(per=-1),
        units(per=True),
        units(per=None),
        units(name="token", per=1_000_000),
        units(name="credit"),
        units(name=None),
        units(measure="input"),
        units(price=-1),
        units(price="0.15"),
        units(price=True),
        units(price=math.nan),
        units(price=math.inf),
        units(price=10**400),
        units(per=10**400),
        variants([], variant({})),
        variants(None, variant({"resolution": "1080p"})),
        variants(["mood"], variant({"mood": "good"})),
        variants(["resolution"], variant({"resolution": "720p"})),
        variants(["resolution"], {"resolution": "1080p", "price": 1, "unit": "video", "per": 1}),
        variants(["resolution"], variant({"resolution": "1080p", "tier": "fast"})),
        variants(["resolution"], variant({"resolution": "1080p"}, per="second")),
        variants(["duration"], variant({"duration": 5}), variant({"duration": 5}, 2)),
    ],
)
def test_an_ambiguous_price_is_unknown(pricing: object) -> None:
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
def test_any_answer_gives_a_price_or_none(pricing: object) -> None:
    price = price_of(pricing, REQUEST)
    assert price.usd is None or price.usd >= 0


@pytest.mark.parametrize(
    ("pricing", "budget"),
    [
        (A_VIDEO, "1.49"),
        (FIXED, "0.7"),
        (variants(["duration"], variant({"duration": 5}, 0.6)), "0.5"),
        ({"kind": "variable", "currency": "USD"}, "100"),
        (FIXED | {"currency": "EUR"}, "100"),
        ({"kind": ["nonsense"]}, "100"),
        (None, "100"),
    ],
)
def test_a_price_above_the_limit_or_unknown_is_5_and_nothing_is_sent(
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
def test_a_price_that_wan_cannot_get_is_5(wan: Wan, api: FakeApi, reply: Reply) -> None:
    api.on_models(forever(reply))
    result = wan("generate", "a fox", "--max-cost", "100")
    assert (result.code, api.posts) == (5, [])


def test_with_max_cost_wan_waits_for_the_price_until_the_deadline(wan: Wan, api: FakeApi) -> None:
    api.on_models(forever(Reply(delay=40)))
    result = wan("generate", "a fox", "--max-cost", "100", "--timeout", "1")
    assert (result.code, api.posts) == (5, [])
    assert "no answer" in result.err
    assert wan("generate", "a fox", "--dry-run", "--timeout", "1").code == 0


def test_a_request_within_the_budget_is_sent(wan: Wan, api: FakeApi) -> None:
    api.pricing = A_VIDEO
    result = wan("generate", "a fox", "--max-cost", "1.5", "--no-wait")
    assert (result.code, len(api.posts)) == (0, 1)
    assert result.out == f"{api.posts[0].id}\n"


def test_a_price_is_cached_for_an_hour_and_then_revalidated_by_its_etag(
    wan: Wan, api: FakeApi, home: Path
) -> None:
    assert wan("generate", "a fox", "--dry-run").err == "price: $1.58\n"
    assert wan("generate", "a fox", "--dry-run").err == "price: $1.58\n"
    assert [get.headers["If-None-Match"] for get in api.gets] == [None]
    an_hour_passes(home)
    assert wan("generate", "a fox", "--dry-run").err == "price: $1.58\n"
    assert [get.headers["If-None-Match"] for get in api.gets] == [None, api.etag]
    over = wan("generate", "a fox", "--max-cost", "1.57")
    assert over.code == 5
    assert over.err.endswith("hint: lower --resolution or --duration, or raise --max-cost\n")
    assert wan("generate", "a fox", "--max-cost", "1.58", "--no-wait").code == 0
    api.etag, api.pricing = '"models-2"', A_VIDEO
    assert wan("generate", "a fox", "--dry-run").err == "price: $1.58\n"
    an_hour_passes(home)
    assert wan("generate", "a fox", "--dry-run").err == "price: $1.50\n"


def an_hour_passes(home: Path) -> None:
    (file,) = home.rglob("model-*.json")
    kept = json.loads(file.read_bytes())
    file.write_text(json.dumps(kept | {"asked_at": kept["asked_at"] - 3601}))


def test_setting_the_clock_back_does_not_keep_a_price_for_ever(
    wan: Wan, api: FakeApi, home: Path
) -> None:
    wan("generate", "a fox", "--dry-run")
    (file,) = home.rglob("model-*.json")
    kept = json.loads(file.read_bytes())
    file.write_text(json.dumps(kept | {"asked_at": kept["asked_at"] + 86_400}))
    wan("generate", "a fox", "--dry-run")
    assert len(api.gets) == 2


def test_the_price_is_printed_before_each_submission_except_with_quiet(
    wan: Wan, api: FakeApi
) -> None:
    told = wan("generate", "a fox", "--no-wait")
    assert told.err.splitlines()[0] == "price: $1.58"
    assert "price" not in wan("generate", "a hen", "--no-wait", "-q").err


def test_without_a_limit_a_missing_price_delays_nothing(wan: Wan, api: FakeApi) -> None:
    api.on_models(forever(Reply(fault="hang")))
    result = wan("generate", "a fox", "--no-wait")
    assert (result.code, len(api.posts)) == (0, 1)
    assert result.err.startswith("price: unknown (")


def test_the_settings_can_hold_a_limit_and_the_flag_overrides_it(wan: Wan, api: FakeApi) -> None:
    limited = {"WAN_MAX_COST": "1"}
    assert wan("generate", "a fox", env=limited).code == 5
    assert wan("generate", "a fox", "--max-cost", "2", "--no-wait", env=limited).code == 0
    assert wan("config", "set", "max_cost", "1.5").code == 0
    assert wan("generate", "a hen").code == 5
    assert wan("config", "set", "max_cost", "nonsense").code == 2
    assert len(api.posts) == 1


def test_a_model_is_found_by_its_alias(wan: Wan, api: FakeApi) -> None:
    row = {"id": "elsewhere/wan", "aliases": ["alibaba/wan-2-6-t2v"], "pricing": A_VIDEO}
    api.on_models(forever(Reply(body={"data": [row]})))
    assert wan("generate", "a fox", "--dry-run").err == "price: $1.50\n"


def test_a_damaged_cache_gives_no_price(wan: Wan, api: FakeApi, home: Path) -> None:
    assert wan("generate", "a fox", "--dry-run").code == 0
    (file,) = home.rglob("model-*.json")
    for garbage in (b"{", b"[]", b'{"etag": 1}'):
        file.write_bytes(garbage)
        assert wan("generate", "a fox", "--dry-run").err == "price: $1.58\n"
