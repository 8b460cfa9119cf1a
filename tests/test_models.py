"""The request schema: the values that wan accepts, refuses and sends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_cli.errors import UsageError
from wan_cli.models import (
    DEFAULT_MODEL,
    FIELD_NAMES,
    MODELS,
    GenerationRequest,
    flag_of,
    one_shot_type,
)
from wan_cli.text import clean

ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VISIBLE = st.characters(
    categories=["L", "N", "P", "S"], exclude_characters="\u115f\u1160\u3164\uffa0\u17b4\u17b5\u2800"
)
PROMPTS = st.tuples(ANY, VISIBLE, ANY).map("".join)


def refusal(**values: object) -> UsageError:
    with pytest.raises(UsageError) as caught:
        GenerationRequest.parse({"prompt": "a fox"} | values)
    return caught.value


@given(PROMPTS)
def test_any_prompt_is_sent_unchanged_and_alone(prompt: str) -> None:
    request = GenerationRequest.parse({"prompt": prompt})
    assert request.body() == {"model": DEFAULT_MODEL, "prompt": prompt}
    assert json.loads(request.to_json()) == request.body()


@pytest.mark.parametrize(
    ("name", "given", "sent"),
    [
        ("duration", "5", 5),
        ("duration", 15, 15),
        ("seed", "+7", 7),
        ("seed", "-9223372036854775808", -(2**63)),
        ("seed", 0, 0),
        ("generate_audio", "off", False),
        ("generate_audio", "YES", True),
        ("enhance_prompt", False, False),
        ("aspect_ratio", "1:1", "1:1"),
        ("negative_prompt", "", ""),
        ("audio_url", "http://[::1]:8/a?b=c#d", "http://[::1]:8/a?b=c#d"),
    ],
)
def test_a_right_value_is_accepted(name: str, given: object, sent: object) -> None:
    assert GenerationRequest.parse({"prompt": "a fox", name: given}).body()[name] == sent


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("duration", "7", "5, 10, 15"),
        ("duration", 5.0, "5, 10, 15"),
        ("duration", True, "5, 10, 15"),
        ("resolution", "4k", "720p, 1080p"),
        ("resolution", "1080P", "720p, 1080p"),
        ("aspect_ratio", "16/9", "16:9, 9:16, 1:1, 4:3, 3:4"),
        ("shot_type", "both", "single, multi"),
        ("seed", "1.5", "an integer"),
        ("seed", "9223372036854775808", "an integer"),
        ("seed", "٣", "an integer"),
        ("seed", True, "an integer"),
        ("generate_audio", "perhaps", "true or false"),
        ("negative_prompt", 5, "text"),
        ("audio_url", "ftp://example.com/a", "http or https"),
        ("audio_url", "https://", "http or https"),
        ("audio_url", "https://example.com:port/", "http or https"),
        ("audio_url", "https://example.com/a b", "http or https"),
        ("audio_url", "https://example.com/\n", "http or https"),
    ],
)
def test_a_wrong_value_lists_the_right_ones(name: str, value: object, words: str) -> None:
    message = refusal(**{name: value}).message
    assert message.startswith(flag_of(name))
    assert words in message


@pytest.mark.parametrize("value", [None, "", " \t\n", 5, "\udcff"])
def test_an_empty_prompt_is_refused(value: object) -> None:
    assert refusal(prompt=value).exit_code == 2


@pytest.mark.parametrize(
    "values",
    [
        {"shot_type": "multi", "enhance_prompt": False},
        {"shot_type": "single", "enhance_prompt": "no"},
        {"audio_url": "https://example.com/a.mp3", "generate_audio": True},
        {"audio_url": "https://example.com/a.mp3", "generate_audio": False},
    ],
)
def test_fields_without_effect_are_refused(values: dict[str, object]) -> None:
    assert "no effect" in refusal(**values).message


def test_fields_that_work_together_are_accepted() -> None:
    values = {"shot_type": "multi", "enhance_prompt": True, "generate_audio": False}
    assert GenerationRequest.parse({"prompt": "a fox", **values}).body().items() >= values.items()


@pytest.mark.parametrize("name", ["shot_type", "generate_audio", "audio_url"])
def test_a_field_that_the_model_lacks_is_refused(name: str) -> None:
    assert name not in {field.name for field in MODELS["alibaba/wan2.5-t2v-preview"].fields}
    error = refusal(model="alibaba/wan2.5-t2v-preview", **{name: "x"})
    assert flag_of(name) in error.message


def test_an_unknown_model_lists_the_known_ones() -> None:
    error = refusal(model="alibaba/wan-9")
    assert all(model in error.message for model in MODELS)


def test_a_long_prompt_and_an_odd_seed_only_cause_a_warning() -> None:
    request = GenerationRequest.parse({"prompt": "x" * 1501, "seed": -1})
    assert len(request.warnings) == 2
    assert GenerationRequest.parse({"prompt": "x" * 1500, "seed": 2**31 - 1}).warnings == ()


def test_the_short_forms_of_the_shot_type() -> None:
    assert one_shot_type(None, multi=True, single=False) == "multi"
    assert one_shot_type("multi", multi=True, single=False) == "multi"
    assert one_shot_type(None, multi=False, single=False) is None
    with pytest.raises(UsageError, match="contradict"):
        one_shot_type("single", multi=True, single=False)


JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())


@given(st.dictionaries(st.sampled_from(["model", "prompt", *FIELD_NAMES]) | st.text(), JSON))
def test_any_row_is_a_request_or_wrong_usage(values: dict[str, object]) -> None:
    try:
        request = GenerationRequest.parse(values)
    except UsageError as error:
        words = error.message
    else:
        words = ""
        assert request.body().keys() <= {"model", "prompt", *FIELD_NAMES}
    assert clean(words) == words
