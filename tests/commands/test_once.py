"""wan generate --once KEY: one video per key, on any machine and however often it runs."""

import re
from pathlib import Path

import pytest

from tests.engines import BOTH
from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.script import Reply, forever, refusal
from tests.fake.waiting import wait_until

LABEL = re.compile(r"wan-[0-9a-f]{32}\.1")


def other_machine(tmp_path: Path) -> dict[str, str | None]:
    return {"WAN_HOME": str(tmp_path / "other-home")}


@BOTH
def test_a_second_run_prints_the_same_path_and_pays_nothing(wan: Wan, api: FakeApi) -> None:
    first = wan("generate", "a fox", "--once", "build-7")
    again = wan("generate", "a fox", "--once", "build-7", "--max-cost", "0")
    assert (first.code, again.code) == (0, 0)
    assert again.out == first.out
    assert (
        f"continuing with generation {api.posts[0].id}, made for --once build-7; no new charge"
        in again.err
    )
    assert "price:" not in again.err
    (post,) = api.posts
    assert LABEL.fullmatch(post.label or "")


def test_a_second_run_accepts_the_existing_file(wan: Wan, api: FakeApi, work: Path) -> None:
    for _ in range(2):
        result = wan("generate", "a fox", "--once", "build-7", "-o", "clip.mp4")
        assert (result.code, result.out) == (0, f"{work / 'clip.mp4'}\n")
    assert len(api.posts) == 1
    assert [path.name for path in work.iterdir()] == ["clip.mp4"]


def test_another_file_gets_a_copy(wan: Wan, api: FakeApi, work: Path) -> None:
    assert wan("generate", "a fox", "--once", "build-7", "-o", "one.mp4").code == 0
    api.cdn.requests.clear()
    result = wan("generate", "a fox", "--once", "build-7", "-o", "two.mp4")
    assert (result.code, result.out) == (0, f"{work / 'two.mp4'}\n")
    assert (work / "one.mp4").read_bytes() == (work / "two.mp4").read_bytes() == api.video
    assert (len(api.posts), len(api.cdn.requests)) == (1, 0)


def test_a_second_run_waits_for_the_generation_in_flight(wan: Wan, api: FakeApi) -> None:
    submitted = wan("generate", "a fox", "--once", "build-7", "--no-wait")
    assert wan("generate", "a fox", "--once", "build-7", "--no-wait").out == submitted.out
    result = wan("generate", "a fox", "--once", "build-7")
    assert result.code == 0
    assert Path(result.out.strip()).read_bytes() == api.video
    assert len(api.posts) == 1


@BOTH
def test_after_a_failure_on_the_server_it_submits_again(wan: Wan, api: FakeApi) -> None:
    api.error = {"name": "ModerationError", "message": "no"}
    assert wan("generate", "a fox", "--once", "build-7").code == 9
    api.error = None
    assert wan("generate", "a fox", "--once", "build-7").code == 0
    assert wan("generate", "a fox", "--once", "build-7").code == 0
    first, second = (str(post.label).split(".") for post in api.posts)
    assert first[0] == second[0]
    assert (first[1], second[1]) == ("1", "2")


def test_a_second_run_notices_an_earlier_failure_and_submits_again(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "a fox", "--once", "build-7", "--no-wait").code == 0
    (generation,) = api.generations.values()
    generation.fail("no")
    generation.status = "error"
    result = wan("generate", "a fox", "--once", "build-7")
    assert result.code == 0
    assert f"generation {generation.id} failed on the server and was not charged" in result.err
    assert len(api.posts) == 2


@BOTH
def test_a_refused_submission_leaves_the_key_free(wan: Wan, api: FakeApi) -> None:
    api.on_post(refusal(400, "not nice"))
    assert wan("generate", "a fox", "--once", "build-7").code == 6
    assert wan("generate", "a red fox", "--once", "build-7").code == 0
    assert len(api.accepted) == 1


@BOTH
def test_a_key_stands_for_one_request(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "a fox", "--once", "build-7", "--no-wait").code == 0
    for argv in (["a red fox"], ["a fox", "--duration", "5"]):
        result = wan("generate", *argv, "--once", "build-7")
        assert (result.code, result.out) == (2, "")
        assert "error: --once build-7 was used on " in result.err
    assert len(api.posts) == 1


def test_another_key_or_no_key_makes_another_video(wan: Wan, api: FakeApi) -> None:
    for argv in ([], ["--once", "build-7"], ["--once", "build-8"], []):
        assert wan("generate", "a fox", "--no-wait", *argv).code == 0
    assert len({str(post.label).split(".")[0] for post in api.accepted}) == 4


def test_a_key_is_new_for_another_service(wan: Wan, api: FakeApi) -> None:
    with FakeApi() as other:
        api.check_history = False
        assert wan("generate", "a fox", "--once", "k", "--no-wait").code == 0
        there = {"WAN_BASE_URL": other.base_url}
        assert wan("generate", "a fox", "--once", "k", "--no-wait", env=there).code == 0
        assert (len(api.accepted), len(other.accepted)) == (1, 1)


@pytest.mark.parametrize("key", ["", "  ", "x" * 201, "a\nb", "\x1b[31m"])
def test_an_invalid_key_is_refused(wan: Wan, api: FakeApi, key: str) -> None:
    result = wan("generate", "a fox", "--once", key)
    assert (result.code, api.posts) == (2, [])
    assert "is not a key of 1 to 200 printable characters" in result.err


@BOTH
def test_two_processes_at_the_same_time_submit_once(wan: Wan, api: FakeApi, work: Path) -> None:
    argv = ("generate", "a fox", "--once", "build-7", "-o", "clip.mp4")
    both = [wan.start(*argv) for _ in range(2)]
    assert [running.wait().code for running in both] == [0, 0]
    assert {running.out for running in both} == {f"{work / 'clip.mp4'}\n"}
    assert len(api.posts) == 1
    assert [path.name for path in work.iterdir()] == ["clip.mp4"]


@BOTH
def test_a_run_continues_the_submission_of_a_killed_process(wan: Wan, api: FakeApi) -> None:
    api.on_post(Reply(fault="hang"))
    running = wan.start("generate", "a fox", "--once", "build-7")
    wait_until(lambda: api.posts)
    running.kill()
    running.wait()
    api.release()
    assert wan("generate", "a fox", "--once", "build-7").code == 0
    assert len(api.posts) == 1


def test_a_second_run_can_write_the_video_to_stdout(wan: Wan, api: FakeApi) -> None:
    for _ in range(2):
        result = wan("generate", "a fox", "--once", "build-7", "-o", "-")
        assert (result.code, result.out_bytes) == (0, api.video)
    assert len(api.posts) == 1


# Two machines that share an account and no history.


def test_another_machine_finds_the_video_in_the_log(wan: Wan, api: FakeApi, tmp_path: Path) -> None:
    assert wan("generate", "a fox", "--once", "build-7", "-o", "one.mp4").code == 0
    elsewhere = other_machine(tmp_path)
    result = wan("generate", "a fox", "--once", "build-7", "-o", "two.mp4", env=elsewhere)
    assert result.code == 0
    assert result.err.count("the log does not show generations still in flight") == 1
    assert Path(result.out.strip()).read_bytes() == api.video
    (known,) = wan("list", "--json", env=elsewhere).json_lines
    assert (known["id"], known["cost_usd"]) == (api.posts[0].id, 1.575)
    assert len(api.posts) == 1


def test_another_machine_that_does_not_wait_prints_the_id(
    wan: Wan, api: FakeApi, tmp_path: Path
) -> None:
    assert wan("generate", "a fox", "--once", "build-7").code == 0
    result = wan("generate", "a fox", "--once", "build-7", "--no-wait", env=other_machine(tmp_path))
    assert (result.code, result.out) == (0, f"{api.posts[0].id}\n")
    assert len(api.posts) == 1


def test_wan_searches_the_whole_log(wan: Wan, api: FakeApi, tmp_path: Path) -> None:
    assert wan("generate", "a fox", "--once", "build-7").code == 0
    for number in range(230):
        api.add_log_row(f"other-{number}", client_request_id=f"their-{number}.1")
    result = wan("generate", "a fox", "--once", "build-7", env=other_machine(tmp_path))
    assert (result.code, len(api.posts)) == (0, 1)


def test_after_a_failure_on_another_machine_this_one_makes_the_next_attempt(
    wan: Wan, api: FakeApi, tmp_path: Path
) -> None:
    api.error = {"name": "ModerationError", "message": "no"}
    assert wan("generate", "a fox", "--once", "build-7").code == 9
    api.error = None
    assert wan("generate", "a fox", "--once", "build-7", env=other_machine(tmp_path)).code == 0
    assert [str(post.label).rpartition(".")[2] for post in api.posts] == ["1", "2"]


def test_with_no_lookup_another_machine_pays_again(wan: Wan, api: FakeApi, tmp_path: Path) -> None:
    api.allow_multiple = True
    assert wan("generate", "a fox", "--once", "build-7", "--no-wait").code == 0
    argv = ("generate", "a fox", "--once", "build-7", "--no-wait", "--no-lookup")
    result = wan(*argv, env=other_machine(tmp_path))
    assert (result.code, len(api.accepted)) == (0, 2)
    assert not any(get.path == "/v2/logs" for get in api.gets[-2:])
    # A third machine finds both payments, and continues with the first.
    third = {"WAN_HOME": str(tmp_path / "third-home")}
    result = wan("generate", "a fox", "--once", "build-7", "--no-wait", env=third)
    assert result.out == f"{api.accepted[0].id}\n"
    assert "paid for 2 generations of the same key" in result.err
    assert len(api.accepted) == 2


@pytest.mark.parametrize(
    ("reply", "code"), [(refusal(403, "not allowed"), 4), (refusal(404, "no such thing"), 6)]
)
def test_once_does_not_pay_if_the_key_may_not_read_the_log(
    wan: Wan, api: FakeApi, reply: Reply, code: int
) -> None:
    api.on_logs(forever(reply))
    result = wan("generate", "a fox", "--once", "build-7")
    assert (result.code, api.posts) == (code, [])
    assert "the account's log cannot be read" in result.err
    assert "hint: add --no-lookup if no other machine has done this" in result.err
    assert wan("generate", "a fox", "--once", "build-7", "--no-lookup").code == 0


def test_wan_retries_a_log_that_is_down_for_a_moment(
    wan: Wan, api: FakeApi, tmp_path: Path
) -> None:
    assert wan("generate", "a fox", "--once", "build-7").code == 0
    api.on_logs(Reply(status=503), Reply(fault="reset"))
    result = wan("generate", "a fox", "--once", "build-7", env=other_machine(tmp_path))
    assert (result.code, len(api.posts)) == (0, 1)


def test_if_the_log_stays_down_once_exits_with_11_and_sends_nothing(wan: Wan, api: FakeApi) -> None:
    api.on_logs(forever(Reply(status=503)))
    result = wan("generate", "a fox", "--once", "build-7", "--timeout", "1")
    assert (result.code, api.posts) == (11, [])
    assert "another machine may have made this already; nothing was submitted" in result.err


# The same request for the same FILE, without a key.


def test_the_same_request_for_the_same_file_continues(wan: Wan, api: FakeApi, work: Path) -> None:
    first = wan("generate", "a fox", "-o", "clip.mp4", "--no-wait")
    assert first.code == 0
    result = wan("generate", "a fox", "-o", "clip.mp4", "--max-cost", "0")
    assert (result.code, result.out) == (0, f"{work / 'clip.mp4'}\n")
    said = f"continuing with generation {first.out.strip()}, which goes to the same file"
    assert f"warning: {said}; no new charge (--again submits another one)" in result.err
    assert len(api.posts) == 1


def test_a_video_that_is_ready_and_not_on_disk_is_downloaded(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    api.looks = 0
    first = wan("generate", "a fox", "-o", "clip.mp4", "--no-wait")
    assert wan("status", first.out.strip()).code == 0
    assert wan("generate", "a fox", "-o", "./clip.mp4").code == 0
    assert (work / "clip.mp4").read_bytes() == api.video
    assert len(api.posts) == 1


@pytest.mark.parametrize(
    "argv",
    [
        ["a fox", "-o", "clip.mp4", "--again"],
        ["a fox", "-o", "other.mp4"],
        ["a fox", "-o", "clips/"],
        ["a fox"],
        ["a red fox", "-o", "clip.mp4"],
        ["a fox", "-o", "clip.mp4", "--duration", "5"],
    ],
)
def test_another_request_or_another_file_makes_another_video(
    wan: Wan, api: FakeApi, argv: list[str]
) -> None:
    assert wan("generate", "a fox", "-o", "clip.mp4", "--no-wait").code == 0
    result = wan("generate", *argv, "--no-wait")
    assert (result.code, len(api.accepted)) == (0, 2)
    assert "continuing" not in result.err


def test_after_a_failure_the_same_request_is_submitted_again(wan: Wan, api: FakeApi) -> None:
    assert wan("generate", "a fox", "-o", "clip.mp4", "--no-wait").code == 0
    (generation,) = api.generations.values()
    generation.fail("no")
    generation.status = "error"
    assert wan("generate", "a fox", "-o", "clip.mp4").code == 0
    assert len(api.posts) == 2


def test_after_the_file_was_moved_away_the_same_request_makes_another_video(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    assert wan("generate", "a fox", "-o", "clip.mp4").code == 0
    (work / "clip.mp4").rename(work / "kept.mp4")
    assert wan("generate", "a fox", "-o", "clip.mp4").code == 0
    assert len(api.accepted) == 2


def test_a_key_names_its_generation(wan: Wan, api: FakeApi, work: Path) -> None:
    key = "nightly build 7"
    words = ["generate", "a fox", "--once", key, "--no-wait"]
    assert wan(*words).code == 0
    first = api.posts[0].id
    assert wan("status", f"@{key}", "--json").json_lines[0]["id"] == first
    result = wan("fetch", f"@{key}")
    assert result.code == 0, result.err
    assert Path(result.out.strip()).exists()
    assert wan("show", f"@{key}").code == 0
    result = wan("status", "@another")
    assert result.code == 2
    assert "--once another" in result.err


@BOTH
def test_a_key_names_the_attempt_that_counts(wan: Wan, api: FakeApi) -> None:
    api.allow_multiple = True
    words = ["generate", "a fox", "--once", "K", "--no-wait"]
    assert wan(*words).code == 0
    api.generations[str(api.posts[0].id)].status = "error"
    assert wan("status", "@K").code == 9
    assert wan(*words).code == 0
    assert wan("status", "@K", "--json").json_lines[0]["id"] == api.posts[1].id


TASKS = {
    "github": {"GITHUB_REPOSITORY": "me/films", "GITHUB_RUN_ID": "7", "GITHUB_JOB": "render"},
    "gitlab": {"CI_PROJECT_PATH": "me/films", "CI_PIPELINE_ID": "7", "CI_JOB_NAME": "render 1/3"},
    "airflow": {
        "AIRFLOW_CTX_DAG_ID": "films",
        "AIRFLOW_CTX_DAG_RUN_ID": "manual 7",
        "AIRFLOW_CTX_TASK_ID": "render",
    },
    "slurm-array": {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3", "SLURM_JOB_ID": "10"},
    "kubernetes": {"JOB_COMPLETION_INDEX": "3", "HOSTNAME": "render-3"},
    "kubernetes-job": {"JOB_COMPLETION_INDEX": "3", "JOB_NAME": "render"},
}
# Variables that differ between the attempts of one task.
ATTEMPTS = [
    {
        "AIRFLOW_CTX_TRY_NUMBER": str(attempt),
        "CI_JOB_ID": str(100 + attempt),
        "GITHUB_RUN_ATTEMPT": str(attempt),
        "SLURM_RESTART_COUNT": str(attempt),
        "SLURM_TASK_PID": str(200 + attempt),
    }
    for attempt in (1, 2)
]


@pytest.mark.parametrize("name", TASKS)
def test_all_attempts_of_a_task_pay_once(wan: Wan, api: FakeApi, name: str) -> None:
    words = ["generate", "a fox", "--once", "auto"]
    first = wan(*words, env={**TASKS[name], **ATTEMPTS[0]})
    assert first.code == 0, first.err
    assert f"--once auto: the key is {name} " in first.err
    second = wan(*words, env={**TASKS[name], **ATTEMPTS[1]})
    assert (second.code, second.out) == (0, first.out)
    assert len(api.posts) == 1


# The variables by which the parts of one task differ.
PARTS = {
    "airflow": "AIRFLOW_CTX_MAP_INDEX",
    "github": "STRATEGY_JOB_INDEX",
    "gitlab": "CI_NODE_INDEX",
    "kubernetes-job": "JOB_COMPLETION_INDEX",
    "slurm-array": "SLURM_ARRAY_TASK_ID",
}


@pytest.mark.parametrize("name", PARTS)
def test_each_part_of_a_task_pays_once(wan: Wan, api: FakeApi, name: str) -> None:
    words = ["generate", "a fox", "--once", "auto", "--no-wait"]
    for part in ("0", "1", "0"):
        assert wan(*words, env={**TASKS[name], PARTS[name]: part}).code == 0
    assert len(api.posts) == 2


@pytest.mark.parametrize(
    "task",
    [
        {"HOSTNAME": "laptop"},
        # With hostNetwork, a pod has the host name of its node, and a retry may get another node.
        {"JOB_COMPLETION_INDEX": "3", "HOSTNAME": "node-17"},
        # A task without its run could be any run.
        {"AIRFLOW_CTX_DAG_ID": "films", "AIRFLOW_CTX_TASK_ID": "render"},
    ],
)
def test_without_a_task_auto_is_refused(
    wan: Wan, api: FakeApi, task: dict[str, str | None]
) -> None:
    result = wan("generate", "a fox", "--once", "auto", env=task)
    assert result.code == 2
    assert "hint: name the key: --once KEY" in result.err
    assert api.posts == []


def test_a_task_with_a_long_name_has_a_key(wan: Wan, api: FakeApi) -> None:
    words = ["generate", "a fox", "--once", "auto", "--no-wait"]
    for run in ("7", "8", "7"):
        task = TASKS["airflow"] | {"AIRFLOW_CTX_DAG_ID": "d" * 250, "AIRFLOW_CTX_DAG_RUN_ID": run}
        result = wan(*words, env=task)
        assert result.code == 0, result.err
    assert len(api.posts) == 2
