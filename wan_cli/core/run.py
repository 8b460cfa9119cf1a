"""The state that the items of one command share: tools, goal, events, reasons to stop."""

from collections import Counter, deque
from collections.abc import Callable

from wan_cli.core.budget import Budget
from wan_cli.core.items import Goal, Item, Order, Step
from wan_cli.core.progress import Expectations
from wan_cli.core.tools import Timing, Tools
from wan_cli.core.verdicts import (
    may_hit_others,
    not_recorded,
    stops_submitting,
    unreadable,
)
from wan_cli.destination import is_there
from wan_cli.errors import (
    DownloadFailed,
    GenerationFailed,
    KeyRefused,
    SetupError,
    Unfinished,
    Unreachable,
    WanError,
)
from wan_cli.events import Event, Warned
from wan_cli.generation import Status
from wan_cli.record import Outcome, Record

# Stop submitting after this many failures in a row that other rows may hit as well.
FAILURES_MAX = 3
# Keep at most this many events in memory: an outcome holds a record, and there may be 10,000.
EVENTS_MAX = 100
# A history write waits this long for another process; then the engine tries again later.
LOCK_S = 0.2
# The last write of an item waits longer, because no later write follows.
LAST_LOCK_S = 5.0


class Run:
    """The state of one command's run. Only the main thread touches it.

    `stop` is the reason to submit nothing more; `refusal` is the reason to stop asking the API.
    """

    def __init__(
        self,
        tools: Tools,
        timing: Timing,
        goal: Goal,
        expectations: Expectations,
        *,
        budget: Budget | None = None,
        fail_fast: bool = False,
    ) -> None:
        self.tools = tools
        self.timing = timing
        self.goal = goal
        self.expectations = expectations
        self.began = tools.clock.monotonic()
        self.budget = budget or Budget(None)
        self.events: deque[Event | Outcome] = deque()
        self.counts: Counter[Status] = Counter()
        self.stop: WanError | None = None
        self.refusal: KeyRefused | None = None
        self.done = 0
        self._held: dict[int, Outcome] = {}
        self._numbers = self._next_number = 0
        # Items that ended while their generation continues on the server.
        self.left_running: list[Item] = []
        # Writes down a submission that a signal cut off; None in commands that submit nothing.
        self.cut_off: Callable[[Item], Record | None] | None = None
        # Handles a reply to a submission that came after wan had stopped waiting for it.
        self.late_reply: Callable[[Item, object], None] | None = None
        # No submission before this monotonic time: the account has a pace.
        self.submits_from = 0.0
        # The refs of the submissions that this process is sending now.
        self.posting: set[str] = set()
        # The refs of the submissions that a variation of --count has taken.
        self.variations: set[str] = set()
        # Functions to call when the command ends.
        self.at_end: list[Callable[[], None]] = []
        self._fail_fast = fail_fast
        self._failures = 0
        self._last_lock_s = LAST_LOCK_S
        self._shown_problems: set[str] = set()

    @property
    def now(self) -> float:
        """The monotonic time."""
        return self.tools.clock.monotonic()

    @property
    def is_busy(self) -> bool:
        """Whether the run waits for generations."""
        return sum(self.counts.values()) > 0

    def deadline_of_new(self) -> float:
        """Return the deadline of a generation that is submitted now."""
        each_s = self.timing.each_s
        return self.timing.deadline if each_s is None else self.now + each_s

    def tell(self, event: Event) -> None:
        """Queue an event for the command to show."""
        self.events.append(event)

    def tell_once(self, event: Event, *, about: str | None = None) -> None:
        """Show a problem once, even if many items have it, until the API answers again."""
        words = about or str(event)
        if words not in self._shown_problems:
            self._shown_problems.add(words)
            self.events.append(event)

    def forget_problems(self) -> None:
        """Note that the API answers: the next problem is shown again."""
        self._shown_problems.clear()

    def order_of(self, item: Item) -> Order:
        """Return the request that an item submits."""
        assert item.order is not None
        return item.order

    def record_of(self, item: Item) -> Record:
        """Return the record of an item.

        Raises:
            SetupError: the history cannot be read, or has lost the record.
        """
        return item.record or self.tools.journal.at(item.ref)

    def record_if_known(self, item: Item) -> Record | None:
        """Return the record of an item, or None if the history cannot be read."""
        try:
            return self.record_of(item)
        except SetupError:
            return None

    def owner_of(self, generation_id: str) -> Record | None:
        """Return the record that has an id, or None if there is none or it cannot be read."""
        try:
            return self.tools.journal.keys.owner(generation_id, self.tools.client.base_url)
        except SetupError:
            return None

    def current(self, item: Item) -> Record:
        """Return the record as it is in the history now: another process may have changed it.

        Raises:
            SetupError: the history cannot be read, or has lost the record.
        """
        if item.record is not None and (item.unsaved or not self.tools.keeps):
            return item.record
        return self.tools.journal.reread(self.record_of(item))

    def save(self, item: Item, record: Record, **changes: object) -> Record:
        """Write the changes to disk, then return the changed record.

        If the history cannot be written, keep a record with an id in memory and write it later:
        an id must never be lost.

        Raises:
            SetupError: the history cannot be written, and there is no id to keep.
        """
        changed = record._replace(updated_at=self.tools.clock.now(), **changes)  # type: ignore[arg-type]
        if not self.tools.keeps:
            item.record = changed
            return changed
        names = item.unsaved | changes.keys()
        try:
            if not self.tools.journal.save(changed, ("updated_at", *names)):
                # Another process has written more than this one knows.
                changed = self.tools.journal.reread(changed)
        except SetupError as trouble:
            if changed.id is None:
                raise
            item.record, item.unsaved = changed, names
            is_safe = self.tools.journal.keep(changed, ("updated_at", *names))
            where = "on this machine" if is_safe else "in memory"
            self.tell_once(Warned(f"{trouble.message}; keeping {changed.id} {where}"))
            return changed
        if item.unsaved or (item.record is not None and record.request):
            item.record = None
        item.unsaved = frozenset()
        return changed

    def save_new(self, item: Item, record: Record, **changes: object) -> Record:
        """Save the changes, but write nothing if every value is already on disk."""
        if item.unsaved or any(getattr(record, name) != changes[name] for name in changes):
            return self.save(item, record, **changes)
        return record

    def new_item(self, step: Step, deadline: float | None = None) -> Item:
        """Return a new item; its deadline is the command's unless `deadline` is given."""
        item = Item(step, self.timing.deadline if deadline is None else deadline, self.now)
        item.number = self._numbers
        self._numbers += 1
        return item

    def count(self, item: Item, status: Status | None) -> None:
        """Count an item under a status; None: stop counting it."""
        if item.counted_as is not None:
            self.counts[item.counted_as] -= 1
        if status is not None:
            self.counts[status] += 1
        item.counted_as = status

    def end(self, item: Item, error: WanError | None, record: Record | None = None) -> None:
        """Read the history once more, then end an item with its outcome."""
        self.count(item, None)
        item.step = Step.DONE
        if isinstance(error, GenerationFailed):
            # By the reference, a failed generation is not charged.
            self.set_cost(item, 0.0)
        outcome = self._outcome(item, error, record)
        if outcome.record and outcome.record.id:
            item.generation_id = outcome.record.id
        item.record = None
        if outcome.error:
            self._consider(outcome.error, item)
        self.done += 1
        if outcome.record and outcome.record.status.is_running:
            self.left_running.append(item)
        self._tell_outcome(item, outcome._replace(row=item.row, is_new=item.is_new))

    def _tell_outcome(self, item: Item, outcome: Outcome) -> None:
        """Report an outcome at once; if the command does not wait, in the order of the items."""
        if self.goal.wait:
            self.events.append(outcome)
            return
        self._held[item.number] = outcome
        while (first := self._held.pop(self._next_number, None)) is not None:
            self._next_number += 1
            self.events.append(first)

    def _outcome(self, item: Item, error: WanError | None, record: Record | None) -> Outcome:
        try:
            record = record or (self.record_of(item) if item.ref else None)
            if record and item.unsaved:
                record = self._save_at_last(item, record)
        except SetupError as trouble:
            if record is not None:
                return Outcome(record, error or trouble)
            if item.generation_id and isinstance(error, SetupError):
                # Its own exit code would say that nothing was spent.
                error = unreadable(item.generation_id, error)
            return Outcome(None, error or unreadable(item.generation_id or item.ref, trouble))
        if record is None:
            return Outcome(None, error)
        if item.unsaved and record.id:
            return Outcome(record, not_recorded(record.id))
        return self._verdict(record, error)

    def _save_at_last(self, item: Item, record: Record) -> Record:
        """Save the unsaved changes; wait for a locked history, but only once for all items."""
        self.tools.journal.wait_for_locks(self._last_lock_s)
        self._last_lock_s = LOCK_S
        try:
            return self.save(item, record)
        finally:
            self.tools.journal.wait_for_locks(LOCK_S)

    def _verdict(self, record: Record, error: WanError | None) -> Outcome:
        """Return the outcome after rereading the history: another process may have saved it."""
        if error is None or not self.tools.keeps:
            return Outcome(record, error)
        if isinstance(error, SetupError) and record.id:
            error = unreadable(record.id, error)
        try:
            current = self.tools.journal.reread(record)
        except SetupError:
            return Outcome(record, error)
        passing = isinstance(error, Unfinished | Unreachable | DownloadFailed | KeyRefused)
        goal = self.goal
        to_stdout = goal.stdout is not None
        if passing and goal.save and is_there(current, goal.destination, to_stdout=to_stdout):
            return Outcome(current)
        return Outcome(current, error)

    def set_cost(self, item: Item, cost_usd: float | None) -> None:
        """Replace an item's price in the budget by its cost, if known."""
        if cost_usd is not None:
            self.budget.correct(item.taken_usd, cost_usd)
            item.taken_usd = cost_usd

    def submitted(self) -> None:
        """Note that a submission was accepted."""
        self._failures = 0

    def count_failure(self, error: WanError) -> None:
        """Count a submission that failed for a reason that may hit others as well."""
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            self.stop = self.stop or error

    def _consider(self, error: WanError, item: Item) -> None:
        """Decide whether a failure stops further submissions."""
        if self._fail_fast or stops_submitting(error):
            self.stop = self.stop or error
        if may_hit_others(error, item):
            self.count_failure(error)
