import pytest

from wan_cli.models import DEFAULT_MODEL
from wan_cli.sandbox.replies import ApiError
from wan_cli.sandbox.validation import parse_body, validate


@pytest.mark.parametrize(
    ("field", "value", "expected", "received"),
    [
        ("duration", "5", "5, 10, 15", 'string "5"'),
        ("duration", 5.0, "5, 10, 15", "number 5.0"),
        ("duration", True, "5, 10, 15", "boolean true"),
        ("duration", 7, "5, 10, 15", "integer 7"),
        ("resolution", "4k", '"720p", "1080p"', 'string "4k"'),
        ("seed", True, "integer", "boolean true"),
        ("seed", "1", "integer", 'string "1"'),
        ("generate_audio", "true", "boolean", 'string "true"'),
        ("generate_audio", None, "boolean", "null"),
        ("negative_prompt", 1, "string", "integer 1"),
        ("audio_url", "no url", "URI", 'string "no url"'),
        ("audio_url", "http://[", "URI", 'string "http://["'),
        ("prompt", "", "at least 1 character", 'string ""'),
        ("model", "alibaba/none", "alibaba/wan-2-6-t2v", 'string "alibaba/none"'),
        ("frames", 3, "no field of this name", "integer 3"),
        ("\ud800", 3, "no field of this name", "integer 3"),
    ],
)
def test_a_wrong_field_is_refused_naming_field_expected_and_received(
    field: str, value: object, expected: str, received: str
):
    with pytest.raises(ApiError) as caught:
        validate({"model": DEFAULT_MODEL, "prompt": "a fox", field: value})
    assert caught.value.status == 400
    assert caught.value.message.startswith(f"{field}: expected ")
    assert expected in caught.value.message
    assert caught.value.message.endswith(f", received {received}")


def test_a_body_without_model_or_prompt_is_refused():
    with pytest.raises(ApiError, match=r"^model: expected .* received nothing$"):
        validate({"prompt": "a fox"})
    with pytest.raises(ApiError, match=r"^prompt: expected .* received nothing$"):
        validate({"model": DEFAULT_MODEL})


def test_a_field_of_another_model_is_refused():
    with pytest.raises(ApiError, match=r"^shot_type: expected no field"):
        validate({"model": "alibaba/wan2.5-t2v-preview", "prompt": "x", "shot_type": "multi"})


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[1]", b"\xff", b'{"seed":NaN}', b"[" * 100_000, b"1" * 5000]
)
def test_a_body_that_is_no_json_object_is_refused(raw: bytes):
    with pytest.raises(ApiError, match=r"^body: expected ") as caught:
        parse_body(raw)
    assert caught.value.status == 400
