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
def test_a_refusal_names_the_field_and_the_expected_and_received_values(
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


PICTURE = "a string that is a URI, or a picture as data:image/png;base64,… (png, jpeg or webp)"


@pytest.mark.parametrize(
    ("model", "fields", "message"),
    [
        ("2-6-i2v", {}, f"image_url: expected {PICTURE}, received nothing"),
        ("2-6-i2v", {"image_url": "a.png"}, f'image_url: expected {PICTURE}, received string "a.p'),
        ("2-6-i2v", {"image_url": "data:text/plain;base64,AA"}, f"image_url: expected {PICTURE}, "),
        ("2-6-i2v", {"image_url": 1}, f"image_url: expected {PICTURE}, received integer 1"),
        ("2-6-r2v", {}, "video_urls: expected an array of 1 to 3 items, received nothing"),
        ("2-6-r2v", {"video_urls": []}, "video_urls: expected an array of 1 to 3 items, received"),
        ("2-6-r2v", {"video_urls": ["http://a/b"] * 4}, "video_urls: expected an array of 1 to 3"),
        ("2-6-r2v", {"video_urls": "http://a/b"}, "video_urls: expected an array of 1 to 3 items"),
        (
            "2-6-r2v",
            {"video_urls": ["http://a/b", "data:image/png;base64,AA"]},
            "video_urls[1]: expected a string that is a URI, received string",
        ),
        ("2-7-r2v", {"image_urls": ["http://a/b"] * 6}, "image_urls: expected an array of at most"),
        ("2-7-r2v", {"watermark": 1}, "watermark: expected boolean, received integer 1"),
        (
            "2-7-r2v",
            {"negative_prompt": "x" * 501},
            "negative_prompt: expected a string of at most 500 characters, received string of 501",
        ),
        ("new-model-1", {"seconds": 5}, "seconds: expected one of 4, 8, received integer 5"),
        (
            "new-model-1",
            {"strength": "1"},
            "strength: expected a number of 0 to 1, received str",
        ),
        ("new-model-1", {"strength": 2}, "strength: expected a number of 0 to 1, received int"),
        ("new-model-1", {"strength": True}, "strength: expected a number of 0 to 1, received bool"),
        ("new-model-1", {"tags": [1]}, "tags[0]: expected string, received integer 1"),
        ("new-model-1", {"duration": 5}, "duration: expected no field of this name (for sandbox/"),
    ],
)
def test_each_kind_of_field_is_validated(model: str, fields: dict[str, object], message: str):
    name = f"sandbox/{model}" if model.startswith("new") else f"alibaba/wan-{model}"
    with pytest.raises(ApiError) as caught:
        validate({"model": name, "prompt": "a fox", **fields})
    assert caught.value.status == 400
    assert caught.value.message.startswith(message)


def test_values_at_the_limit_are_accepted():
    validate(
        {
            "model": "alibaba/wan-2-7-r2v",
            "prompt": "a fox",
            "negative_prompt": "x" * 500,
            "first_frame_image": "data:image/webp;base64,AAAA",
            "image_urls": ["http://a/b"] * 5,
            "video_urls": [],
        }
    )
    validate({"model": "sandbox/new-model-1", "prompt": "a fox", "strength": 1, "tags": []})


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[1]", b"\xff", b'{"seed":NaN}', b"[" * 100_000, b"1" * 5000]
)
def test_a_body_that_is_not_a_json_object_is_refused(raw: bytes):
    with pytest.raises(ApiError, match=r"^body: expected ") as caught:
        parse_body(raw)
    assert caught.value.status == 400
