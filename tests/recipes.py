"""A recipe of docs/recipes as a test runs it: with a bucket, and processes of `wan` to kill."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.fake.api import FakeApi
from tests.fake.s3 import FakeS3
from tests.fake.waiting import wait_until

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "docs" / "recipes"
# Airflow and Prefect need many seconds to start on a busy machine.
PATIENCE_S = 90.0
_LOOKS = 2  # polls until a generation of the fake API ends


class Workplace:
    """Machines that run recipes: their folder, their `wan`, and the texts to replace in a recipe.

    `history` is the URL of the database.
    """

    def __init__(
        self, folder: Path, env: Mapping[str, str], api: FakeApi, s3: FakeS3, history: str
    ) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        self._api = api
        self._s3 = s3
        self._pids = folder / "pids"
        self.replace = {"postgresql://wan@db.example/wan": history}
        self.program("wan", f'echo $$ >>{self._pids}; exec {sys.executable} -m wan_cli "$@"')
        here = {
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(folder),
            "WAN_DURATION": "5",
            "WAN_HISTORY": history,
            "WAN_HOME": str(folder / "wan-home"),
        }
        self.env = {**env, **s3.env, **here}

    def program(self, name: str, script: str) -> None:
        """Put a shell script in front of the PATH."""
        (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.bin / name).chmod(0o755)

    def text(self, name: str) -> str:
        """Return a recipe with its replacements."""
        text = (RECIPES / name).read_text("utf-8")
        for old, new in self.replace.items():
            text = text.replace(old, new)
        return text

    def write(self, name: str) -> Path:
        """Write a recipe into the folder, and return its path."""
        path = self.folder / name
        path.write_text(self.text(name))
        return path

    def start(self, argv: Sequence[str], **env: str) -> subprocess.Popen[str]:
        """Start a command in the folder; its output goes into one pipe."""
        return subprocess.Popen(
            argv,
            cwd=self.folder,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, argv: Sequence[str], **env: str) -> tuple[int, str]:
        """Run a command to its end; return its exit code and its output."""
        with self.start(argv, **env) as process:
            try:
                out, _err = process.communicate(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return process.returncode, out

    def hold(self) -> None:
        """Let no generation end, until `kill`; the account's log lacks those in flight."""
        self._api.looks = 1_000_000
        self._api.logs_immediately = False

    def kill(self, clips: int) -> None:
        """Kill all processes of wan while they wait for `clips`, and take their homes away.

        The clips are generated after further polls, so only the history knows them.
        """
        made = self._api.generations
        wait_until(lambda: sum(one.seen > 0 for one in list(made.values())) == clips, PATIENCE_S)
        for pid in {int(line) for line in self._pids.read_text().split()}:
            os.kill(pid, signal.SIGKILL)
        self._pids.write_text("")
        for home in self.folder.glob("wan-*"):
            shutil.rmtree(home)
        self._api.looks = _LOOKS
        for generation in made.values():
            generation.looks, generation.seen = _LOOKS, 0

    @property
    def saved(self) -> list[bytes]:
        """The contents of the clips in the bucket."""
        return [self._s3.objects[uri.removeprefix("s3://")].data for uri in self._s3.videos]
