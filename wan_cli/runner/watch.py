"""Watching: looks at a generation until it is final, through everything that passes."""

from collections.abc import Mapping
from dataclasses import dataclass

from wan_cli.api.client import GET_SECONDS
from wan_cli.download.address import check_url
from wan_cli.errors import (
    DownloadFailed,
    GenerationFailed,
    Interrupted,
    KeyRefused,
    NotFound,
    Rejected,
    SetupError,
    Unfinished,
    Unreachable,
    WanError,
)
from wan_cli.generation import CREDITS_PER_USD, Generation, Status
from wan_cli.progress import Note, Watching
from wan_cli.record import Record, error_fields
from wan_cli.runner.context import Context, Patience, Story, explain
from wan_cli.runner.reconcile import unknown
from wan_cli.schedule import DEFAULT_MEDIAN_S, Expectation, backoff, expect, next_look, time_left
from wan_cli.text import hide_queries, one_line

# A server may need a moment before it knows what it has just accepted.
NOT_FOUND_GRACE_S = 60.0
# `completed` without a URL is asked again so often.
NO_URL_TRIES = 5
# From so many finished generations on, the API need not be asked how long one takes.
LEARNED_FROM = 10
METRICS_SECONDS = 5.0
# A command that does not wait asks through trouble for so long.
AGAIN_SECONDS = 2.0


def look(ctx: Context, record: Record, *, seconds: float = GET_SECONDS) -> Record:
    """Ask once for the state of a generation and return its record, written down.

    Raises:
        Unreachable, NotFound, Rejected: no state came.
        KeyRefused: with the id, which is safe.
    """
    if record.id is None:
        raise without_id(record)
    try:
        generation = _asked(ctx, record.id, seconds)
    except Interrupted as interrupted:
        explain(interrupted, record)
        raise
    except NotFound:
        if record.other_id is None:
            raise
        # The reply to the submission named two ids. Where this is the wrong one, it is the other.
        generation = _asked(ctx, record.other_id, seconds)
        ids = {"id": record.other_id, "other_id": record.id}
        return ctx.save(record, **ids, **_changes(ctx, record._replace(id=ids["id"]), generation))
    changes = _changes(ctx, record, generation)
    if all(getattr(record, name) == value for name, value in changes.items()):
        return record  # It is on disk already: nothing new is worth no wait for the disk.
    return ctx.save(record, **changes)


def _asked(ctx: Context, generation_id: str, seconds: float) -> Generation:
    """Return the state of a generation; a refusal names the id, which is safe."""
    try:
        return ctx.client.generation(generation_id, seconds=seconds)
    except NotFound as refused:
        raise NotFound(
            f"the API does not know generation {generation_id} ({refused.message})", hint="wan list"
        ) from None
    except KeyRefused as refused:
        raise KeyRefused(
            f"{refused.message}; generation {generation_id} is safe", hint=refused.hint
        ) from None
    except Rejected as refused:
        # What is refused is the question, not the generation.
        raise Rejected(
            f"{refused.message}; generation {generation_id} is safe",
            hint=f"wan status {generation_id}",
        ) from None


def look_again(ctx: Context, record: Record, patience: Patience) -> Record:
    """Ask as `look` does, and again through a moment's trouble, for a command that does not wait.

    Raises: as `look`.
    """
    end = ctx.clock.monotonic() + min(AGAIN_SECONDS, patience.left(ctx.clock))
    attempt = 1
    while True:
        try:
            return look(ctx, record, seconds=look_seconds(ctx, patience))
        except Unreachable:
            if ctx.clock.monotonic() + backoff(attempt) > end:
                raise
        ctx.clock.sleep(backoff(attempt))
        attempt += 1


def look_seconds(ctx: Context, patience: Patience) -> float:
    """Return how long a look may take; also one at the deadline has a second."""
    return min(GET_SECONDS, patience.left(ctx.clock) + 1.0)


def _changes(ctx: Context, record: Record, generation: Generation) -> Mapping[str, object]:
    """Return what a look tells that is new. A status may go back; a URL once seen is kept."""
    url = _usable(ctx, generation.url) or record.video_url
    status = Status.COMPLETED if generation.status.is_running and url else generation.status
    changes: dict[str, object] = {"status": status, "video_url": url, **error_fields(None)}
    if (used := generation.credits_used) is not None:
        changes["credits_used"] = used
        if record.cost_usd is None:
            # The reply that names the cost was lost.
            changes["cost_usd"] = used / CREDITS_PER_USD
    if status is Status.ERROR:
        # By the reference, a failed generation is not charged.
        changes["cost_usd"] = 0.0
        changes |= error_fields(generation_failed(record, generation.error))
    return changes


def _usable(ctx: Context, url: str | None) -> str | None:
    """Return a URL that a video may come from: https, or http where the API is on loopback too."""
    try:
        return check_url(url, loopback=ctx.is_on_loopback) if url else None
    except DownloadFailed:
        return None


def without_id(record: Record) -> WanError:
    """Return why a record has no id: it was never accepted, or that is unknown."""
    if record.status.is_unresolved:
        return unknown(record, "no answer was kept")
    error = SetupError(
        record.error_message or f"{record.ref} was never submitted",
        hint=record.error_hint or "wan list",
    )
    error.exit_code = record.exit_code or error.exit_code
    error.code = record.error_code or error.code
    return error


def may_pass(ctx: Context, record: Record, failure: WanError) -> bool:
    """Whether a failed look is worth another one: the network, or a 404 soon after submission."""
    # By its distance: a clock that was put back must not make a generation young for ever.
    young = record.request and abs(ctx.clock.now() - record.created_at) <= NOT_FOUND_GRACE_S
    return isinstance(failure, Unreachable) or (isinstance(failure, NotFound) and bool(young))


def generation_failed(record: Record, words: str | None) -> GenerationFailed:
    """Return the error of a generation that failed on the server."""
    why = one_line(hide_queries(words), 300) if words else "the server gives no reason"
    return GenerationFailed(
        f"generation {record.id} failed: {why}",
        hint="change the prompt and submit again; a failed generation is not charged",
    )


def ended(record: Record) -> WanError | None:
    """Return the error of a record that is final without a video, None for any other."""
    if record.status is not Status.ERROR:
        return None
    return GenerationFailed(
        record.error_message or f"generation {record.id} failed",
        hint=record.error_hint or f"wan status {record.id}",
    )


def unfinished(record: Record, why: str = "") -> Unfinished:
    """Return the error of a generation that is still being made."""
    return Unfinished(
        f"generation {record.id} is still {record.status}{why}; it is safe",
        hint=f"wan fetch {record.id}",
    )


@dataclass(slots=True)
class _Looks:
    """When the last look was and how looks went, within one watch."""

    elapsed_s: float
    failures: int = 0
    without_url: int = 0
    seen_running: bool = False


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
    expectation = _expectation(ctx, record, patience)
    start = ctx.clock.monotonic() - max(0.0, ctx.clock.now() - record.created_at)
    looks = _Looks(ctx.clock.monotonic() - start)
    yield _watching(record, looks, expectation)
    while not (record.status is Status.COMPLETED and record.video_url):
        if not look_now:
            _sleep_until_next(ctx, record, patience, looks, expectation)
        look_now = False
        looks.elapsed_s = ctx.clock.monotonic() - start
        try:
            record = look(ctx, record, seconds=look_seconds(ctx, patience))
        except WanError as failure:
            if not may_pass(ctx, record, failure):
                raise
            looks.failures += 1
            if looks.failures == 1:
                yield Note(f"{failure.message}; asking again")
        else:
            looks.failures = 0
            record = _after_look(ctx, record, looks)
            yield _watching(record, looks, expectation)
    return record


def _expectation(ctx: Context, record: Record, patience: Patience) -> Expectation:
    """Return what the history teaches of the time; while it is young, the API's live median too."""
    durations = ctx.history.durations(record)
    median_s = patience.median_s
    if len(durations) < LEARNED_FROM and patience.poll_interval_s is None:
        try:
            seconds = min(METRICS_SECONDS, patience.left(ctx.clock))
            median_s = ctx.client.median_duration_s(record.model, seconds=seconds)
        except WanError:
            # A hint, no more: without it the shipped default serves.
            median_s = None
    return expect(durations, default_median_s=median_s or DEFAULT_MEDIAN_S)


def _after_look(ctx: Context, record: Record, looks: _Looks) -> Record:
    error = ended(record)
    if error:
        raise error
    if record.status is Status.COMPLETED and not record.video_url:
        looks.without_url += 1
        if looks.without_url >= NO_URL_TRIES:
            raise DownloadFailed(
                f"generation {record.id} is completed, but its video has no usable URL",
                hint=f"wan fetch {record.id}",
            )
    if record.status is Status.COMPLETED and looks.seen_running and record.finished_at is None:
        # Only what was watched to its end tells how long a generation takes.
        record = ctx.save(record, finished_at=ctx.clock.now())
    looks.seen_running = record.status.is_running
    return record


def _sleep_until_next(
    ctx: Context, record: Record, patience: Patience, looks: _Looks, expectation: Expectation
) -> None:
    """Sleep until the next look is due.

    Raises:
        Unfinished: the deadline was there before it.
    """
    left_s = patience.left(ctx.clock)
    if left_s <= 0:
        why = " after the time that --timeout gives"
        raise unfinished(record, why)
    ctx.clock.sleep(min(_pause_s(record, patience, looks, expectation), left_s))


def _pause_s(record: Record, patience: Patience, looks: _Looks, expectation: Expectation) -> float:
    if patience.poll_interval_s is not None:
        return patience.poll_interval_s
    if looks.failures or record.status is Status.COMPLETED:
        return backoff(max(1, looks.failures + looks.without_url))
    return next_look(looks.elapsed_s, expectation) - looks.elapsed_s


def _watching(record: Record, looks: _Looks, expectation: Expectation) -> Watching:
    return Watching(
        record.handle, record.status, looks.elapsed_s, time_left(looks.elapsed_s, expectation)
    )
