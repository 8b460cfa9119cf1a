"""Faults of the CDN and the disk: wan saves the video, or can fetch it later."""

import json
import resource
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.cdn import CdnReply
from tests.fake.mp4 import make_mp4
from tests.fake.process import Running, Wan
from tests.fake.script import Reply, forever
from tests.fake.waiting import wait_until

ID = "-G3b3vVKdoC42fMNeK1T5"
SLOW = CdnReply(drip=0.02, drip_size=8_000)


@pytest.fixture
def ready(api: FakeApi) -> str:
    """The id of a completed generation of another machine."""
    return api.add_generation(id=ID, looks=0).id


def names(work: Path) -> list[str]:
    return sorted(path.name for path in work.iterdir())


def wait_for_size(path: Path, size: int, running: Running) -> None:
    def is_there() -> bool:
        assert running.process.poll() is None, running.err
        return path.exists() and path.stat().st_size >= size

    wait_until(is_there)


@pytest.mark.parametrize(
    "reply",
    [
        CdnReply(cut_after=100_000, cut_with="reset"),
        CdnReply(cut_after=100_000, no_length=True),
        CdnReply(gzip=True),
        CdnReply(gzip=True, cut_after=50_000),
        CdnReply(no_validators=True, cut_after=9_000),
        CdnReply(status=503),
    ],
    ids=["reset", "cut without a length", "gzip", "cut gzip", "no validators", "503"],
)
def test_the_same_command_recovers_from_a_faulty_download(
    reply: CdnReply, ready: str, api: FakeApi, wan: Wan, work: Path
) -> None:
    api.cdn.on_get(reply)
    result = wan("fetch", ready, "-o", "fox.mp4")
    assert (result.code, result.out) == (0, f"{work / 'fox.mp4'}\n")
    assert (work / "fox.mp4").read_bytes() == api.video
    assert names(work) == ["fox.mp4"]


@pytest.mark.parametrize(
    "reply",
    [
        CdnReply(body=b"<html>Sorry</html>", headers={"Content-Type": "text/html"}),
        CdnReply(body=b""),
        CdnReply(body=make_mp4(50_000)[:-1]),
    ],
    ids=["a page", "nothing", "a video without its end"],
)
def test_an_incomplete_video_is_never_a_success(
    reply: CdnReply, ready: str, api: FakeApi, wan: Wan, work: Path
) -> None:
    api.cdn.on_get(replace(reply, lasting=True))
    result = wan("fetch", ready, "--json")
    assert (result.code, names(work)) == (12, [])
    assert result.json_lines[0]["error"]["code"] == "download_failed"
    assert result.json_lines[0]["error"]["hint"] == f"wan fetch {ready}"
    api.cdn.on_get.clear()
    assert wan("fetch", "--all").code == 0
    assert [path.read_bytes() for path in work.iterdir()] == [api.video]


@pytest.mark.parametrize("location", ["https://169.254.169.254/latest", "http://example.com/v.mp4"])
def test_a_redirect_into_a_private_network_or_off_https_is_refused(
    location: str, ready: str, api: FakeApi, wan: Wan, work: Path
) -> None:
    api.cdn.on_get(forever(CdnReply(location=location)))
    result = wan("fetch", ready)
    assert (result.code, names(work), len(api.cdn.requests)) == (12, [], 1)


def test_after_an_expired_url_the_download_continues_where_it_stopped(
    api: FakeApi, wan: Wan, work: Path
) -> None:
    api.cdn.on_get(CdnReply(cut_after=70_000), CdnReply(status=403))
    result = wan("generate", "a fox", "-o", "fox.mp4")
    assert result.code == 0
    first, refused, last = api.cdn.requests
    assert first.query == refused.query != last.query
    assert last.headers["Range"] == "bytes=70000-"


_XML = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Expired</Message></Error>"


@pytest.mark.parametrize(
    "reply",
    [
        CdnReply(status=400, body=_XML),
        CdnReply(status=404, body=b""),
        CdnReply(status=410, body=b"gone"),
        CdnReply(body=_XML),
        CdnReply(body=b'{"error": "expired"}'),
    ],
    ids=["400", "404", "410", "200 with XML", "200 with JSON"],
)
def test_every_kind_of_expired_url_is_replaced_and_the_download_continues(
    reply: CdnReply, api: FakeApi, wan: Wan, work: Path
) -> None:
    api.cdn.on_get(CdnReply(cut_after=70_000), reply)
    result = wan("generate", "a fox", "-o", "fox.mp4")
    assert (result.code, names(work)) == (0, ["fox.mp4"])
    first, refused, last = api.cdn.requests
    assert first.query == refused.query != last.query
    assert last.headers["Range"] == "bytes=70000-"


def test_a_signed_url_reaches_the_cdn_unchanged(api: FakeApi, wan: Wan, work: Path) -> None:
    api.cdn.extra_query = "&name=%7Efox~%2b%2B+|x y"
    assert wan("generate", "a fox", "-o", "fox.mp4").code == 0
    assert api.cdn.requests[0].query.endswith("&name=%7Efox~%2b%2B+|x%20y")
    assert (work / "fox.mp4").read_bytes() == api.video


def test_wan_retries_a_video_that_is_not_there_yet(
    ready: str, api: FakeApi, wan: Wan, work: Path
) -> None:
    api.cdn.on_get(*[CdnReply(status=404, body=b"")] * 5)
    result = wan("fetch", ready, "-o", "fox.mp4")
    assert (result.code, names(work)) == (0, ["fox.mp4"])
    assert result.err.count("trying again") == 1


def test_a_killed_download_is_continued_by_the_next_command(
    api: FakeApi, wan: Wan, work: Path
) -> None:
    api.cdn.on_get(SLOW)
    running = wan.start("generate", "a fox", "-o", "fox.mp4")
    part = work / "fox.mp4.part"
    wait_for_size(part, 60_000, running)
    running.kill()
    running.wait()
    size = part.stat().st_size
    result = wan("fetch", "--all")
    assert (result.code, names(work)) == (0, ["fox.mp4"])
    assert (work / "fox.mp4").read_bytes() == api.video
    first, second = api.cdn.requests
    assert first.headers["Range"] is None
    assert second.headers["Range"] == f"bytes={size}-"
    assert second.headers["If-Range"].startswith('"')


def test_after_a_full_disk_the_next_command_fetches_the_missing_bytes(
    api: FakeApi, wan: Wan, work: Path
) -> None:
    api.video = make_mp4(700_000)
    api.cdn.on_get(replace(SLOW, drip=0.002))
    running = wan.start("generate", "a fox", "-o", "fox.mp4")
    # The limit for the size of a file.
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (400_000, 400_000))
    result = running.wait()
    assert result.code == 13
    assert "hint: wan fetch " in result.err
    assert (work / "fox.mp4.part").stat().st_size == 400_000
    assert wan("fetch", "--all").out == f"{work / 'fox.mp4'}\n"
    assert (work / "fox.mp4").read_bytes() == api.video
    assert api.cdn.requests[-1].headers["Range"] == "bytes=400000-"


@pytest.mark.parametrize("is_link", [False, True], ids=["a file", "a symbolic link"])
def test_a_file_that_takes_the_name_during_the_wait_is_kept(
    is_link: bool, api: FakeApi, wan: Wan, work: Path, tmp_path: Path
) -> None:
    api.check_files = False
    api.cdn.on_get(CdnReply(hang=True))
    running = wan.start("generate", "a fox", "-o", "fox.mp4")
    running.wait_for(" completed")
    if is_link:
        (work / "fox.mp4").symlink_to(tmp_path / "elsewhere")
    else:
        (work / "fox.mp4").write_text("mine")
    api.cdn.release()
    result = running.wait()
    assert (result.code, result.out) == (0, f"{work / 'fox-1.mp4'}\n")
    assert (work / "fox-1.mp4").read_bytes() == api.video
    assert not (tmp_path / "elsewhere").exists()
    assert is_link or (work / "fox.mp4").read_text() == "mine"


def test_wan_does_not_write_through_a_part_that_is_a_link(
    ready: str, api: FakeApi, wan: Wan, work: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (work / "fox.mp4.part").symlink_to(mine)
    assert wan("fetch", ready, "-o", "fox.mp4").code == 0
    (work / "owl.mp4.part").hardlink_to(mine)
    meta = {"identity": ready, "validator": '"1"', "total": 9}
    (work / "owl.mp4.part.json").write_text(json.dumps(meta))
    assert wan("fetch", ready, "-o", "owl.mp4", "--timeout", "10").code == 0
    assert mine.read_text() == "mine"
    assert [name for name in names(work) if name.endswith(".mp4")] == ["fox.mp4", "owl.mp4"]


def test_two_processes_that_fetch_at_the_same_time_download_once(
    api: FakeApi, wan: Wan, work: Path
) -> None:
    generation_id = wan("generate", "a fox", "--no-wait").out.strip()
    api.cdn.on_get(SLOW)
    both = [wan.start("fetch", generation_id) for _ in range(2)]
    results = [running.wait() for running in both]
    assert [result.code for result in results] == [0, 0]
    assert results[0].out == results[1].out == f"{work / names(work)[0]}\n"
    assert len(names(work)) == len(api.cdn.requests) == 1


def test_a_video_that_another_process_saved_during_the_poll_is_not_downloaded_again(
    api: FakeApi, wan: Wan, work: Path
) -> None:
    generation_id = wan("generate", "a fox", "--no-wait").out.strip()
    api.generations[generation_id].looks = 0
    api.on_get(Reply(fault="hang"))
    before = len(api.gets)
    late = wan.start("fetch", generation_id)
    wait_until(lambda: len(api.gets) > before)
    first = wan("fetch", generation_id)
    api.release()
    assert (late.wait().code, late.out) == (0, first.out)
    assert len(names(work)) == len(api.cdn.requests) == 1


def test_wan_finds_the_video_that_a_killed_process_published(
    api: FakeApi, wan: Wan, work: Path
) -> None:
    api.check_files = False
    generation_id = wan("generate", "a fox", "--no-wait", "-o", "fox.mp4").out.strip()
    # The state after a kill between the publication and the write to the history.
    (work / "fox.mp4").write_bytes(api.video)
    (work / "fox.mp4.part").hardlink_to(work / "fox.mp4")
    meta = {"identity": generation_id, "validator": '"1"', "total": len(api.video)}
    beside = work / "fox.mp4.part.json"
    beside.write_text(json.dumps(meta))
    assert wan("fetch", "--all").out == f"{work / 'fox.mp4'}\n"
    assert (names(work), api.cdn.requests) == (["fox.mp4"], [])
    # The state after a kill while wan removes the meta file, and a file of the user.
    beside.write_text(json.dumps(meta))
    assert wan("fetch", "--all").code == 0
    assert names(work) == ["fox.mp4"]
    beside.write_text("{}")
    assert wan("fetch", "--all").code == 0
    assert beside.read_text() == "{}"


def test_a_generation_of_another_machine_is_saved_and_recorded(
    ready: str, wan: Wan, work: Path
) -> None:
    result = wan("fetch", ready)
    assert result.code == 0
    (listed,) = wan("list", "--json").json_lines
    assert (listed["id"], listed["status"]) == (ready, "completed")
    assert f"{listed['file']}\n" == result.out


def test_a_video_is_written_to_stdout_unchanged(
    ready: str, api: FakeApi, wan: Wan, work: Path
) -> None:
    api.cdn.on_get(CdnReply(cut_after=3_000))
    result = wan("fetch", ready, "-o", "-")
    assert (result.code, result.out_bytes, names(work)) == (0, api.video, [])


def test_a_video_that_was_deleted_is_fetched_again(api: FakeApi, wan: Wan, work: Path) -> None:
    path = Path(wan("generate", "a fox").out.strip())
    assert wan("fetch", "@last").code == 0
    assert len(api.cdn.requests) == 1, "what is on disk was downloaded again"
    path.unlink()
    assert wan("fetch", "@last").out == f"{path}\n"
    assert path.read_bytes() == api.video


def test_a_generation_of_another_machine_is_saved_where_fetch_runs_not_where_status_ran(
    wan: Wan, api: FakeApi, tmp_path: Path
) -> None:
    made = api.add_generation(looks=0)
    assert wan("status", made.id, env={"WAN_OUTPUT_DIR": str(tmp_path / "asked")}).code == 0
    for name in ("one", "other"):
        result = wan("fetch", made.id, env={"WAN_OUTPUT_DIR": str(tmp_path / name)})
        assert result.code == 0
        # Once it is on disk, its path does not change.
        assert Path(result.out.strip()).parent == tmp_path / "one"
    assert not (tmp_path / "asked").exists()
