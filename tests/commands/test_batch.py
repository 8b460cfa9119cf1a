"""wan batch: it pays for each row once, whatever happens and however often it runs."""

import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pexpect
import pytest

from tests.engines import BOTH
from tests.fake.api import FakeApi
from tests.fake.process import Result, Wan
from tests.fake.script import Reply, forever, refusal
from tests.fake.waiting import wait_until
from tests.terminal import at_a_terminal

PROMPTS = ("a fox", "a hen", "an owl")


@pytest.fixture
def file(work: Path) -> Path:
    """A batch of three prompts."""
    path = work / "prompts.txt"
    path.write_text("".join(f"{prompt}\n" for prompt in PROMPTS))
    return path


def sent(api: FakeApi) -> Counter[str]:
    """Return how often the API accepted each prompt."""
    return Counter(str(post.body["prompt"]) for post in api.accepted)


def once(*prompts: str) -> Counter[str]:
    return Counter(prompts)


def videos(result: Result) -> list[str]:
    return sorted(Path(line).name.rpartition("-")[0] for line in result.out.splitlines())


@BOTH
def test_all_rows_become_files_and_a_second_run_pays_nothing(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    first = wan("batch", "--yes", file.name)
    assert (first.code, videos(first)) == (0, ["a-fox", "a-hen", "an-owl"])
    assert all(Path(line).read_bytes() == api.video for line in first.out.splitlines())
    again = wan("batch", "--yes", "prompts.txt")
    assert (again.code, sorted(again.out.splitlines())) == (0, sorted(first.out.splitlines()))
    assert "\n3 rows were finished by earlier runs\n" in f"\n{again.err}"
    assert sent(api) == once(*PROMPTS)


@BOTH
def test_after_a_row_is_added_a_run_pays_only_for_that_row(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    assert wan("batch", "--yes", file.name).code == 0
    file.write_text("a wolf\n\n" + file.read_text())
    assert wan("batch", "--yes", str(file)).code == 0
    assert sent(api) == once(*PROMPTS, "a wolf")


@BOTH
def test_equal_rows_are_two_videos(wan: Wan, api: FakeApi, file: Path) -> None:
    file.write_text("a fox\na fox\n")
    for _ in range(2):
        result = wan("batch", "--yes", file.name)
        assert (result.code, len(set(result.out.splitlines()))) == (0, 2)
    assert sent(api) == {"a fox": 2}


def test_a_deleted_video_is_downloaded_again(wan: Wan, api: FakeApi, file: Path) -> None:
    saved = [Path(line) for line in wan("batch", "--yes", file.name, "-q").out.splitlines()]
    saved[0].unlink()
    assert wan("batch", "--yes", file.name, "-q").code == 0
    assert saved[0].read_bytes() == api.video
    assert sent(api) == once(*PROMPTS)


def test_concurrency_limits_the_generations_in_flight(wan: Wan, api: FakeApi, file: Path) -> None:
    api.looks = 10**6
    running = wan.start("batch", "--yes", file.name, "--concurrency", "2")
    wait_until(lambda: len(api.accepted) == 2)
    looks = len(api.gets)
    wait_until(lambda: len(api.gets) > looks + 4)
    assert len(api.accepted) == 2
    api.generations[str(api.accepted[0].id)].status = "completed"
    wait_until(lambda: len(api.accepted) == 3)
    for generation in api.generations.values():
        generation.status = "completed"
    assert running.wait().code == 0


def test_wan_reports_every_mistake_before_it_pays(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "rows.csv").write_text("prompt,duration\na fox,5\na hen,7\n,5\n")
    result = wan("batch", "--yes", "rows.csv")
    assert (result.code, result.out) == (2, "")
    assert result.err.splitlines() == [
        "rows.csv:3: duration: '7' is not one of: 5, 10, 15",
        "rows.csv:4: the prompt is empty",
        "error: 2 rows of rows.csv cannot be used",
        "hint: correct the file, then run the same command again; nothing was submitted",
    ]
    (told,) = wan("batch", "--yes", "rows.csv", "--json").json_lines
    assert told["exit_code"] == 2
    assert "rows.csv:3: " in told["error"]["message"]
    assert "rows.csv:4: " in told["error"]["message"]
    assert api.posts == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read rows.txt: No such file"),
        (b"\n \n", "rows.txt holds no prompt"),
        (b"a fox\na h\xe9n\n", "rows.txt is not UTF-8: invalid byte 0xe9 at offset 9"),
        ("a fox".encode("utf-16"), "rows.txt is not UTF-8: invalid byte 0xff at offset 0"),
        (b"x" * (2**26 + 1), "rows.txt is larger than 64 MiB"),
    ],
)
def test_a_file_that_is_not_a_batch_is_wrong_usage(
    wan: Wan, api: FakeApi, work: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (work / "rows.txt").write_bytes(content)
    result = wan("batch", "--yes", "rows.txt")
    assert (result.code, result.out) == (2, "")
    assert f"error: {words}" in result.err
    assert api.posts == []


def test_batch_reads_rows_from_stdin(wan: Wan, api: FakeApi) -> None:
    rows = b'{"prompt":"a fox","duration":5}\n{"prompt":"a hen"}\n'
    for _ in range(2):
        result = wan("batch", "--yes", "-", "--resolution", "720p", input=rows)
        assert (result.code, videos(result)) == (0, ["a-fox", "a-hen"])
    assert [post.body.get("duration") for post in api.accepted] == [5, None]
    assert {post.body["resolution"] for post in api.accepted} == {"720p"}


def test_the_output_of_a_row_sets_the_path_of_its_video(
    wan: Wan, work: Path, env: dict[str, str]
) -> None:
    rows = [
        {"prompt": "a fox", "output": "one.mp4"},
        {"prompt": "a hen", "output": "birds/"},
        {"prompt": "an owl", "name": "owl"},
        {"prompt": "a gull", "output": "birds/", "name": "{row}-{slug}-{seed}", "seed": 7},
        {"prompt": "a wolf", "output": str(work / "elsewhere" / "wolf.mp4")},
        {"prompt": "a cat", "output": "~/cat.mp4"},
    ]
    (work / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    result = wan("batch", "--yes", "rows.jsonl", "--output-dir", "clips")
    assert result.code == 0
    clips = work / "clips"
    (hen,) = set(map(Path, result.out.splitlines())) - {
        clips / "one.mp4",
        clips / "owl.mp4",
        clips / "birds" / "4-a-gull-7.mp4",
        work / "elsewhere" / "wolf.mp4",
        Path(env["HOME"]) / "cat.mp4",
    }
    assert hen.parent == clips / "birds"
    assert hen.name.startswith("a-hen-")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"output": "there.mp4"}, "there.mp4 already exists"),
        ({"name": "there"}, "there.mp4 already exists"),
        ({"output": "-"}, "a batch cannot write videos to stdout"),
        ({"output": "a.mp4", "name": "b"}, "both name the file"),
        ({"name": "a/b"}, "contains a slash"),
        ({"name": "{nonsense}"}, "name template"),
        ({"output": "first.mp4"}, "line 1 uses the file name first.mp4 too"),
    ],
)
def test_wan_reports_an_impossible_output_with_its_line(
    wan: Wan, api: FakeApi, work: Path, row: dict[str, str], words: str
) -> None:
    (work / "there.mp4").write_bytes(b"mine")
    rows = [{"prompt": "a fox", "output": "first.mp4"}, {"prompt": "a hen"} | row]
    (work / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    result = wan("batch", "--yes", "rows.jsonl")
    assert result.code == 2
    assert "error: rows.jsonl:2: " in result.err
    assert words in result.err
    assert api.posts == []
    api.check_files = False  # One file is not a video.


def test_force_replaces_existing_files(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "there.mp4").write_bytes(b"mine")
    (work / "rows.jsonl").write_text('{"prompt":"a fox","name":"there"}')
    assert wan("batch", "--yes", "rows.jsonl", "--force").code == 0
    assert (work / "there.mp4").read_bytes() == api.video


def test_wan_finds_a_folder_without_write_permission_before_it_pays(
    wan: Wan, api: FakeApi, file: Path, work: Path
) -> None:
    (work / "clips").write_text("a file")
    result = wan("batch", "--yes", file.name, "--output-dir", "clips")
    assert result.code == 13
    assert "clips: it is not a folder" in result.err
    assert api.posts == []


@BOTH
def test_shards_share_the_rows(wan: Wan, api: FakeApi, file: Path) -> None:
    even = wan("batch", "--yes", file.name, "--shard", "0/2")
    assert videos(even) == ["a-fox", "an-owl"]
    array = {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "2"}
    assert videos(wan("batch", "--yes", file.name, "--shard", "auto", env=array)) == ["a-hen"]
    assert wan("batch", "--yes", file.name).code == 0
    assert sent(api) == once(*PROMPTS)


def test_json_has_a_line_for_each_row(wan: Wan, api: FakeApi, file: Path) -> None:
    api.on_post(Reply(), refusal(400, "not nice"))
    result = wan("batch", "--yes", file.name, "--json", "--concurrency", "1")
    told = {line["row"]: line for line in result.json_lines}
    assert {row: line["status"] for row, line in told.items()} == {
        1: "completed",
        2: "rejected",
        3: "completed",
    }
    assert told[2]["error"]["message"].startswith("prompts.txt:2: ")
    assert told[2]["exit_code"] == result.code == 6
    assert Path(told[1]["file"]).exists()


def test_no_wait_prints_ids_and_a_later_run_saves_the_videos(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    result = wan("batch", "--yes", file.name, "--no-wait", "--concurrency", "1")
    assert (result.code, result.out.split()) == (0, [post.id for post in api.accepted])
    assert len(api.accepted) == 3
    assert wan("batch", "--yes", file.name, "--no-wait").out == result.out
    saved = wan("batch", "--yes", file.name)
    assert (saved.code, videos(saved)) == (0, ["a-fox", "a-hen", "an-owl"])
    assert sent(api) == once(*PROMPTS)


# Failures of a row.


def test_the_next_run_submits_only_the_refused_row_again(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    api.on_post(refusal(400, "not nice"))
    result = wan("batch", "--yes", file.name)
    assert (result.code, videos(result)) == (6, ["a-hen", "an-owl"])
    assert "error: prompts.txt:1: " in result.err
    assert wan("batch", "--yes", file.name).code == 0
    assert sent(api) == once(*PROMPTS)


@BOTH
def test_a_failed_generation_is_submitted_again_only_on_request(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    api.looks = 10**6
    running = wan.start("batch", "--yes", file.name)
    wait_until(lambda: len(api.accepted) == 3)
    for generation in api.generations.values():
        generation.looks = 0
    hen = next(str(post.id) for post in api.accepted if post.body["prompt"] == "a hen")
    api.generations[hen].fail("too many feathers")
    result = running.wait()
    assert (result.code, videos(result)) == (9, ["a-fox", "an-owl"])
    assert "prompts.txt:2: generation" in result.err
    assert "hint: change the row, or add --retry-failed to the same command" in result.err
    api.looks = 0
    assert wan("batch", "--yes", file.name).code == 9
    assert sent(api) == once(*PROMPTS)
    retried = wan("batch", "--yes", file.name, "--retry-failed")
    assert (retried.code, len(retried.out.splitlines())) == (0, 3)
    assert sent(api) == {"a fox": 1, "a hen": 2, "an owl": 1}
    assert wan("batch", "--yes", file.name).code == 0
    assert sent(api)["a hen"] == 2


def test_fail_fast_stops_submitting_and_saves_the_paid_videos(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    api.on_post(Reply(), refusal(400, "not nice"))
    result = wan("batch", "--yes", file.name, "--fail-fast")
    assert (result.code, videos(result)) == (6, ["a-fox"])
    assert "1 rows were not submitted" not in result.err
    assert "1 row was not submitted" in result.err
    assert len(api.posts) == 2


def test_a_refused_key_ends_the_batch(wan: Wan, api: FakeApi, file: Path) -> None:
    api.on_post(forever(refusal(401, "Unauthorized")))
    result = wan("batch", "--yes", file.name)
    assert (result.code, result.out) == (4, "")
    assert "2 rows were not submitted" in result.err
    assert len(api.posts) == 1


def test_if_the_server_is_down_batch_exits_with_11_and_sends_nothing(
    wan: Wan, api: FakeApi, file: Path, closed_port: int
) -> None:
    file.write_text("a fox\n")
    gone = {"WAN_BASE_URL": f"http://127.0.0.1:{closed_port}"}
    assert wan("batch", "--yes", file.name, "--timeout", "1", env=gone).code == 11
    assert wan("batch", "--yes", file.name).code == 0
    assert sent(api) == once("a fox")


@BOTH
def test_batch_finds_a_lost_reply_in_the_log_and_does_not_pay_again(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    api.on_post(Reply(), Reply(accept=True, fault="reset"))
    result = wan("batch", "--yes", file.name)
    assert (result.code, videos(result)) == (0, ["a-fox", "a-hen", "an-owl"])
    assert sent(api) == once(*PROMPTS)


def test_an_unknown_outcome_is_10_until_the_log_shows_it(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    api.on_post(Reply(), Reply(accept=True, fault="reset"))
    api.on_logs(forever(refusal(403, "not allowed")))
    result = wan("batch", "--yes", file.name)
    assert (result.code, videos(result)) == (10, ["a-fox", "an-owl"])
    assert "error: prompts.txt:2: " in result.err
    assert wan("batch", "--yes", file.name).code == 10
    assert sent(api) == once(*PROMPTS)
    api.on_logs.clear()
    found = wan("batch", "--yes", file.name)
    assert (found.code, videos(found)) == (0, ["a-fox", "a-hen", "an-owl"])
    assert sent(api) == once(*PROMPTS)


@BOTH
def test_again_submits_a_row_whose_outcome_is_unknown(wan: Wan, api: FakeApi, file: Path) -> None:
    file.write_text("a fox\n")
    api.on_post(Reply(status=502, accept=False))
    api.on_logs(forever(refusal(403, "not allowed")))
    assert wan("batch", "--yes", file.name).code == 10
    assert api.accepted == []
    assert wan("batch", "--yes", file.name, "--again").code == 0
    assert sent(api) == once("a fox")
    assert wan("batch", "--yes", file.name).code == 0
    assert sent(api) == once("a fox")


@BOTH
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_batch_continues_where_it_stopped(
    wan: Wan, api: FakeApi, file: Path, number: int
) -> None:
    api.looks = 10**6
    running = wan.start("batch", "--yes", file.name, "--concurrency", "2")
    wait_until(lambda: len(api.gets) > 4)
    running.kill(number)
    stopped = running.wait()
    assert stopped.code == -number
    if number != signal.SIGKILL:
        assert "interrupted; generations " in stopped.err
        assert f"hint: wan batch --yes {file.name} --concurrency 2\n" in stopped.err
    for generation in api.generations.values():
        generation.status = "completed"
    api.looks = 0
    result = wan("batch", "--yes", file.name)
    assert (result.code, videos(result)) == (0, ["a-fox", "a-hen", "an-owl"])
    assert sent(api) == once(*PROMPTS)


def test_the_next_run_resolves_a_submission_that_was_killed(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    api.on_post(Reply(), Reply(fault="hang"))
    running = wan.start("batch", "--yes", file.name)
    wait_until(lambda: len(api.accepted) == 2)
    running.kill()
    running.wait()
    api.release()
    result = wan("batch", "--yes", file.name)
    assert (result.code, videos(result)) == (0, ["a-fox", "a-hen", "an-owl"])
    assert sent(api) == once(*PROMPTS)


def test_two_runs_at_once_pay_for_each_row_once(wan: Wan, api: FakeApi, file: Path) -> None:
    file.write_text("".join(f"fox {number}\n" for number in range(8)))
    api.looks = 3
    both = [wan.start("batch", "--yes", file.name) for _ in range(2)]
    results = [running.wait(60) for running in both]
    assert [result.code for result in results] == [0, 0]
    assert sent(api) == {f"fox {number}": 1 for number in range(8)}
    assert len(set(results[0].out.splitlines() + results[1].out.splitlines())) == 8


def test_each_generation_has_the_whole_timeout(wan: Wan, api: FakeApi, file: Path) -> None:
    file.write_text("a fox\na hen\n")
    api.looks = 10**6
    result = wan("batch", "--yes", file.name, "--timeout", "1", "--concurrency", "1")
    assert (result.code, result.out) == (8, "")
    assert result.err.count("is still ") == 2
    assert sent(api) == once("a fox", "a hen")


@pytest.mark.parametrize("options", [[], ["--again"], ["--retry-failed"]])
def test_two_runs_at_once_wait_for_each_others_submissions(
    wan: Wan, api: FakeApi, file: Path, options: list[str]
) -> None:
    api.on_post(*[Reply(delay=0.7)] * 3, *[Reply(status=429, headers={"Retry-After": "1"})] * 2)
    both = [wan.start("batch", "--yes", file.name, *options) for _ in range(2)]
    assert [running.wait(60).code for running in both] == [0, 0]
    assert sent(api) == once(*PROMPTS)


def test_again_searches_the_log_before_it_pays_again(wan: Wan, api: FakeApi, file: Path) -> None:
    file.write_text("a fox\n")
    api.on_post(Reply(fault="hang"))
    running = wan.start("batch", "--yes", file.name, "--again")
    wait_until(lambda: len(api.accepted) == 1)
    running.kill()
    running.wait()
    api.release()
    assert wan("batch", "--yes", file.name, "--again").code == 0
    assert sent(api) == once("a fox")


def test_a_rate_limited_submission_does_not_delay_other_rows(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    api.looks = 10**6
    api.on_post(Reply(), Reply(status=429, headers={"Retry-After": "59"}))
    running = wan.start("batch", "--yes", file.name)
    running.wait_for("the API is rate limited; trying again in 59 s")
    api.generations[str(api.accepted[0].id)].status = "completed"
    running.wait_for(".mp4\n")  # wan waits half a minute for it, and less than 59 s.
    running.kill(signal.SIGTERM)
    assert "interrupted; submitted generations are safe" in running.wait().err
    api.looks = 0
    api.on_post.clear()
    assert wan("batch", "--yes", file.name).code == 0
    assert sent(api) == once(*PROMPTS)


def test_a_retried_row_is_retried_like_any_other(wan: Wan, api: FakeApi, file: Path) -> None:
    api.allow_multiple = True  # The reply says that the first one failed.
    file.write_text("a fox\n")
    api.on_post(Reply(body={"id": "{id}", "status": "error", "error": {"message": "no"}}))
    assert wan("batch", "--yes", file.name).code == 9
    api.on_post(Reply(status=429, headers={"Retry-After": "0"}))
    assert wan("batch", "--yes", file.name, "--retry-failed").code == 0
    assert [post.accepted for post in api.posts] == [True, False, True]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (refusal(403, "run out of credits"), 5),
        (Reply(status=429, headers={"Retry-After": "3600"}), 7),
    ],
)
def test_a_batch_stops_submitting_after_three_failures_in_a_row(
    wan: Wan, api: FakeApi, file: Path, reply: Reply, code: int
) -> None:
    file.write_text("".join(f"fox {number}\n" for number in range(9)))
    api.on_post(forever(reply))
    result = wan("batch", "--yes", file.name)
    tried = 3 if code == 7 else 1
    assert (result.code, len(api.posts)) == (code, tried)
    left = f"{9 - tried} rows were not submitted; to continue, run the same command again"
    assert left in result.err


def test_a_batch_stops_submitting_if_the_folder_takes_no_more_videos(
    wan: Wan, api: FakeApi, file: Path, work: Path
) -> None:
    api.looks = 10**6
    running = wan.start("batch", "--yes", file.name, "--concurrency", "1", "--output-dir", "clips")
    wait_until(lambda: len(api.gets) > 2)
    (work / "clips").rmdir()
    (work / "clips").write_text("a file")
    api.generations[str(api.accepted[0].id)].status = "completed"
    result = running.wait()
    assert (result.code, len(api.posts)) == (13, 1)
    assert result.err.count("error: ") == 3
    (work / "clips").unlink()
    api.looks = 0
    assert wan("batch", "--yes", file.name, "--output-dir", "clips").code == 0
    assert sent(api) == once(*PROMPTS)


def test_a_batch_continues_after_a_long_suspension(wan: Wan, api: FakeApi, file: Path) -> None:
    api.looks = 10**6
    running = wan.start("batch", "--yes", file.name, "--concurrency", "2", "--timeout", "1")
    wait_until(lambda: len(api.gets) > 4)
    running.kill(signal.SIGSTOP)
    time.sleep(
        2.5
    )  # Past the deadline of the generations in flight, plus a second for the last poll.
    running.kill(signal.SIGCONT)
    result = running.wait()
    assert (result.code, result.err.count("is still ")) == (8, 3)
    assert sent(api) == once(*PROMPTS)


def test_a_link_whose_target_is_replaced_is_the_same_file(
    wan: Wan, api: FakeApi, file: Path, work: Path
) -> None:
    for name in ("one", "two"):
        (work / name).mkdir()
        (work / name / "rows.txt").write_text(file.read_text())
    for name in ("one", "two"):
        (work / "current").unlink(missing_ok=True)
        (work / "current").symlink_to(name)
        assert wan("batch", "--yes", "current/rows.txt").code == 0
    assert sent(api) == once(*PROMPTS)


def test_pipes_of_all_kinds_are_stdin(wan: Wan, api: FakeApi) -> None:
    rows = b"a fox\na hen\n"
    for name in ("-", "/dev/stdin", "-"):
        assert wan("batch", "--yes", name, input=rows).code == 0
    assert sent(api) == once("a fox", "a hen")


def test_the_rows_are_new_for_another_api(wan: Wan, api: FakeApi, file: Path) -> None:
    with FakeApi() as other:
        assert wan("batch", "--yes", file.name, env={"WAN_BASE_URL": other.base_url}).code == 0
    assert wan("batch", "--yes", file.name).code == 0
    assert sent(api) == sent(other) == once(*PROMPTS)
    api.check_history = api.check_files = False  # The invariants know only one API.


def test_a_batch_stops_submitting_if_the_history_is_deleted(
    wan: Wan, api: FakeApi, file: Path, home: Path
) -> None:
    api.looks = 10**6
    running = wan.start("batch", "--yes", file.name, "--concurrency", "1")
    wait_until(lambda: len(api.gets) > 2)
    for path in home.glob("history.db*"):
        path.unlink()
    api.generations[str(api.accepted[0].id)].status = "completed"
    result = running.wait()
    assert result.code in (3, 13)
    assert "was deleted or replaced while it was in use" in result.err
    assert str(api.accepted[0].id) in result.err
    assert len(api.posts) == 1
    api.check_history = False  # There is none.


def test_a_history_that_breaks_during_a_submission_loses_no_id(
    wan: Wan, api: FakeApi, file: Path, home: Path
) -> None:
    api.on_post(Reply(delay=1.0))
    running = wan.start("batch", "--yes", file.name)
    wait_until(lambda: (home / "history.db").exists() and api.posts)
    for path in home.glob("history.db*"):
        path.write_bytes(b"garbage")
    api.check_history = False  # There is none.
    result = running.wait()
    assert (result.code, result.out) == (13, f"{api.accepted[0].id}\n")
    assert str(api.accepted[0].id) in result.err
    assert len(api.posts) == 1


def test_generate_continues_with_a_submission_of_a_killed_batch(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    api.on_post(Reply(fault="hang"))
    running = wan.start("batch", "--yes", file.name)
    wait_until(lambda: len(api.accepted) == 1)
    running.kill()
    running.wait()
    api.release()
    result = wan("generate", "a fox")
    assert result.code == 0
    assert f"accepted before as {api.accepted[0].id}: continuing with it" in result.err
    assert wan("batch", "--yes", file.name).code == 0
    assert sent(api) == once(*PROMPTS)


def test_a_variation_that_was_a_row_of_a_killed_batch_is_saved_where_the_batch_wanted_it(
    wan: Wan, api: FakeApi, file: Path, work: Path
) -> None:
    api.on_post(Reply(fault="hang"))
    running = wan.start("batch", "--yes", file.name, "--output-dir", "clips")
    wait_until(lambda: len(api.accepted) == 1)
    running.kill()
    running.wait()
    api.release()
    result = wan("generate", "a fox", "--count", "2", "--yes", "-o", "own.mp4")
    assert result.code == 0, result.err
    folders = {Path(line).parent for line in result.out.splitlines()}
    assert folders == {work, work / "clips"}
    assert len(api.posts) == 2


# Costs.


@BOTH
def test_the_budget_limits_the_whole_batch(wan: Wan, api: FakeApi, file: Path) -> None:
    over = wan("batch", "--yes", file.name, "--max-cost", "4.7")
    assert (over.code, api.posts) == (5, [])
    assert "3 generations cost 4.725 USD, more than --max-cost 4.7" in over.err
    assert wan("batch", "--yes", file.name, "--max-cost", "4.725").code == 0
    # Earlier payments count: a new run does not get a new budget.
    file.write_text(file.read_text() + "a wolf\n")
    more = wan("batch", "--yes", file.name, "--max-cost", "5")
    assert more.code == 5
    assert "one generation costs 1.575 USD (4.725 USD before it)" in more.err
    assert wan("batch", "--yes", file.name, "--max-cost", "6.3").code == 0
    assert sent(api) == once(*PROMPTS, "a wolf")


def test_a_batch_stops_submitting_if_a_generation_costs_more_than_its_price(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    api.pricing = {"kind": "fixed", "units": [{"name": "video", "price": 1.0, "per": 1}]}
    result = wan("batch", "--yes", file.name, "--max-cost", "3")
    assert (result.code, len(api.posts)) == (5, 2)
    assert "prompts.txt:3: one generation costs 1 USD (3.15 USD before it)" in result.err
    assert videos(result) == ["a-fox", "a-hen"]


def test_earlier_payments_count_even_if_the_api_reports_no_cost(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    file.write_text("a fox\na hen\n")
    bare = Reply(
        body={"id": "{id}", "status": "queued"},
        headers={"x-aimlapi-usd-spent": None, "x-aimlapi-credits-used": None},
    )
    api.on_post(bare, bare)
    assert wan("batch", "--yes", file.name, "--no-wait", "--max-cost", "3.5").code == 0
    file.write_text("a fox\na hen\nan owl\n")
    result = wan("batch", "--yes", file.name, "--no-wait", "--max-cost", "3.5")
    assert (result.code, len(api.posts)) == (5, 2)


def test_a_batch_with_a_budget_refuses_an_unknown_price(wan: Wan, api: FakeApi, file: Path) -> None:
    api.pricing = None
    result = wan("batch", "--yes", file.name, "--max-cost", "100")
    assert (result.code, api.posts) == (5, [])


def test_a_dry_run_prints_the_requests(wan: Wan, api: FakeApi, file: Path) -> None:
    api.on_post(refusal(400, "not nice"))
    assert wan("batch", "--yes", file.name).code == 6
    result = wan("batch", "--yes", file.name, "--dry-run", env={"AIMLAPI_API_KEY": None})
    assert result.code == 0
    assert [json.loads(line)["prompt"] for line in result.out.splitlines()] == ["a fox"]
    assert "price: $1.58" in result.err
    file.write_text("a cat\na dog\n")
    assert "price: $3.15 for 2 generations" in wan("batch", "--yes", file.name, "-n").err
    assert wan("batch", "--yes", file.name, "-n", "--max-cost", "3").code == 5
    file.write_text("a hen\nan owl\n")
    done = wan("batch", "--yes", file.name, "-n", "--max-cost", "3.15")
    assert (done.code, done.out, done.err) == (0, "", "price: nothing to submit\n")
    assert len(api.posts) == 3


@pytest.mark.parametrize(
    ("term", "answer", "code"),
    [("xterm", "y", 0), ("xterm", "", 2), ("xterm", "no", 2), ("dumb", "no", 2)],
)
def test_batch_asks_on_a_terminal_to_confirm_the_price(
    wan: Wan, api: FakeApi, file: Path, term: str, answer: str, code: int
) -> None:
    child = at_a_terminal(wan, "batch", file.name, term=term)
    child.expect_exact("price: $4.73 for 3 generations; submit? [y/N] ")
    assert api.posts == []
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    wan("--version")  # The invariants check only the home of the fixture's own runs.
    assert child.exitstatus == code
    assert len(api.accepted) == (0 if code else 3)
    if code:
        assert "not confirmed; nothing was sent" in (child.before or "")


@pytest.mark.parametrize("argv", [["prompts.txt"], ["-"], ["prompts.txt", "--json", "-q"]])
def test_a_script_needs_yes_or_a_limit(wan: Wan, api: FakeApi, file: Path, argv: list[str]) -> None:
    result = wan("batch", *argv, input=b"a fox\n")
    assert (result.code, api.posts) == (2, [])
    assert "--yes" in result.err
    assert "--max-cost USD" in result.err
    assert wan("batch", "prompts.txt", "--max-cost", "5", "--no-wait").code == 0
    assert len(api.posts) == 3
    assert wan("batch", "prompts.txt").code == 0, "nothing is left to pay for"


def test_a_limit_in_the_settings_counts_as_consent(wan: Wan, api: FakeApi, file: Path) -> None:
    assert wan("batch", file.name, "--no-wait", env={"WAN_MAX_COST": "1"}).code == 5
    assert wan("batch", file.name, "--no-wait", env={"WAN_MAX_COST": "5"}).code == 0


def test_batch_asks_on_a_terminal_even_if_stderr_is_redirected(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    command = f"{sys.executable} -m wan_cli batch {file.name} 2>log"
    child = pexpect.spawn(
        "/bin/sh", ["-c", command], env=wan.env, cwd=str(wan.work), timeout=30, encoding="utf-8"
    )
    child.expect_exact("submit? [y/N] ")
    assert api.posts == []
    child.sendline("no")
    child.expect(pexpect.EOF)
    child.close()
    wan("--version")
    assert (child.exitstatus, api.posts) == (2, [])


def test_batch_does_not_ask_with_yes_or_if_there_is_nothing_to_pay(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    for options in (["--yes"], []):
        child = at_a_terminal(wan, "batch", file.name, *options)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
        assert "submit?" not in (child.before or "")
    wan("--version")
    assert sent(api) == once(*PROMPTS)


@BOTH
def test_rows_of_one_key_wait_for_the_submission_of_the_first(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    rows = ["prompt,once", "an owl,", "a fox,build-7", "a fox,build-7"]
    (work / "rows.csv").write_text("\n".join(rows) + "\n")
    api.on_post(Reply(), Reply(delay=1.5))
    result = wan("batch", "--yes", "rows.csv", "--no-lookup", timeout=60)
    assert (result.code, len(api.accepted)) == (0, 2)
    assert "never sent" not in result.err
    assert "unknown" not in result.err


def test_a_late_reply_is_kept_after_the_command_stopped_waiting(
    wan: Wan, api: FakeApi, file: Path
) -> None:
    file.write_text("a fox\n")
    api.log_lag = True
    api.on_post(Reply(delay=2.5))
    running = wan("batch", "--yes", file.name, "--timeout", "1", timeout=60)
    rows = wan("list", "--json").json_lines
    assert running.code in (8, 10)
    assert [row["status"] for row in rows] in (["unknown"], ["queued"])
    assert len(api.posts) == 1
