"""wan generate, run as a real command: the request, the output and the files."""

import json
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply, forever

NO_KEY = {"AIMLAPI_API_KEY": None}
MODEL = "alibaba/wan-2-6-t2v"


def body(api: FakeApi) -> dict[str, object]:
    """Return the body of the only POST, without model and prompt."""
    assert len(api.posts) == 1
    sent = dict(api.posts[0].body)
    assert (sent.pop("model"), sent.pop("prompt")) == (MODEL, "a fox")
    return sent


def configure(home: Path, text: str) -> None:
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "config.toml").write_text(text)
    (home / "config.toml").chmod(0o600)


def test_a_prompt_becomes_a_file(wan: Wan, api: FakeApi, work: Path) -> None:
    result = wan("generate", "A red fox", "--multi-shot")
    assert api.posts[0].raw == (
        b'{"model":"alibaba/wan-2-6-t2v","prompt":"A red fox","shot_type":"multi"}'
    )
    assert result.code == 0
    path = Path(result.out.removesuffix("\n"))
    assert result.out.count("\n") == 1
    assert path.parent == work
    assert path.name.startswith("a-red-fox-")
    assert path.read_bytes() == api.video
    assert api.posts[0].id is not None
    price, submitted, *states = result.err.splitlines()
    assert (price, submitted) == ("price: $1.58", f"submitted {api.posts[0].id}")
    assert [line.split()[-1] for line in states] == [
        "queued",
        "generating",
        "completed",
        "downloading",
    ]


def test_the_request_carries_key_and_label(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "a fox", "--no-wait").code == 0
    headers = api.posts[0].headers
    assert headers["Authorization"] == "Bearer test-key-0123456789abcdef"
    assert headers["Content-Type"] == "application/json"
    assert api.posts[0].label == api.posts[0].client_request_id


def test_no_wait_prints_only_the_id(wan: Wan, api: FakeApi, work: Path) -> None:
    result = wan("generate", "a fox", "--no-wait")
    assert (result.code, result.out) == (0, f"{api.posts[0].id}\n")
    assert api.cdn.requests == []
    assert list(work.iterdir()) == []


def test_json_prints_everything_on_one_line(wan: Wan, api: FakeApi) -> None:
    result = wan("generate", "a fox", "--seed", "7", "--json")
    (line,) = result.json_lines
    assert result.code == line["exit_code"] == 0
    assert line["id"] == api.posts[0].id
    assert line["client_request_id"] == api.posts[0].label
    assert line["status"] == "completed"
    assert line["model"] == MODEL
    assert line["request"] == api.posts[0].body == {"model": MODEL, "prompt": "a fox", "seed": 7}
    assert line["created_at"].endswith("Z")
    assert line["updated_at"] >= line["created_at"]
    assert line["elapsed_s"] > 0
    assert (line["credits_used"], line["cost_usd"]) == (3_150_000, 1.575)
    assert line["video_url"].startswith("http")
    assert line["url_expires_at"] == "2100-01-01T00:00:00.000Z"
    assert Path(line["file"]).stat().st_size == line["bytes"] == len(api.video)
    assert "error" not in line


@pytest.mark.parametrize(
    "argv",
    [
        ["generate", "a fox", "--nope"],
        ["generate", "a fox", "--duration", "7"],
        ["generate", "a fox", "a hen"],
        ["status"],
        ["nonsense"],
    ],
)
def test_json_also_prints_one_line_for_wrong_usage(wan: Wan, api: FakeApi, argv: list[str]) -> None:
    result = wan(*argv, "--json")
    (line,) = result.json_lines
    assert result.code == line["exit_code"] == 2
    assert line["error"].keys() == {"code", "message", "hint"}
    assert result.err.startswith("error: ")
    assert api.posts == []


@pytest.mark.parametrize(
    ("argv", "fields"),
    [
        (
            "--audio-url https://example.com/a.mp3 --aspect-ratio 9:16 --resolution 720p"
            " --duration 5 --negative-prompt --rain --shot-type single --seed 7 --enhance-prompt",
            {
                "audio_url": "https://example.com/a.mp3",
                "aspect_ratio": "9:16",
                "resolution": "720p",
                "duration": 5,
                "negative_prompt": "--rain",
                "shot_type": "single",
                "seed": 7,
                "enhance_prompt": True,
            },
        ),
        ("--single-shot --generate-audio", {"shot_type": "single", "generate_audio": True}),
        (
            "--no-generate-audio --no-enhance-prompt --seed -1",
            {"generate_audio": False, "seed": -1, "enhance_prompt": False},
        ),
    ],
)
def test_each_flag_sends_its_field_and_no_other(
    wan: Wan, api: FakeApi, argv: str, fields: dict[str, object]
) -> None:
    assert wan("generate", "a fox", "--no-wait", *argv.split()).code == 0
    assert body(api) == fields


def test_another_model_is_sent(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "a fox", "--no-wait", "--model", "alibaba/wan-2-7-t2v").code == 0
    assert api.posts[0].body["model"] == "alibaba/wan-2-7-t2v"


def test_flags_override_the_environment_which_overrides_the_file(
    wan: Wan, api: FakeApi, home: Path
) -> None:
    configure(home, '[generate]\nduration = 15\nresolution = "720p"\nseed = 3\nshot_type="multi"\n')
    env = {"WAN_DURATION": "10", "WAN_RESOLUTION": "1080p", "WAN_GENERATE_AUDIO": "false"}
    assert wan("generate", "a fox", "--no-wait", "--duration", "5", env=env).code == 0
    assert body(api) == {
        "duration": 5,
        "resolution": "1080p",
        "seed": 3,
        "shot_type": "multi",
        "generate_audio": False,
    }


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--multi-shot", "--no-enhance-prompt"], "no effect"),
        (["--audio-url", "https://example.com/a.mp3", "--no-generate-audio"], "no effect"),
        (["--multi-shot", "--single-shot"], "contradict"),
        (["--aspect-ratio", "2:1"], "16:9, 9:16, 1:1, 4:3, 3:4"),
        (["--timeout", "0"], "above 0"),
        (["--poll-interval", "nan"], "above 0"),
        (["--max-cost", "-1"], "--max-cost"),
    ],
)
def test_wrong_values_and_fields_without_effect_are_refused(
    wan: Wan, api: FakeApi, argv: list[str], words: str
) -> None:
    result = wan("generate", "a fox", *argv)
    assert (result.code, result.out) == (2, "")
    assert words in result.err.splitlines()[0]
    assert api.posts == []


def test_without_a_key_nothing_is_sent(wan: Wan, api: FakeApi, work: Path) -> None:
    result = wan("generate", "a fox", "-o", "sub/x.mp4", env=NO_KEY)
    assert (result.code, result.out, api.posts) == (3, "", [])
    assert "hint: wan config set api_key" in result.err


def test_a_dry_run_sends_nothing_and_creates_nothing(
    wan: Wan, api: FakeApi, work: Path, home: Path
) -> None:
    result = wan("generate", "a fox", "-n", "--duration", "5", "-o", "sub/x.mp4", env=NO_KEY)
    assert result.code == 0
    assert json.loads(result.out) == {"model": MODEL, "prompt": "a fox", "duration": 5}
    assert result.err == "price: $0.79\n"
    assert (api.posts, list(work.iterdir())) == ([], [])
    assert not (home / "history.db").exists()


def test_a_dry_run_can_print_json(wan: Wan, api: FakeApi) -> None:
    (line,) = wan("generate", "a fox", "--dry-run", "--json", env=NO_KEY).json_lines
    assert line["request"] == {"model": MODEL, "prompt": "a fox"}
    assert line["cost_usd"] == 1.575


def test_quiet_prints_only_errors(wan: Wan, api: FakeApi) -> None:
    result = wan("generate", "a fox", "-q")
    assert (result.code, result.err) == (0, "")
    api.error = {"name": "Moderation", "message": "not nice"}
    result = wan("generate", "a hen", "-q")
    assert result.code == 9
    assert [line.split(":")[0] for line in result.err.splitlines()] == ["error", "hint"]


def test_the_configuration_can_set_no_wait(wan: Wan, api: FakeApi, home: Path) -> None:
    configure(home, "wait = false\n")
    assert wan("generate", "a fox").out == f"{api.posts[0].id}\n"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(status=401), 4),
        (Reply(status=403, body={"message": "You've run out of credits."}), 5),
        (Reply(status=422), 6),
        (Reply(status=429, headers={"Retry-After": "3600"}), 7),
        (Reply(status=502, accept=False), 10),
    ],
)
def test_a_refused_submission_has_its_exit_code(
    wan: Wan, api: FakeApi, reply: Reply, code: int
) -> None:
    api.on_post(reply)
    result = wan("generate", "a fox", "--json", "--timeout", "2")
    (line,) = result.json_lines
    assert result.code == line["exit_code"] == code
    assert len(api.posts) == 1
    assert result.err.splitlines()[-1].startswith("hint: ")


def test_an_unreachable_server_is_11(wan: Wan, closed_port: int) -> None:
    env = {"WAN_BASE_URL": f"http://127.0.0.1:{closed_port}"}
    result = wan("generate", "a fox", "--timeout", "1", env=env)
    assert (result.code, result.out) == (11, "")
    assert "nothing was submitted" in result.err


def test_at_the_deadline_generate_exits_with_8_and_prints_the_id(wan: Wan, api: FakeApi) -> None:
    api.looks = 100_000
    result = wan("generate", "a fox", "--timeout", "0.3", "--json")
    (line,) = result.json_lines
    assert result.code == line["exit_code"] == 8
    assert line["id"] == api.posts[0].id
    assert f"hint: wan fetch {api.posts[0].id}" in result.err


def test_a_generation_that_fails_is_9(wan: Wan, api: FakeApi) -> None:
    api.error = {"name": "Moderation", "message": "not nice"}
    result = wan("generate", "a fox", "--json")
    (line,) = result.json_lines
    assert (result.code, line["status"], line["exit_code"]) == (9, "error", 9)
    assert "not nice" in line["error"]["message"]


def test_a_failed_download_is_12_and_fetch_gets_the_video_later(wan: Wan, api: FakeApi) -> None:
    whole, api.video = api.video, b"<html>no video</html>"
    result = wan("generate", "a fox", "--json", "--timeout", "3")
    (line,) = result.json_lines
    assert result.code == line["exit_code"] == 12
    assert "file" not in line
    api.video = whole
    fetched = wan("fetch", line["id"])
    assert fetched.code == 0
    assert Path(fetched.out.strip()).read_bytes() == whole


def test_the_same_request_again_is_another_submission(wan: Wan, api: FakeApi) -> None:
    first, second = (wan("generate", "a fox", "--no-wait").out for _ in range(2))
    assert first != second


def test_an_identical_request_is_refused_until_the_first_is_resolved(
    wan: Wan, api: FakeApi
) -> None:
    api.on_post(Reply(status=502, accept=False))
    assert wan("generate", "a fox", "--timeout", "1").code == 10
    refused = wan("generate", "a fox")
    assert (refused.code, len(api.posts)) == (10, 1)
    assert "--again" in refused.err
    assert wan("generate", "a fox", "--again", "--no-wait").code == 0
    assert len(api.posts) == 2


def test_a_warning_of_the_configuration_goes_to_stderr(wan: Wan, api: FakeApi) -> None:
    result = wan("generate", "a fox", "--no-wait", env={"AIML_API_KEY": "another-key-0123456789"})
    assert result.code == 0
    assert result.err.startswith("warning: ")
    assert "AIML_API_KEY" in result.err
    assert "another-key" not in result.err


def test_if_the_key_is_refused_during_the_wait_the_id_is_kept(wan: Wan, api: FakeApi) -> None:
    api.on_get(forever(Reply(status=401)))
    (line,) = wan("generate", "a fox", "--json").json_lines
    assert (line["exit_code"], line["id"]) == (4, api.posts[0].id)
