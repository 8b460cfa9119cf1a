"""Downloading with patience: try after try, in a thread, while the caller looks after others."""

import queue
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial

from wan_cli.download.fetch import Target, download, give_up
from wan_cli.download.outcome import NOTHING_KEPT, Kept, Meter, NotSaved, Saved
from wan_cli.download.transfer import Limits, Pace
from wan_cli.errors import WanError
from wan_cli.progress import Downloading, Note
from wan_cli.record import Record
from wan_cli.runner.context import Context, Patience, Story
from wan_cli.runner.look import look
from wan_cli.schedule import backoff

PAUSE_MAX_S = 30.0
# The last try begins this long before the deadline.
LAST_TRY_S = 1.0
# How often others are looked after, and the bar is drawn.
TURN_S = 0.1
# A thread that was told to stop has this long to let go of its files.
JOIN_S = 0.5

Meanwhile = Callable[[], Saved | None]
Call = Callable[[threading.Event, Meter, Meanwhile], Saved | NotSaved]


def downloaded(
    ctx: Context, record: Record, target: Target, patience: Patience, meanwhile: Meanwhile
) -> Story[Saved]:
    """Download a video; try again with growing pauses for as long as that may help.

    Args:
        ctx: the tools.
        record: a completed generation.
        target: where the video goes.
        patience: the deadline, and for how long to try without getting any further.
        meanwhile: returns what another process has saved since the record was read.

    Raises:
        DownloadFailed: it can be fetched later.
        LocalFileError: the disk is full, or refuses.
    """
    now, kept, tries, url = ctx.clock.monotonic, NOTHING_KEPT, 0, record.video_url or ""
    got_further_at, said = now(), ""
    while True:
        call = partial(_download, ctx, url, target, patience.deadline, kept)
        result = yield from _in_background(target.identity, call, meanwhile)
        if isinstance(result, Saved):
            return result
        if result.has_progressed:
            tries, got_further_at = 0, now()
        tries, kept = tries + 1, result.kept
        end = min(patience.deadline, got_further_at + patience.stamina_s) - LAST_TRY_S
        if tries >= result.tries_max or now() >= end:
            give_up(target)
            raise result.error
        if result.error.message != said:
            said = result.error.message
            yield Note(f"{said}; trying again")
        pause_s = backoff(tries, cap_s=min(PAUSE_MAX_S, patience.poll_interval_s or PAUSE_MAX_S))
        at = Downloading(target.identity, kept.size, kept.total)
        yield from _pause(ctx, at, min(now() + pause_s, end))
        if result.wants_url:
            url = _fresh_url(ctx, record) or url


def _download(
    ctx: Context,
    url: str,
    target: Target,
    deadline: float,
    kept: Kept,
    stop: threading.Event,
    meter: Meter,
    meanwhile: Meanwhile,
) -> Saved | NotSaved:
    pace = Pace(clock=ctx.clock.monotonic, sleep=ctx.clock.sleep)
    return download(
        url,
        target,
        network=ctx.network,
        limits=Limits(deadline, stop, pace),
        meter=meter,
        kept=kept,
        saved_meanwhile=meanwhile,
    )


class _Background:
    """A call that runs in a thread, and asks the caller's thread what the history knows."""

    def __init__(self, call: Call) -> None:
        self.meter = Meter()
        self._call = call
        self._stop = threading.Event()
        # None: the call asks.
        self._told: queue.SimpleQueue[Saved | NotSaved | Exception | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Saved | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="wan-download", daemon=True)
        self._thread.start()

    def result(self, meanwhile: Meanwhile) -> Saved | NotSaved | None:
        """Return or raise what the call does; None if it takes longer than a turn."""
        with suppress(queue.Empty):
            told = self._told.get(timeout=TURN_S)
            if isinstance(told, Exception):
                raise told
            if told is None:
                self._answers.put(meanwhile())
            return told
        return None

    def close(self) -> None:
        """Tell the call to stop, and give it a moment to let go of its files."""
        self._stop.set()
        self._answers.put(None)
        self._thread.join(JOIN_S)

    def _ask(self) -> Saved | None:
        self._told.put(None)
        return self._answers.get()

    def _work(self) -> None:
        try:
            self._told.put(self._call(self._stop, self.meter, self._ask))
        except Exception as error:  # noqa: BLE001  It is raised where the call is waited for.
            self._told.put(error)


def _in_background(generation_id: str, call: Call, meanwhile: Meanwhile) -> Story[Saved | NotSaved]:
    """Make a call in a thread, and yield how far it is; only this thread asks the history."""
    with closing(_Background(call)) as background:
        meter, result = background.meter, None
        while result is None:
            result = background.result(meanwhile)
            if meter.received:
                yield Downloading(generation_id, meter.received, meter.total)
        return result


def _pause(ctx: Context, at: Downloading, until: float) -> Story[None]:
    """Let time pass, in turns with others."""
    while (left_s := until - ctx.clock.monotonic()) > 0:
        ctx.clock.sleep(min(left_s, TURN_S))
        yield at


def _fresh_url(ctx: Context, record: Record) -> str | None:
    """Return a fresh URL, or None where the API gives none now."""
    try:
        return look(ctx, ctx.history.reread(record)).video_url
    except WanError:
        return None
