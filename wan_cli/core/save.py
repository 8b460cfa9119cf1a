"""Saving: download a generation's video to a verified file, and write that to the history."""

import threading
from contextlib import ExitStack
from functools import partial

from wan_cli.core.files import write_sidecar
from wan_cli.core.items import Item, Step, pause_s
from wan_cli.core.lanes import Job, Lane, Question, Ticket
from wan_cli.core.patience import tries_later
from wan_cli.core.run import Run
from wan_cli.core.storing import Put, Video, WasSaved, Whole, to_place, to_stdout
from wan_cli.core.verdicts import saved_already
from wan_cli.destination import Destination, destination_of, is_on_disk
from wan_cli.download.fetch import Target, copy_to, give_up
from wan_cli.download.meta import tidy
from wan_cli.download.outcome import NotSaved, Reason, Saved
from wan_cli.download.shelf import Shelved, drop, spooled
from wan_cli.download.transfer import Limits, Pace
from wan_cli.errors import LocalFileError, NotRecorded, SetupError, WanError
from wan_cli.events import Downloading, Note
from wan_cli.record import Record
from wan_cli.uri import Place, Uri

# Downloads at a time; the seconds without progress after which one gives its place to the next.
DOWNLOADS = 4
STALLS_S = 10.0
# A download that makes this much progress keeps its place.
PROGRESS_BYTES = 256 * 1024
# How long a command that does not wait retries a download without progress.
ONE_SHOT_S = 10.0


class Saving:
    """The download step of items whose video is ready."""

    step = Step.SAVE

    def __init__(self, run: Run, downloads: int = DOWNLOADS) -> None:
        self.lane = Lane(downloads, STALLS_S)
        self._run = run
        # Set when the command ends: downloads stop at the next byte, and keep the received bytes.
        self._stop = threading.Event()
        # The private folders of videos for stdout.
        self._folders: list[ExitStack] = []
        run.at_end.append(self.close)
        # The paths that this command has saved to, or is about to, by the item of each.
        self._taken: dict[str, int] = {}

    def close(self) -> None:
        """Stop the running downloads and remove the private folders."""
        self._stop.set()
        for folder in self._folders:
            folder.close()

    def begin(self, item: Item) -> Job | None:
        """Return the download of an item's video, or None if it is on disk already."""
        run, goal = self._run, self._run.goal
        if isinstance(item.saved, Saved | Put):
            self._saved(item, item.saved)
            return None
        record = run.current(item)
        if item.record is not None:
            item.record = record
        wants_copy = goal.destination is not None or goal.stdout is not None
        if (is_on_disk(record) and not wants_copy) or self._is_where_wanted(record):
            run.tell(Note(saved_already(record)))
            run.end(item, None, record)
            return None
        ready = record.ready
        if ready is None:
            # Another command has written a newer state: poll for the current one.
            item.go(Step.WATCH, run.now)
            return None
        if not item.is_saving:
            item.is_saving, item.tries_from = True, run.now
        clock = run.tools.clock
        pace = Pace(clock=clock.monotonic, sleep=clock.sleep)
        video = Video(
            ready,
            record,
            self._place(item, record),
            run.tools.network,
            Limits(item.deadline, self._stop, pace),
            goal.overwrite,
            item.kept,
            run.tools.spool,
        )
        if goal.stdout is None:
            return Job(partial(to_place, video=video), on_message=self._on_message)
        return Job(
            partial(to_stdout, video=video, folders=self._folders), on_message=self._on_message
        )

    def _place(self, item: Item, record: Record) -> Destination:
        """Return where to save a video: with --force, never where this command has saved one."""
        goal = self._run.goal
        place = self._wanted(item, record)
        if not goal.overwrite or goal.stdout is not None:
            return place
        path = free = place.path_of(record)
        number = 0
        while self._taken.setdefault(str(free), item.number) != item.number:
            number += 1
            free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        return place._replace(folder=free.parent, name=free.name) if number else place

    def _wanted(self, item: Item, record: Record) -> Destination:
        """Return where the video goes: by this run, else by the command, else by the history."""
        return item.destination or self._run.goal.destination or destination_of(record)

    def _is_where_wanted(self, record: Record) -> bool:
        """Whether another process has saved the video at this command's destination."""
        goal = self._run.goal
        if goal.destination is None or not goal.accepts_saved or not is_on_disk(record):
            return False
        return record.file == str(goal.destination.path_of(record))

    def take(self, item: Item, value: object) -> None:
        """Handle the end of a download."""
        run = self._run
        match value:
            case Saved() | Put():
                self._saved(item, value)
            case Whole(saved, folder):
                with folder:
                    self._stream(item, saved)
                run.end(item, None, run.current(item))
            case NotSaved():
                self._not_saved(item, value)
            case WanError():
                run.end(item, value)
            case OSError():
                hint = f"wan fetch {item.generation_id}"
                run.end(item, LocalFileError(f"the video cannot be saved: {value}", hint=hint))
            case Exception():
                raise value

    def late(self, item: Item) -> None:
        """Do nothing: a download stops by itself at the deadline."""

    def _on_message(self, ticket: Ticket, message: object) -> None:
        """Show a download's progress, or answer its question."""
        item = ticket.item
        if isinstance(message, Question):
            self._answer(item, message)
        elif isinstance(message, Downloading):
            # A download that restarts counts from 0 again.
            item.received = min(item.received, message.received)
            if message.received - item.received >= PROGRESS_BYTES:
                item.received = message.received
                self.lane.moved(ticket, self._run.now)
            self._run.tell(message)

    def _answer(self, item: Item, question: Question) -> None:
        assert isinstance(question.about, WasSaved)
        question.answer(self._saved_by_others(item, question.about.target))

    def _saved(self, item: Item, value: Saved | Put) -> None:
        """Write the saved video to the history, then remove what a later run would have needed."""
        run = self._run
        item.saved = value
        record = run.current(item)
        saved = value.shelved if isinstance(value, Put) else value
        place, size, sha256 = saved
        record = run.save(item, record, file=str(place), bytes=size, sha256=sha256)
        error = value.error if isinstance(value, Put) else None
        if item.unsaved and run.tools.journal.is_shared and tries_later(run, item):
            return
        if item.unsaved:
            error = NotRecorded(
                f"the video is saved as {place}, but the history cannot be written",
                hint="wan doctor",
                stdout=str(place),
            )
        elif isinstance(place, Uri):
            drop(spooled(run.tools.spool, item.generation_id), item.generation_id)
        else:
            tidy(place, item.generation_id)
            error = write_sidecar(record, place) if record.sidecar else None
        run.end(item, error, record)

    def _stream(self, item: Item, saved: Saved) -> None:
        """Write a whole video to stdout.

        Raises:
            LocalFileError: stdout is full, or closed.
        """
        assert self._run.goal.stdout is not None
        try:
            copy_to(self._run.goal.stdout, saved, item.generation_id)
        except LocalFileError as trouble:
            # The error from writing stdout lacks the generation's id: add it in the hint.
            hint = f"wan fetch {item.generation_id}"
            raise LocalFileError(trouble.message, hint=hint) from None

    def _not_saved(self, item: Item, failure: NotSaved) -> None:
        """Retry after a pause, with a fresh URL if that may help; or give up."""
        run = self._run
        item.kept = failure.kept
        if failure.has_progressed:
            item.misses, item.tries_from = 0, run.now
        item.misses += 1
        pause = pause_s(item.misses, run.timing.poll_interval_s)
        last = item.deadline if run.goal.wait else min(item.deadline, item.tries_from + ONE_SHOT_S)
        if item.misses >= failure.tries_max or run.now + pause >= last:
            self._gives_up(item, failure.error)
            return
        run.tell_once(Note(f"{failure.error.message}; trying again"), about=str(failure.reason))
        item.due = run.now + pause
        if failure.wants_url:
            item.renews, item.step = True, Step.WATCH
            if failure.reason is Reason.EXPIRED and item.misses == 1:
                item.due = run.now

    def _gives_up(self, item: Item, error: WanError) -> None:
        run = self._run
        record = run.record_if_known(item)
        if record and record.accepted and run.goal.stdout is None:
            target = self._wanted(item, record).path_of(record)
            if isinstance(target, Uri):
                target = spooled(run.tools.spool, record.accepted.id)
            give_up(Target(target, record.accepted.id))
        run.end(item, error)

    def _saved_by_others(self, item: Item, target: Place) -> Saved | Shelved | None:
        """Return the file or object that another process has saved since the record was read."""
        try:
            current = self._run.current(item)
        except SetupError:
            return None
        if isinstance(target, Uri):
            # Another video may have the wanted name: then the object has one after it.
            file = current.stored.file if current.stored else None
            if not isinstance(file, Uri) or file.parent != target.parent:
                return None
            return Shelved(file, current.bytes or 0, current.sha256)
        if current.file != str(target) or not is_on_disk(current):
            return None
        return Saved(target, current.bytes or 0, current.sha256)
