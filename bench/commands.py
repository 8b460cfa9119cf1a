"""Measures wan against its speed goals: whole processes, interleaved, medians and ratios.

    python -m bench.commands              (`make bench`; some minutes, 5 GB of disk)
    python -m bench.commands --quick      without the peers and without the download of 2 GB

The script builds wan and installs it, with compiled bytecode, into its own environment under
build/, together with yt-dlp, httpie and huggingface_hub (the extra `bench`). It prints a Markdown
table. No test depends on it, because seconds depend on the machine.
"""
# ruff: noqa: INP001, S603, T201  A script that prints and starts processes.

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from statistics import median

from bench import files, inflight, journal, polling
from bench.stopwatch import Job, Run, Stopwatch, interleaved
from tests.fake.api import GENERATIONS, FakeApi

KEY = "the-key-of-the-bench"
ENVIRONMENT = Path("build/bench")
LOCAL_ROUNDS, HTTPS_ROUNDS, HISTORY_ROUNDS = 31, 31, 7
MIB = 1 << 20
# These variables would change the results: no bytecode, or another CA bundle.
UNSET = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
COMPLETIONS = 200
# Prints the microseconds of one completion, in a shell that has read the script.
COMPLETE = f"""
. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); start=${{EPOCHREALTIME/./}}
for ((n = 0; n < {COMPLETIONS}; n++)); do _wan 2>/dev/null; done
((${{#COMPREPLY[@]}})) && echo $(((${{EPOCHREALTIME/./}} - start) / {COMPLETIONS}))
"""
STATUS, QUIET, SHOWN = "`wan status ID`", "`wan fetch -q`", "`wan fetch` on a terminal"
UNSYNCED = "`wan fetch -q` without its fsync"
# curl makes no fsync, and the time of an fsync depends on the disk, not on the program.
WITHOUT_FSYNC = """
import os
os.fsync = lambda _: None
from wan_cli.main import main
main()
"""
PEERS = {"yt-dlp": "yt-dlp", "httpie": "http", "huggingface_hub": "hf"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. A row without a goal is there for comparison."""

    what: str
    value: float
    unit: str
    goal: float | None = None
    seconds: float | None = None
    rss_mib: float | None = None
    at_least: bool = False

    def __str__(self) -> str:
        took = "" if self.seconds is None else f"{self.seconds * 1000:,.1f} ms"
        rss = "" if self.rss_mib is None else f"{self.rss_mib:.0f} MiB"
        sign = "≥" if self.at_least else "≤"
        goal = "" if self.goal is None else f"{sign} {self.goal:,g}{self.unit}"
        value = f"{self.value:,.0f}" if self.value >= 1000 else f"{self.value:.2f}"
        return f"| {self.what} | {took} | {rss} | {value}{self.unit} | {goal} | {self.verdict} |"

    @property
    def verdict(self) -> str:
        """Whether the goal is met, or by how much it is missed."""
        if self.goal is None:
            return ""
        ratio = self.goal / self.value if self.at_least else self.value / self.goal
        return "met" if ratio <= 1 else f"missed by {ratio - 1:.0%}"


@dataclass(frozen=True, slots=True)
class Bench:
    """The environment's programs, the stopwatch and the working folder of all measurements."""

    bin: Path
    watch: Stopwatch
    folder: Path

    def job(self, *argv: str, **env: str) -> Job:
        """Return a process to measure, in a clean home; prefer programs of the environment."""
        own = self.bin / argv[0]
        program = str(own) if own.exists() else shutil.which(argv[0]) or argv[0]
        kept = {name: value for name, value in os.environ.items() if name not in UNSET}
        home = {"HOME": str(self.folder), "WAN_HOME": str(self.folder / "home")}
        settled = kept | home | {"AIMLAPI_API_KEY": KEY, "TERM": "dumb"} | env
        return Job([program, *argv[1:]], settled)

    def bare(self) -> Job:
        """Return the job of bare Python in the same environment."""
        return self.job("python", "-c", "pass")

    def peers(self, *names: str) -> Iterator[tuple[str, str]]:
        """Yield the installed peers, each with its program."""
        for name in names:
            if (self.bin / PEERS[name]).exists():
                yield name, PEERS[name]


def local(bench: Bench) -> Iterator[Row]:
    """Measure the commands that need no network."""
    goals: dict[tuple[str, ...], float] = {
        ("--version",): 1.15,
        ("--help",): 1.3,
        ("generate", "--help"): 6,
        ("list",): 6,
        ("config", "get", "timeout"): 6,
        ("generate", "--frobnicate"): 6,
        ("--complete-ids",): 2,
    }
    jobs = {"bare": bench.bare()}
    jobs |= {" ".join(("wan", *argv)): bench.job("wan", *argv) for argv in goals}
    wrong = "wan generate --frobnicate"
    jobs[wrong] = replace(jobs[wrong], code=2)
    for name, program in bench.peers("yt-dlp", "httpie", "huggingface_hub"):
        jobs[f"{name}: {program} --version"] = bench.job(program, "--version")
        jobs[f"{name}: {program} --help"] = bench.job(program, "--help")
    runs = interleaved(bench.watch, jobs, LOCAL_ROUNDS)
    bare = seconds(runs["bare"])
    yield Row("bare: `python -c pass`", 1.0, "× bare", seconds=bare)
    by_words = {" ".join(("wan", *argv)): goal for argv, goal in goals.items()}
    for name, measured in runs.items():
        if name == "bare":
            continue
        took = seconds(measured)
        yield Row(f"`{name}`", took / bare, "× bare", by_words.get(name), took, rss(measured))
    yield from completion(bare)


def completion(bare: float) -> Iterator[Row]:
    """Measure the static completion, which runs in the user's shell."""
    script = ["bash", "--norc", "-c", COMPLETE, "bash", "completions/wan.bash", "wan"]
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    for what, words in (("a command's name", ["st"]), ("a flag", ["generate", "--"])):
        took = int(subprocess.check_output([*script, *words], env=env)) / 1e6
        yield Row(f"bash completes {what}", took / bare, "× bare", 0.1, took)


def https(bench: Bench) -> Iterator[Row]:
    """Measure one request over HTTPS."""
    with FakeApi(tls=True) as api:
        bundle = files.bundle(api, bench.folder)
        made = api.add_generation(looks=0)
        url = f"{api.base_url}{GENERATIONS}?generation_id={made.id}"
        base, header = {"WAN_BASE_URL": api.base_url}, f"Authorization: Bearer {KEY}"
        jobs = {
            "curl": bench.job("curl", "-sS", "--cacert", bundle, "-H", header, url),
            STATUS: bench.job("wan", "status", made.id, REQUESTS_CA_BUNDLE=bundle, **base),
        }
        for name, program in bench.peers("httpie"):
            jobs[name] = bench.job(program, "--ignore-stdin", f"--verify={bundle}", url, header)
        yield from beside_curl(interleaved(bench.watch, jobs, HTTPS_ROUNDS), "", {STATUS: 4.2})


def download(bench: Bench, size: int, rounds: int, goal: float | None) -> Iterator[Row]:
    """Measure a download over TLS to a new file, also without wan's fsync."""
    with _cdn(bench, size) as (generation_id, env, target, peers):
        env = env | {"WAN_OUTPUT_DIR": str(target.parent)}
        fetch = ("fetch", generation_id)
        jobs = {
            "curl": peers["curl"],
            UNSYNCED: bench.job("python", "-c", WITHOUT_FSYNC, *fetch, "-q", **env),
            QUIET: bench.job("wan", *fetch, "-q", **env),
            SHOWN: bench.job("wan", *fetch, **env | {"TERM": "xterm"}).on_terminal(),
            **peers,
        }
        jobs = {name: replace(job, fills=str(target.parent)) for name, job in jobs.items()}
        runs = interleaved(bench.watch, jobs, rounds)
    words = f", {_words(size)}"
    yield from beside_curl(runs, words, {UNSYNCED: goal} if goal else {})
    # With 200 MB, the import of rich takes most of the bar's time, so there is no goal.
    bar_goal = 1.1 if size >= 1e9 else None
    bar = seconds(runs[SHOWN]) / seconds(runs[QUIET])
    yield Row(f"the progress bar{words}", bar, "× without", bar_goal)
    yield Row(f"memory of `wan fetch`{words}", rss([*runs[QUIET], *runs[SHOWN]]), " MiB", 40)


def download_anew(bench: Bench, size: int, rounds: int, goal: float) -> Iterator[Row]:
    """Measure a download over TLS that replaces a file, as the goals were measured."""
    with _cdn(bench, size) as (generation_id, env, target, peers):
        fetch = ("wan", "fetch", generation_id, "--force", "-o", str(target))
        jobs = {
            "curl": peers["curl"],
            QUIET: bench.job(*fetch, "-q", **env),
            SHOWN: bench.job(*fetch, **env | {"TERM": "xterm"}).on_terminal(),
            **peers,
        }
        runs = interleaved(bench.watch, jobs, rounds)
    words = f", {_words(size)}, replacing a file"
    yield from beside_curl(runs, words, {QUIET: goal, SHOWN: goal})


@contextmanager
def _cdn(bench: Bench, size: int) -> Iterator[tuple[str, dict[str, str], Path, dict[str, Job]]]:
    """Serve a video; yield the generation, its environment, a target and the peers' jobs."""
    with FakeApi(tls=True) as api:
        bundle = files.bundle(api, bench.folder)
        with files.serve(api, bench.folder, size) as url:
            target = bench.folder / "videos" / "got.mp4"
            target.parent.mkdir(exist_ok=True)
            base = {"WAN_BASE_URL": api.base_url}
            env = base | {"REQUESTS_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle}
            jobs = {"curl": bench.job("curl", "-sS", "--cacert", bundle, "-o", str(target), url)}
            options = ("-q", "--compat-options", "no-certifi", "--force-overwrites")
            for name, program in bench.peers("yt-dlp"):
                jobs[name] = bench.job(program, *options, "-o", str(target), url, **env)
            yield api.add_generation(looks=0, url=url).id, env, target, jobs


def _words(size: int) -> str:
    return f"{size / 1e9:g} GB" if size >= 1e9 else f"{size / 1e6:g} MB"


def beside_curl(
    runs: Mapping[str, Sequence[Run]], words: str, goals: Mapping[str, float]
) -> Iterator[Row]:
    """Yield a row for each tool, as a ratio to curl."""
    curl = seconds(runs["curl"])
    for name, measured in runs.items():
        took = seconds(measured)
        yield Row(f"{name}{words}", took / curl, "× curl", goals.get(name), took, rss(measured))


def in_flight(bench: Bench) -> Iterator[Row]:
    """Measure one process that watches 10,000 generations."""
    many = inflight.measure(bench.job, bench.watch, bench.folder)
    name = f"{inflight.COUNT:,} generations in flight"
    yield Row(f"{name}: polls", many.polls_per_s, " a second", 1500, at_least=True)
    yield Row(f"{name}: memory", many.rss_mib, " MiB", 45)


def long_history(bench: Bench) -> Iterator[Row]:
    """Measure commands on a long history: the query for its last 20 rows, and whole processes."""
    homes = {count: journal.build(bench.folder / f"of-{count}", count) for count in journal.COUNTS}
    script = str(Path(journal.__file__).resolve())
    python = str(bench.bin / "python")
    query = {
        count: float(subprocess.check_output([python, script, str(home)]))
        for count, home in homes.items()
    }
    few, many = journal.COUNTS
    name = f"history: last 20 of {many:,} rows, to {few:,}"
    yield Row(f"{name}: the query", query[many] / query[few], "×", 1.5, query[many])
    one = "id-000000000000004321"
    questions = {
        "`wan list` with its totals": ["list"],
        "`wan show ID`": ["show", one],
        "`wan fetch --all` with nothing to do": ["fetch", "--all"],
    }
    for words, argv in questions.items():
        jobs = {
            str(count): bench.job("wan", *argv, WAN_HOME=str(home)) for count, home in homes.items()
        }
        runs = interleaved(bench.watch, jobs, HISTORY_ROUNDS)
        fast, slow = (seconds(runs[str(count)]) for count in journal.COUNTS)
        yield Row(f"history of {many:,} rows, to {few:,}: {words}", slow / fast, "×", 1.25, slow)


def noticing() -> Iterator[Row]:
    """Simulate how late wan notices a finished video, against a poll every ten seconds."""
    rows = {row.name: row for row in polling.STEADY}
    for sigma in polling.SIGMAS:
        ours, theirs = (
            [float(part) for part in polling.score((rows[name], sigma)).split(" / ")]
            for name in ("wan, 50 finished", "every 10 s")
        )
        name = f"noticing that a video is done, σ = {sigma:.2f}, after 50"
        yield Row(f"{name}: lateness", ours[0], " s", theirs[0] if sigma > 0.1 else 2.6)
        yield Row(f"{name}: requests", ours[1], "", theirs[1] if sigma > 0.1 else 17)


def seconds(runs: Sequence[Run]) -> float:
    """Return the median of the durations."""
    return median(run.seconds for run in runs)


def rss(runs: Sequence[Run]) -> float:
    """Return the highest peak of memory of all runs, in MiB."""
    return max(run.rss_bytes for run in runs) / MIB


def environment(*, peers: bool) -> Path:
    """Install a wheel of this tree into an environment; return its folder of programs."""
    subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
    programs = (ENVIRONMENT / "bin").resolve()
    pip = [str(programs / "python"), "-m", "pip", "--disable-pip-version-check", "-q", "install"]
    # Entry scripts that an older pip writes import `re`, which takes 5 ms.
    subprocess.run([*pip, "pip>=26"], check=True)
    subprocess.run([*pip, "."], check=True)
    subprocess.run([*pip, "--force-reinstall", "--no-deps", "."], check=True)
    if peers and subprocess.run([*pip, ".[bench]"], check=False).returncode:
        print("cannot install the peers here: measuring without them", file=sys.stderr)
    return programs


@contextmanager
def prepared(*, peers: bool) -> Iterator[Bench]:
    """Yield the environment of all measurements."""
    with tempfile.TemporaryDirectory() as name, Stopwatch() as watch:
        yield Bench(environment(peers=peers), watch, Path(name))


def main() -> None:
    """Print the table, each row as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="no peers, no download of 2 GB")
    quick = parser.parse_args().quick
    with prepared(peers=not quick) as bench:
        python = ".".join(map(str, sys.version_info[:3]))
        # Other work on the same cores distorts even the ratios: print the load.
        machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        print(f"{datetime.now(UTC):%Y-%m-%d}, Python {python}, {machine}\n")
        print("| what | median | peak memory | value | goal | |")
        print("| --- | --- | --- | --- | --- | --- |")
        parts = [local(bench), https(bench), download_anew(bench, 200_000_000, 9, 1.4)]
        parts.append(download(bench, 200_000_000, 9, None))
        if not quick:
            parts.append(download(bench, 2_000_000_000, 15, 1.15))
        parts += [in_flight(bench), long_history(bench), noticing()]
        rows = []
        for row in chain.from_iterable(parts):
            print(row, flush=True)
            rows.append(row)
    verdicts = [row.verdict for row in rows if row.goal is not None]
    missed = sum(verdict != "met" for verdict in verdicts)
    print(f"\n{len(verdicts)} goals, {missed} of them missed; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
