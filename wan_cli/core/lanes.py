"""Lanes: worker threads that do the I/O of items; each kind of work has its own limit.

A worker calls one function and puts the result on the queue of answers. It touches neither the
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
# Workers that do not wait for the network compete for one processor, so start at most BURST_MAX
# of them within BURST_S.
BURST_S = 0.01
BURST_MAX = 2


class Question:
    """A question from a worker to the main thread while its job is running."""

    def __init__(self, about: object) -> None:
        self.about = about
        self._answered = threading.Event()
        self._word: object = None

    def wait(self, seconds: float) -> object:
        """Return the main thread's answer, or None if none comes in time."""
        self._answered.wait(min(seconds, 3600.0))
        return self._word

    def answer(self, word: object) -> None:
        """Give the worker this answer, so that it continues."""
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
        """Return the item's next I/O, or None if the item moved on without any."""

    def take(self, item: Item, value: object) -> None:
        """Handle the job's result: schedule the item's next step, or end it."""

    def late(self, item: Item) -> None:
        """Handle a job that took too long."""


class Job(NamedTuple):
    """I/O for one item: a worker runs `call`; the engine waits for it at most `seconds`.

    The main thread calls `on_message` with each report or question of the running call.
    """

    call: Callable[[Client, "Desk"], object]
    seconds: float = inf
    on_message: Callable[["Ticket", object], None] | None = None


class Ticket:
    """A job in the hands of a worker. `until` and `began` are monotonic seconds."""

    __slots__ = ("began", "has_place", "item", "job", "until", "work")

    def __init__(self, item: Item, job: Job, work: Work, now: float) -> None:
        self.item = item
        self.job = job
        self.work = work
        self.began = now
        self.until = now + job.seconds
        # Whether it counts towards its lane's limit.
        self.has_place = True


class Desk(NamedTuple):
    """A worker's channel to the main thread, for messages about its ticket."""

    ticket: Ticket
    answers: "SimpleQueue[Answer]"
    is_closed: Callable[[], bool]

    def tell(self, message: object) -> None:
        """Report something before the job ends, such as download progress."""
        self.answers.put(Answer(self.ticket, message, is_last=False))

    def ask(self, about: object) -> object:
        """Ask the main thread; return its answer, or None if none comes in time."""
        question = Question(about)
        self.tell(question)
        if self.is_closed():
            return None
        return question.wait(self.ticket.job.seconds)


class Answer(NamedTuple):
    """A message from a worker. `value` is the exception if the call raised one.

    Without a ticket, `value` is a signal to the process, or None to end a wait.
    """

    ticket: Ticket | None
    value: object
    is_last: bool = True


class Lane:
    """The running and waiting jobs of one kind of work.

    Args:
        limit: how many of its jobs may run at a time.
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
        """Return the number of running jobs that the engine waits for."""
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
        """Return the items of the running jobs that the engine waits for."""
        return [ticket.item for ticket in self._open]

    def is_open(self, ticket: Ticket) -> bool:
        """Whether the engine still waits for a job's answer."""
        return ticket in self._open

    def opened(self, ticket: Ticket) -> None:
        """Note that a job began."""
        self._open.add(ticket)

    def closed(self, ticket: Ticket) -> bool:
        """Note that a job ended; return whether the engine still waited for its answer."""
        was_open = ticket in self._open
        self._open.discard(ticket)
        return was_open

    def moved(self, ticket: Ticket, now: float) -> None:
        """Note that a job made progress, so that it keeps its place."""
        ticket.began = now

    def give_places(self, now: float, *, wanted: bool = False) -> None:
        """Give the places of jobs that hang to jobs that wait, if any.

        `wanted`: work outside this lane waits for a place, such as a row not submitted yet.
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
        """Return the jobs that are past their time limit, and stop waiting for them."""
        late = [ticket for ticket in self._open if ticket.until <= now]
        for ticket in late:
            self._open.discard(ticket)
        return late

    def wakes_at(self, now: float, *, wanted: bool = False) -> float:
        """Return when this lane may change without an answer, in monotonic seconds."""
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
    """Threads that run jobs. They start when needed, and are reused.

    Every worker has its own client, because threads must not share connections.
    """

    def __init__(self, client: Client, clock: Clock) -> None:
        self.answers: SimpleQueue[Answer] = SimpleQueue()
        self._client = client
        self._clock = clock
        self._idle: deque[_Worker] = deque()
        self._closed = False

    def close(self) -> None:
        """Release the workers that wait for an answer: none will come."""
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
    """One thread, which runs one job after another."""

    def __init__(self, client: Client, idle: "deque[_Worker]") -> None:
        self._client: Client | None = None
        self._base = client
        self._idle = idle
        self._jobs: SimpleQueue[Desk] = SimpleQueue()
        self._is_running = False

    def run(self, desk: Desk) -> None:
        """Run a job. Raises OSError if no thread can be started."""
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
            # An exception keeps the frames of its call alive: drop both before the next job.
            del value, desk
