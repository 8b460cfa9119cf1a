"""Random runs of the core: faults, kills, clock jumps, two processes, a late log.

With any events in any order, the invariants of the contract hold, and at the end `recover` and
`fetch --all` save everything that was paid for.
"""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg.conninfo import conninfo_to_dict

from tests.fake.api import FakeApi
from tests.fake.cdn import CdnReply
from tests.fake.invariants import KEY
from tests.fake.postgres import Postgres
from tests.fake.script import Reply, repeat
from wan_cli.api.client import GET_SECONDS, Client
from wan_cli.api.outcome import Submission
from wan_cli.core.engine import Outcomes
from wan_cli.core.fetch import fetch_all
from wan_cli.core.generate import generate
from wan_cli.core.items import Goal, Order
from wan_cli.core.recover import recover
from wan_cli.core.status import status
from wan_cli.core.tools import Clock, Tools
from wan_cli.destination import Destination
from wan_cli.errors import WanError
from wan_cli.events import Events
from wan_cli.generation import Status
from wan_cli.journal import Journal
from wan_cli.journal.port import Patience
from wan_cli.listing import Listing
from wan_cli.models import GenerationRequest
from wan_cli.record import Outcome, Record

TIMEOUT_S = 120.0
# Longer than a poll and a search may last beyond the deadline.
LATE_S = GET_SECONDS + 5.0
PROCESSES = st.sampled_from([0, 1])

# The possible outcomes of a POST, by name.
POSTS: dict[str, list[Reply]] = {
    "accepted": [],
    "accepted, failed later": [],
    "id in the header only": [Reply(status=502, headers={"x-inference-id": "{id}"}, accept=True)],
    "limited, then accepted": repeat(Reply(status=429, headers={"Retry-After": "1"}), 2),
    "limited for long": [Reply(status=429, headers={"Retry-After": "3600"})],
    "refused": [Reply(status=400)],
    "no credits": [Reply(status=403, body={"message": "run out of credits"})],
    "key refused": [Reply(status=401)],
    "500, accepted": [Reply(status=500, accept=True)],
    "503, not accepted": [Reply(status=503)],
    "302": [Reply(status=302, headers={"Location": "/elsewhere"})],
    "no id": [Reply(body={"status": "queued"}, headers={"x-inference-id": None})],
    "reset, accepted": [Reply(fault="reset", accept=True)],
    "reset, not accepted": [Reply(fault="reset", accept=False)],
    "reset within the body": [Reply(fault="reset-before-body")],
    "cut": [Reply(fault="cut", headers={"x-inference-id": None})],
    "garbage": [Reply(fault="garbage", accept=True)],
}
GETS: dict[str, list[Reply]] = {
    "good": [],
    "errors": [Reply(status=500), Reply(status=429), Reply(fault="reset")],
    "garbage": [Reply(body=b"<html>"), Reply(fault="garbage"), Reply(status=404)],
    "back and forth": [Reply(body={"id": "{id}", "status": "succeeded"}), Reply(status=503)],
}
VIDEOS: dict[str, list[CdnReply]] = {
    "good": [],
    "cut": [CdnReply(cut_after=5_000), CdnReply(cut_after=100, cut_with="reset")],
    "denied": [CdnReply(status=403)],
    "a page": [CdnReply(body=b"<html>", lasting=False)] * 3,
}


# How long to wait for real I/O, and how far to move the clock if none comes.
REAL_S = 0.03
STEP_S = 5.0


class Killed(BaseException):
    """The process is killed at this point."""


class FakeTime(Clock):
    """A clock whose waits take almost no time; it may jump, and the process may die."""

    def __init__(self) -> None:
        super().__init__()
        self.waited_s = 0.0
        self.jumped_s = 0.0
        self.waits_left: int | None = None
        self.is_dead = False

    def now(self) -> float:
        return time.time() + self.jumped_s

    def monotonic(self) -> float:
        return time.monotonic() + self.waited_s

    def sleep(self, seconds: float) -> None:
        self.waited_s += seconds

    def receive(self, answers: SimpleQueue[Any], seconds: float) -> Any:
        if self.waits_left is not None and seconds > 0:
            self.waits_left -= 1
            self.is_dead = self.is_dead or self.waits_left < 0
        if self.is_dead and seconds > 0:
            raise Killed
        try:
            # Real I/O on loopback takes less than this; after that, move the clock at once.
            return answers.get(seconds > 0, min(max(seconds, 0.0), REAL_S))
        except Empty:
            self.waited_s += min(max(seconds, 0.0), STEP_S)
            return None


class MortalClient(Client):
    """A client that reports each submission, and may be killed before or after it."""

    def __init__(self, base_url: str, witness: Callable[[str], None], time: FakeTime) -> None:
        super().__init__(base_url, KEY)
        self.fate = {"dies": ""}
        self._witness = witness
        self._time = time

    def submit(self, payload: bytes, client_request_id: str, **values: Any) -> Submission:
        self._witness(client_request_id)
        if self.fate["dies"] == "before the POST":
            self._die()
        submission = super().submit(payload, client_request_id, **values)
        if self.fate["dies"] == "after the POST":
            self._die()
        return submission

    def _die(self) -> None:
        self._time.is_dead = True
        threading.Event().wait()


def ref_of(label: str | None) -> str:
    """Return the name of the submission that has a label."""
    return str(label).partition(".")[0]


class Lives(RuleBasedStateMachine):
    """Two processes with one history and one account."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.work = self.folder / "work"
        self.api = FakeApi(video=None).__enter__()
        self.api.looks = 1
        self.time = FakeTime()
        self.destination = Destination(self.work, None, "{slug}-{id8}")
        self.unread_ids: set[str] = set()  # of replies that a killed process never read

    @initialize()
    def start(self) -> None:
        self.witness = self.opened()
        self.histories = [self.opened() for _ in range(2)]
        self.clients = [
            MortalClient(self.api.base_url, self.is_journalled, self.time) for _ in range(2)
        ]

    def opened(self) -> Journal:
        """Open the history as a process of its own does."""
        return Journal.open(self.folder / "history.db")

    def is_journalled(self, label: str) -> None:
        """I1: the row is on disk, visible to every process, before the submission begins."""
        # A separate connection, because this runs in a worker.
        with self.opened() as witness:
            record = witness.find(label)
        assert record is not None
        assert record.status is Status.CLAIMED
        assert record.client_request_id == label

    def rows(self) -> list[Record]:
        everything = Listing(status=None, since=0.0, search=None, limit=-1)
        return self.witness.newest(everything)

    def tools(self, process: int) -> Tools:
        return Tools(self.clients[process], self.histories[process], "fingerprint", clock=self.time)

    def run(self, story: Events[Any] | Outcomes, *, events: int | None = None) -> Any:
        """Run a command to its end or its kill; return its result, or None."""
        began = self.time.monotonic()
        outcomes = []
        try:
            while events is None or events > 0:
                told = next(story)
                if isinstance(told, Outcome):
                    outcomes.append(told)
                events = None if events is None else events - 1
        except StopIteration as end:
            return outcomes if end.value is None else end.value
        except WanError as error:
            return [Outcome(None, error)]
        except Killed:
            return None
        finally:
            story.close()
            self.time.waits_left, self.time.is_dead = None, False
            for client in self.clients:
                client.fate["dies"] = ""
            # I8.
            assert self.time.monotonic() - began < TIMEOUT_S + LATE_S
        return None

    def check(self, outcomes: Any, *, saves: bool) -> None:
        """I3, I9: 0 only with a verified file; each error names the next command."""
        if isinstance(outcomes, Outcome):
            outcomes = [outcomes]
        for outcome in outcomes or []:
            if outcome.error:
                assert outcome.error.message
                assert outcome.error.hint
                assert outcome.error.exit_code > 1
            elif saves:
                assert outcome.record is not None
                assert Path(outcome.record.file or "").read_bytes() == self.api.video

    @rule(
        process=PROCESSES,
        prompt=st.sampled_from(["a fox", "an owl", "an elk", "a cat"]),
        reply=st.just("accepted") | st.sampled_from(sorted(POSTS)),
        again=st.sampled_from([False, False, True]),
        wait=st.booleans(),
        death=st.sampled_from(
            ["", "", "", "", "before the POST", "after the POST", "asleep", "talking"]
        ),
        moment=st.integers(0, 6),
    )
    def generate(
        self,
        process: int,
        prompt: str,
        reply: str,
        again: bool,
        wait: bool,
        death: str,
        moment: int,
    ) -> None:
        self.api.on_post.clear()
        self.api.on_post(*POSTS[reply])
        fails = reply == "accepted, failed later"
        self.api.error = {"name": "ModerationError", "message": "refused"} if fails else None
        self.clients[process].fate["dies"] = death
        self.time.waits_left = moment if death == "asleep" else None
        request = GenerationRequest.parse({"prompt": prompt})
        before = {
            row.ref for row in self.rows() if row.status.is_unresolved and row.prompt == prompt
        }
        posts, accepted = len(self.api.posts), len(self.api.accepted)
        known = {row.ref for row in self.rows()}
        tools = self.tools(process)
        story = generate(
            tools,
            Order(request, self.destination, again=again),
            Goal(wait, wait, self.destination),
            tools.timing(TIMEOUT_S, 5.0),
        )
        outcome = self.run(story, events=moment if death == "talking" else None)
        self.check(outcome, saves=wait)
        # I2.
        # A POST of a killed command may arrive only now: its label is an older one.
        new = [post for post in self.api.accepted[accepted:] if ref_of(post.label) not in known]
        assert len(new) <= 1
        still = {row.ref for row in self.rows() if row.status.is_unresolved}
        if before & still and not again:
            assert len(self.api.posts) == posts, "a twin of an unresolved submission was sent"
        if death:
            # A process that dies may not have read the reply: then its row still has no outcome.
            self.unread_ids |= {
                post.id
                for post in self.api.accepted[accepted:]
                if post.id and (death == "after the POST" or ref_of(post.label) in still)
            }

    @precondition(lambda self: self.api.posts)
    @rule(
        process=PROCESSES,
        looks=st.sampled_from(sorted(GETS)),
        video=st.sampled_from(sorted(VIDEOS)),
        wait=st.booleans(),
        sleeps=st.none() | st.integers(0, 4),
        events=st.none() | st.integers(1, 5),
    )
    def fetch(
        self,
        process: int,
        looks: str,
        video: str,
        wait: bool,
        sleeps: int | None,
        events: int | None,
    ) -> None:
        self.api.on_get(*GETS[looks])
        self.api.cdn.on_get(*VIDEOS[video])
        self.time.waits_left = sleeps
        tools = self.tools(process)
        story = fetch_all(tools, Goal(wait), tools.timing(TIMEOUT_S, 5.0))
        self.check(self.run(story, events=events), saves=True)
        self.api.on_get.clear()
        self.api.cdn.on_get.clear()

    @precondition(lambda self: self.api.posts)
    @rule(process=PROCESSES, events=st.none() | st.integers(1, 3))
    def recover(self, process: int, events: int | None) -> None:
        posts = len(self.api.posts)
        self.check(self.run(recover(self.tools(process)), events=events), saves=False)
        assert len(self.api.posts) == posts

    @precondition(lambda self: self.api.posts)
    @rule(process=PROCESSES)
    def status(self, process: int) -> None:
        tools = self.tools(process)
        story = status(tools, self.rows(), tools.timing(TIMEOUT_S, 5.0), watch=False)
        self.check(self.run(story), saves=False)

    @rule(lag=st.booleans(), labels=st.booleans())
    def account_log(self, lag: bool, labels: bool) -> None:
        self.api.log_lag, self.api.log_labels = lag, labels

    @rule(minutes=st.integers(-10, 10))
    def clock_jumps(self, minutes: int) -> None:
        self.time.jumped_s = minutes * 60.0

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "witness"):
            return
        assert self.witness.check() is None
        ids = {id_ for row in self.rows() for id_ in (row.id, row.other_id)}
        assert self.api.sent_ids - self.unread_ids <= ids, "I4: an id is lost"
        for path in self.work.glob("*.mp4"):
            assert path.read_bytes() == self.api.video, "I7: a partial file has a final name"
        files = [row.file for row in self.rows() if row.file]
        assert len(files) == len(set(files))

    def teardown(self) -> None:
        try:
            if hasattr(self, "witness"):
                self.bring_home()
        finally:
            for journal in [*getattr(self, "histories", ()), getattr(self, "witness", None)]:
                if journal is not None:
                    journal.close()
            self.api.__exit__(None, None, None)
            shutil.rmtree(self.folder)

    def bring_home(self) -> None:
        """When the log shows everything, everything that was paid for is on disk."""
        self.api.log_lag, self.api.log_labels = False, True
        self.time.jumped_s = 0.0
        tools = self.tools(0)
        self.run(recover(tools))
        outcomes = self.run(fetch_all(tools, Goal(), tools.timing(TIMEOUT_S, 5.0)))
        self.check(outcomes, saves=True)
        rows = {row.ref: row for row in self.rows()}
        for post in self.api.accepted:
            row = rows[(post.label or "").partition(".")[0]]
            assert row.id == post.id
            failed = self.api.generations[row.id or ""].error is not None
            assert row.status is (Status.ERROR if failed else Status.COMPLETED)
            assert failed or Path(row.file or "").read_bytes() == self.api.video
        paid = [post for post in self.api.accepted if not self.api.generations[post.id or ""].error]
        assert len(list(self.work.glob("*.mp4"))) == len(paid), "a video is there twice, or not"
        assert not list(self.work.glob("*.part"))


class SharedLives(Lives):
    """The same with a history in a database."""

    postgres: Postgres

    def __init__(self) -> None:
        super().__init__()
        self.url = self.postgres.create()

    def opened(self) -> Journal:
        given = {name: str(value) for name, value in conninfo_to_dict(self.url).items()}
        none = Patience(0.0, lambda _words: None)
        spool = self.folder / "spool"
        return Journal.connect("db", lambda: given, spool=spool, patience=none)

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.postgres.drop(self.url)


def chosen(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=12,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


TestLives = Lives.TestCase
TestLives.settings = chosen(25)


def test_with_a_database_it_is_the_same(postgres: Postgres) -> None:
    SharedLives.postgres = postgres
    run_state_machine_as_test(SharedLives, settings=chosen(10))
