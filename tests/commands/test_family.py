"""The family of models: the requests that wan sends and refuses, and the descriptions."""

import json
from typing import Any

import jsonschema
import pytest

from tests.fake.api import FakeApi
from tests.fake.catalogue import MODELS
from tests.fake.process import Wan

NO_KEY = {"AIMLAPI_API_KEY": None}
IMAGE, VIDEO = "https://example.com/cat.jpg", "https://example.com/cat.mp4"
NEW = "acme/video-9"
FIELDS: dict[str, Any] = {
    "model": {"type": "string", "enum": [NEW]},
    "prompt": {"type": "string"},
    "style": {"type": "string", "enum": ["ink", "oil"], "default": "oil"},
    "seconds": {"type": "integer", "enum": [4, 8], "default": 4},
    "strength": {"type": "number"},
    "tags": {"type": "array", "items": {"type": "string"}},
    "loop": {"type": "boolean"},
    "last_image_url": {"anyOf": [{"type": "string", "format": "uri"}, {"type": "null"}]},
}


def sent(api: FakeApi) -> dict[str, Any]:
    """Return the body of the only POST."""
    (post,) = api.posts
    return dict(post.body)


@pytest.fixture
def new_model(api: FakeApi) -> str:
    """A model that only the catalogue and its schema describe."""
    schema = {"type": "object", "properties": FIELDS, "required": ["model", "prompt", "style"]}
    other = {"type": "object", "properties": {"model": {"enum": ["acme/other"]}}}
    body = {"content": {"application/json": {"schema": {"oneOf": [other, {"$ref": "#/x/body"}]}}}}
    api.documents["/docs/video-9.json"] = {
        "paths": {"/v2/video/generations": {"post": {"requestBody": body}}},
        "x": {"body": schema},
    }
    unit = {"name": "video", "measure": "output", "price": 0.5, "per": 1}
    api.more_models.append(
        {
            "id": NEW,
            "aliases": ["video-9"],
            "info": {"developer": "Acme", "docsJson": f"{api.base_url}/docs/video-9.json"},
            "pricing": {"kind": "fixed", "units": [unit]},
        }
    )
    return NEW


FLAGS = {
    "image_url": ["--image", IMAGE],
    "first_frame_image": ["--first-frame", IMAGE],
    "image_urls": ["--reference", IMAGE, "--reference", f"{IMAGE}?2"],
    "video_urls": ["--video", VIDEO, "--video", f"{VIDEO}?2"],
    "audio_url": ["--audio-url", "https://example.com/a.mp3"],
    "aspect_ratio": ["--aspect-ratio", "1:1"],
    "resolution": ["--resolution", "720p"],
    "duration": ["--duration", "5"],
    "negative_prompt": ["--negative-prompt", "rain"],
    "shot_type": ["--multi-shot"],
    "generate_audio": [],  # Refused together with an audio URL.
    "seed": ["--seed", "7"],
    "enhance_prompt": ["--enhance-prompt"],
    "watermark": ["--no-watermark"],
    "enable_prompt_expansion": ["--no-enable-prompt-expansion"],
}


@pytest.mark.parametrize("model", MODELS)
def test_a_request_with_every_field_fits_the_published_schema(
    wan: Wan, api: FakeApi, model: str
) -> None:
    names = [name for name in MODELS[model]["properties"] if name not in ("model", "prompt")]
    flags = [word for name in names for word in FLAGS[name]]
    result = wan("generate", "a fox", "--model", model, *flags, "--no-wait")
    assert result.code == 0, result.err
    jsonschema.validate(sent(api), MODELS[model] | {"additionalProperties": False})
    assert set(sent(api)) == {"model", "prompt", *names} - {"generate_audio"}


@pytest.mark.parametrize(
    ("words", "model"),
    [
        (["--model", "2.6"], "alibaba/wan-2-6-t2v"),
        (["--model", "2.7"], "alibaba/wan-2-7-t2v"),
        (["--model", "2.6-i2v", "--image", IMAGE], "alibaba/wan-2-6-i2v"),
        (["--model", "2.6-flash", "--image", IMAGE], "alibaba/wan-2-6-image-to-video-flash"),
        (["--model", "2.7-r2v"], "alibaba/wan-2-7-r2v"),
        (["--model", "wan-2-7-t2v"], "alibaba/wan-2-7-t2v"),
        (["--model", "Wan-2.6-R2V", "--video", VIDEO], "alibaba/wan-2-6-r2v"),
        (["--model", "wan2.5-t2v-preview"], "alibaba/wan2.5-t2v-preview"),
    ],
)
def test_a_short_name_selects_a_model(wan: Wan, api: FakeApi, words: list[str], model: str) -> None:
    assert wan("generate", "a fox", *words, "--no-wait").code == 0
    assert sent(api)["model"] == model


def test_an_image_selects_the_model_of_the_same_version_and_says_so(wan: Wan, api: FakeApi) -> None:
    result = wan("generate", "a fox", "--image", IMAGE, "--no-wait")
    assert result.code == 0
    assert "using alibaba/wan-2-6-i2v" in result.err
    raw = f'{{"model":"alibaba/wan-2-6-i2v","prompt":"a fox","image_url":"{IMAGE}"}}'
    assert api.posts[0].raw == raw.encode()
    env = {"WAN_MODEL": "alibaba/wan-2-7-t2v"}
    assert wan("generate", "a fox", "--image", IMAGE, "--no-wait", env=env).code == 0
    assert api.posts[1].body["model"] == "alibaba/wan-2-7-i2v"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "2.6-i2v"], "needs --image"),
        (["--model", "2.6-r2v"], "needs --video"),
        (
            ["--model", "2.6-i2v", "--image", IMAGE, "--aspect-ratio", "1:1"],
            "no field aspect_ratio",
        ),
        (["--reference", IMAGE], "these have it: alibaba/wan-2-7-r2v"),
        (["--model", "2.6", "--watermark"], "these have it: alibaba/wan-2-7-i2v"),
        (["--model", "2.6-r2v", *["--video", VIDEO] * 4], "up to 3"),
        (["--model", "2.6-r2v", "--video", "cat.mp4"], "not an http or https URL"),
        (["--model", "2.7-r2v", "--negative-prompt", "x" * 501], "at most 500"),
        (["--model", "2.5", "--duration", "15"], "one of: 5, 10"),
        (["--model", "2.8"], "unknown model '2.8'"),
        (["--field", "seed"], "is not NAME=VALUE"),
        (["--field", "colour=red"], "no field colour"),
    ],
)
def test_a_field_that_a_model_does_not_take_is_refused_before_anything_is_sent(
    wan: Wan, api: FakeApi, words: list[str], said: str
) -> None:
    result = wan("generate", "a fox", *words)
    assert result.code == 2, result.err
    assert said in result.err
    assert api.posts == []


# --- a model that only the catalogue knows ---


def test_wan_describes_prices_and_runs_a_new_model(wan: Wan, api: FakeApi, new_model: str) -> None:
    described = wan("models", new_model, "--json", env=NO_KEY).json_lines[0]
    assert described["prices_usd"] == {"clip": 0.5}
    assert described["required"] == ["style"]
    assert described["fields"]["seconds"] == [4, 8]
    words = ["style=ink", "strength=0.5", 'tags=["a","b"]', "loop=true", "seconds=8"]
    flags = [word for text in words for word in ("--field", text)]
    result = wan("generate", "a fox", "--model", new_model, *flags)
    assert result.code == 0, result.err
    assert "price: $0.50" in result.err
    jsonschema.validate(sent(api), {"properties": FIELDS, "additionalProperties": False})
    assert sent(api)["tags"] == ["a", "b"]
    assert (sent(api)["strength"], sent(api)["seconds"], sent(api)["loop"]) == (0.5, 8, True)
    # Its row looks like any other.
    assert wan("list", "--json").json_lines[0]["model"] == new_model


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["style=pencil"], "one of: ink, oil"),
        (["style=ink", "seconds=5"], "one of: 4, 8"),
        (["style=ink", "strength=much"], "JSON value (number)"),
        (["style=ink", "stile=oil"], "no field stile"),
        (["seconds=4"], "needs --field style"),
    ],
)
def test_a_wrong_field_of_a_new_model_is_refused_before_paying(
    wan: Wan, api: FakeApi, new_model: str, words: list[str], said: str
) -> None:
    flags = [word for text in words for word in ("--field", text)]
    result = wan("generate", "a fox", "--model", new_model, *flags)
    assert result.code == 2, result.err
    assert said in result.err
    assert api.posts == []


def test_a_batch_runs_a_new_model_by_its_own_columns(
    wan: Wan, api: FakeApi, new_model: str
) -> None:
    (wan.work / "rows.csv").write_text("prompt,style,strength\na fox,ink,0.5\na hen,oil,\n")
    result = wan("batch", "rows.csv", "--model", new_model, "--yes")
    assert result.code == 0, result.err
    assert [post.body.get("style") for post in api.posts] == ["ink", "oil"]
    assert api.posts[0].body["strength"] == 0.5
    (wan.work / "more.csv").write_text(f"model,prompt,style\n{new_model},a cat,oil\n")
    assert wan("batch", "more.csv", "--yes").code == 0
    (wan.work / "wrong.csv").write_text(f"model,prompt,stile\n{new_model},a cow,oil\n")
    result = wan("batch", "wrong.csv", "--yes")
    assert result.code == 2
    assert "wrong.csv:2: no such field: 'stile'" in result.err


def test_a_model_that_the_api_does_not_have_is_exit_6(wan: Wan, api: FakeApi) -> None:
    result = wan("generate", "a fox", "--model", "acme/none", "--unchecked")
    assert result.code == 0  # The user's word: the API decides.
    result = wan("generate", "a hen", "--model", "acme/none")
    assert result.code == 6
    assert "the API has no model 'acme/none'" in result.err
    assert len(api.posts) == 1


def test_a_model_without_a_schema_needs_unchecked(wan: Wan, api: FakeApi, new_model: str) -> None:
    api.more_models[-1]["info"] = {"docsJson": "https://elsewhere.example/video-9.json"}
    result = wan("generate", "a fox", "--model", new_model, "--field", "style=ink")
    assert result.code == 6
    assert "another host" in result.err
    assert "--unchecked" in result.err
    words = ["--unchecked", "--field", "style=ink", "--field", "n=3"]
    assert wan("generate", "a fox", "--model", new_model, *words).code == 0
    assert sent(api) == {"model": new_model, "prompt": "a fox", "n": 3, "style": "ink"}


def test_wan_caches_the_schema_with_its_etag(wan: Wan, api: FakeApi, new_model: str) -> None:
    for prompt in ("a fox", "a hen"):
        words = ["--model", new_model, "--field", "style=ink", "--no-wait"]
        assert wan("generate", prompt, *words).code == 0
    assert sum(get.path == "/docs/video-9.json" for get in api.gets) == 1
    # The schema is public: wan sends the key only to calls that need it.
    (get,) = [get for get in api.gets if get.path == "/docs/video-9.json"]
    assert "Authorization" not in get.headers


def test_models_all_lists_every_video_model(wan: Wan, api: FakeApi, new_model: str) -> None:
    api.more_models.append({"id": "alibaba/wan-3-0-t2v", "pricing": {"kind": "variable"}})
    lines = wan("models", "--all", "--json", env=NO_KEY).json_lines
    names = {line["model"]: line["price"] for line in lines}
    assert {*MODELS, new_model, "alibaba/wan-3-0-t2v"} == set(names)
    assert (names[new_model], names["alibaba/wan-3-0-t2v"]) == ("$0.5 a video", "varies")
    result = wan("models", env=NO_KEY)
    assert "newer in the catalogue: alibaba/wan-3-0-t2v" in result.err


def test_show_repeats_each_kind_of_field(wan: Wan, api: FakeApi, new_model: str) -> None:
    words = ["--model", new_model, "--field", "style=ink", "--field", 'tags=["a"]', "--no-wait"]
    assert wan("generate", "a fox", *words).code == 0
    command = json.loads(wan("show", "@last", "--json").out)["command"]
    assert "--field style=ink" in command
    assert """--field 'tags=["a"]'""" in command
