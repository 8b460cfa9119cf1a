"""A few threads that ask, each over a connection of its own, and are not waited for too long."""

import threading
import time
from queue import Empty, SimpleQueue
from typing import NamedTuple

from wan_cli.api.client import Client
from wan_cli.errors import Unreachable
from wan_cli.generation import Generation

# So many may be asking something. Those that do not wait for the network wait for each other, and
# that costs more than they bring: so few may have begun within SLOW_S.
MOST = 16
FEW = 2
SLOW_S = 0.01
# Of those that hang for ever, so many: each holds a connection.
LEFT_MAX = 256
# A look may take so long beyond its seconds, in which its sockets should have given it up.
GRACE_S = 0.25
# A signal that comes just before a wait begins does not end it: so no single wait is long.
WAIT_S = 0.05


class Question(NamedTuple):
    """What to ask for whom, within so many seconds."""

    ref: str
    id: str
    seconds: float


class Answer(NamedTuple):
    """What was answered: a state, or why there is none."""

    ref: str
    value: Generation | Exception


class _Asked(NamedTuple):
    """A question that was begun at a monotonic time."""

    question: Question
    began: float

    @property
    def until(self) -> float:
        """When it is not waited for any more."""
        return self.began + self.question.seconds + GRACE_S


class Workers:
    """Threads, started as they are needed: the more, the slower the network.

    Socket timeouts bound each wait of a call, not the call. So a worker whose look takes too long
    is left to itself: its answer is dropped when it comes, and another one takes its place.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, _Asked] = {}
        self._left: list[_Worker] = []
        self._answers: SimpleQueue[tuple[_Worker, Question, Generation | Exception]] = SimpleQueue()

    def _is_crowded(self) -> bool:
        """Whether so many were left to themselves that one more would be too much to hold."""
        self._left = [worker for worker in self._left if worker.is_running]
        return len(self._left) >= LEFT_MAX

    @property
    def is_busy(self) -> bool:
        """Whether something is being asked."""
        return bool(self._busy)

    @property
    def has_room(self) -> bool:
        """Whether one more can be asked for at once."""
        if self._left and self._is_crowded():
            return False
        if len(self._busy) < FEW:
            return True
        young = time.monotonic() - SLOW_S
        begun = sum(asked.began > young for asked in self._busy.values())
        return begun < FEW and len(self._busy) < MOST

    def ask(self, question: Question) -> None:
        """Begin to ask."""
        worker = self._idle.pop() if self._idle else _Worker(self._client, self._answers)
        self._busy[worker] = _Asked(question, time.monotonic())
        try:
            worker.ask(question)
        except RuntimeError:
            # No thread is left on this machine: that may pass.
            self._answers.put((worker, question, self._no_answer("no thread can be started")))

    def answers(self, wait_s: float) -> list[Answer]:
        """Return what was answered, and what took too long; wait a little for the first."""
        answers: list[Answer] = []
        try:
            came = self._answers.get(wait_s > 0, min(max(wait_s, 0.0), WAIT_S))
            while True:
                worker, question, value = came
                # One that was left to itself comes too late: it was counted as a failure.
                if self._busy.pop(worker, None) is not None:
                    answers.append(Answer(question.ref, value))
                    self._rest(worker)
                came = self._answers.get_nowait()
        except Empty:
            pass
        return answers + self._overdue()

    def _rest(self, worker: "_Worker") -> None:
        if worker.is_running:
            self._idle.append(worker)

    def _overdue(self) -> list[Answer]:
        now = time.monotonic()
        late = [(worker, asked) for worker, asked in self._busy.items() if now > asked.until]
        answers = []
        for worker, (question, _) in late:
            del self._busy[worker]
            worker.leave()
            self._left.append(worker)
            why = f"no answer within {question.seconds:.3g} s"
            answers.append(Answer(question.ref, self._no_answer(why)))
        return answers

    def _no_answer(self, why: str) -> Unreachable:
        words = f"cannot reach the API at {self._client.base_url}: {why}"
        return Unreachable(words, hint="wan doctor")


class _Worker:
    """A thread that does nothing but ask, one question after the other."""

    def __init__(
        self,
        client: Client,
        answers: "SimpleQueue[tuple[_Worker, Question, Generation | Exception]]",
    ) -> None:
        self.is_running = False
        self._client = client
        self._answers = answers
        self._questions: SimpleQueue[Question | None] = SimpleQueue()

    def ask(self, question: Question) -> None:
        """Hand over a question.

        Raises:
            RuntimeError: the system has no thread left.
        """
        if not self.is_running:
            threading.Thread(target=self._run, name="wan-looks", daemon=True).start()
            self.is_running = True
        self._questions.put(question)

    def leave(self) -> None:
        """Let it end after the question that it is at."""
        self._questions.put(None)

    def _run(self) -> None:
        client = self._client.for_thread()
        while question := self._questions.get():
            value: Generation | Exception
            try:
                value = client.generation(question.id, seconds=question.seconds)
            except Exception as error:  # noqa: BLE001  It is raised where the answer is awaited.
                value = error
            self._answers.put((self, question, value))
            # Not kept until the next question: an error holds what was called.
            del value
        self.is_running = False
