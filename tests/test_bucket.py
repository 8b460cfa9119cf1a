"""Videos as objects of a bucket: created once, recognized, never replaced without --force."""

import hashlib
import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.mp4 import make_mp4
from tests.fake.process import Wan
from tests.fake.s3 import SECRET_KEY, FakeS3, S3Reply
from tests.fake.script import forever
from tests.fake.waiting import wait_until
from tests.test_startup import imported

CONDITIONS = {"if-none-match", "if-match", "x-goog-if-generation-match"}
FOX = "s3://clips/runs/fox.mp4"


@pytest.fixture
def s3(wan: Wan) -> Iterator[FakeS3]:
    """A bucket `clips`. Afterwards: no DELETE, no put without a condition, no secret told."""
    with FakeS3() as server:
        wan.env.update(server.env)
        yield server
        for request in server.requests:
            assert request.method in ("PUT", "GET", "HEAD")
            assert request.query == "", "an upload in parts"
            if request.method == "PUT":
                assert request.headers.keys() & CONDITIONS
        for run in wan.runs:
            assert SECRET_KEY not in run.out + run.err


def only(api: FakeApi) -> str:
    """Return the id of the only generation."""
    (post,) = api.posts
    assert post.id is not None
    return post.id


def spool(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "cache" / "spool").glob("*"))


def submitted(wan: Wan, prompt: str, *argv: str) -> str:
    return wan("generate", prompt, "--no-wait", "-q", *argv).out.strip()


def other_machine(home: Path) -> dict[str, str | None]:
    """Return the environment of a machine with the same history and nothing else."""
    other = home.with_name("other")
    other.mkdir()
    for file in home.glob("history.db*"):
        (other / file.name).write_bytes(file.read_bytes())
    return {"WAN_HOME": str(other)}


def test_a_video_becomes_an_object(wan: Wan, api: FakeApi, s3: FakeS3, home: Path) -> None:
    result = wan("generate", "a red fox", "-o", "s3://clips/runs/", "--json")
    (line,) = result.json_lines
    digest = hashlib.sha256(api.video).hexdigest()
    (uri,) = s3.videos
    assert result.code == 0
    assert uri.startswith("s3://clips/runs/a-red-fox-")
    assert (line["file"], line["bytes"], line["sha256"]) == (uri, len(api.video), digest)
    stored = s3.objects[uri.removeprefix("s3://")]
    assert stored.data == api.video
    assert stored.headers == {
        "content-type": "video/mp4",
        "x-amz-meta-wan-id": only(api),
        "x-amz-meta-wan-sha256": digest,
    }
    assert s3.objects["clips/runs/.wan"].data == b""
    assert spool(home) == []


def test_stdout_is_the_address_and_local_commands_need_no_bucket(
    wan: Wan, api: FakeApi, s3: FakeS3
) -> None:
    assert wan("generate", "a fox", "-o", FOX).out == f"{FOX}\n"
    s3.refuse()
    assert FOX in wan("list", "--json").out
    assert f"file             {FOX} (" in wan("show", "@last").out
    assert wan("show", FOX, "--json").json_lines[0]["id"] == only(api)
    assert FOX in wan("status", FOX).out
    s3.listen()


def test_an_object_of_the_name_is_found_before_paying(wan: Wan, api: FakeApi, s3: FakeS3) -> None:
    s3.put("clips/runs/fox.mp4", b"precious")
    result = wan("generate", "a fox", "-o", FOX)
    assert (result.code, api.posts) == (2, [])
    assert f"{FOX} already exists" in result.err
    assert "--force" in result.err
    assert s3.objects["clips/runs/fox.mp4"].data == b"precious"


def test_force_replaces_the_version_that_was_found(wan: Wan, api: FakeApi, s3: FakeS3) -> None:
    old = s3.put("clips/runs/fox.mp4", b"precious")
    assert wan("generate", "a fox", "-o", FOX, "--force").out == f"{FOX}\n"
    assert s3.objects["clips/runs/fox.mp4"].data == api.video
    (put,) = (each for each in s3.requests if each.path.endswith("x.mp4") and each.method == "PUT")
    assert put.headers["if-match"] == old.etag


def test_force_replaces_a_version_that_came_meanwhile_only_after_finding_it(
    wan: Wan, api: FakeApi, s3: FakeS3
) -> None:
    s3.put("clips/runs/fox.mp4", b"old")
    s3.on["PUT"](S3Reply(meanwhile=lambda: s3.put("clips/runs/fox.mp4", b"new")))
    assert wan("generate", "a fox", "-o", FOX, "--force").code == 0
    assert s3.objects["clips/runs/fox.mp4"].data == api.video
    assert s3.asked("PUT") == ["clips/runs/fox.mp4"] * 2


def test_an_object_of_another_that_came_after_paying_is_not_replaced(
    wan: Wan, api: FakeApi, s3: FakeS3
) -> None:
    s3.on["PUT"](S3Reply(meanwhile=lambda: s3.put("clips/runs/fox.mp4", b"theirs")))
    result = wan("generate", "a fox", "-o", FOX)
    assert (result.code, result.out) == (0, "s3://clips/runs/fox-1.mp4\n")
    assert s3.objects["clips/runs/fox.mp4"].data == b"theirs"
    assert s3.objects["clips/runs/fox-1.mp4"].data == api.video


def test_a_lost_reply_makes_no_second_object(wan: Wan, api: FakeApi, s3: FakeS3) -> None:
    s3.on["PUT"](S3Reply(fault="lost"))
    result = wan("generate", "a fox", "-o", FOX)
    assert (result.code, result.out, s3.videos) == (0, f"{FOX}\n", [FOX])
    # obstore sent it twice, and the second put was refused.
    assert s3.asked("PUT") == ["clips/runs/fox.mp4"] * 2


FAULTS = [
    (method, fault)
    for method in ("PUT", "HEAD")
    for fault in (
        S3Reply(status=503, code="SlowDown"),
        S3Reply(status=500, code="InternalError"),
        S3Reply(fault="close"),
        S3Reply(fault="cut"),
        S3Reply(delay=0.3),
    )
]


@pytest.mark.parametrize(
    ("method", "fault"), [*FAULTS, ("PUT", S3Reply(status=409, code="ConditionalRequestConflict"))]
)
def test_a_passing_fault_is_retried(
    wan: Wan, api: FakeApi, s3: FakeS3, method: str, fault: S3Reply
) -> None:
    s3.on[method](fault)
    result = wan("generate", "a fox", "-o", FOX)
    assert (result.code, result.out, s3.videos) == (0, f"{FOX}\n", [FOX])
    assert s3.objects["clips/runs/fox.mp4"].data == api.video


def test_an_outage_ends_with_13_and_the_next_run_does_not_ask_the_cdn(
    wan: Wan, api: FakeApi, s3: FakeS3, home: Path
) -> None:
    generation_id = submitted(wan, "a fox", "-o", FOX)
    s3.on["PUT"](forever(S3Reply(status=503, code="SlowDown")))
    result = wan("fetch", generation_id, "--timeout", "2")
    assert (result.code, result.out) == (13, "")
    assert "s3://clips cannot be reached (SlowDown)" in result.err
    assert len(api.cdn.requests) == 1
    s3.on.clear()
    assert wan("fetch", generation_id).out == f"{FOX}\n"
    assert (len(api.cdn.requests), s3.videos, spool(home)) == (1, [FOX], [])


def test_a_kill_between_put_and_history_makes_no_second_object(
    wan: Wan, api: FakeApi, s3: FakeS3, home: Path
) -> None:
    s3.on["PUT"](S3Reply(fault="late"))
    run = wan.start("generate", "a fox", "-o", FOX)
    wait_until(lambda: s3.videos)
    run.kill()
    run.wait()
    s3.release()
    result = wan("generate", "a fox", "-o", FOX)
    assert (result.code, result.out, s3.videos) == (0, f"{FOX}\n", [FOX])
    assert (len(api.posts), len(api.cdn.requests)) == (1, 1)
    assert wan("list", "--json").json_lines[0]["file"] == FOX
    assert spool(home) == []


@pytest.mark.parametrize("command", ["fetch", "fetch to"])
def test_another_machine_recognizes_the_object_of_a_killed_one(
    wan: Wan, api: FakeApi, s3: FakeS3, home: Path, command: str
) -> None:
    generation_id = submitted(wan, "a fox", "-o", FOX)
    s3.on["PUT"](S3Reply(fault="late"))
    run = wan.start("fetch", generation_id)
    wait_until(lambda: s3.videos)
    run.kill()
    run.wait()
    s3.release()
    more = ["-o", FOX] if command == "fetch to" else []
    result = wan("fetch", generation_id, *more, env=other_machine(home))
    assert (result.code, result.out, s3.videos) == (0, f"{FOX}\n", [FOX])
    assert len(api.cdn.requests) == 1


def test_two_processes_make_one_object(wan: Wan, api: FakeApi, s3: FakeS3, home: Path) -> None:
    generation_id = submitted(wan, "a fox", "-o", FOX)
    other = other_machine(home)
    runs = [wan.start("fetch", generation_id, env=env) for env in ({}, {}, other, other)]
    assert [run.wait().out for run in runs] == [f"{FOX}\n"] * 4
    assert s3.videos == [FOX]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (S3Reply(status=403, code="AccessDenied"), "no permission to write it (AccessDenied)"),
        (S3Reply(status=403, code="InvalidAccessKeyId"), "refuses the credentials"),
        (S3Reply(status=400, code="ExpiredToken"), "refuses the credentials (ExpiredToken)"),
        (S3Reply(status=400, code="AuthorizationHeaderMalformed"), "is in another region"),
        (S3Reply(status=301, code="PermanentRedirect"), "is in another region"),
        (S3Reply(status=503, code="SlowDown"), "cannot be reached (SlowDown)"),
        (S3Reply(fault="close"), "cannot be reached: the connection broke"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.code or value.fault,
)
def test_a_bucket_that_refuses_is_found_before_paying(
    wan: Wan, api: FakeApi, s3: FakeS3, work: Path, reply: S3Reply, words: str
) -> None:
    s3.on_marker(forever(reply))
    (work / "rows.txt").write_text("a fox\na hen\n")
    for argv in (
        ("generate", "a fox", "-o", FOX),
        ("generate", "a fox", "--once", "K", "-o", "s3://clips/runs/"),
        ("batch", "rows.txt", "--yes", "--output-dir", "s3://clips/runs"),
    ):
        result = wan(*argv)
        assert (result.code, api.posts) == (13, [])
        assert words in result.err


def test_missing_credentials_are_found_before_paying(
    wan: Wan, api: FakeApi, s3: FakeS3, closed_port: int
) -> None:
    # Where a role gives credentials, the machine serves them.
    env = {
        "AWS_ACCESS_KEY_ID": None,
        "AWS_SECRET_ACCESS_KEY": None,
        "AWS_METADATA_ENDPOINT": f"http://127.0.0.1:{closed_port}",
    }
    result = wan("generate", "a fox", "-o", FOX, env=env)
    assert (result.code, api.posts, s3.requests) == (13, [], [])
    assert "s3://clips: found no usable credentials" in result.err
    assert "hint: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in result.err


def test_a_right_that_is_lost_after_paying_stops_the_batch(
    wan: Wan, api: FakeApi, s3: FakeS3, work: Path
) -> None:
    s3.on["PUT"](forever(S3Reply(status=403, code="AccessDenied")))
    (work / "rows.txt").write_text("a fox\na hen\nan owl\n")
    argv = ("batch", "rows.txt", "--yes", "--output-dir", "s3://clips/runs")
    result = wan(*argv, "--concurrency", "1")
    # While the first video is saved, the next row is submitted.
    assert (result.code, len(api.posts) < 3) == (13, True)
    assert "no permission to write it (AccessDenied)" in result.err
    assert f"then wan fetch {api.posts[0].id}" in result.err
    s3.on.clear()
    assert wan(*argv).code == 0
    assert (len(api.posts), len(api.cdn.requests), len(s3.videos)) == (3, 3, 3)


def test_a_put_that_hangs_ends_at_the_deadline(wan: Wan, api: FakeApi, s3: FakeS3) -> None:
    generation_id = submitted(wan, "a fox", "-o", FOX)
    s3.on["PUT"](forever(S3Reply(fault="hang")))
    result = wan("fetch", generation_id, "--timeout", "2")
    assert (result.code, s3.videos) == (13, [])
    assert "s3://clips cannot be reached: no answer in time" in result.err


def test_an_interrupt_during_the_put_is_safe(wan: Wan, api: FakeApi, s3: FakeS3) -> None:
    s3.on["PUT"](S3Reply(fault="late"))
    run = wan.start("generate", "a fox", "-o", FOX)
    wait_until(lambda: s3.videos)
    run.kill(signal.SIGINT)
    assert run.wait().code == -signal.SIGINT
    s3.release()
    assert wan("fetch", only(api)).out == f"{FOX}\n"
    assert (s3.videos, len(api.cdn.requests)) == ([FOX], 1)


@pytest.mark.parametrize("command", ["generate", "batch"])
def test_an_interrupt_before_paying_need_not_wait_for_the_bucket(
    wan: Wan, api: FakeApi, s3: FakeS3, work: Path, command: str
) -> None:
    s3.on_marker(forever(S3Reply(fault="hang")))
    (work / "rows.txt").write_text("a fox\na hen\n")
    run = wan.start(
        *(["generate", "a fox"] if command == "generate" else ["batch", "rows.txt", "--yes"]),
        env={"WAN_OUTPUT_DIR": "s3://clips/runs"},
    )
    wait_until(lambda: s3.requests)
    run.kill(signal.SIGINT)
    # Less than the request's own time limit.
    assert run.wait(10).code == -signal.SIGINT
    assert api.posts == []
    s3.release()


def test_local_commands_do_not_load_the_client_of_object_storage(
    wan: Wan, api: FakeApi, s3: FakeS3, home: Path
) -> None:
    wan("generate", "a fox", "-o", FOX)
    for argv in (["list"], ["list", "--json"], ["show", api.posts[0].id or ""], ["show", FOX]):
        assert not {name for name in imported(argv, home) if name.startswith("obstore")}


def test_an_object_that_is_gone_and_cannot_be_had_again_is_not_called_saved(
    wan: Wan, api: FakeApi, s3: FakeS3
) -> None:
    wan("generate", "a fox", "-o", FOX)
    s3.objects.clear()
    api.cdn.videos[only(api)] = b"<html>"
    api.check_files = False
    result = wan("fetch", "@last", "--timeout", "5")
    assert (result.code, result.out) == (12, "")


def test_a_bucket_that_is_missing_or_not_readable_is_found_before_paying(
    wan: Wan, api: FakeApi, s3: FakeS3
) -> None:
    missing = wan("generate", "a fox", "-o", "s3://no-such-bucket/")
    assert (missing.code, api.posts) == (13, [])
    assert "the bucket no-such-bucket does not exist (NoSuchBucket)" in missing.err
    s3.put("clips/runs/.wan", b"")
    s3.on_marker(S3Reply(), S3Reply(status=403))
    hidden = wan("generate", "a fox", "-o", FOX)
    assert (hidden.code, api.posts) == (13, [])
    assert "no permission to read it (403)" in hidden.err


def test_a_service_that_ignores_conditions_is_found_before_paying(
    wan: Wan, api: FakeApi, s3: FakeS3
) -> None:
    s3.ignores_conditions = True
    result = wan("generate", "a fox", "-o", FOX)
    assert (result.code, api.posts) == (13, [])
    assert "ignores If-None-Match" in result.err


def test_a_bucket_that_may_not_be_listed_hides_missing_objects(
    wan: Wan, api: FakeApi, s3: FakeS3
) -> None:
    s3.hides_missing = True
    assert wan("generate", "a fox", "-o", FOX).out == f"{FOX}\n"
    assert wan("generate", "a hen", "-o", FOX).code == 2
    assert wan("generate", "a hen", "-o", FOX, "--force").out == f"{FOX}\n"


@pytest.mark.parametrize("scheme", ["s3", "gs", "az"])
def test_every_cloud_has_conditions_and_metadata(
    wan: Wan, api: FakeApi, s3: FakeS3, tmp_path: Path, scheme: str
) -> None:
    env = {**dict.fromkeys(s3.env), **s3.env_of(scheme, tmp_path)}
    wan.env = {name: value for name, value in (wan.env | env).items() if value is not None}
    fox = f"{scheme}://clips/runs/fox.mp4"
    path = "clips/runs/fox.mp4"
    s3.on["PUT"](S3Reply(fault="lost"))
    first = wan("generate", "a fox", "-o", fox)
    assert first.out == f"{fox}\n", first.err
    assert (s3.objects[path].wan_id, s3.asked("PUT")) == (api.posts[0].id, [path] * 2)
    assert (wan("generate", "a hen", "-o", fox).code, len(api.posts)) == (2, 1)
    s3.on["PUT"](S3Reply(meanwhile=lambda: s3.put(path, b"theirs")))
    assert wan("generate", "a hen", "-o", fox, "--force").out == f"{fox}\n"
    assert s3.objects[path].wan_id == api.posts[1].id
    s3.on["PUT"](S3Reply(meanwhile=lambda: s3.put("clips/owl.mp4", b"theirs")))
    owl = wan("generate", "an owl", "-o", f"{scheme}://clips/owl.mp4").out
    assert owl == f"{scheme}://clips/owl-1.mp4\n"
    assert s3.objects["clips/owl.mp4"].data == b"theirs"
    assert wan("fetch", "@last", "-o", "owl.mp4").code == 0
    assert len(api.cdn.requests) == 3


def test_plain_http_leaves_this_machine_only_if_it_is_allowed(
    wan: Wan, api: FakeApi, s3: FakeS3
) -> None:
    there = {"AWS_ENDPOINT_URL": "http://storage.invalid:9000"}
    result = wan("generate", "a fox", "-o", FOX, env=there)
    assert (result.code, api.posts) == (3, [])
    assert "hint: use https, or export AWS_ALLOW_HTTP=true" in result.err
    result = wan("generate", "a fox", "-o", FOX, env=there | {"AWS_ALLOW_HTTP": "true"})
    assert (result.code, api.posts) == (13, [])
    assert "s3://clips cannot be reached" in result.err


def test_without_the_extra_nothing_is_paid(
    wan: Wan, api: FakeApi, s3: FakeS3, tmp_path: Path
) -> None:
    package = tmp_path / "without" / "obstore"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ModuleNotFoundError(name='obstore')\n")
    wan.forks = False
    result = wan("generate", "a fox", "-o", FOX, env={"PYTHONPATH": str(package.parent)})
    assert (result.code, api.posts) == (3, [])
    assert "hint: pip install 'aimlapi-wan[storage]'" in result.err


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("http://clips/fox.mp4", "s3://, gs:// and az:// only"),
        ("file:///tmp/fox.mp4", "s3://, gs:// and az:// only"),
        ("s3:///fox.mp4", "names no bucket"),
        ("s3://", "names no bucket"),
        ("s3://clips//fox.mp4", "a part that is empty"),
        ("s3://clips/../fox.mp4", "a part that is empty"),
    ],
)
def test_a_wrong_address_is_wrong_usage(
    wan: Wan, api: FakeApi, work: Path, output: str, words: str
) -> None:
    (work / "rows.jsonl").write_text(json.dumps({"prompt": "a fox", "output": output}))
    for argv in (
        ("generate", "a fox", "-o", output),
        ("batch", "rows.jsonl", "--yes"),
        ("config", "set", "output_dir", output),
    ):
        result = wan(*argv)
        assert (result.code, api.posts) == (2, [])
        assert words in result.err


def test_the_setting_names_a_prefix(wan: Wan, api: FakeApi, s3: FakeS3) -> None:
    assert wan("config", "set", "output_dir", "s3://clips/runs").code == 0
    assert wan("config", "get", "output_dir").out == "s3://clips/runs\n"
    assert wan("generate", "a fox").out == f"{s3.videos[0]}\n"
    assert s3.videos[0].startswith("s3://clips/runs/a-fox-")
    with_env = wan("generate", "a hen", env={"WAN_OUTPUT_DIR": "s3://clips"})
    assert with_env.out.startswith("s3://clips/a-hen-")
    to_stdout = wan("generate", "an owl", "-o", "-")
    assert (to_stdout.code, to_stdout.out_bytes) == (0, api.video)


def test_doctor_checks_the_bucket_of_the_setting(wan: Wan, api: FakeApi, s3: FakeS3) -> None:
    assert wan("doctor").code == 0
    assert s3.requests == []
    env = {"WAN_OUTPUT_DIR": "s3://clips/runs"}
    assert "s3://clips/runs can be written" in wan("doctor", env=env).out
    s3.on_marker(forever(S3Reply(status=403, code="AccessDenied")))
    result = wan("doctor", env=env)
    assert result.code == 13
    assert "no permission to write it (AccessDenied)" in result.out


def test_a_sidecar_is_an_object_beside_the_video(wan: Wan, api: FakeApi, s3: FakeS3) -> None:
    assert wan("generate", "a fox", "-o", FOX, "--sidecar").code == 0
    stored = s3.objects["clips/runs/fox.mp4.json"]
    data = json.loads(stored.data)
    assert (data["id"], data["file"], data["bytes"]) == (only(api), "fox.mp4", len(api.video))
    assert stored.headers["content-type"] == "application/json"
    assert wan("generate", "a hen", "-o", FOX, "--sidecar").code == 2


def test_a_sidecar_of_another_is_not_replaced(wan: Wan, api: FakeApi, s3: FakeS3) -> None:
    s3.on["PUT"](S3Reply(meanwhile=lambda: s3.put("clips/runs/fox.mp4.json", b"theirs")))
    result = wan("generate", "a fox", "-o", FOX, "--sidecar")
    assert (result.code, result.out) == (13, f"{FOX}\n")
    assert "fox.mp4.json already exists" in result.err
    assert s3.objects["clips/runs/fox.mp4.json"].data == b"theirs"


def test_a_batch_saves_into_a_bucket_and_continues_there(
    wan: Wan, api: FakeApi, s3: FakeS3, work: Path
) -> None:
    rows = [
        {"prompt": "a fox", "output": "fox.mp4"},
        {"prompt": "a hen", "output": "birds/"},
        {"prompt": "an owl", "output": "s3://clips/owl.mp4"},
        {"prompt": "a cat", "output": str(work / "cat.mp4")},
    ]
    (work / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    argv = ("batch", "rows.jsonl", "--yes", "--output-dir", "s3://clips/runs")
    first = wan(*argv)
    assert first.code == 0
    owl, hen, fox = s3.videos
    assert hen.startswith("s3://clips/runs/birds/a-hen-")
    assert (owl, fox) == ("s3://clips/owl.mp4", FOX)
    assert (work / "cat.mp4").read_bytes() == api.video
    again = wan(*argv)
    assert (again.code, len(api.posts), len(api.cdn.requests)) == (0, 4, 4)
    assert sorted(again.out.splitlines()) == sorted(first.out.splitlines())
    del s3.objects[FOX.removeprefix("s3://")]
    assert (wan(*argv).code, len(api.posts), len(api.cdn.requests)) == (0, 4, 5)
    assert FOX in s3.videos


def test_a_batch_refuses_objects_that_exist_before_paying(
    wan: Wan, api: FakeApi, s3: FakeS3, work: Path
) -> None:
    s3.put("clips/runs/fox.mp4", b"precious")
    (work / "rows.jsonl").write_text(
        "\n".join(
            json.dumps({"prompt": name, "output": f"{name}.mp4"}) for name in ("hen", "fox", "owl")
        )
    )
    result = wan("batch", "rows.jsonl", "--yes", "--output-dir", "s3://clips/runs")
    assert (result.code, api.posts) == (2, [])
    assert f"rows.jsonl:2: {FOX} already exists" in result.err


def test_a_batch_moves_between_a_folder_and_a_bucket_without_the_cdn(
    wan: Wan, api: FakeApi, s3: FakeS3, work: Path
) -> None:
    (work / "rows.txt").write_text("a fox\na hen\n")
    places = ("videos", "s3://clips/one", "s3://clips/two", "back")
    runs = [wan("batch", "rows.txt", "--yes", "--output-dir", place) for place in places]
    assert [run.code for run in runs] == [0, 0, 0, 0]
    assert (len(api.posts), len(api.cdn.requests)) == (2, 2)
    assert len(s3.videos) == 4
    assert {stored.wan_id for path, stored in s3.objects.items() if path.endswith("mp4")} == {
        post.id for post in api.posts
    }
    assert [path.read_bytes() for path in (work / "back").iterdir()] == [api.video] * 2


def test_fetch_copies_between_places_without_the_cdn(
    wan: Wan, api: FakeApi, s3: FakeS3, work: Path
) -> None:
    wan("generate", "a fox", "-o", "fox.mp4")
    places = (FOX, "s3://clips/copy.mp4", "back.mp4")
    outs = [wan("fetch", "@last", "-o", place).out for place in places]
    assert outs == [f"{FOX}\n", "s3://clips/copy.mp4\n", f"{work}/back.mp4\n"]
    assert (work / "back.mp4").read_bytes() == api.video
    assert len(api.cdn.requests) == 1


def test_fetch_finds_an_object_and_fetches_one_that_is_gone(
    wan: Wan, api: FakeApi, s3: FakeS3
) -> None:
    wan("generate", "a fox", "-o", FOX)
    assert wan("fetch", "@last").out == f"{FOX}\n"
    assert len(api.cdn.requests) == 1
    s3.objects.clear()
    assert wan("fetch", "@last").out == f"{FOX}\n"
    assert (len(api.cdn.requests), s3.videos) == (2, [FOX])


def test_fetch_does_not_replace_another_object(wan: Wan, api: FakeApi, s3: FakeS3) -> None:
    wan("generate", "a fox", "-o", "s3://clips/")
    s3.put("clips/runs/fox.mp4", b"precious", wan_id="another")
    result = wan("fetch", "@last", "-o", FOX)
    assert result.code == 2
    assert f"{FOX} already exists" in result.err


@pytest.mark.parametrize("damage", ["no video", "another video"])
def test_an_object_that_is_damaged_is_fetched_from_the_cdn(
    wan: Wan, api: FakeApi, s3: FakeS3, work: Path, damage: str
) -> None:
    wan("generate", "a fox", "-o", FOX)
    path = FOX.removeprefix("s3://")
    whole = s3.objects[path]
    size = len(whole.data)
    s3.objects[path] = replace(
        whole, data=b"x" * size if damage == "no video" else make_mp4(size, seed=7)
    )
    assert wan("fetch", "@last", "-o", "fox.mp4").out == f"{work}/fox.mp4\n"
    assert (work / "fox.mp4").read_bytes() == api.video
    assert len(api.cdn.requests) == 2


def test_an_object_that_is_cut_each_time_is_fetched_from_the_cdn(
    wan: Wan, api: FakeApi, s3: FakeS3, work: Path
) -> None:
    wan("generate", "a fox", "-o", FOX)
    s3.on["GET"](forever(S3Reply(fault="cut")))
    assert wan("fetch", "@last", "-o", "fox.mp4").out == f"{work}/fox.mp4\n"
    assert (work / "fox.mp4").read_bytes() == api.video
    assert len(api.cdn.requests) == 2


def test_a_template_does_not_leave_its_prefix(wan: Wan, api: FakeApi, s3: FakeS3) -> None:
    env = {"WAN_NAME_TEMPLATE": "{slug}/../fox"}
    result = wan("generate", "a fox", "-o", "s3://clips/runs/", env=env)
    assert (result.code, api.posts, s3.requests) == (2, [], [])
    assert "leaves s3://clips/runs" in result.err
    nested = {"WAN_NAME_TEMPLATE": "{seed}/{slug}"}
    result = wan("generate", "a fox", "--seed", "7", "-o", "s3://clips/runs/", env=nested)
    assert result.out == "s3://clips/runs/7/a-fox.mp4\n"


def test_a_video_that_is_too_large_for_one_put_is_refused(
    wan: Wan, api: FakeApi, s3: FakeS3, home: Path, work: Path
) -> None:
    wan("generate", "a fox", "-o", "fox.mp4")
    api.check_files = False
    # A free box of 300 MiB at the end, which takes no space on the disk.
    free, size = 300 * 2**20, (work / "fox.mp4").stat().st_size
    with (work / "fox.mp4").open("ab") as video:
        video.write(free.to_bytes(4, "big") + b"free")
        video.truncate(size + free)
    with closing(sqlite3.connect(home / "history.db")) as database, database:
        database.execute("UPDATE generations SET bytes = ?, sha256 = NULL", (size + free,))
    result = wan("fetch", "@last", "-o", FOX)
    assert (result.code, s3.videos) == (13, [])
    assert "at most 256 MiB into a bucket" in result.err
    assert "-o DIR/" in result.err


def test_exec_gets_the_address_and_open_says_what_to_do(
    wan: Wan, api: FakeApi, s3: FakeS3, work: Path
) -> None:
    tell = work / "tell"
    tell.write_text(f"#!/bin/sh\necho \"$1\" > '{work}/told'\n")
    tell.chmod(0o755)
    result = wan("generate", "a fox", "-o", FOX, "--open", "--exec", f"'{tell}' {{}}")
    assert (result.code, result.out) == (0, f"{FOX}\n")
    assert (work / "told").read_text() == f"{FOX}\n"
    assert "--open shows files, not objects; wan fetch ID -o FILE" in result.err


def test_variations_become_objects(wan: Wan, api: FakeApi, s3: FakeS3) -> None:
    result = wan("generate", "a fox", "--count", "2", "--yes", "-o", FOX)
    assert result.code == 0
    assert s3.videos == ["s3://clips/runs/fox-1.mp4", "s3://clips/runs/fox-2.mp4"]


def test_killed_variations_continue_with_their_objects(wan: Wan, api: FakeApi, s3: FakeS3) -> None:
    s3.on["PUT"](S3Reply(fault="late"), S3Reply(fault="late"))
    argv = ("generate", "a fox", "--count", "2", "--yes", "-o", FOX)
    run = wan.start(*argv)
    wait_until(lambda: len(s3.videos) == 2)
    run.kill()
    run.wait()
    s3.release()
    assert wan(*argv).code == 0
    assert (len(api.posts), len(s3.videos), len(api.cdn.requests)) == (2, 2, 2)


def test_a_once_key_finds_its_object(wan: Wan, api: FakeApi, s3: FakeS3, work: Path) -> None:
    argv = ("generate", "a fox", "--once", "K")
    assert wan(*argv, "-o", FOX).out == f"{FOX}\n"
    assert wan(*argv, "-o", FOX).out == f"{FOX}\n"
    assert wan(*argv, "-o", "fox.mp4").out == f"{work}/fox.mp4\n"
    assert (len(api.posts), len(api.cdn.requests)) == (1, 1)


def test_a_file_of_another_machines_path_is_adopted(
    wan: Wan, api: FakeApi, home: Path, work: Path
) -> None:
    (work / "rows.txt").write_text("a fox\n")
    argv = ("batch", "rows.txt", "--yes", "--output-dir")
    (first,) = wan(*argv, "here").out.splitlines()
    # Another machine with the same history has the folder at another place.
    (work / "here").rename(work / "there")
    there = str(work / "there" / Path(first).name)
    assert wan(*argv, "there").out == f"{there}\n"
    assert len(api.cdn.requests) == 1
    assert [path.name for path in (work / "there").iterdir()] == [Path(first).name]
    assert wan("list", "--json").json_lines[0]["file"] == there


def test_a_file_with_other_bytes_is_not_adopted(wan: Wan, api: FakeApi, work: Path) -> None:
    api.check_files = False
    (work / "rows.jsonl").write_text(json.dumps({"prompt": "a fox", "output": "fox.mp4"}))
    argv = ("batch", "rows.jsonl", "--yes", "--output-dir")
    assert wan(*argv, "here").code == 0
    (work / "here").rename(work / "there")
    (work / "there" / "fox.mp4").write_bytes(b"x" * len(api.video))
    assert wan(*argv, "there").out == f"{work}/there/fox-1.mp4\n"
    assert len(api.cdn.requests) == 2
