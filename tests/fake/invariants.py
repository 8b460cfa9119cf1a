"""The invariants after every test with a server: about its requests, the output and the files."""

import hashlib
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from tests.fake.api import GENERATIONS, FakeApi
from tests.fake.process import Running, Wan
from tests.fake.records import Post

KEY = "test-key-0123456789abcdef"
# How long a command may run beyond its --timeout on a busy machine.
BUSY_MACHINE_S = 20.0
_ROWS = "SELECT client_request_id, id FROM generations"
_LABEL = re.compile(r"(wan-[0-9a-f]{32})\.[0-9]+")


def check(api: FakeApi, wan: Wan, scratch: Path) -> list[str]:
    """Return a sentence for each broken invariant, with its number."""
    homes = {Path(run.env["WAN_HOME"]) for run in wan.runs if "WAN_HOME" in run.env}
    broken = [*_labels(api), *_courtesy_to_the_cdn(api)]
    if not api.allow_multiple:
        broken += _payments(api, wan.runs)
    for run in wan.runs:
        broken += _talk(run)
        broken += _end(run)
    if api.check_secrets:
        broken += _secrets(wan.runs, homes)
    if api.check_files:
        broken += _files(api, wan.work)
    if api.check_history:
        broken += _history(api, wan.runs, homes, scratch)
    return broken


def _base(post: Post) -> str:
    match = _LABEL.fullmatch(post.label or "")
    return match[1] if match else ""


def _paid_posts(api: FakeApi) -> list[Post]:
    return [post for post in api.posts if post.path == GENERATIONS]


def _labels(api: FakeApi) -> Iterator[str]:
    for post in _paid_posts(api):
        if not _base(post):
            yield f"a POST has no label of the form wan-<hex>.<attempt>: {post.label!r}"


def _payments(api: FakeApi, runs: list[Running]) -> Iterator[str]:
    # A failed generation is not charged: the next attempt has the same base label.
    paid = Counter(_base(post) for post in api.accepted if _base(post) and not _failed(api, post))
    for base, times in paid.items():
        if times > 1:
            yield f"I2: {times} accepted POSTs for one generation, {base}"
    wanted = sum(_count(run.argv) for run in runs if "generate" in run.argv)
    is_batch = any("batch" in run.argv for run in runs)
    if wanted and not is_batch and len(api.accepted) > wanted:
        yield f"I2: {len(api.accepted)} accepted POSTs for {wanted} runs of wan generate"


def _count(argv: Sequence[str]) -> int:
    """Return the number of generations that a run of wan generate should make."""
    return int(argv[argv.index("--count") + 1]) if "--count" in argv else 1


def _failed(api: FakeApi, post: Post) -> bool:
    state = api.generations.get(post.id or "")
    return state is not None and state.error is not None


def _courtesy_to_the_cdn(api: FakeApi) -> Iterator[str]:
    for request in api.cdn.requests:
        for name in ("Authorization", "Cookie"):
            if name in request.headers:
                yield f"the CDN was sent the header {name}"


def _talk(run: Running) -> Iterator[str]:
    if "Traceback" in run.err:
        yield f"I6: a traceback from wan {run.argv}:\n{run.err}"
    lines = run.err.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        if line.startswith("error: ") and not following.startswith("hint: "):
            yield f"I9: no hint after the error of wan {run.argv}: {line}"


def _end(run: Running) -> Iterator[str]:
    for path in run.missing:
        yield f"I3: wan {run.argv} ended with 0 and named {path}, which was not there"
    if "--timeout" in run.argv[:-1]:
        seconds = run.argv[run.argv.index("--timeout") + 1]
        allowed_s = (float(seconds) if seconds.isdigit() else 0.0) + BUSY_MACHINE_S
        if run.took_s > allowed_s:
            yield f"I8: wan {run.argv} took {run.took_s:.0f} s"


def _secrets(runs: list[Running], homes: set[Path]) -> Iterator[str]:
    for run in runs:
        if KEY in run.out or KEY in run.err:
            yield f"I5: the key is in the output of wan {run.argv}"
        if "Signature=" in run.err or ("Signature=" in run.out and "--json" not in run.argv):
            yield f"I5: a signed URL is in the output of wan {run.argv}"
    for path in (path for home in homes for path in home.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if KEY.encode() in data and path.name != "config.toml":
            yield f"I5: the key is in {path.name}"
        if b"Signature=" in data and not path.name.startswith("history.db"):
            yield f"I5: a signed URL is in {path.name}"


def _files(api: FakeApi, work: Path) -> Iterator[str]:
    for path in work.rglob("*.mp4"):
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() not in api.cdn.served:
            yield f"I7: {path.name} is no whole video that the CDN served"


def _history(api: FakeApi, runs: list[Running], homes: set[Path], scratch: Path) -> Iterator[str]:
    posts = [post for post in _paid_posts(api) if _base(post)]
    if not posts:
        return
    rows = [row for home in sorted(homes) for row in _rows(home / "history.db", scratch)]
    for url in {run.env["WAN_HISTORY"] for run in runs if "WAN_HISTORY" in run.env}:
        rows += _shared_rows(url)
    labels = {str(label).partition(".")[0] for label, _ in rows}
    ids = {id_ for _, id_ in rows}
    for post in posts:
        if _base(post) not in labels:
            yield f"I1: the history has no row for the POST {post.label}"
        # A killed process may have died before it read the reply.
        is_known = post.id in api.sent_ids and all(map(_ended, runs))
        if is_known and post.id not in ids:
            yield f"I4: the history has lost the id {post.id}"


def _ended(run: Running) -> bool:
    """Whether the process exited by itself."""
    return (run.process.poll() or 0) >= 0


def _rows(journal: Path, scratch: Path) -> list[tuple[str, str]]:
    """Return label and id of each row. Read a copy, so that the check changes nothing."""
    copy = scratch / "history"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for path in journal.parent.glob("history.db*"):
        shutil.copy(path, copy)
    if not (copy / journal.name).exists():
        return []
    with closing(sqlite3.connect(copy / journal.name)) as database:
        return database.execute(_ROWS).fetchall()


def _shared_rows(url: str) -> list[tuple[str, str]]:
    """Return label and id of each row of a database."""
    import psycopg

    with psycopg.connect(url) as database:
        try:
            return database.execute(_ROWS.replace("FROM ", "FROM wan_").encode()).fetchall()
        except psycopg.errors.UndefinedTable:
            return []
