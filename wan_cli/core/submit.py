"""Submitting: write the journal first, then POST once; never repeat a POST of unknown outcome."""

from contextlib import suppress
from functools import partial

from wan_cli.api.client import SUBMIT_SECONDS
from wan_cli.api.outcome import Ambiguous, Limited, NotSent, Refused, Submission, Submitted
from wan_cli.core.accepted import accepted_changes
from wan_cli.core.claim import Posted, account_of, claim, post, retry_pause
from wan_cli.core.interruption import keep_late_id
from wan_cli.core.items import Item, Step, pause_s
from wan_cli.core.lanes import Job, Lane, Question, Ticket
from wan_cli.core.run import Run
from wan_cli.core.settle import settle_until
from wan_cli.core.verdicts import (
    ended,
    given_up,
    interrupted_before,
    unknown,
    why_not_accepted,
)
from wan_cli.core.watch import starts_watching
from wan_cli.errors import (
    HistoryAway,
    HistoryLocked,
    KeyNotAllowed,
    KeyRefused,
    LocalFileError,
    OutcomeUnknown,
    RateLimited,
    SetupError,
    WanError,
)
from wan_cli.events import Note, Warned
from wan_cli.events import Submitted as SubmittedEvent
from wan_cli.generation import Status
from wan_cli.record import Record, error_fields

# A POST that hangs gives its place to the next one after HANGS_S. If the last POST was not
# accepted, wait for DOUBTFUL_S: the same trouble may hit all of them.
HANGS_S = 0.8
DOUBTFUL_S = 10.0
# The sandbox's own history has this in place of a key's fingerprint.
SANDBOX = "sandbox"
# How long a command with nothing in flight waits for a locked history.
LOCKED_S = 15.0
# How long it waits for a database that is away.
AWAY_S = 30.0
# The time limit for DNS, proxy and TLS, until the body's first byte.
CONNECT_SECONDS = 30.0
# How long to wait for a worker's call after its deadline.
GRACE_S = 0.25


class Submitting:
    """The submission step of items."""

    step = Step.SUBMIT

    def __init__(self, run: Run) -> None:
        # One at a time, because a rate limit applies to all of them.
        self.lane = Lane(1, DOUBTFUL_S)
        self._run = run
        run.cut_off, run.late_reply = self._cut_off, self._late_reply

    def begin(self, item: Item) -> Job | None:
        """Journal a submission and return its POST, or None if the item has moved on."""
        run, order = self._run, self._run.order_of(item)
        left_s = item.deadline - run.now
        if run.refusal or (left_s <= 0 and item.tries):
            self._ends(item, run.refusal or self._too_late(item))
            return None
        try:
            order.destination.check_folder()
            if not claim(run, item, order):
                self.lane.paused_until = max(self.lane.paused_until, run.submits_from)
                return None
        except HistoryLocked as trouble:
            self._waits_for_history(item, trouble)
            return None
        except SetupError as failure:
            self._has_no_history(item, failure)
            return None
        except WanError as failure:
            self._ends(item, failure)
            return None
        item.tries += 1
        run.posting.add(item.ref)
        record = run.record_of(item)
        seconds = self._seconds(item)
        call = partial(post, order=order, record=record, seconds=seconds)
        return Job(call, min(seconds, CONNECT_SECONDS) + GRACE_S, self._begins)

    def _begins(self, ticket: Ticket, question: object) -> None:
        """Write `sending` to disk before the body's first byte; if that fails, stop the POST."""
        run, item = self._run, ticket.item
        assert isinstance(question, Question)
        if run.refusal:
            question.answer(None)
            return
        try:
            record = run.record_of(item)
            sending = run.tools.journal.claims.begin_sending(record, run.tools.clock.now())
        except SetupError:
            sending = None
        if sending is not None:
            item.record = sending
            # From here on, allow the server its full time limit.
            ticket.until = run.now + self._seconds(item) + GRACE_S
        question.answer(sending)

    def take(self, item: Item, value: object) -> None:
        """Handle the result of a POST."""
        accepted = isinstance(value, Posted) and isinstance(value.submission, Submitted)
        self.lane.yields_s = HANGS_S if accepted else DOUBTFUL_S
        self._run.posting.discard(item.ref)
        if isinstance(value, Posted):
            item.in_sandbox = value.is_sandbox and self._run.tools.key_fingerprint != SANDBOX
            self._take(item, value.submission, value.server_offset_s)
        else:
            # An unexpected exception: the record's status shows whether the body had begun.
            self._take(item, self._unforeseen(item, f"{type(value).__name__}: {value}"), None)

    def late(self, item: Item) -> None:
        """Handle a POST without an answer in time; nothing was sent if the body had not begun."""
        self._run.posting.discard(item.ref)
        self._take(item, self._unforeseen(item, "no answer in time"), None)

    def _unforeseen(self, item: Item, reason: str) -> NotSent | Ambiguous:
        """Return the result of a POST that ended without one, by whether the body had begun."""
        is_claimed = self._run.record_of(item).status is Status.CLAIMED
        return NotSent(reason) if is_claimed else Ambiguous(reason)

    def _late_reply(self, item: Item, value: object) -> None:
        """Handle a reply that came after wan had stopped waiting: its id must not be lost."""
        run = self._run
        if not (isinstance(value, Posted) and isinstance(value.submission, Submitted | Refused)):
            return
        submission = value.submission
        if item.step is Step.SETTLE and item.ref == value.ref:
            self.take(item, value)
        elif isinstance(submission, Submitted):
            keep_late_id(run, value.ref, submission.id)

    def _cut_off(self, item: Item) -> Record | None:
        """Write down a submission that a signal cut off; return its record if it is unknown."""
        run = self._run
        record = item.record
        if record is None or record.id is not None:
            return None
        if record.status is Status.CLAIMED:
            self._noted(item, record, Status.UNSENT, interrupted_before(), None)
            return None
        error = unknown(record, "interrupted before the answer came")
        self._noted(item, record, Status.UNKNOWN, error, None)
        return run.record_of(item)

    def _seconds(self, item: Item) -> float:
        """Return how long to wait for the answer to a submission."""
        return min(SUBMIT_SECONDS, max(item.deadline - self._run.now, 1.0))

    def _waits_for_history(self, item: Item, trouble: HistoryLocked) -> None:
        run = self._run
        # With nothing in flight, nothing can be lost: give up soon.
        most_s = AWAY_S if isinstance(trouble, HistoryAway) else LOCKED_S
        waits_until = item.deadline if run.is_busy else min(item.deadline, item.start + most_s)
        if run.now >= waits_until:
            self._ends(item, trouble)
            return
        run.tell_once(Warned(f"{trouble.message}; trying again"))
        item.misses += 1
        item.due = run.now + pause_s(item.misses, run.timing.poll_interval_s)

    def _has_no_history(self, item: Item, trouble: SetupError) -> None:
        """Stop submitting. Generations in flight continue, and are reported as usual."""
        run = self._run
        if item.tries or not (run.is_busy or len(self.lane)):
            self._ends(item, trouble)
            return
        run.stop = trouble
        # What others have cost is spent: not the code of a command that has spent nothing.
        self._ends(item, LocalFileError(trouble.message, hint=trouble.hint))

    def _take(self, item: Item, submission: Submission, offset_s: float | None) -> None:
        match submission:
            case Submitted():
                self._accepted(item, submission, offset_s)
            case Ambiguous(reason):
                self._ambiguous(item, reason, offset_s)
            case Refused(error):
                self._refused(item, error, offset_s)
            case NotSent() | Limited():
                self._tries_again(item, submission, offset_s)

    def _accepted(self, item: Item, submitted: Submitted, offset_s: float | None) -> None:
        run = self._run
        record = run.record_of(item)
        owner = run.owner_of(submitted.id)
        if owner and owner.ref != record.ref:
            run.tell(Warned(f"the reply names {submitted.id}, which belongs to another generation"))
            self._ambiguous(item, "the reply was about another generation", offset_s)
            return
        changes = accepted_changes(record, submitted, offset_s, in_sandbox=item.in_sandbox)
        status = changes["status"]
        item.reason = ""
        record = run.save(item, record, **changes)
        if record.id not in (submitted.id, submitted.other_id):
            run.tell(Warned(f"{submitted.id} was accepted, but the history has {record.id} for it"))
        with suppress(SetupError):
            run.tools.journal.claims.pace.accepted(account_of(record))
        run.set_cost(item, record.cost_usd)
        run.submitted()
        run.tell(SubmittedEvent(submitted.id))
        if submitted.other_id:
            run.tell(
                Warned(f"the reply names two ids, {record.id} and {record.other_id}: kept both")
            )
        if run.goal.wait and status is not Status.ERROR:
            starts_watching(run, item, record, just_submitted=True)
        else:
            run.end(item, ended(record), record)

    def _ambiguous(self, item: Item, reason: str, offset_s: float | None) -> None:
        run = self._run
        record = run.record_of(item)
        item.reason = reason
        error = unknown(record, reason)
        self._noted(item, record, Status.UNKNOWN, error, offset_s)
        run.count_failure(error)
        run.tell(Note(f"it is unknown whether the submission was accepted: {reason}"))
        item.settle_until = settle_until(run, item, record)
        run.tell(Note("looking for it in the account's log"))
        item.go(Step.SETTLE, run.now)

    def _refused(self, item: Item, error: WanError, offset_s: float | None) -> None:
        run = self._run
        record = run.record_of(item)
        self._noted(item, record, Status.REJECTED, error, offset_s)
        if isinstance(error, KeyRefused) and not isinstance(error, KeyNotAllowed):
            run.refusal = error
        self._ends(item, error)

    def _tries_again(
        self, item: Item, submission: NotSent | Limited, offset_s: float | None
    ) -> None:
        """Pause all submissions, then retry this one; give up if a retry cannot help."""
        run = self._run
        record = run.record_of(item)
        error = given_up(run.tools.client.base_url, submission)
        status = Status.UNSENT if isinstance(submission, NotSent) else Status.REJECTED
        self._noted(item, record, status, error, offset_s)
        pause = retry_pause(item, submission, run.timing.poll_interval_s)
        if isinstance(submission, Limited):
            with suppress(SetupError):
                now, shared = run.tools.clock.now(), run.tools.journal.claims.pace
                shared.slow_down(account_of(record), pause or 0.0, now)
        final = isinstance(submission, NotSent) and submission.is_final
        if run.refusal or final or pause is None or run.now + pause >= item.deadline:
            self._ends(item, run.refusal or error)
            return
        why = why_not_accepted(submission)
        run.tell_once(Note(f"{why}; trying again in {pause:.3g} s"), about=why)
        item.waited_s += pause if isinstance(submission, Limited) else 0.0
        item.due = self.lane.paused_until = run.now + pause

    def _noted(
        self, item: Item, record: Record, status: Status, error: WanError, offset_s: float | None
    ) -> None:
        """Write down how an attempt ended. Otherwise the record would stay `sending`."""
        run = self._run
        if record.id is None:
            changes = {"status": status, **error_fields(error)}
            if offset_s is not None:
                changes["server_offset_s"] = offset_s
            item.record = record._replace(**changes)  # type: ignore[arg-type]
            try:
                item.record = run.save(item, record, **changes)
            except SetupError as trouble:
                # Write it again later: a record left as `sending` costs a search of the log.
                item.unsaved |= changes.keys()
                run.tell_once(Warned(trouble.message))

    def _too_late(self, item: Item) -> WanError:
        record = self._run.record_of(item)
        if record.error_message and record.exit_code == RateLimited.exit_code:
            return RateLimited(record.error_message, hint=record.error_hint or "")
        return given_up(self._run.tools.client.base_url, NotSent("no connection by the deadline"))

    def _ends(self, item: Item, error: WanError) -> None:
        run = self._run
        if not isinstance(error, OutcomeUnknown):
            run.set_cost(item, 0.0)
        record = item.record
        if record is None:
            # This item was never journaled: report only the error.
            item.ref = ""
        run.end(item, error, record)
