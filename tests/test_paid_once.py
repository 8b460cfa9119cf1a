"""Corners in which a video was paid for twice, or one that was paid for was lost."""

import json
import signal
from pathlib import Path

import pytest

from tests.commands.test_family import NEW, new_model
from tests.commands.test_pictures_sent import photo
from tests.engines import BOTH
from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.records import GenerationState
from tests.fake.script import Reply, forever
from tests.fake.waiting import wait_until
from tests.trials import execute, rows, videos

__all__ = ["new_model"]


@pytest.fixture
def other(tmp_path: Path) -> dict[str, str | None]:
    """The environment of another machine."""
    return {"WAN_HOME": str(tmp_path / "other-home")}


def prompts(api: FakeApi) -> list[str]:
    return [str(post.body["prompt"]) for post in api.posts]


def test_a_success_on_another_machine_counts_more_than_a_failure_here(
    wan: Wan, api: FakeApi, other: dict[str, str | None]
) -> None:
    words = ["generate", "a fox", "--once", "k"]
    api.error = {"name": "ModerationError", "message": "no"}
    assert wan(*words).code == 9
    api.error = None
    assert wan(*words, env=other).code == 0
    result = wan(*words)
    assert result.code == 0, result.err
    assert len(api.posts) == 2


def test_a_row_that_was_fetched_by_its_id_is_known_to_its_batch(
    wan: Wan, api: FakeApi, work: Path, other: dict[str, str | None]
) -> None:
    (work / "b.txt").write_text("a fox runs\n")
    assert wan("batch", "b.txt", "--yes").code == 0
    (work / "o").mkdir()
    assert wan("fetch", str(api.posts[0].id), "-o", "o/fox.mp4", env=other).code == 0
    (work / "b.txt").write_text("a fox runs\na dog runs\n")
    for _ in range(2):
        assert wan("batch", "b.txt", "--yes", env=other).code == 0
    assert prompts(api) == ["a fox runs", "a dog runs"]


@BOTH
@pytest.mark.parametrize("count", [["--count", "2"], []])
def test_a_variation_continues_with_what_an_earlier_command_submitted(
    wan: Wan, api: FakeApi, count: list[str]
) -> None:
    api.on_post(Reply(fault="hang", accept=True))
    words = ["generate", "a fox", "--seed", "1", *count]
    words += ["--yes"] if count else []
    running = wan.start(*words)
    wait_until(lambda: api.accepted)
    running.kill(signal.SIGKILL)
    running.wait()
    result = wan(*words, "--timeout", "20")
    assert result.code == 0, result.err
    assert [post.body["seed"] for post in api.posts] == ([1, 2] if count else [1])


def test_force_replaces_no_file_of_the_same_command(wan: Wan, api: FakeApi, work: Path) -> None:
    wan.env["WAN_NAME_TEMPLATE"] = "{slug}.mp4"
    result = wan("generate", "a dog", "--count", "3", "--yes", "--force")
    assert result.code == 0, result.err
    assert len(set(result.out.splitlines())) == 3
    assert len(videos(work)) == 3


def test_a_picture_that_changes_during_a_batch_costs_its_rows_alone(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    picture = photo(work / "a.jpg")
    before = picture.read_bytes()
    row = {"model": "2.6-i2v", "image": "a.jpg"}
    lines = [json.dumps({"prompt": f"fox {number}", **row}) for number in range(3)]
    (work / "b.jsonl").write_text("\n".join(lines))

    def repaint(_state: GenerationState) -> None:
        photo(work / "a.jpg", colour="blue")

    api.on_accept = repaint
    first = wan("batch", "b.jsonl", "--yes", "--concurrency", "1")
    assert first.code == 13
    assert "put the same picture back" in first.err
    picture.write_bytes(before)
    api.on_accept = lambda _state: None
    assert wan("batch", "b.jsonl", "--yes").code == 0
    assert sorted(prompts(api)) == ["fox 0", "fox 1", "fox 2"]


def test_a_catalogue_that_is_away_makes_no_other_request_of_a_row(
    wan: Wan, api: FakeApi, work: Path, home: Path, new_model: str
) -> None:
    api.more_models[-1]["aliases"] = ["acme/v9"]
    (work / "b.jsonl").write_text('{"prompt":"a fox","model":"acme/v9","style":"ink"}\n')
    words = ["batch", "b.jsonl", "--yes", "--unchecked"]
    assert wan(*words).code == 0
    for file in home.rglob("*.json"):
        file.unlink()
    api.on_models(forever(Reply(status=503, body={})))
    assert wan(*words).code == 11
    assert len(api.posts) == 1
    assert new_model == NEW


@BOTH
@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", '["\\ud800"]', "[" * 100_000])
def test_what_json_cannot_say_is_refused_and_the_history_stays_sound(
    wan: Wan, api: FakeApi, new_model: str, value: str
) -> None:
    name = "tags" if value.startswith("[") else "strength"
    words = ["--model", new_model, "--field", "style=ink", "--field", f"{name}={value}"]
    result = wan("generate", "a fox", *words)
    assert result.code == 2, result.err[:500]
    assert api.posts == []


@BOTH
@pytest.mark.parametrize("value", ["duration=[5]", 'resolution={"a":1}'])
def test_a_field_of_any_shape_is_fetched_as_any_other(wan: Wan, api: FakeApi, value: str) -> None:
    words = ["--model", "acme/none", "--unchecked", "--field", value, "--no-wait"]
    assert wan("generate", "a fox", *words).code == 0
    result = wan("fetch", "--all")
    assert result.code == 0, result.err
    assert len(videos(wan.work)) == 1


def test_pictures_of_an_unchecked_model_are_sent_as_pictures(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    photo(work / "a.jpg")
    words = ["--model", "acme/none", "--unchecked", "--reference", "a.jpg", "--no-wait"]
    assert wan("generate", "a fox", *words).code == 0
    (sent,) = api.posts[0].body["image_urls"]
    assert sent.startswith("data:image/jpeg;base64,")
    (work / "b.jsonl").write_text('{"prompt":"a hen","image":"a.jpg"}\n')
    words = ["--model", "acme/none", "--unchecked", "--yes"]
    assert wan("batch", "b.jsonl", *words).code == 0
    assert api.posts[1].body["image_url"].startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize("flag", ["--image", "--first-frame"])
def test_a_batch_takes_a_local_picture_for_all_its_rows(
    wan: Wan, api: FakeApi, work: Path, flag: str
) -> None:
    photo(work / "a.jpg")
    (work / "b.txt").write_text("a fox\na hen\n")
    model = "2.6-i2v" if flag == "--image" else "2.7-r2v"
    result = wan("batch", "b.txt", flag, "a.jpg", "--model", model, "--yes")
    assert result.code == 0, result.err
    assert len(api.posts) == 2


def test_like_refuses_a_picture_that_has_changed(wan: Wan, api: FakeApi, work: Path) -> None:
    photo(work / "a.jpg")
    assert wan("generate", "a cat", "--image", "a.jpg", "--no-wait").code == 0
    assert wan("generate", "--like", "@last", "--no-wait").code == 0
    photo(work / "a.jpg", colour="blue")
    result = wan("generate", "--like", "@last")
    assert result.code == 2
    assert "gone, or has changed" in result.err
    assert wan("generate", "--like", "@last", "--image", "a.jpg", "--no-wait").code == 0
    assert len(api.posts) == 3


def test_a_history_that_refuses_rows_ends_with_their_trouble(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    api.on_accept = lambda _state: execute(
        wan,
        "CREATE TRIGGER IF NOT EXISTS no BEFORE INSERT ON generations"
        " WHEN NEW.status = 'claimed' AND NOT EXISTS"
        " (SELECT 1 FROM generations WHERE ref = NEW.ref) BEGIN SELECT RAISE(ABORT, 'full'); END",
    )
    (work / "b.txt").write_text("a fox runs\na dog runs\na cat runs\n")
    api.looks = 15
    result = wan("batch", "b.txt", "--yes", "--concurrency", "2")
    assert result.code == 13, result.err
    assert len(api.posts) == 1
    execute(wan, "DROP TRIGGER no")
    assert rows(wan)[0]["status"] == "completed"


@pytest.mark.parametrize("url", ["https://[x/y", "not a url"])
def test_a_broken_schema_url_is_refused(wan: Wan, api: FakeApi, new_model: str, url: str) -> None:
    api.more_models[-1]["info"] = {"docsJson": url}
    assert wan("generate", "a fox", "--model", new_model).code == 6
    assert wan("generate", "a fox", "--image", "~nosuchuser/a.png").code == 2


def test_a_schema_that_refers_to_itself_ends(wan: Wan, api: FakeApi, new_model: str) -> None:
    document = api.documents["/docs/video-9.json"]
    document["x"]["loop"] = {"oneOf": [{"$ref": "#/x/loop"}] * 2 + [{"$ref": "#/x/body"}]}
    post = document["paths"]["/v2/video/generations"]["post"]
    post["requestBody"]["content"]["application/json"]["schema"] = {"$ref": "#/x/loop"}
    words = ["--model", new_model, "--field", "style=ink", "--no-wait"]
    assert wan("generate", "a fox", *words).code == 0
