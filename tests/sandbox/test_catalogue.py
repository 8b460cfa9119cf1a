"""The sandbox's data about its models."""

from collections.abc import Iterator

import pytest

from tests.sandbox.conftest import Api, serving
from wan_cli.models import DEFAULT_MODEL, MODELS
from wan_cli.models.docs import schema_from_docs
from wan_cli.sandbox.schemas import NEW_MODEL

NO_KEY: dict[str, str] = {}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One sandbox for all: these tests change nothing in it."""
    with serving(tmp_path_factory.mktemp("catalogue")) as client:
        yield client


def rows(api: Api, **query: str) -> dict[str, dict[str, object]]:
    data = api.get("/v1/models", NO_KEY, **query).json()["data"]
    return {row["id"]: row for row in data}


def document(api: Api, model: str) -> dict[str, object]:
    info = rows(api, id=model)[model]["info"]
    assert isinstance(info, dict)
    found: dict[str, object] = api.get(info["docsJson"], NO_KEY).json()
    return found


def test_prices_need_no_key_and_have_an_etag(api: Api):
    query = {"id": DEFAULT_MODEL, "include": "pricing"}
    reply = api.get("/v1/models", headers={}, **query)
    (row,) = reply.json()["data"]
    assert row["id"] == DEFAULT_MODEL
    dear = {"when": {"resolution": "1080p"}, "price": 0.1575, "unit": "second", "per": 1}
    assert dear in row["pricing"]["variants"]
    etag = reply.headers["ETag"]
    assert api.get("/v1/models", headers={"If-None-Match": etag}, **query).status_code == 304
    plain = api.get("/v1/models", headers={"If-None-Match": etag}).json()["data"]
    assert [model["id"] for model in plain] == [*MODELS, NEW_MODEL]
    assert "pricing" not in plain[0]


def test_ten_seconds_of_wan_2_7_cost_the_price_of_the_reference(api: Api):
    priced = rows(api, include="pricing")
    for model in ("alibaba/wan-2-7-t2v", "alibaba/wan-2-7-r2v"):
        pricing = priced[model]["pricing"]
        dear = {"when": {"resolution": "1080p"}, "price": 0.195, "unit": "second", "per": 1}
        assert isinstance(pricing, dict)
        assert dear in pricing["variants"]
        body = {"model": model, "prompt": "[error]"}
        assert api.post_body(body).json()["meta"]["usage"]["credits_used"] == 3_900_000
    unit = {"name": "video", "measure": "output", "price": 0.5, "per": 1}
    assert priced[NEW_MODEL]["pricing"] == {"kind": "fixed", "currency": "USD", "units": [unit]}
    reply = api.post_body({"model": NEW_MODEL, "prompt": "[error]", "seconds": 8})
    assert reply.json()["meta"] == {"usage": {"credits_used": 1_000_000}}


@pytest.mark.parametrize("model", MODELS)
def test_the_document_of_a_model_agrees_with_the_table(api: Api, model: str):
    found = schema_from_docs(document(api, model), model, {model})
    assert found is not None
    assert found.fields == MODELS[model].fields
    assert found.required == MODELS[model].required


def test_only_the_document_describes_a_new_model(api: Api):
    assert NEW_MODEL not in MODELS
    found = schema_from_docs(document(api, NEW_MODEL), NEW_MODEL, {NEW_MODEL})
    assert found is not None
    assert {field.name: field.kind for field in found.fields} == {
        "image_url": "image",
        "seconds": "choice",
        "resolution": "choice",
        "style": "choice",
        "strength": "json",
        "tags": "json",
    }


def test_the_schema_s_url_has_the_name_that_the_client_uses_and_an_etag(api: Api):
    port = api.base_url.rpartition(":")[2]
    info = api.get(f"http://localhost:{port}/v1/models").json()["data"][0]["info"]
    assert info["docsJson"].startswith(f"http://localhost:{port}/docs-json?model=alibaba%2F")
    reply = api.get(info["docsJson"], NO_KEY)
    again = api.get(info["docsJson"], {"If-None-Match": reply.headers["ETag"]})
    assert again.status_code == 304
    assert api.get("/docs-json", model="alibaba/none").status_code == 404


def test_models_can_be_filtered_by_capability(api: Api):
    assert DEFAULT_MODEL in rows(api, capabilities="text_to_video")
    assert "alibaba/wan-2-6-i2v" not in rows(api, capabilities="text_to_video")
    assert [*rows(api, capabilities="reference_to_video")] == [
        "alibaba/wan-2-6-r2v",
        "alibaba/wan-2-7-r2v",
    ]
    both = rows(api, capabilities="text_to_video,image_to_video")
    assert {DEFAULT_MODEL, "alibaba/wan-2-6-i2v", NEW_MODEL} <= {*both}
    assert rows(api, capabilities="chat") == {}


def test_metrics_report_the_durations_of_the_sandbox(api: Api):
    (row,) = api.get("/models/metrics", NO_KEY, aliases=DEFAULT_MODEL).json()["models"]
    assert row["alias"] == DEFAULT_MODEL
    assert row["metrics"]["duration_ms"]["p50"] == 2
    assert api.get("/models/metrics", NO_KEY, aliases="none").json()["models"] == []


def test_each_model_takes_as_long_as_it_does_in_the_reference(
    tmp_path_factory: pytest.TempPathFactory,
):
    with serving(tmp_path_factory.mktemp("slow"), speed=2 / 205) as api:
        found = api.get("/models/metrics", NO_KEY).json()["models"]
    seconds = {row["alias"]: row["metrics"]["duration_ms"]["p50"] / 1000 for row in found}
    assert seconds == {
        "alibaba/wan-2-6-t2v": 205,
        "alibaba/wan-2-6-i2v": 172,
        "alibaba/wan-2-6-image-to-video-flash": 264,
        "alibaba/wan-2-6-r2v": 260,
        "alibaba/wan-2-7-t2v": 503,
        "alibaba/wan-2-7-i2v": 64,
        "alibaba/wan-2-7-r2v": 522,
        "alibaba/wan2.5-t2v-preview": 180,
        "alibaba/wan2.5-i2v-preview": 180,
        NEW_MODEL: 205,
    }
