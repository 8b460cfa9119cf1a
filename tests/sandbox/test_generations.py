import json
import re
from collections.abc import Iterator

import pytest

from tests.sandbox.conftest import GENERATIONS, KEY, Api, serving
from wan_cli.sandbox.generations import BODY_LIMIT_BYTES

NO_KEYS = ("Bearer", "Bearer  ", "Basic abc")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One sandbox for all: these tests do not look at each other's generations."""
    with serving(tmp_path_factory.mktemp("generations")) as client:
        yield client


def test_a_generation_is_queued_first_and_ends_with_a_video(api: Api):
    reply = api.post(headers={**KEY, "X-Client-Request-Id": "wan-1.1"})
    body = reply.json()
    assert reply.status_code == 200
    assert (body["status"], body["video"], body["error"]) == ("queued", None, None)
    assert body["meta"] == {"usage": {"credits_used": 500_000}}
    assert reply.headers["x-inference-id"] == body["id"]
    assert reply.headers["x-client-request-id"] == "wan-1.1"
    assert reply.headers["x-aimlapi-credits-used"] == "500000"
    assert float(reply.headers["x-aimlapi-usd-spent"]) == 0.25
    assert "Date" in reply.headers

    done = api.finished(body["id"])
    assert done["status"] == "completed"
    assert done["meta"] == body["meta"]
    assert api.get(done["video"]["url"], headers={}).content[4:8] == b"ftyp"


def test_ten_seconds_at_1080p_cost_the_price_of_the_reference(api: Api):
    assert api.post_wan_2_6().json()["meta"]["usage"]["credits_used"] == 3_150_000


def test_a_malformed_tracing_label_is_dropped(api: Api):
    for label in ("with space", "a/b", "x" * 129):
        reply = api.post(headers={**KEY, "X-Client-Request-Id": label}, prompt="[error]")
        assert reply.status_code == 200
        assert "x-client-request-id" not in reply.headers


def test_a_body_over_the_limit_is_refused(api: Api):
    assert api.post(prompt="x" * BODY_LIMIT_BYTES).status_code == 413
    assert api.post(prompt="[error]" + "x" * 2**20).status_code == 200
    assert all(len(json.dumps(post)) < 2**17 for post in api.ledger())


def test_ids_have_21_characters_and_some_begin_with_a_dash(api: Api):
    ids = [api.post(prompt=f"[error] {number}").json()["id"] for number in range(8)]
    assert len(set(ids)) == 8
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{21}", found) for found in ids)
    assert any(found.startswith("-") for found in ids)
    assert all(api.state(found)["id"] == found for found in ids)


def test_without_a_key_the_answer_is_401_in_the_api_s_words(api: Api):
    before = len(api.ledger())
    for authorization in ({}, *({"Authorization": words} for words in NO_KEYS)):
        for reply in (api.post(headers=authorization), api.get("/v2/billing", authorization)):
            assert reply.status_code == 401
            body = reply.json()
            assert body["statusCode"] == 401
            assert set(body) == {"message", "path", "requestId", "statusCode", "timestamp"}
    assert len(api.ledger()) == before + 4


def test_the_ledger_holds_a_refused_body_unchanged(api: Api):
    reply = api.post_wan_2_6(duration="5", note="\ud800")
    assert reply.status_code == 400
    assert reply.json()["message"] == 'duration: expected one of 5, 10, 15, received string "5"'
    post = api.ledger()[-1]
    assert (post["body"]["duration"], post["body"]["note"]) == ("5", "\ud800")
    assert post["generation_id"] is None


def test_fields_without_effect_are_accepted(api: Api):
    reply = api.post_wan_2_6(
        prompt="[error]",
        shot_type="multi",
        enhance_prompt=False,
        audio_url="https://example.com/a.mp3",
        generate_audio=True,
    )
    assert reply.status_code == 200


def test_an_unknown_id_route_or_method_is_answered_in_the_api_s_words(api: Api):
    for path, status in (
        (f"{GENERATIONS}?generation_id=none", 404),
        (GENERATIONS, 400),
        ("/v3/nothing", 404),
    ):
        reply = api.get(path)
        assert reply.status_code == status
        assert json.loads(reply.content)["statusCode"] == status
