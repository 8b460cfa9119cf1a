"""The paths where wan generate and wan fetch save, and the files that they never replace."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.cdn import CdnReply
from tests.fake.process import Wan


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        ("fox.mp4", "fox.mp4"),
        ("deep/er/fox.mp4", "deep/er/fox.mp4"),
        ("new/", "new/a-fox-*.mp4"),
        ("old", "old/a-fox-*.mp4"),
        ("../beside.mp4", "../beside.mp4"),
        ("with space 猫.mp4", "with space 猫.mp4"),
    ],
)
def test_output_is_a_file_or_a_folder(
    wan: Wan, api: FakeApi, work: Path, output: str, wanted: str
) -> None:
    (work / "old").mkdir()
    result = wan("generate", "a fox", "-o", output)
    (saved,) = work.glob(wanted) if "*" in wanted else [work / wanted]
    assert (result.code, result.out) == (0, f"{os.path.normpath(saved)}\n")
    assert saved.read_bytes() == api.video


def test_a_dash_writes_the_video_to_stdout(wan: Wan, api: FakeApi, work: Path) -> None:
    result = wan("generate", "a fox", "-o", "-")
    assert (result.code, result.out_bytes) == (0, api.video)
    assert list(work.iterdir()) == []


def test_a_dash_and_json_exclude_each_other(wan: Wan, api: FakeApi) -> None:
    result = wan("generate", "a fox", "-o", "-", "--json")
    assert (result.code, len(result.json_lines), api.posts) == (2, 1, [])


def test_only_force_replaces_an_existing_file(wan: Wan, api: FakeApi, work: Path) -> None:
    api.check_files = False
    fox = work / "fox.mp4"
    fox.write_bytes(b"precious")
    refused = wan("generate", "a fox", "-o", "fox.mp4")
    assert (refused.code, api.posts) == (2, [])
    assert "--force" in refused.err
    assert fox.read_bytes() == b"precious"
    assert wan("generate", "a fox", "-o", "fox.mp4", "--force").code == 0
    assert fox.read_bytes() == api.video


def test_an_existing_sidecar_is_not_replaced_either(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "fox.mp4.json").write_bytes(b"precious")
    refused = wan("generate", "a fox", "--sidecar", "-o", "fox.mp4")
    assert (refused.code, api.posts) == (2, [])
    assert (work / "fox.mp4.json").read_bytes() == b"precious"


def test_an_impossible_folder_in_the_template_is_13(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "file").write_bytes(b"")
    result = wan("generate", "a fox", env={"WAN_NAME_TEMPLATE": "file/{slug}"})
    assert (result.code, api.posts) == (13, [])


@pytest.mark.parametrize("output", ["file/x.mp4", "file/sub/", "/proc/x/y.mp4", "/proc/x/"])
def test_an_impossible_folder_is_13_before_anything_is_sent(
    wan: Wan, api: FakeApi, work: Path, output: str
) -> None:
    (work / "file").write_bytes(b"")
    result = wan("generate", "a fox", "-o", output)
    assert (result.code, result.out, api.posts) == (13, "", [])
    assert "hint: " in result.err


def test_a_file_that_appears_during_the_wait_is_kept(wan: Wan, api: FakeApi, work: Path) -> None:
    api.check_files = False
    api.looks = 100_000
    running = wan.start("generate", "a fox", "-o", "fox.mp4")
    running.wait_for("generating")
    (work / "fox.mp4").write_bytes(b"precious")
    api.generations[api.accepted[0].id or ""].looks = 0
    result = running.wait()
    assert (result.code, result.out) == (0, f"{work}/fox-1.mp4\n")
    assert (work / "fox.mp4").read_bytes() == b"precious"
    assert (work / "fox-1.mp4").read_bytes() == api.video


def test_template_and_folder_come_from_the_settings(wan: Wan, api: FakeApi, work: Path) -> None:
    api.ids = ["-G3b3vVKdoC42fMNeK1T5"]
    env = {
        "WAN_OUTPUT_DIR": str(work / "videos"),
        "WAN_NAME_TEMPLATE": "{model}/{seed}-{slug}-{id8}-{id}",
    }
    result = wan("generate", "A Fox?", "--seed", "7", env=env)
    name = "wan-2-6-t2v/7-a-fox-G3b3vVKd--G3b3vVKdoC42fMNeK1T5.mp4"
    assert (result.code, result.out) == (0, f"{work}/videos/{name}\n")


def test_the_history_remembers_the_destination(
    wan: Wan, api: FakeApi, work: Path, tmp_path: Path
) -> None:
    generation_id = wan("generate", "a fox", "--no-wait", "-o", "sub/x.mp4").out.strip()
    wan.work = tmp_path
    result = wan("fetch", generation_id)
    assert (result.code, result.out) == (0, f"{work}/sub/x.mp4\n")
    assert (work / "sub/x.mp4").read_bytes() == api.video


def test_fetch_can_change_the_destination(wan: Wan, api: FakeApi, work: Path) -> None:
    generation_id = wan("generate", "a fox", "--no-wait", "-o", "sub/x.mp4").out.strip()
    result = wan("fetch", generation_id, "-o", "y.mp4")
    assert (result.code, result.out) == (0, f"{work}/y.mp4\n")
    assert not (work / "sub" / "x.mp4").exists()
    again = wan("fetch", generation_id, "-o", "-")
    assert again.out_bytes == api.video


def test_a_sidecar_holds_everything_about_the_generation(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    assert wan("generate", "猫", "--seed", "7", "--sidecar", "-o", "fox.mp4").code == 0
    sidecar = json.loads((work / "fox.mp4.json").read_text("utf-8"))
    post = api.posts[0]
    assert sidecar["prompt"] == "猫"
    assert sidecar["request"] == post.body
    assert (sidecar["seed"], sidecar["model"]) == (7, "alibaba/wan-2-6-t2v")
    assert (sidecar["id"], sidecar["client_request_id"]) == (post.id, post.label)
    assert sidecar["sha256"] == hashlib.sha256(api.video).hexdigest()
    assert (sidecar["cost_usd"], sidecar["credits_used"]) == (1.575, 3_150_000)
    assert sidecar["created_at"] < sidecar["finished_at"]


def test_fetch_also_writes_a_sidecar_if_the_configuration_says_so(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    env = {"WAN_SIDECAR": "true"}
    assert wan("generate", "a fox", "--no-wait", "-o", "fox.mp4", env=env).code == 0
    assert wan("fetch", "@last").code == 0
    assert (work / "fox.mp4.json").exists()


def test_a_cut_download_leaves_no_file_with_the_final_name(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    api.cdn.on_get(CdnReply(cut_after=1000, lasting=True))
    result = wan("generate", "a fox", "-o", "fox.mp4", "--timeout", "2")
    assert result.code == 12
    assert not (work / "fox.mp4").exists()


def test_not_even_force_replaces_a_pipe_or_a_device(wan: Wan, api: FakeApi, work: Path) -> None:
    os.mkfifo(work / "pipe")
    for name in ("pipe", "/dev/null"):
        result = wan("generate", "a fox", "-o", name, "--force")
        assert (result.code, api.posts) == (2, [])
        assert "is a device or a pipe" in result.err
    assert (work / "pipe").is_fifo()


def test_with_no_wait_a_dash_prints_the_id_instead_of_the_video(wan: Wan, api: FakeApi) -> None:
    result = wan("generate", "a fox", "-o", "-", "--no-wait")
    assert (result.code, result.out) == (0, f"{api.posts[0].id}\n")
