"""wan generate --count N and --like ID: the requests, payments and files."""

import json
from pathlib import Path

import pexpect
import pytest
from PIL import Image

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply, refusal
from tests.fake.waiting import wait_until
from tests.terminal import at_a_terminal
from wan_cli.commands.like import refuse_lost_pictures
from wan_cli.errors import UsageError

NO_KEY = {"AIMLAPI_API_KEY": None}


def seeds(api: FakeApi) -> list[object]:
    return [post.body.get("seed") for post in api.posts]


def test_count_makes_n_videos_with_successive_seeds(wan: Wan, api: FakeApi, work: Path) -> None:
    result = wan("generate", "a fox", "--count", "3", "--seed", "7", "--yes")
    assert result.code == 0
    assert sorted(map(str, seeds(api))) == ["7", "8", "9"]
    paths = [Path(line) for line in result.out.splitlines()]
    assert len({*paths}) == 3
    assert all(path.read_bytes() == api.video and path.parent == work for path in paths)
    assert result.err.startswith("price: $4.73 for 3 generations\n")
    assert len(api.accepted) == 3


@pytest.mark.parametrize("options", [[], ["--no-wait"]], ids=["wait", "no-wait"])
def test_without_a_seed_the_same_request_is_submitted_each_time(
    wan: Wan, api: FakeApi, options: list[str]
) -> None:
    result = wan("generate", "a fox", "--count", "6", "--yes", "--json", *options)
    assert result.code == 0
    assert len({post.raw for post in api.posts}) == 1
    assert len({post.label for post in api.posts}) == len(api.posts) == len(api.accepted) == 6
    assert {line["id"] for line in result.json_lines} == {post.id for post in api.posts}


def test_count_numbers_the_files(wan: Wan, api: FakeApi, work: Path) -> None:
    result = wan("generate", "a fox", "--count", "2", "--yes", "-o", "clips/fox.mp4", "--sidecar")
    assert sorted(result.out.splitlines()) == [f"{work}/clips/fox-{n}.mp4" for n in (1, 2)]
    assert {path.name for path in (work / "clips").iterdir()} == {
        name for n in (1, 2) for name in (f"fox-{n}.mp4", f"fox-{n}.mp4.json")
    }


def test_an_existing_file_is_refused_before_anything_is_paid(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    api.check_files = False  # One file is not a video.
    (work / "fox-2.mp4").write_text("mine")
    result = wan("generate", "a fox", "--count", "2", "--yes", "-o", "fox.mp4")
    assert (result.code, result.out, api.posts) == (2, "", [])
    assert "fox-2.mp4 already exists" in result.err
    assert (work / "fox-2.mp4").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--once", "build-7"], "--once pays for one video"),
        (["-o", "-"], "-o - takes one video"),
        (["--seed", str(2**63 - 2)], "--seed"),
        (["--count", "0"], "--count"),
    ],
)
def test_options_for_a_single_video_are_refused(
    wan: Wan, api: FakeApi, options: list[str], words: str
) -> None:
    result = wan("generate", "a fox", "--count", "3", "--yes", *options)
    assert (result.code, result.out, api.posts) == (2, "", [])
    assert words in result.err


def test_without_a_terminal_count_needs_consent(wan: Wan, api: FakeApi) -> None:
    refused = wan("generate", "a fox", "--count", "2")
    assert (refused.code, api.posts) == (2, [])
    assert "--yes, or with --max-cost USD" in refused.err
    assert wan("generate", "a fox", "--count", "2", "--max-cost", "3").code == 5
    assert api.posts == []
    assert wan("generate", "a fox", "--count", "2", "--max-cost", "3.15").code == 0
    assert len(api.posts) == 2


@pytest.mark.parametrize(("answer", "code", "posts"), [("y", 0, 2), ("n", 2, 0)])
def test_on_a_terminal_count_asks_about_the_total_price(
    wan: Wan, api: FakeApi, answer: str, code: int, posts: int
) -> None:
    child = at_a_terminal(wan, "generate", "a fox", "--count", "2")
    child.expect_exact("price: $3.15 for 2 generations; submit? [y/N] ")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    wan("--version")
    assert (child.exitstatus, len(api.posts)) == (code, posts)
    assert (child.before or "").endswith("2 of 2 saved · $3.15\r\n") is (code == 0)


def test_a_dry_run_prints_each_request_and_the_total_price(wan: Wan, api: FakeApi) -> None:
    result = wan("generate", "a fox", "--count", "2", "--seed", "-1", "-n", env=NO_KEY)
    assert [json.loads(line)["seed"] for line in result.out.splitlines()] == [-1, 0]
    assert result.err.splitlines()[-1] == "price: $3.15 for 2 generations"
    assert api.posts == []


def test_a_failed_variation_sets_the_exit_code_and_the_others_are_saved(
    wan: Wan, api: FakeApi
) -> None:
    api.on_post(Reply(), refusal(400, "no such shape"))
    result = wan("generate", "a fox", "--count", "3", "--seed", "1", "--yes", "--json")
    assert result.code == 6
    assert sorted(line["exit_code"] for line in result.json_lines) == [0, 0, 6]
    assert len(api.posts) == 3
    assert len(api.accepted) == 2


def test_a_lost_reply_is_never_sent_again(wan: Wan, api: FakeApi) -> None:
    api.on_post(Reply(fault="reset", accept=True))
    result = wan("generate", "a fox", "--count", "3", "--yes", "--json")
    assert result.code == 0
    assert len(api.posts) == len(api.accepted) == 3
    assert {line["id"] for line in result.json_lines} == {post.id for post in api.posts}


def test_after_a_kill_fetch_gets_the_paid_videos_and_a_second_run_pays_again(
    wan: Wan, api: FakeApi
) -> None:
    api.looks = 100_000
    running = wan.start("generate", "a fox", "--count", "2", "--yes")
    wait_until(lambda: running.err.count("submitted ") == 2)
    running.kill()
    running.process.wait()
    api.looks = 0
    for state in api.generations.values():
        state.looks = 0
    assert len(wan("fetch", "--all").out.splitlines()) == 2
    assert len(api.accepted) == 2
    assert wan("generate", "a fox", "--count", "2", "--yes").code == 0
    assert len(api.accepted) == 4


def test_a_second_run_for_the_same_files_continues_the_generations_in_flight(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    command = ["generate", "a fox", "--count", "2", "--yes", "-o", "fox.mp4"]
    assert wan(*command, "--no-wait").code == 0
    result = wan(*command)
    assert result.code == 0
    assert len(api.accepted) == 2
    assert sorted(result.out.splitlines()) == [f"{work}/fox-{number}.mp4" for number in (1, 2)]
    assert result.err.count("continuing with generation") == 2


def test_an_interrupted_command_says_that_all_generations_continue(wan: Wan, api: FakeApi) -> None:
    api.looks = 100_000
    running = wan.start("generate", "a fox", "--count", "2", "--yes")
    wait_until(lambda: running.err.count("submitted ") == 2)
    running.kill(2)
    result = running.wait()
    assert result.code in (-2, 130)
    hinted = result.err.rpartition("hint: wan fetch ")[2].split()
    assert {*hinted} == {post.id for post in api.posts}
    assert len(api.accepted) == 2


def test_like_starts_from_a_request_and_flags_override(wan: Wan, api: FakeApi) -> None:
    first = wan("generate", "a fox", "--duration", "5", "--multi-shot", "--seed", "7", "--no-wait")
    assert wan("generate", "--like", first.out.strip(), "--no-wait", "--again").code == 0
    assert api.posts[1].raw == api.posts[0].raw
    flags = ["--seed", "8", "--single-shot", "--resolution", "720p"]
    assert wan("generate", "a hen", "--like", "@last", *flags, "--no-wait").code == 0
    assert api.posts[2].body == {
        **api.posts[0].body,
        "prompt": "a hen",
        "resolution": "720p",
        "shot_type": "single",
        "seed": 8,
    }


def test_like_ignores_the_request_settings_and_stdin(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "a fox", "--no-wait").code == 0
    env = {"WAN_RESOLUTION": "720p", "WAN_SEED": "5"}
    result = wan("generate", "--like", "@last", "--no-wait", input=b"a hen", env=env)
    assert result.code == 0
    assert api.posts[1].raw == api.posts[0].raw
    assert wan("generate", "-", "--like", "@last", "--no-wait", input=b"a hen").code == 0
    assert api.posts[2].body["prompt"] == "a hen"


def test_like_takes_any_form_of_an_id(wan: Wan, api: FakeApi) -> None:
    api.ids = ["-G3b3vVKdoC42fMNeK1T5"]
    assert wan("generate", "a fox", "--no-wait").code == 0
    for word in ("-G3b3vVKdoC42fMNeK1T5", "-G3b3vVK", "@last"):
        dry = wan("generate", "--like", word, "--count", "2", "-n", env=NO_KEY)
        assert [json.loads(line)["prompt"] for line in dry.out.splitlines()] == ["a fox"] * 2


@pytest.mark.parametrize(
    ("word", "words"),
    [("@last", "the history is empty"), ("abc", "too short"), ("abcdefgh", "not in the history")],
)
def test_like_needs_a_generation_that_the_history_knows(
    wan: Wan, api: FakeApi, word: str, words: str
) -> None:
    result = wan("generate", "--like", word)
    assert (result.code, api.posts) == (2, [])
    assert words in result.err


def test_like_of_a_generation_of_another_machine_says_so(wan: Wan, api: FakeApi) -> None:
    made = wan("generate", "a fox", "--no-wait", env={"WAN_HOME": str(wan.work / "other")})
    wan("fetch", made.out.strip(), "-q")
    result = wan("generate", "--like", made.out.strip())
    assert (result.code, len(api.posts)) == (2, 1)
    assert "another machine" in result.err


def test_like_repeats_a_sandbox_generation_on_the_real_service(wan: Wan, api: FakeApi) -> None:
    pytest.importorskip("av")
    api.check_files = False  # The sandbox made the video.
    tried = wan("generate", "a fox", "--duration", "5", "--no-wait", "--sandbox").out.strip()
    assert wan("generate", "--like", tried, "--no-wait").code == 0
    (post,) = api.posts
    assert (post.body["prompt"], post.body["duration"]) == ("a fox", 5)


def test_like_keeps_the_picture_and_its_model(wan: Wan, api: FakeApi) -> None:
    image = ["--image", "https://example.com/fox.png"]
    assert wan("generate", "a fox", "--model", "2.6-i2v", *image, "--no-wait").code == 0
    assert wan("generate", "a hen", "--like", "@last", "--no-wait").code == 0
    assert api.posts[1].body == {**api.posts[0].body, "prompt": "a hen"}


def test_like_sends_a_local_picture_again(wan: Wan, api: FakeApi, work: Path) -> None:
    Image.new("RGB", (640, 480), "red").save(work / "fox.png")
    options = ["--model", "2.6-i2v", "--image", "fox.png", "--no-wait"]
    assert wan("generate", "a fox", *options).code == 0
    assert wan("generate", "a hen", "--like", "@last", "--no-wait").code == 0
    first, second = (post.body for post in api.posts)
    assert str(second["image_url"]).startswith("data:image/")
    assert second == {**first, "prompt": "a hen"}
    (work / "fox.png").unlink()
    gone = wan("generate", "--like", "@last", "--no-wait")
    assert (gone.code, len(api.posts)) == (2, 2)
    assert "the picture that was sent is gone, or has changed" in gone.err


def test_like_asks_for_a_picture_that_is_gone() -> None:
    fields = {"prompt": "sha256:no-picture", "image_urls": ["https://example.com/a.png"]}
    refuse_lost_pictures(fields)
    for value in ("sha256:0123", ["https://example.com/a.png", "sha256:0123"]):
        with pytest.raises(UsageError, match="the picture that was sent is gone") as caught:
            refuse_lost_pictures(fields | {"image_url": value})
        assert "--image FILE" in caught.value.hint
