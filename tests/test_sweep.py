"""Kill wan at successive system calls, or make them fail; recover and fetch must repair it all.

A sample runs by default; WAN_SWEEP=full tries every call, in a quarter of an hour.
"""

import functools
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.drive import NoDrive, exfat
from tests.fake.invariants import KEY, check
from tests.fake.process import Wan

# The names of a system call on different systems.
FAMILIES = {
    "pwrite": "pwrite64",
    "fdatasync": "fdatasync",
    "fsync": "fsync",
    "ftruncate": "ftruncate",
    "write": "write",
    "connect": "connect",
    "sendto": "sendto",
    "recvfrom": "recvfrom",
    "rename": "rename|renameat|renameat2",
    "link": "link|linkat",
    "unlink": "unlink|unlinkat",
}
IS_FULL = os.environ.get("WAN_SWEEP") == "full"
PROMPT = "a fox"
GENERATE = ("generate", PROMPT)
BATCH = ("batch", "--yes", "rows.txt")
BATCH_PROMPTS = (PROMPT, "a hen")

# The size of the sample for each family of calls, spread from the first call to the last.
KILLS = {
    "pwrite": 4,
    "fdatasync": 4,
    "fsync": 2,
    "write": 2,
    "connect": 1,
    "sendto": 2,
    "recvfrom": 2,
    "unlink": 2,
    "rename": 3,
}
BATCH_KILLS = {"pwrite": 3, "fdatasync": 2, "sendto": 2, "recvfrom": 2, "rename": 2}
# Drives without some calls: no rename without replacing (NFS, old kernels), no hard
# links either (exFAT by FUSE, SMB); and none of them sets the mode of a file.
NO_MODES = ("chmod", "EPERM"), ("fchmod", "EPERM"), ("fchmodat", "EPERM")
DRIVES = {
    "NFS": (("renameat2", "EINVAL"), *NO_MODES),
    "exFAT, SMB": (
        ("renameat2", "EINVAL"),
        ("link", "EPERM"),
        ("linkat", "EPERM"),
        *NO_MODES,
    ),
}
DRIVE_KILLS = {"rename": 3, "link": 1, "unlink": 2}
EXFAT_KILLS = {"rename": 2}
ERRORS = {
    ("pwrite", "ENOSPC"): 1,
    ("fdatasync", "EIO"): 3,
    ("fsync", "EIO"): 1,
    ("write", "ENOSPC"): 2,
    ("rename", "EIO"): 2,
}
if IS_FULL:
    KILLS = BATCH_KILLS = DRIVE_KILLS = EXFAT_KILLS = dict.fromkeys(FAMILIES, 10_000)
    ERRORS = {
        (family, error): 10_000
        for family in ("pwrite", "fdatasync", "fsync", "write", "link", "rename", "unlink")
        for error in ("EIO", "ENOSPC", "EINTR")
    }


@dataclass(frozen=True, slots=True)
class Ended:
    """The result of the command under strace; a negative code is the signal that killed it."""

    code: int
    out: str
    err: str


@functools.cache
def why_not() -> str:
    """Return why strace cannot inject faults here, or an empty string."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(
        ["strace", "-f", "-qq", "-o", os.devnull, "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if tried.returncode == 0 else f"strace does not work here: {tried.stderr.strip()}"


@pytest.fixture(autouse=True)
def _strace() -> None:
    if reason := why_not():
        pytest.skip(reason)


def strace(
    wan: Wan, filters: Sequence[str], argv: Sequence[str], output: str = os.devnull
) -> Ended:
    """Run `wan` under strace."""
    command = [sys.executable, "-m", "wan_cli", *argv]
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", output, *filters, *command],
        cwd=wan.work,
        # Without coverage, which would make its own system calls.
        env={name: value for name, value in wan.env.items() if "COVERAGE" not in name},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def make_wan(api: FakeApi, folder: Path, work: Path | None = None) -> Wan:
    """Return the command with its own home and working folder."""
    folder.mkdir(exist_ok=True)
    work = work or folder / "work"
    work.mkdir()
    (folder / "talk").mkdir()
    (work / "rows.txt").write_text("\n".join(BATCH_PROMPTS))
    env = {
        "HOME": str(folder / "user"),
        "LANG": "C.UTF-8",
        "WAN_HOME": str(folder / "home"),
        "AIMLAPI_API_KEY": KEY,
        "WAN_BASE_URL": api.base_url,
        "WAN_POLL_INTERVAL": "0.05",
    }
    return Wan(env, work, folder / "talk")


Refusals = tuple[tuple[str, str], ...]


def refusing(refused: Refusals) -> list[str]:
    """Return the strace filters that make system calls fail, each with its error."""
    return [part for name, error in refused for part in ("-e", f"inject=?{name}:error={error}")]


@functools.cache
def calls(argv: Sequence[str], refused: Refusals = ()) -> dict[str, int]:
    """Return how often a normal run makes each system call, in the thread with the most calls.

    strace counts the calls of each thread separately.
    """
    names = ",".join("?" + name for family in FAMILIES.values() for name in family.split("|"))
    with tempfile.TemporaryDirectory() as folder, FakeApi() as api:
        trace = Path(folder, "trace")
        wan = make_wan(api, Path(folder))
        ended = strace(wan, ["-e", f"trace={names}", *refusing(refused)], argv, str(trace))
        assert ended.code == 0, ended.err
        lines = trace.read_text(errors="replace").splitlines()
    each = Counter(match.groups() for line in lines if (match := re.match(r"(\d+) +(\w+)\(", line)))
    found: dict[str, int] = {}
    for (_, name), count in each.items():
        found[name] = max(count, found.get(name, 0))
    return found


def points(
    family: str, limit: int, argv: Sequence[str] = GENERATE, refused: Refusals = ()
) -> list[tuple[str, int]]:
    """Return the calls of a family to spoil: all, or a sample from the first to the last."""
    every = [
        (name, number)
        for name in FAMILIES[family].split("|")
        if name not in dict(refused)
        for number in range(1, calls(argv, refused).get(name, 0) + 1)
    ]
    if len(every) <= limit:
        return every
    steps = max(1, limit - 1)
    return [every[step * (len(every) - 1) // steps] for step in range(limit)]


def rows(home: Path, scratch: Path) -> list[tuple[str, str | None, str | None]]:
    """Return status, id and file of each row, from a copy of the history, after checking it."""
    if not (home / "history.db").exists():
        return []
    scratch.mkdir()
    for path in home.glob("history.db*"):
        shutil.copy(path, scratch)
    with closing(sqlite3.connect(scratch / "history.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return database.execute("SELECT status, id, file FROM generations").fetchall()


def check_end(ended: Ended, api: FakeApi, wan: Wan) -> None:
    """Return the broken invariants after the spoilt command, for any fault."""
    said = ended.err + ended.out
    assert "Traceback" not in said
    assert KEY not in said
    assert "Signature=" not in said
    if ended.code > 0:
        assert re.search(r"^error: .+\nhint: .+$", ended.err, re.MULTILINE)
        # Codes that mean "nothing is spent" are wrong after the POST, and the others before it.
        assert ended.code in ({8, 10, 12, 13} if api.accepted else {3, 13})
    # Even after a kill at any moment, a final name holds only a complete video.
    assert all(path.read_bytes() == api.video for path in wan.work.glob("*.mp4"))
    if ended.code == 0:
        assert [path.read_bytes() for path in wan.work.glob("*.mp4")] == [api.video]


def check_recovery(api: FakeApi, wan: Wan, scratch: Path, *, leaves_part: bool) -> None:
    """Run `wan recover` and `wan fetch --all`; check for one payment and one good file, or none."""
    home = Path(wan.env["WAN_HOME"])
    recovered = wan("recover")
    fetched = wan("fetch", "--all")
    held = rows(home, scratch / "settled")
    videos = [path.read_bytes() for path in wan.work.glob("*.mp4")]
    left = [path.name for path in wan.work.iterdir() if path.suffix in (".part", ".tmp", ".new")]
    if api.accepted:
        assert len(api.posts) == 1
        assert videos == [api.video]
        assert (recovered.code, fetched.code) == (0, 0)
        assert leaves_part or not left
        assert [(status, id_) for status, id_, _ in held] == [("completed", api.accepted[0].id)]
        assert held[0][2] == str(next(wan.work.glob("*.mp4")))
    else:
        assert (videos, left, api.posts) == ([], [], [])
        assert {status for status, _, _ in held} <= {"sending", "unknown", "unsent"}
        unknown = any(status in ("sending", "unknown") for status, _, _ in held)
        assert (recovered.code, fetched.code) == ((10, 10) if unknown else (0, 0))


def spoil(
    name: str,
    number: int,
    fault: str,
    folder: Path,
    refused: Refusals = (),
    work: Path | None = None,
    *,
    on_work: bool = False,
) -> str:
    """Run wan with one spoilt system call; return the problems afterwards, or nothing.

    The calls that the drive refuses fail until then, but not while wan recovers. `on_work` counts
    only calls that are about the working folder itself.
    """
    folder.mkdir()
    with FakeApi() as api:
        wan = make_wan(api, folder, work)
        how = f"signal={fault}" if fault.startswith("SIG") else f"error={fault}"
        seen = ",".join([name, *(f"?{call}" for call, _ in refused)])
        filters = ["-e", f"trace={seen}", "-e", f"inject={name}:{how}:when={number}"]
        if on_work:
            filters += ["-P", str(wan.work)]
        ended = strace(wan, [*filters, *refusing(refused)], GENERATE)
        try:
            # This run may make fewer calls than the run that counted them.
            assert number > 1 or not fault.startswith("SIG") or ended.code == -signal.SIGKILL
            check_end(ended, api, wan)
            # A file that the system does not remove stays, which is not a failure.
            leaves_part = "unlink" in name and not fault.startswith("SIG")
            check_recovery(api, wan, folder, leaves_part=leaves_part)
            broken = check(api, wan, folder / "copy")
        except AssertionError as failure:
            broken = [str(failure)]
        finally:
            wan.stop()
        said = "".join(run.err for run in wan.runs)
    if not broken:
        return ""
    return f"{name} {number} {fault}: {ended}; {broken}; then: {said}"


@pytest.mark.parametrize("family", KILLS)
def test_a_kill_before_a_system_call_loses_and_doubles_nothing(family: str, tmp_path: Path) -> None:
    chosen = points(family, KILLS[family])
    found = [spoil(*point, "SIGKILL", tmp_path / f"{point[0]}-{point[1]}") for point in chosen]
    assert not any(found), "\n".join(filter(None, found))


@pytest.mark.parametrize(("family", "error"), ERRORS)
def test_a_failed_system_call_is_reported_and_loses_nothing(
    family: str, error: str, tmp_path: Path
) -> None:
    chosen = points(family, ERRORS[family, error])
    found = [spoil(*point, error, tmp_path / f"{point[0]}-{point[1]}") for point in chosen]
    assert not any(found), "\n".join(filter(None, found))


@pytest.mark.parametrize("family", DRIVE_KILLS)
@pytest.mark.parametrize("drive", DRIVES)
def test_a_kill_on_a_limited_drive_leaves_no_empty_file_and_no_second_copy(
    drive: str, family: str, tmp_path: Path
) -> None:
    refused = DRIVES[drive]
    chosen = points(family, DRIVE_KILLS[family], GENERATE, refused)
    places = [tmp_path / f"{name}-{number}" for name, number in chosen]
    found = [
        spoil(*point, "SIGKILL", place, refused)
        for point, place in zip(chosen, places, strict=True)
    ]
    assert not any(found), "\n".join(filter(None, found))


@pytest.mark.parametrize("drive", DRIVES)
def test_videos_and_sidecars_are_saved_on_a_limited_drive(
    drive: str, api: FakeApi, tmp_path: Path
) -> None:
    wan = make_wan(api, tmp_path / "here")
    (wan.work / "a.mp4").write_bytes(b"mine")
    argv = (*GENERATE, "--sidecar", "-o", "b.mp4")
    ended = strace(wan, ["-e", "trace=all", *refusing(DRIVES[drive])], argv, str(tmp_path / "t"))
    assert ended.code == 0, ended.err
    assert (wan.work / "b.mp4").read_bytes() == api.video
    assert sorted(path.name for path in wan.work.iterdir()) == [
        "a.mp4", "b.mp4", "b.mp4.json", "rows.txt",
    ]  # fmt: skip
    trace = (tmp_path / "t").read_text(errors="replace")
    assert "EINVAL (Invalid argument) (INJECTED)" in trace
    assert ("EPERM (Operation not permitted) (INJECTED)" in trace) == (drive != "NFS")


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A real exFAT drive."""
    try:
        with exfat(tmp_path_factory.mktemp("exfat")) as place:
            yield place
    except NoDrive as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("family", EXFAT_KILLS)
def test_a_kill_on_exfat_leaves_no_empty_file_and_no_second_copy(
    drive: Path, family: str, tmp_path: Path
) -> None:
    found = []
    for name, number in points(family, EXFAT_KILLS[family], GENERATE, DRIVES["exFAT, SMB"]):
        here = f"{name}-{number}"
        found.append(spoil(name, number, "SIGKILL", tmp_path / here, work=drive / here))
    assert not any(found), "\n".join(filter(None, found))


# wan syncs the folder after the video has its name and before the history knows it.
def test_a_kill_between_the_name_and_the_history_leaves_no_second_copy(tmp_path: Path) -> None:
    assert not spoil("fsync", 1, "SIGKILL", tmp_path / "here", on_work=True)


def test_a_kill_between_the_name_and_the_history_leaves_no_second_copy_on_exfat(
    drive: Path, tmp_path: Path
) -> None:
    work = drive / "between"
    assert not spoil("fsync", 1, "SIGKILL", tmp_path / "here", work=work, on_work=True)


def spoil_batch(name: str, number: int, folder: Path) -> str:
    """Kill a batch at a system call and run it again; return the problems, or nothing."""
    folder.mkdir()
    with FakeApi() as api:
        wan = make_wan(api, folder)
        filters = ["-e", f"trace={name}", "-e", f"inject={name}:signal=SIGKILL:when={number}"]
        strace(wan, filters, BATCH)
        again = wan(*BATCH)
        paid = Counter(post.body["prompt"] for post in api.accepted)
        try:
            assert max(paid.values()) == 1
            # Only a row whose submission is unknown may have no video.
            assert again.code == (0 if len(paid) == len(BATCH_PROMPTS) else 10)
            assert len(again.out.splitlines()) == len(paid)
            assert [path.read_bytes() for path in wan.work.glob("*.mp4")] == [api.video] * len(paid)
            broken = check(api, wan, folder / "copy")
        except AssertionError as failure:
            broken = [str(failure)]
        finally:
            wan.stop()
    return f"{name} {number}: {broken}; {again}" if broken else ""


@pytest.mark.parametrize("family", BATCH_KILLS)
def test_a_batch_that_was_killed_pays_for_no_row_twice(family: str, tmp_path: Path) -> None:
    chosen = points(family, BATCH_KILLS[family], BATCH)
    found = [spoil_batch(*point, tmp_path / f"{point[0]}-{point[1]}") for point in chosen]
    assert not any(found), "\n".join(filter(None, found))
