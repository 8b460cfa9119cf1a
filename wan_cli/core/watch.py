"""Watching: poll a generation until it has ended, through temporary failures."""

from functools import partial

from wan_cli.api.client import GET_SECONDS, Client
from wan_cli.core.items import Item, Step
from wan_cli.core.lanes import Desk, Job, Lane
from wan_cli.core.lease import followed, is_of_other
from wan_cli.core.run import EVENTS_MAX, Run
from wan_cli.core.verdicts import about, changes, ended, is_temporary, too_late, unfinished
from wan_cli.errors import (
    KeyNotAllowed,
    KeyRefused,
    NotAboutIt,
    NotFound,
    Unreachable,
    WanError,
)
from wan_cli.events import Note, Warned
from wan_cli.generation import Generation, Status
from wan_cli.record import Record
from wan_cli.schedule import backoff

# Polls at a time; the seconds after which a poll that hangs gives its place to the next.
AT_ONCE = 16
HANGS_S = 5.0
# A command that does not wait retries failed polls for this long.
AGAIN_SECONDS = 2.0
# A poll at the deadline may take this long.
LAST_POLL_S = 1.0
# A socket's timeout should end a poll before this.
GRACE_S = 0.25
# Accept another id for a generation after this many replies in a row that name it.
ALIAS_SEEN = 3


class Watching:
    """The polling step of items whose generation the server has accepted."""

    step = Step.WATCH

    def __init__(self, run: Run) -> None:
        self.lane = Lane(AT_ONCE, HANGS_S)
        self._run = run

    def begin(self, item: Item) -> Job | None:
        """Return the next poll, or None if the item has moved on."""
        run = self._run
        seconds = min(GET_SECONDS, item.deadline + LAST_POLL_S - run.now)
        if seconds <= 0:
            run.end(item, too_late(item))
            return None
        if item.follows and self._follows(item):
            return None
        item.polled_at = run.now
        call = partial(_poll, generation_id=item.generation_id, alias=item.alias, seconds=seconds)
        return Job(call, seconds + GRACE_S)

    def _follows(self, item: Item) -> bool:
        """Do what another process has seen; return False to poll, since it has ended."""
        run = self._run
        record = followed(run.tools, run.record_of(item), item.destination)
        if record is None:
            item.follows = False
            return False
        item.status = record.status
        run.count(item, record.status)
        if error := ended(record):
            run.end(item, error, record)
        elif record.file is not None:
            self._completed(item, record)
        else:
            self._next(item)
        return True

    def take(self, item: Item, value: object) -> None:
        """Handle the result of a poll."""
        run = self._run
        if run.now > item.deadline + LAST_POLL_S:
            # The answer came too late: do not wait for the disk to write it.
            run.end(item, too_late(item))
            return
        match value:
            case Generation():
                self._answered(item, value)
            case NotAboutIt():
                self._wrong_reply(item, value)
            case WanError():
                self._unanswered(item, value)
            case Exception():
                raise value

    def late(self, item: Item) -> None:
        """Handle a poll without an answer in time."""
        words = f"cannot reach the API at {self._run.tools.client.base_url}: no answer in time"
        self.take(item, Unreachable(words, hint="wan doctor"))

    def _answered(self, item: Item, generation: Generation) -> None:
        run = self._run
        if item.failures:
            run.forget_problems()
        item.alias_seen = 0
        state = generation.status, generation.credits_used
        is_known = state == item.known and generation.status.is_running and not generation.url
        if is_known and run.goal.wait and not item.unsaved:
            item.saw(generation.status, has_url=False)
            self._next(item)
            return
        record = self._written(item, generation)
        self._tell(item)
        if record.ready:
            self._completed(item, record)
        elif not run.goal.wait:
            run.end(item, unfinished(record) if record.status.is_running else None, record)
        else:
            self._next(item)

    def _completed(self, item: Item, record: Record) -> None:
        run = self._run
        if not run.goal.save:
            run.end(item, None, record)
            return
        item.renews = False
        item.step = Step.SAVE
        item.due = run.now

    def _written(self, item: Item, generation: Generation) -> Record:
        """Write the poll's changes to disk, then return the changed record.

        Raises:
            GenerationFailed: the generation failed on the server.
            SetupError: the history has lost the record.
        """
        run = self._run
        record = run.record_of(item)
        ids: dict[str, object] = {}
        if item.generation_id != record.id:
            ids = {"id": item.generation_id, "other_id": record.id}
        named = record._replace(id=item.generation_id)
        record = run.save_new(item, record, **ids, **changes(run.tools, named, generation))
        run.count(item, record.status)
        error = ended(record)
        ended_now = item.saw(record.status, has_url=record.video_url is not None)
        if error:
            raise error
        if ended_now and record.finished_at is None:
            record = run.save(item, record, finished_at=run.tools.clock.now())
        item.known = generation.status, generation.credits_used
        return record

    def _wrong_reply(self, item: Item, reply: NotAboutIt) -> None:
        """Ignore a reply about another generation, and poll again.

        If ALIAS_SEEN replies in a row name the same id, and no record has it, keep it as a second
        id of this generation.
        """
        run = self._run
        item.alias_seen = item.alias_seen + 1 if reply.other_id == item.alias_id else 1
        item.alias_id = reply.other_id
        run.tell_once(
            Note(f"a reply about another generation than {item.generation_id}; polling again")
        )
        if (
            item.alias_seen >= ALIAS_SEEN
            and run.tools.journal.keys.owner(reply.other_id, run.tools.client.base_url) is None
        ):
            record = run.record_of(item)
            run.tell(Warned(f"the API calls {item.generation_id} {reply.other_id}: kept both ids"))
            run.save_new(item, record, other_id=reply.other_id)
            item.alias = reply.other_id
        item.failures += 1
        self._next(item)

    def _unanswered(self, item: Item, failure: WanError) -> None:
        """Handle a failed poll; end the item if polling again cannot help.

        Raises:
            WanError: the item's failure.
        """
        run = self._run
        item.alias_seen = 0
        if isinstance(failure, KeyRefused):
            self._refused(item, failure)
            return
        is_down = isinstance(failure, Unreachable)
        is_simple = is_down and item.status.is_running and run.goal.wait
        record = None if is_simple else run.record_of(item)
        if (
            record
            and isinstance(failure, Unreachable)
            and self._end_without_api(item, record, failure)
        ):
            return
        if isinstance(failure, NotFound) and record:
            self._refuse_other_key(record, failure)
            if record.other_id and item.generation_id == record.id:
                item.generation_id = record.other_id
                item.due = run.now
                return
        if record and not is_temporary(run.tools, record, failure):
            raise about(failure, item.generation_id)
        item.failures += 1
        if not run.goal.wait:
            self._retry_briefly(item, failure)
            return
        run.tell_once(Note(f"{failure.message}; polling again"))
        if record and record.id and not isinstance(failure, NotFound):
            item.generation_id = record.id
        self._next(item, getattr(failure, "retry_after_s", None))

    def _refused(self, item: Item, failure: KeyRefused) -> None:
        """End one item (403), or all of them (401)."""
        self._refuse_other_key(self._run.record_of(item), failure)
        if isinstance(failure, KeyNotAllowed):
            raise about(failure, item.generation_id)
        # Every item that needs the API ends, including this one.
        self._run.refusal = failure

    def _refuse_other_key(self, record: Record, failure: WanError) -> None:
        """Raise an error that explains it if another key submitted the generation."""
        mine = self._run.tools.key_fingerprint
        if record.client_request_id and record.key_fingerprint != mine:
            raise KeyNotAllowed(
                f"generation {record.id} was submitted with another key"
                f" (fingerprint {record.key_fingerprint}; the key in use has {mine}), and the API"
                f" does not show it to this one ({failure.message})",
                hint="wan doctor, which shows the source of the key in use",
            )

    def _end_without_api(self, item: Item, record: Record, failure: Unreachable) -> bool:
        """Save or end a generation that an earlier command saw complete: that needs no API."""
        run = self._run
        if record.ready and run.goal.save and not item.renews:
            self._completed(item, record)
            return True
        is_final = record.status in (Status.COMPLETED, Status.ERROR)
        if run.goal.wait or run.goal.save or not is_final or item.failures < 2:
            return False
        run.tell(Warned(f"{failure.message}; showing the state in the history"))
        run.end(item, ended(record), record)
        return True

    def _retry_briefly(self, item: Item, failure: WanError) -> None:
        run = self._run
        pause = backoff(item.failures)
        if run.now + pause > min(run.began + AGAIN_SECONDS, item.deadline):
            raise about(failure, item.generation_id)
        item.due = run.now + pause

    def _next(self, item: Item, at_least_s: float | None = None) -> None:
        run = self._run
        if run.now >= item.deadline:
            run.end(item, too_late(item))
            return
        due = item.next_poll(run.now, run.timing.poll_interval_s)
        if at_least_s and run.now + at_least_s < item.deadline:
            # Respect the API's Retry-After, unless it is beyond the deadline.
            due = max(due, run.now + at_least_s)
        item.due = due

    def _tell(self, item: Item) -> None:
        if item.shown_status is not item.status and (self._run.goal.wait or self._run.goal.save):
            item.shown_status = item.status
            self._run.tell(self._run.expectations.event(item))


def _poll(
    client: Client, _desk: Desk, *, generation_id: str, alias: str | None, seconds: float
) -> Generation:
    return client.generation(generation_id, alias=alias, seconds=seconds)


def starts_watching(run: Run, item: Item, record: Record, *, just_submitted: bool = False) -> None:
    """Start polling a record's generation: now, or at the first expected time if just submitted."""
    now = run.now
    item.ref, item.generation_id, item.status = record.ref, record.handle, record.status
    item.alias = record.other_id
    item.follows = run.goal.follows and is_of_other(run.tools, record)
    # The wall clock may jump, so only the age comes from it.
    item.start = now - max(0.0, run.tools.clock.now() - record.created_at)
    item.polled_at = now
    item.shown_status = None
    if record.error_code is None and record.video_url is None and record.cost_usd is not None:
        item.known = record.status, record.credits_used
    if not record.request or not run.tools.keeps or item.unsaved:
        item.record = record
    else:
        item.record = None
    run.count(item, item.status)
    item.expectation = run.expectations.of(record)
    item.go(Step.WATCH, now)
    if run.goal.wait and len(run.events) < EVENTS_MAX:
        item.shown_status = item.status
        run.tell(run.expectations.event(item))
    if just_submitted:
        item.due = item.next_poll(now, run.timing.poll_interval_s)
