"""The core is driven through random lives: faults, kills, clock jumps, two processes, a late log.

Whatever happens in whatever order, the invariants of the promise hold, and in the end `recover` and
`fetch --all` bring home everything that was paid for.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.fake.api import FakeApi
from tests.fake.cdn import CdnReply
from tests.fake.invariants import KEY
from tests.fake.script import Reply, repeat
from wan_cli.api.client import GET_SECONDS, Client
from wan_cli.api.submission import Submission
from wan_cli.destination import Destination
from wan_cli.errors import WanError
from wan_cli.generation import Status
from wan_cli.history import History
from wan_cli.listing import Listing
from wan_cli.models import GenerationRequest
from wan_cli.record import Outcome, Record
from wan_cli.runner.asking import status
from wan_cli.runner.context import Clock, Context, Story
from wan_cli.runner.deliver import Delivery
from wan_cli.runner.many import Outcomes
from wan_cli.runner.recover import recover
from wan_cli.runner.stories import fetch_all, generate
from wan_cli.runner.twin import Wish

TIMEOUT_S = 120.0
# More than a look and a settling may last beyond the deadline.
LATE_S = GET_SECONDS + 5.0
PROCESSES = st.sampled_from([0, 1])

# The table of what a POST's outcome may be, by name.
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
    "reset amid the body": [Reply(fault="reset-before-body")],
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


class Killed(BaseException):
    """The process was killed here."""


class FakeTime:
    """A clock of which sleeping costs nothing; it may jump, and the process may die asleep."""

    def __init__(self) -> None:
        self.slept_s = 0.0
        self.jumped_s = 0.0
        self.sleeps_left: int | None = None
        self.clock = Clock(self._now, self._monotonic, self._sleep)

    def _now(self) -> float:
        return time.time() + self.jumped_s

    def _monotonic(self) -> float:
        return time.monotonic() + self.slept_s

    def _sleep(self, seconds: float) -> None:
        if self.sleeps_left is not None:
            self.sleeps_left -= 1
            if self.sleeps_left < 0:
                raise Killed
        self.slept_s += seconds


class MortalClient(Client):
    """A client that shows each submission to a witness, and may be killed before or after it."""

    def __init__(self, base_url: str, witness: Callable[[str], None]) -> None:
        super().__init__(base_url, KEY)
        self.dies = ""
        self._witness = witness

    def submit(
        self, request: GenerationRequest, client_request_id: str, **values: Any
    ) -> Submission:
        self._witness(client_request_id)
        if self.dies == "before the POST":
            raise Killed
        submission = super().submit(request, client_request_id, **values)
        if self.dies == "after the POST":
            raise Killed
        return submission


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
        path = self.folder / "history.db"
        self.witness = History.open(path)
        self.histories = [History.open(path) for _ in range(2)]
        self.clients = [MortalClient(self.api.base_url, self.is_journalled) for _ in range(2)]

    def is_journalled(self, label: str) -> None:
        """I1: the row is on disk, for everybody to see, before the submission begins."""
        record = self.witness.find(label)
        assert record is not None
        assert record.status is Status.SENDING
        assert record.client_request_id == label

    def rows(self) -> list[Record]:
        everything = Listing(status=None, since=0.0, search=None, limit=-1)
        return self.witness.newest(everything)

    def context(self, process: int) -> Context:
        return Context(
            self.clients[process], self.histories[process], "fingerprint", clock=self.time.clock
        )

    def run(self, story: Story[Any] | Outcomes, *, events: int | None = None) -> Any:
        """Drive a story to its end, or to its death; return its result, or None."""
        began = self.time.clock.monotonic()
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
            self.time.sleeps_left = None
            for client in self.clients:
                client.dies = ""
            # I8.
            assert self.time.clock.monotonic() - began < TIMEOUT_S + LATE_S
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
        self.clients[process].dies = death
        self.time.sleeps_left = moment if death == "asleep" else None
        request = GenerationRequest.parse({"prompt": prompt})
        before = {
            row.ref for row in self.rows() if row.status.is_unresolved and row.prompt == prompt
        }
        posts, accepted = len(self.api.posts), len(self.api.accepted)
        ctx = self.context(process)
        story = generate(
            ctx,
            request,
            Wish(self.destination, again=again),
            Delivery(wait, self.destination),
            ctx.patience(TIMEOUT_S, 5.0),
        )
        outcome = self.run(story, events=moment if death == "talking" else None)
        self.check(outcome, saves=wait)
        # I2.
        assert len(self.api.accepted) - accepted <= 1
        still = {row.ref for row in self.rows() if row.status.is_unresolved}
        if before & still and not again:
            assert len(self.api.posts) == posts, "a twin of an unresolved submission was sent"
        if death == "after the POST":
            self.unread_ids |= {post.id for post in self.api.accepted[accepted:] if post.id}

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
        self.time.sleeps_left = sleeps
        ctx = self.context(process)
        story = fetch_all(ctx, Delivery(wait), ctx.patience(TIMEOUT_S, 5.0))
        self.check(self.run(story, events=events), saves=True)
        self.api.on_get.clear()
        self.api.cdn.on_get.clear()

    @precondition(lambda self: self.api.posts)
    @rule(process=PROCESSES, events=st.none() | st.integers(1, 3))
    def recover(self, process: int, events: int | None) -> None:
        posts = len(self.api.posts)
        self.check(self.run(recover(self.context(process)), events=events), saves=False)
        assert len(self.api.posts) == posts

    @precondition(lambda self: self.api.posts)
    @rule(process=PROCESSES)
    def status(self, process: int) -> None:
        ctx = self.context(process)
        story = status(ctx, self.rows(), ctx.patience(TIMEOUT_S, 5.0))
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
            for history in [*getattr(self, "histories", ()), getattr(self, "witness", None)]:
                if history is not None:
                    history.close()
            self.api.__exit__(None, None, None)
            shutil.rmtree(self.folder)

    def bring_home(self) -> None:
        """When the log shows everything, everything that was paid for is on disk."""
        self.api.log_lag, self.api.log_labels = False, True
        self.time.jumped_s = 0.0
        ctx = self.context(0)
        self.run(recover(ctx))
        outcomes = self.run(fetch_all(ctx, Delivery(), ctx.patience(TIMEOUT_S, 5.0)))
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


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=25,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
