"""Drives: a real exFAT image, and impossible names and folders, found before anything is paid."""

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.cdn import CdnReply
from tests.fake.drive import NoDrive, exfat
from tests.fake.process import Wan
from tests.fake.waiting import wait_until
from wan_cli.destination import Destination, try_places
from wan_cli.download.publish import free_names, move
from wan_cli.drives import try_files
from wan_cli.errors import DriveTrouble, LocalFileError, UsageError, local_file_error
from wan_cli.text import DEFAULT_NAME_TEMPLATE, is_portable

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has /proc/x to write to")


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A mounted exFAT drive."""
    try:
        with exfat(tmp_path_factory.mktemp("exfat")) as place:
            yield place
    except NoDrive as reason:
        pytest.skip(str(reason))


@pytest.fixture
def clips(drive: Path, wan: Wan, request: pytest.FixtureRequest) -> Path:
    """A folder of the drive in which `wan` runs."""
    folder = drive / str(request.node.name).partition("[")[0][:60]
    folder.mkdir(exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    wan.work = folder
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def rows(folder: Path, *lines: str) -> str:
    file = folder / "rows.csv"
    file.write_text("\n".join(("prompt,output", *lines)), "utf-8")
    return str(file)


# exFAT


def test_exfat_gets_a_video_and_its_sidecar(wan: Wan, api: FakeApi, clips: Path) -> None:
    result = wan("generate", "a fox", "--sidecar", "-o", "füchse 猫.mp4")
    assert (result.code, result.out) == (0, f"{clips / 'füchse 猫.mp4'}\n")
    assert (clips / "füchse 猫.mp4").read_bytes() == api.video
    assert names(clips) == ["füchse 猫.mp4", "füchse 猫.mp4.json"]


def test_exfat_keeps_a_file_that_appears_during_the_wait(
    wan: Wan, api: FakeApi, clips: Path
) -> None:
    api.check_files = False
    api.looks = 100_000
    running = wan.start("generate", "a fox", "-o", "fox.mp4")
    running.wait_for("generating")
    (clips / "FOX.mp4").write_bytes(b"precious")
    api.generations[api.accepted[0].id or ""].looks = 0
    result = running.wait()
    assert (result.code, result.out) == (0, f"{clips}/fox-1.mp4\n")
    assert (clips / "FOX.mp4").read_bytes() == b"precious"
    assert (clips / "fox-1.mp4").read_bytes() == api.video


def test_force_replaces_a_file_on_exfat(wan: Wan, api: FakeApi, clips: Path) -> None:
    (clips / "fox.mp4").write_bytes(b"old")
    assert wan("generate", "a fox", "--force", "-o", "fox.mp4").code == 0
    assert (clips / "fox.mp4").read_bytes() == api.video
    assert names(clips) == ["fox.mp4"]


def test_a_killed_download_continues_on_exfat(wan: Wan, api: FakeApi, clips: Path) -> None:
    api.cdn.on_get(CdnReply(drip=0.01, drip_size=5_000))
    name = "猫" * 80 + ".mp4"
    running = wan.start("generate", "a fox", "-o", name)
    wait_until(lambda: sum(path.stat().st_size for path in clips.glob("*.part")) > 60_000)
    running.kill()
    running.wait()
    (part,) = clips.glob("*.part")
    size = part.stat().st_size
    assert wan("fetch", "--all").code == 0
    assert names(clips) == [name]
    assert (clips / name).read_bytes() == api.video
    assert api.cdn.requests[-1].headers["Range"] == f"bytes={size}-"


@pytest.mark.parametrize("name", ["fox:1.mp4", "a fox?.mp4", "<fox>.mp4", 'say "fox".mp4'])
def test_a_name_that_exfat_refuses_is_found_before_anything_is_sent(
    wan: Wan, api: FakeApi, clips: Path, name: str
) -> None:
    result = wan("generate", "a fox", "-o", name)
    assert (result.code, api.posts) == (13, [])
    assert f"refuses the name {name!r}" in result.err
    assert names(clips) == []


def test_a_template_that_exfat_refuses_is_found_before_anything_is_sent(
    wan: Wan, api: FakeApi, clips: Path
) -> None:
    result = wan("generate", "a fox", env={"WAN_NAME_TEMPLATE": "{date} 10:30 {slug}"})
    assert (result.code, api.posts, names(clips)) == (13, [], [])


def test_a_name_that_exfat_refuses_fails_only_its_row(
    wan: Wan, api: FakeApi, clips: Path, tmp_path: Path
) -> None:
    api.looks = 0
    file = rows(tmp_path, "a fox,a.mp4", "a hen,b:2.mp4", "an owl,c.mp4")
    result = wan("batch", file, "--yes")
    assert (result.code, names(clips)) == (13, ["a.mp4", "c.mp4"])
    assert sorted(post.body["prompt"] for post in api.posts) == ["a fox", "an owl"]
    assert "rows.csv:3: the drive of" in result.err
    again = wan("batch", file, "--yes")
    assert (again.code, len(api.posts)) == (13, 2)


def test_two_names_that_are_the_same_on_exfat_are_found_before_anything_is_paid(
    drive: Path, tmp_path: Path
) -> None:
    one, other = Path("Straße.mp4"), Path("straße.mp4")
    assert try_files([tmp_path / one, tmp_path / other]) == [None, None]
    found = try_files([drive / one, drive / other])
    assert [error is None for error in found] == [True, False]
    assert "as the name of another file" in str(found[1])


def test_letters_are_tried_together_and_a_refused_name_is_found(drive: Path) -> None:
    letters = [f"{chr(0x4E00 + number)} {number}.mp4" for number in range(500)]
    files = [drive / name for name in (*letters, "🦊.mp4", "a\udcff.mp4", "b\ud800.mp4", "é.mp4")]
    before = names(drive)
    found = try_files(files)
    assert [file.name for file, error in zip(files, found, strict=True) if error] == [
        "a\udcff.mp4",
        "b\ud800.mp4",
    ]
    assert names(drive) == before


def test_many_files_with_the_same_name_on_exfat_lose_nothing(drive: Path) -> None:
    folder = drive / "race"
    folder.mkdir()
    gate = threading.Barrier(8)

    def publish(number: int) -> None:
        source = folder / f"{number}.part"
        source.write_text(str(number))
        gate.wait()
        for path in free_names(folder / "fox.mp4"):
            try:
                move(source, path)
            except FileExistsError:
                continue
            return

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(path.read_text() for path in folder.iterdir()) == [*"01234567"]


# Found before paying, on any drive


@needs_root
@pytest.mark.parametrize("output", ["file/x.mp4", "/proc/x/y.mp4", "/sys/x.mp4"])
def test_an_impossible_folder_fails_only_its_row(
    wan: Wan, api: FakeApi, work: Path, tmp_path: Path, output: str
) -> None:
    (work / "file").write_bytes(b"")
    result = wan("batch", rows(tmp_path, "a fox,a.mp4", f"a hen,{output}"), "--yes")
    assert (result.code, len(api.posts), (work / "a.mp4").exists()) == (13, 1, True)
    assert "rows.csv:3: cannot save to " in result.err
    assert "hint: change the row, then run the same command again" in result.err


def test_if_no_row_can_be_saved_the_rows_are_listed_and_nothing_is_sent(
    wan: Wan, api: FakeApi, work: Path, tmp_path: Path
) -> None:
    (work / "file").write_bytes(b"")
    lines = [f"fox {number},file/{number}/x.mp4" for number in range(50)]
    result = wan("batch", rows(tmp_path, *lines), "--yes")
    assert (result.code, api.posts, result.err.count("cannot save to")) == (13, [], 20)
    assert "and 30 more" in result.err


def test_with_fail_fast_an_impossible_row_stops_all_submissions(
    wan: Wan, api: FakeApi, work: Path, tmp_path: Path
) -> None:
    (work / "file").write_bytes(b"")
    file = rows(tmp_path, "a fox,a.mp4", "a hen,file/b.mp4")
    assert wan("batch", file, "--yes", "--fail-fast").code == 13
    assert api.posts == []


@pytest.mark.parametrize("sidecar", [[], ["--sidecar"]], ids=["video", "sidecar"])
def test_a_name_that_is_too_long_is_wrong_usage_before_anything_is_sent(
    wan: Wan, api: FakeApi, sidecar: list[str]
) -> None:
    length = 251 if sidecar else 256
    result = wan("generate", "a fox", "-o", f"{'x' * (length - 4)}.mp4", *sidecar)
    assert (result.code, api.posts) == (2, [])
    assert "File name too long" in result.err


def test_a_trial_leaves_only_the_folder(tmp_path: Path) -> None:
    files = [
        tmp_path / "new" / "deep" / name for name in ("a.mp4", "猫.mp4", "x:y.mp4", "Fox", "fox")
    ]
    assert try_files(files) == [None] * 5
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*")] == [
        Path("new"),
        Path("new/deep"),
    ]


TRIAL = """
import pathlib, sys
from wan_cli.drives import try_files
calls = []
sys.addaudithook(lambda event, _: calls.append(event) if event in ("open", "os.mkdir") else None)
folder = pathlib.Path(sys.argv[1])
files = [folder / str(number % 2) / f"clip-{number}.mp4" for number in range(10_000)]
assert try_files(files) == [None] * 10_000
print(len(calls))
"""


def test_10_000_rows_try_each_folder_once_and_no_plain_name(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", TRIAL, tmp_path], capture_output=True, text=True, check=True
    )
    # Imports open files too.
    assert int(told.stdout) < 100


@pytest.mark.parametrize(
    "name", ["a fox's tale (1), 2 & 3!.mp4", "~a", "-a.mp4", "a.tar.gz", "#1 100%.mp4", "x" * 100]
)
def test_every_drive_accepts_a_plain_name(name: str) -> None:
    assert is_portable(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a ",
        " a",
        "a.",
        ".a",
        "con.mp4",
        "COM1",
        "a:b",
        "x\ty",
        "é",
        "a|b",
        "a\\b",
        'a"',
        "x" * 101,
    ],
)
def test_a_name_that_some_drives_refuse_is_not_plain(name: str) -> None:
    assert not is_portable(name)


def test_an_error_belongs_to_its_row(tmp_path: Path) -> None:
    (tmp_path / "there.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()

    def place(name: str | None, folder: Path = tmp_path) -> Destination:
        return Destination(folder, name, DEFAULT_NAME_TEMPLATE)

    found = try_places(
        [
            place("a.mp4"),
            place("there.mp4"),
            place("folder.mp4"),
            place(None),
            place("a.mp4", tmp_path / "there.mp4"),
            place(None, tmp_path / "there.mp4" / "deep"),
            place("x" * 300),
            place("-", tmp_path / "new"),
        ],
        overwrite=False,
    )
    kinds = [None, UsageError, UsageError, None, LocalFileError, LocalFileError, UsageError, None]
    assert [error and type(error) for error in found] == kinds


@pytest.mark.parametrize(
    "code", ["ENOSPC", "EDQUOT", "EROFS", "EIO", "ENXIO", "ENODEV", "ESTALE", "ENOTCONN"]
)
def test_errors_of_the_drive_differ_from_errors_of_a_file(code: str) -> None:
    cause = OSError(getattr(errno, code), "")
    assert isinstance(local_file_error("", cause, hint=""), DriveTrouble)


@pytest.mark.parametrize("code", ["EACCES", "EFBIG", "ENAMETOOLONG", "EISDIR", "ENOENT", "EINVAL"])
def test_an_error_of_a_file_is_not_an_error_of_its_drive(code: str) -> None:
    cause = OSError(getattr(errno, code), "")
    assert type(local_file_error("", cause, hint="")) is LocalFileError


def test_a_full_drive_stops_submitting_and_generations_in_flight_are_saved(
    wan: Wan, api: FakeApi, work: Path, tmp_path: Path
) -> None:
    api.looks = 10**6
    file = rows(tmp_path, *(f"fox {number},{number}.mp4" for number in range(9)))
    # More than any drive has room for.
    api.cdn.on_get(CdnReply(headers={"Content-Length": str(10**17)}))
    running = wan.start("batch", file, "--yes", "--concurrency", "2")
    wait_until(lambda: len(api.accepted) == 2)
    api.generations[str(api.accepted[0].id)].looks = 0
    running.wait_for("nearly full")
    api.looks = 0
    for post in list(api.accepted):
        api.generations[str(post.id)].looks = 0
    full = running.wait()
    submitted = len(api.accepted)
    assert (full.code, submitted in (2, 3), len(names(work))) == (13, True, submitted - 1)
    assert f"{9 - submitted} rows were not submitted" in full.err
    again = wan("batch", file, "--yes")
    assert (again.code, len(api.accepted), len(names(work))) == (0, 9, 9)


def test_a_folder_that_vanishes_fails_only_its_row(
    wan: Wan, api: FakeApi, work: Path, tmp_path: Path
) -> None:
    api.looks = 10**6
    file = rows(tmp_path, "a fox,gone/a.mp4", "a hen,b.mp4")
    running = wan.start("batch", file, "--yes", "--concurrency", "1")
    wait_until(lambda: api.accepted)
    (work / "gone").rmdir()
    (work / "gone").write_bytes(b"a file")
    api.looks = 0
    api.generations[str(api.accepted[0].id)].looks = 0
    result = running.wait()
    assert (result.code, len(api.posts), names(work)) == (13, 2, ["b.mp4", "gone"])


def test_a_history_on_exfat_works(wan: Wan, api: FakeApi, clips: Path) -> None:
    home = {"WAN_HOME": str(clips / "home")}
    assert wan("generate", "a fox", "-o", "a.mp4", env=home).code == 0
    assert wan("list", "--json", env=home).json_lines[0]["file"] == str(clips / "a.mp4")
