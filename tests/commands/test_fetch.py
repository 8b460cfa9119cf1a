"""wan fetch, run as a real command."""

import hashlib
from pathlib import Path

from tests.engines import BOTH
from tests.fake.api import FakeApi
from tests.fake.cdn import CdnReply
from tests.fake.process import Wan


def submitted(wan: Wan, prompt: str, *argv: str) -> str:
    return wan("generate", prompt, "--no-wait", "-q", *argv).out.strip()


def test_fetch_waits_and_prints_the_path(wan: Wan, api: FakeApi, work: Path) -> None:
    generation_id = submitted(wan, "a fox")
    result = wan("fetch", generation_id)
    assert result.code == 0
    path = Path(result.out.removesuffix("\n"))
    assert (path.parent, path.read_bytes()) == (work, api.video)


def test_fetch_downloads_once(wan: Wan, api: FakeApi) -> None:
    generation_id = submitted(wan, "a fox")
    first = wan("fetch", generation_id)
    second = wan("fetch", generation_id)
    assert (second.code, second.out) == (0, first.out)
    assert len(api.cdn.requests) == 1
    Path(first.out.strip()).unlink()
    assert wan("fetch", generation_id).out == first.out
    assert len(api.cdn.requests) == 2


@BOTH
def test_the_history_keeps_the_hash_of_the_video(wan: Wan, api: FakeApi) -> None:
    generation_id = submitted(wan, "a fox")
    assert "sha256" not in wan("status", generation_id, "--json").json_lines[0]
    digest = hashlib.sha256(api.video).hexdigest()
    assert wan("fetch", generation_id, "--json").json_lines[0]["sha256"] == digest
    assert wan("list", "--json").json_lines[0]["sha256"] == digest
    assert wan("fetch", generation_id, "-o", "copy.mp4", "--json").json_lines[0]["sha256"] == digest


def test_no_wait_exits_with_8_and_prints_no_path(wan: Wan, api: FakeApi) -> None:
    api.looks = 1000
    generation_id = submitted(wan, "a fox")
    result = wan("fetch", "--no-wait", generation_id)
    assert (result.code, result.out) == (8, "")
    assert f"hint: wan fetch {generation_id}" in result.err


@BOTH
def test_all_fetches_everything_that_is_not_on_disk(wan: Wan, api: FakeApi, work: Path) -> None:
    submitted(wan, "a fox", "-o", "fox.mp4")
    submitted(wan, "a hen", "-o", "sub/hen.mp4")
    result = wan("fetch", "--all", "--json")
    assert result.code == 0
    assert {line["file"] for line in result.json_lines} == {
        f"{work}/fox.mp4",
        f"{work}/sub/hen.mp4",
    }
    again = wan("fetch", "--all")
    assert (again.code, again.out, len(api.cdn.requests)) == (0, "", 2)


def test_all_with_no_wait_fetches_the_ready_videos(wan: Wan, api: FakeApi, work: Path) -> None:
    ready = submitted(wan, "a fox", "-o", "fox.mp4")
    running = submitted(wan, "a hen", "-o", "hen.mp4")
    api.generations[ready].status = "completed"
    api.generations[running].status = "generating"
    result = wan("fetch", "--all", "--no-wait", "--json", "-q")
    assert [(line["id"], line["exit_code"]) for line in result.json_lines] == [
        (ready, 0),
        (running, 8),
    ]
    assert result.code == 8
    assert (work / "fox.mp4").exists()


def test_several_videos_go_into_a_folder_and_never_into_one_file(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    ids = [submitted(wan, prompt) for prompt in ("a fox", "a hen")]
    assert wan("fetch", *ids, "-o", "x.mp4").code == 2
    assert wan("fetch", *ids, "-o", "-").code == 2
    result = wan("fetch", *ids, "-o", "new/")
    assert result.code == 0
    assert sorted(map(str, (work / "new").iterdir())) == sorted(result.out.splitlines())


def test_the_exit_code_is_the_first_one_in_the_documented_order(wan: Wan, api: FakeApi) -> None:
    failed, broken, good = (submitted(wan, prompt) for prompt in ("a fox", "a hen", "an owl"))
    api.generations[failed].fail()
    api.cdn.videos[broken] = b"<html>"
    result = wan("fetch", failed, broken, good, "--json", "--timeout", "5")
    # fetch prints each generation when it is final.
    codes = {line["id"]: line["exit_code"] for line in result.json_lines}
    assert codes == {failed: 9, broken: 12, good: 0}
    assert result.code == 12


def test_ids_and_all_exclude_each_other(wan: Wan, api: FakeApi) -> None:
    assert wan("fetch", "--all", "abcdef").code == 2
    assert wan("fetch").code == 2


def test_fetch_gets_a_fresh_url_if_the_url_has_expired(wan: Wan, api: FakeApi) -> None:
    api.cdn.on_get(CdnReply(status=403))
    result = wan("fetch", submitted(wan, "a fox"))
    assert result.code == 0
    assert Path(result.out.strip()).read_bytes() == api.video


def test_an_unwritable_target_is_13_and_the_generation_is_safe(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    generation_id = submitted(wan, "a fox", "-o", "sub/fox.mp4")
    (work / "sub").rmdir()
    (work / "sub").write_bytes(b"")
    result = wan("fetch", generation_id)
    assert (result.code, result.out) == (13, "")
    assert wan("fetch", generation_id, "-o", "fox.mp4").code == 0


def test_a_video_of_another_machine_is_saved_in_this_folder(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    api.add_generation(id="abc:def/ghi", looks=0)
    result = wan("fetch", "abc:def/ghi")
    assert result.code == 0
    assert Path(result.out.strip()).parent == work
