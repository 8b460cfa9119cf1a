"""How long generations take: learned from the history; while it is young, the API's median too."""

from collections.abc import Mapping
from functools import partial

from wan_cli.api.client import Client
from wan_cli.core.items import Item, Law, Step
from wan_cli.core.lanes import Desk, Job, Lane, Workers
from wan_cli.core.tools import Timing, Tools
from wan_cli.errors import SetupError
from wan_cli.events import Watching
from wan_cli.models import Value, find_schema
from wan_cli.record import Record
from wan_cli.schedule import DEFAULT_MEDIAN_S, expect, time_left

# From that many finished generations on, the API need not be asked.
LEARNED_FROM = 10
METRICS_SECONDS = 5.0


class Expectations:
    """The expected durations of one run, by class (model, resolution, duration).

    The API's median is asked for beside everything else; what comes of it serves from then on.
    """

    step = Step.DONE

    def __init__(self, tools: Tools, timing: Timing, workers: Workers) -> None:
        self.lane = Lane(1)
        self._tools = tools
        self._timing = timing
        self._workers = workers
        self._known: dict[tuple[object, ...], Law] = {}
        self._durations: dict[tuple[object, ...], list[float]] = {}
        self._asked: set[str] = set()

    def of(self, record: Record) -> Law:
        """Return what the history teaches, and ask for the live median where it teaches little."""
        law = self.of_request(record.request)
        few = len(self._durations[_kind(record.request)]) < LEARNED_FROM
        if few and self._timing.poll_interval_s is None:
            self._ask(record.model)
        return law

    def of_request(self, request: Mapping[str, Value]) -> Law:
        """Return what the history teaches of a request's class."""
        kind = _kind(request)
        if kind not in self._known:
            try:
                durations = list(self._tools.journal.durations(request))
            except SetupError:
                durations = []
            self._durations[kind] = durations
            schema = find_schema(str(request.get("model", "")))
            first_s = schema.median_s if schema else DEFAULT_MEDIAN_S
            median_s = self._timing.median_s or first_s
            self._known[kind] = Law(expect(durations, default_median_s=median_s))
        return self._known[kind]

    def event(self, item: Item) -> Watching:
        """Return what is to be shown of an item that is waited for."""
        left_s = time_left(item.elapsed_s, item.law.value) if item.status.is_running else None
        return Watching(item.asked_id, item.status, item.elapsed_s, left_s)

    def take(self, item: Item, value: object) -> None:
        """Take in the live median of a model; a failure teaches nothing."""
        if not isinstance(value, float):
            return
        for kind, durations in self._durations.items():
            if kind[0] == item.asked_id:
                self._known[kind].value = expect(durations, default_median_s=value)

    def late(self, item: Item) -> None:
        """Do without an answer that did not come in time."""

    def begin(self, item: Item) -> Job | None:
        """Do nothing: it asks by itself."""

    def _ask(self, model: str) -> None:
        if not model or model in self._asked:
            return
        self._asked.add(model)
        seconds = min(METRICS_SECONDS, self._timing.left(self._tools.clock))
        question = Item(Step.DONE, 0.0, 0.0)
        question.asked_id = model
        job = Job(partial(_median, model=model, seconds=seconds), seconds)
        try:
            self._workers.start(question, job, self)
        except OSError:
            return


def _kind(request: Mapping[str, Value]) -> tuple[object, ...]:
    return tuple(request.get(name) for name in ("model", "resolution", "duration"))


def _median(client: Client, _desk: Desk, *, model: str, seconds: float) -> float | None:
    return client.median_duration_s(model, seconds=seconds)
