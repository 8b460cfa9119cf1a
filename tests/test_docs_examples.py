"""Every shell block of README and docs/ runs unchanged, in the sandbox.

A page is one session: its blocks run from top to bottom, in one folder, with one home. `sh`, `bash`
and `crontab` blocks must succeed. A `console` block must print what it shows, where `…` stands for
any text. A `make` block is a Makefile. Blocks of other languages do not run, nor do blocks after
the comment `<!-- not run here: REASON -->`.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fake.s3 import FakeS3
from tests.fake.waiting import wait_until

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELLS = ("sh", "bash", "console", "crontab", "make")
# Most blocks must run: do not add more exceptions.
MAX_NOT_RUN = 4
# Stand-ins for other programs, as small as the examples allow.
PROGRAMS = {
    "mpv": "cat >/dev/null",
    "op": "echo key-of-1password",
    "pass": "echo key-of-pass",
}
FENCE = re.compile(
    r"^(?:<!-- not run here: (?P<reason>.+) -->\n)?```(?P<language>[a-z]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
ID = r"[A-Za-z0-9_-]{21}"


class Block(NamedTuple):
    """A fenced block: its language, text, first line in the page, and the reason not to run it."""

    language: str
    text: str
    line: int
    reason: str | None


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text("utf-8")
    return [
        Block(
            found["language"],
            found["text"],
            text.count("\n", 0, found.start("text")) + 1,
            found["reason"],
        )
        for found in FENCE.finditer(text)
        if found["language"] in SHELLS
    ]


class Shell:
    """Runs blocks in one folder, as a user would in one terminal."""

    def __init__(self, page: Path, folder: Path, base_url: str, more: Mapping[str, str]) -> None:
        self._page = page
        self._work = folder / "work"
        self._work.mkdir()
        programs = folder / "bin"
        programs.mkdir()
        for name, does in {**PROGRAMS, "wan": f'exec {sys.executable} -m wan_cli "$@"'}.items():
            (programs / name).write_text(f"#!/bin/sh\n{does}\n")
            (programs / name).chmod(0o755)
        self._env = {
            "AIMLAPI_API_KEY": "key-of-the-reader",
            "HOME": str(self._work),
            "LANG": "C.UTF-8",
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "WAN_BASE_URL": base_url,
            "WAN_HOME": str(folder / "home"),
            "WAN_POLL_INTERVAL": "0.1",
            # Defaults that are cheap to render, for values that an example leaves open.
            "WAN_DURATION": "5",
            "WAN_RESOLUTION": "720p",
            **more,
        }

    def run(self, block: Block) -> None:
        if block.language == "console":
            self._compare(block)
        elif block.language == "crontab":
            for line in block.text.splitlines():
                if not line.startswith("#"):
                    # 8: a generation is unfinished, and the next round will fetch it.
                    command = line.split(None, 5)[5]
                    self._script(block, command, codes=(0, 8))
                    if "wan batch" in command:
                        # cron mails whatever a round prints: one without news must be silent.
                        assert self._script(block, command) == ""
        elif block.language == "make":
            (self._work / "Makefile").write_text(block.text)
            self._script(block, "make")
        else:
            self._script(block, block.text)

    def _script(self, block: Block, script: str, codes: tuple[int, ...] = (0,)) -> str:
        env = dict(self._env)
        if "#SBATCH" in script:
            env |= {"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "2", "SCRATCH": "scratch"}
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-euc", script],
            cwd=self._work,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        place = f"{self._page.name}:{block.line}"
        assert done.returncode in codes, f"{place}: exit {done.returncode}\n{script}\n{done.stdout}"
        return done.stdout

    def _compare(self, block: Block) -> None:
        """Run the commands after the `$` of a session; their output must match the shown text."""
        for step in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _end, shown = step.partition("\n")
            printed = self._script(block, command, codes=tuple(range(14)))
            pattern = "".join(_pattern(line) for line in shown.splitlines())
            assert re.fullmatch(pattern, _alike(printed)), (
                f"{self._page.name}:{block.line}: $ {command}\n{printed}"
            )


def _pattern(line: str) -> str:
    if line == "…":
        return r"(?:.*\n)*?"
    return re.escape(_alike(line)).replace("…", ".*") + r"\n"


def _alike(text: str) -> str:
    """Return a text without the parts that differ between runs: ids, folders, ages, columns."""
    text = re.sub(rf"(?<![\w-]){ID}(?![\w-])", "ID", text)
    text = re.sub(r"/[\w./-]*/", "DIR/", text)
    text = re.sub(r"-[A-Za-z0-9]{8}\.mp4", "-ID8.mp4", text)
    text = re.sub(r"wan-[0-9a-f]{32}", "REF", text)
    text = re.sub(r"\b[0-9]+ s\b|\b[0-9]:[0-9]{2}\b", "TIME", text)
    return re.sub(r" {2,}", "  ", text)


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API of `wan sandbox`, where a clip takes only its rendering time."""
    folder = tmp_path_factory.mktemp("served")
    told = folder / "told"
    env = {"PATH": os.environ["PATH"], "WAN_HOME": str(folder)}
    argv = [sys.executable, "-m", "wan_cli", "sandbox", "--port", "0", "--speed", "20"]
    with told.open("wb") as file:
        server = subprocess.Popen(argv, env=env, stdout=file, stderr=file)
    try:
        found = wait_until(lambda: re.search(r"http://[\d.]+:\d+", told.read_text("utf-8")))
        assert found
        yield found[0]
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks_of(page)], ids=lambda page: page.name
)
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path, base_url: str) -> None:
    blocks = [block for block in blocks_of(page) if block.reason is None]
    if any(re.search(r"\bjq\b", block.text) for block in blocks) and not shutil.which("jq"):
        pytest.skip("jq is not installed")
    # The bucket of docs/storage.md.
    with FakeS3() as s3:
        shell = Shell(page, tmp_path, base_url, s3.env)
        for block in blocks:
            shell.run(block)


def test_only_a_few_examples_do_not_run() -> None:
    reasons = [block.reason for page in PAGES for block in blocks_of(page) if block.reason]
    assert len(reasons) <= MAX_NOT_RUN, reasons
