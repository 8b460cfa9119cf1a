"""Watching: looks at a generation until it is final, through everything that passes."""

from wan_cli.errors import DownloadFailed, WanError
from wan_cli.generation import Status
from wan_cli.progress import Note, Watching
from wan_cli.record import Record
from wan_cli.runner.context import Context, Patience, Story
from wan_cli.runner.look import ended, look, look_seconds, may_pass, unfinished
from wan_cli.runner.wait import Wait
from wan_cli.schedule import DEFAULT_MEDIAN_S, Expectation, expect, time_left

# From so many finished generations on, the API need not be asked how long one takes.
LEARNED_FROM = 10
METRICS_SECONDS = 5.0
PAST_DEADLINE = " after the time that --timeout gives"


def watch(
    ctx: Context, record: Record, patience: Patience, *, look_now: bool = False
) -> Story[Record]:
    """Look until the generation has a URL; yield each look; return the record.

    Args:
        ctx: the tools.
        record: with an id.
        patience: the deadline, and a fixed interval in place of the learned one.
        look_now: look before the first wait, for a generation of an earlier command.

    Raises:
        GenerationFailed: it failed on the server.
        Unfinished: the deadline came first, whatever the network did.
        KeyRefused, NotFound, Rejected: asking again is of no use.
        DownloadFailed: completed, and no URL came.
    """
    wait = begin(ctx, record, Expectations(ctx, patience).of(record))
    yield _watching(record, wait)
    while not has_video(record):
        if not look_now:
            _sleep_until_next(ctx, record, patience, wait)
        look_now = False
        wait.looked_at = ctx.clock.monotonic()
        try:
            record = look(ctx, record, seconds=look_seconds(ctx, patience.deadline))
        except WanError as failure:
            if not may_pass(ctx, record, failure):
                raise
            if wait.failed():
                yield Note(f"{failure.message}; asking again")
        else:
            record = taken_in(ctx, record, wait)
            yield _watching(record, wait)
    return record


def begin(ctx: Context, record: Record, expectation: Expectation) -> Wait:
    """Return the wait for a generation, before its first look."""
    now = ctx.clock.monotonic()
    # The wall clock may jump, so only the age comes from it.
    start = now - max(0.0, ctx.clock.now() - record.created_at)
    return Wait(record.ref, record.handle, start, now, expectation, record.status)


def has_video(record: Record) -> bool:
    """Whether there is nothing to wait for: it is completed, with a URL."""
    return record.status is Status.COMPLETED and record.video_url is not None


def taken_in(ctx: Context, record: Record, wait: Wait) -> Record:
    """Return the record that a look brought, with its end where that was seen.

    Raises:
        GenerationFailed: it failed on the server.
        DownloadFailed: completed, and no URL came for several looks.
    """
    error = ended(record)
    if error:
        raise error
    ended_now = wait.saw(record.status, has_url=record.video_url is not None)
    if wait.has_no_url:
        raise DownloadFailed(
            f"generation {record.id} is completed, but its video has no usable URL",
            hint=f"wan fetch {record.id}",
        )
    if ended_now and record.finished_at is None:
        record = ctx.save(record, finished_at=ctx.clock.now())
    return record


class Expectations:
    """How long generations take, asked for once a class and once a model."""

    def __init__(self, ctx: Context, patience: Patience) -> None:
        self._ctx = ctx
        self._patience = patience
        self._known: dict[tuple[object, ...], Expectation] = {}
        self._medians: dict[str, float | None] = {}

    def of(self, record: Record) -> Expectation:
        """Return what the history teaches; while it is young, the API's live median too."""
        names = ("model", "resolution", "duration")
        kind = tuple(record.request.get(name) for name in names)
        if kind not in self._known:
            self._known[kind] = self._learned(record)
        return self._known[kind]

    def _learned(self, record: Record) -> Expectation:
        durations = self._ctx.history.durations(record)
        median_s = self._patience.median_s
        if len(durations) < LEARNED_FROM and self._patience.poll_interval_s is None:
            if record.model not in self._medians:
                self._medians[record.model] = self._live_median_s(record.model)
            median_s = self._medians[record.model]
        return expect(durations, default_median_s=median_s or DEFAULT_MEDIAN_S)

    def _live_median_s(self, model: str) -> float | None:
        seconds = min(METRICS_SECONDS, self._patience.left(self._ctx.clock))
        try:
            return self._ctx.client.median_duration_s(model, seconds=seconds)
        except WanError:
            # A hint, no more: without it the shipped default serves.
            return None


def _sleep_until_next(ctx: Context, record: Record, patience: Patience, wait: Wait) -> None:
    """Sleep until the next look is due.

    Raises:
        Unfinished: the deadline was there before it.
    """
    now = ctx.clock.monotonic()
    if now >= patience.deadline:
        raise unfinished(record, PAST_DEADLINE)
    ctx.clock.sleep(wait.next_due(now, patience.deadline, patience.poll_interval_s) - now)


def _watching(record: Record, wait: Wait) -> Watching:
    left_s = time_left(wait.elapsed_s, wait.expectation)
    return Watching(record.handle, record.status, wait.elapsed_s, left_s)
