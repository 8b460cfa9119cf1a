"""A history on a network file system, or without working locks: never reported as damage."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from wan_cli.checkup import Level
from wan_cli.commands.workspace import workspace
from wan_cli.core.doctor import examine_history
from wan_cli.errors import HistoryReadOnly, SetupError
from wan_cli.journal import Journal
from wan_cli.journal.trouble import mounted, network, trouble
from wan_cli.output import Output

MOUNTS = rb"""27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
270 27 0:51 / /srv/a\040-\040b rw,relatime shared:7 master:1 - nfs4 nas:/a rw,vers=4.2
31 27 0:52 / /mnt/c rw - 9p drvfs rw,aname=drvfs
"""


def nfs(_path: Path) -> str:
    return "NFS"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "own" / "history.db"


@pytest.fixture
def on_nfs(monkeypatch: pytest.MonkeyPatch, journal: Path) -> Path:
    """A history that every command treats as being on NFS."""
    monkeypatch.setenv("WAN_HOME", str(journal.parent))
    monkeypatch.setattr(Journal, "open", partial(Journal.open, network=nfs))
    return journal


def journal_mode(journal: Path) -> str:
    with closing(sqlite3.connect(journal)) as database:
        return str(database.execute("PRAGMA journal_mode").fetchone()[0])


def test_the_mount_gives_the_type_of_a_file_system() -> None:
    found = [mounted(MOUNTS, mount) for mount in (b"27", b"270", b"31", b"2", b"7")]
    assert found == ["ext4", "nfs4", "9p", "", ""]


def test_an_unknown_file_system_counts_as_local(tmp_path: Path) -> None:
    assert network(tmp_path / "none") is None
    assert network(Path("/proc/version")) is None


def test_a_rollback_journal_is_kept_on_a_network_file_system(journal: Path) -> None:
    with Journal.open(journal, nfs) as one, Journal.open(journal, nfs) as other:
        # Opening the history leaves no lock on either connection.
        for some in (one, other):
            some.save_all([], ())
            assert some.unresolved() == []
        assert one.check() is None
    assert journal_mode(journal) == "delete"
    assert [path.name for path in journal.parent.iterdir()] == ["history.db"]


def test_a_history_in_wal_mode_is_converted_and_converted_back(journal: Path) -> None:
    modes = []
    for where in (lambda _: None, nfs, lambda _: None):
        with Journal.open(journal, where) as opened:
            assert opened.newest is not None
        modes.append(journal_mode(journal))
    assert modes == ["wal", "delete", "wal"]


def test_a_newer_history_is_left_unchanged(journal: Path) -> None:
    journal.parent.mkdir()
    with closing(sqlite3.connect(journal)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(SetupError, match="newer wan"):
        Journal.open(journal, nfs)
    assert journal_mode(journal) == "wal"


@pytest.mark.parametrize("quiet", [False, True])
def test_a_command_warns_once(
    on_nfs: Path, capsys: pytest.CaptureFixture[str], quiet: bool
) -> None:
    out = Output(quiet=quiet)
    with workspace(out).journal(out):
        pass
    warnings = [line for line in capsys.readouterr().err.splitlines() if "network" in line]
    assert len(warnings) == (0 if quiet else 1)
    for line in warnings:
        assert f"the history {on_nfs} is on a network file system (NFS)" in line
        assert "one machine at a time" in line
        assert "WAN_HOME" in line


def test_doctor_warns(on_nfs: Path) -> None:
    warned = [check for check in examine_history(on_nfs) if check.level is Level.WARNING]
    assert ["(NFS)" in check.text for check in warned] == [True]
    assert warned[0].hint.startswith("export WAN_HOME=DIR")


@pytest.mark.parametrize("words", ["locking protocol", "disk I/O error"])
def test_an_error_of_a_drive_is_not_damage(journal: Path, words: str) -> None:
    with pytest.raises(HistoryReadOnly) as caught, trouble(journal):
        raise sqlite3.OperationalError(words)
    assert words in caught.value.message
    assert "damaged" not in caught.value.message
    assert caught.value.hint.startswith("export WAN_HOME=DIR")


@pytest.mark.parametrize("error", ["ENOLCK", "ENOSYS", "EIO"])
def test_without_locks_nothing_is_paid_and_the_history_can_be_read(
    api: FakeApi, wan: Wan, error: str
) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    probe = ["strace", "-f", "-qq", "-o", os.devnull, "true"]
    tried = subprocess.run(probe, capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"strace does not work here: {tried.stderr.strip()}")
    file = (Path(wan.env["WAN_HOME"]) / "history.db").resolve()
    assert wan("generate", "a fox", "--no-wait").code == 0
    before = file.read_bytes()

    def without_locks(*argv: str) -> subprocess.CompletedProcess[str]:
        # fcntl of this file alone: Python itself does not start without any.
        refused = ["-P", str(file), "-e", "trace=fcntl", "-e", f"inject=fcntl:error={error}"]
        return subprocess.run(
            [*probe[:-1], *refused, sys.executable, "-m", "wan_cli", *argv],
            cwd=wan.work,
            env={name: value for name, value in wan.env.items() if "COVERAGE" not in name},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    for argv in (("generate", "a hen", "--no-wait"), ("doctor",)):
        done = without_locks(*argv)
        words = done.stdout + done.stderr
        assert done.returncode == 3, words
        assert "cannot be locked" in words
        assert "export WAN_HOME=DIR" in words
        assert not any(wrong in words for wrong in ("damaged", "mv ", "wan doctor"))
    assert len(api.posts) == 1
    listed = without_locks("list", "--json")
    assert (listed.returncode, listed.stdout.count("a fox")) == (0, 1), listed.stderr
    assert file.read_bytes() == before
