"""Lanes: worker threads that do the I/O of items, with a limit of their own for each kind of work.

A worker calls one function and puts its value on the queue of answers. It touches neither the
history nor the terminal, and decides nothing.
"""

import threading
from collections import deque
from collections.abc import Callable
from math import inf
from queue import SimpleQueue
from typing import Any, NamedTuple, Protocol

from wan_cli.api.client import Client
from wan_cli.core.items import Item, Step
from wan_cli.core.tools import Clock

# Abandoned workers still hold a connection; never keep more of a lane than this.
ABANDONED_MAX = 8
# Workers that do not wait for the network compete for one processor: within BURST_S start at most
# BURST_MAX of them.
BURST_S = 0.01
BURST_MAX = 2


class Question:
    """What a worker asks the main thread while its job is running."""

    def __init__(self, about: object) -> None:
        self.about = about
        self._answered = threading.Event()
        self._word: object = None

    def wait(self, seconds: float) -> object:
        """Return the main thread's word, None where there is none in time."""
        self._answered.wait(min(seconds, 3600.0))
        return self._word

    def answer(self, word: object) -> None:
        """Let the worker go on with this word."""
        self._word = word
        self._answered.set()


class Work(Protocol):
    """One kind of work of an item: submit, settle, watch or save.

    The main thread calls all of these; only the job that `begin` returns runs in a worker.
    """

    step: Step

    @property
    def lane(self) -> "Lane":
        """Where its jobs run."""

    def begin(self, item: Item) -> "Job | None":
        """Return the item's next I/O, None where the item has moved on without any."""

    def take(self, item: Item, value: object) -> None:
        """Take in what the job brought, and let the item take its next step or end."""

    def late(self, item: Item) -> None:
        """Take in that the job took too long."""


class Job(NamedTuple):
    """I/O for one item: `call` runs in a worker, and is waited for during `seconds`.

    `hear` takes in, in the main thread, what the call reports and asks on its way.
    """

    call: Callable[[Client, "Desk"], object]
    seconds: float = inf
    hear: Callable[["Ticket", object], None] | None = None


class Ticket:
    """A job that was handed to a worker. `until` and `began` are monotonic seconds."""

    __slots__ = ("began", "has_place", "item", "job", "until", "work")

    def __init__(self, item: Item, job: Job, work: Work, now: float) -> None:
        self.item = item
        self.job = job
        self.work = work
        self.began = now
        self.until = now + job.seconds
        # Whether it counts for its lane's limit.
        self.has_place = True


class Desk(NamedTuple):
    """Where a worker reports: messages to the main thread about its ticket."""

    ticket: Ticket
    answers: "SimpleQueue[Answer]"
    is_closed: Callable[[], bool]

    def tell(self, message: object) -> None:
        """Report something before the end, such as the progress of a download."""
        self.answers.put(Answer(self.ticket, message, is_last=False))

    def ask(self, about: object) -> object:
        """Ask the main thread and wait for its word; None where there is none in time."""
        question = Question(about)
        self.tell(question)
        if self.is_closed():
            return None
        return question.wait(self.ticket.job.seconds)


class Answer(NamedTuple):
    """What a worker reports. `value` is an exception where its call raised one.

    Without a ticket it is a signal of the process.
    """

    ticket: Ticket | None
    value: object
    is_last: bool = True


class Lane:
    """One kind of work.

    Args:
        limit: how many of its jobs may run at once.
        yields_s: a job that runs longer gives its place to the next; inf: never.
    """

    def __init__(self, limit: int, yields_s: float = inf) -> None:
        self.waiting: deque[Item] = deque()
        self._limit = limit
        self.yields_s = yields_s
        self._open: set[Ticket] = set()
        # No job starts before this monotonic time.
        self.paused_until = -inf

    def __len__(self) -> int:
        """Return how many of its jobs are running and waited for."""
        return len(self._open)

    def has_room(self, now: float) -> bool:
        """Whether one more job may start."""
        if now < self.paused_until:
            return False
        placed = [ticket for ticket in self._open if ticket.has_place]
        if len(placed) < min(self._limit, BURST_MAX):
            return True
        if len(placed) >= self._limit:
            return False
        return sum(ticket.began > now - BURST_S for ticket in placed) < BURST_MAX

    def items(self) -> list[Item]:
        """Return the items whose jobs are running and waited for."""
        return [ticket.item for ticket in self._open]

    def is_open(self, ticket: Ticket) -> bool:
        """Whether the answer of a job is still waited for."""
        return ticket in self._open

    def opened(self, ticket: Ticket) -> None:
        """Take in that a job began."""
        self._open.add(ticket)

    def closed(self, ticket: Ticket) -> bool:
        """Take in that a job ended; return whether its answer was still waited for."""
        was_open = ticket in self._open
        self._open.discard(ticket)
        return was_open

    def moved(self, ticket: Ticket, now: float) -> None:
        """Take in that a job makes progress: it keeps its place."""
        ticket.began = now

    def give_places(self, now: float, *, wanted: bool = False) -> None:
        """Let jobs that have hung for long give their place to the next, if there is one.

        `wanted`: something waits for a place elsewhere, such as a row that is not submitted yet.
        """
        if self.yields_s == inf or not (self.waiting or wanted):
            return
        without = sum(not ticket.has_place for ticket in self._open)
        for ticket in sorted(self._open, key=_began):
            if without >= ABANDONED_MAX or ticket.began + self.yields_s > now:
                return
            without += ticket.has_place
            ticket.has_place = False

    def overdue(self, now: float) -> list[Ticket]:
        """Return the jobs that nobody waits for any longer, and forget them."""
        late = [ticket for ticket in self._open if ticket.until <= now]
        for ticket in late:
            self._open.discard(ticket)
        return late

    def wakes_at(self, now: float, *, wanted: bool = False) -> float:
        """Return when something may change here without an answer, in monotonic seconds."""
        wakes = min((ticket.until for ticket in self._open), default=inf)
        if not (self.waiting or wanted):
            return wakes
        if self.paused_until > now:
            return min(wakes, self.paused_until)
        placed = [ticket for ticket in self._open if ticket.has_place]
        if len(placed) < self._limit:
            return min(wakes, now + BURST_S)
        if len(self._open) - len(placed) < ABANDONED_MAX:
            wakes = min(wakes, min(map(_began, placed)) + self.yields_s)
        return wakes


def _began(ticket: Ticket) -> float:
    return ticket.began


class Workers:
    """Threads that run jobs, started as they are needed and used again.

    Every worker has a client of its own, for connections are not shared between threads.
    """

    def __init__(self, client: Client, clock: Clock) -> None:
        self.answers: SimpleQueue[Answer] = SimpleQueue()
        self._client = client
        self._clock = clock
        self._idle: deque[_Worker] = deque()
        self._closed = False

    def close(self) -> None:
        """Let no worker wait for an answer any more: nobody gives one."""
        self._closed = True
        while (answer := self._clock.receive(self.answers, 0.0)) is not None:
            if isinstance(answer.value, Question):
                answer.value.answer(None)

    def start(self, item: Item, job: Job, work: Work) -> None:
        """Hand a job to a worker.

        Raises:
            OSError: the system has no thread left.
        """
        ticket = Ticket(item, job, work, self._clock.monotonic())
        worker = self._idle.pop() if self._idle else _Worker(self._client, self._idle)
        worker.run(Desk(ticket, self.answers, lambda: self._closed))
        work.lane.opened(ticket)


class _Worker:
    """One thread, which runs one job after the other."""

    def __init__(self, client: Client, idle: "deque[_Worker]") -> None:
        self._client: Client | None = None
        self._base = client
        self._idle = idle
        self._jobs: SimpleQueue[Desk] = SimpleQueue()
        self._is_running = False

    def run(self, desk: Desk) -> None:
        """Run a job. Raises OSError where no thread can be started."""
        if not self._is_running:
            try:
                threading.Thread(target=self._work, name="wan-io", daemon=True).start()
            except RuntimeError as cause:
                raise BlockingIOError("no thread could be started (EAGAIN)") from cause
            self._is_running = True
        self._jobs.put(desk)

    def _work(self) -> None:
        client = self._base.for_thread()
        while True:
            desk = self._jobs.get()
            value: Any
            try:
                value = desk.ticket.job.call(client, desk)
            except Exception as error:  # noqa: BLE001  The main thread decides what it means.
                value = error
            self._idle.append(self)
            desk.answers.put(Answer(desk.ticket, value))
            # An error holds the frames of its call: keep neither until the next job.
            del value, desk
