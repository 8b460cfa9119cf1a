"""Progress on a terminal: a spinner with status and times, a bar while downloading."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TaskID
from rich.progress import ProgressColumn as Column
from rich.text import Text

from wan_cli.events import Downloading, Event, Note, Submitted, Warned, Watching
from wan_cli.output.faces import clock, seconds
from wan_cli.record import Outcome
from wan_cli.text import clean, one_line


class _State(Column):
    """Id, status and times of a wait; bytes, speed and time left of a download."""

    def render(self, task: Task) -> Text:
        event: Watching | Downloading = task.fields["event"]
        name = one_line(event.id, 40)
        if isinstance(event, Downloading):
            state = f"downloading {_bytes_of(event, task)} · {name}"
            return Text(state, overflow="ellipsis", no_wrap=True)
        passed = time.monotonic() - task.fields["seen_at"]
        left = None if event.left_s is None else event.left_s - passed
        parts = [f"{event.status} {seconds(event.elapsed_s + passed)}"]
        if left and left >= 1:
            parts.append(f"about {seconds(left)} left")
        return Text(" · ".join([*parts, name]), overflow="ellipsis", no_wrap=True)


def _bytes_of(event: Downloading, task: Task) -> str:
    """Return the progress of a download: 2.1 MB of 6.3 MB, 1.2 MB/s, 0:04 left."""
    whole = f" of {decimal(event.total)}" if event.total else ""
    parts = [f"{decimal(event.received)}{whole}"]
    if task.speed:
        parts.append(f"{decimal(int(task.speed))}/s")
    if task.time_remaining:
        parts.append(f"{clock(task.time_remaining)} left")
    return ", ".join(parts)


class _Bar(BarColumn):
    """A bar if the size is known, nothing while the server works."""

    def render(self, task: Task) -> Text:  # type: ignore[override]
        return Text("") if task.total is None else super().render(task)  # type: ignore[return-value]


class _Screen:
    """The moving lines, one per generation, below notes and results."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def show(self, event: Event) -> None:
        match event:
            case Note(text):
                self._say(text)
            case Warned(text):
                self._say(f"warning: {text}")
            case Submitted(generation_id):
                self._say(f"submitted {generation_id}")
            case Watching(id=generation_id):
                self._move(generation_id, event, total=None, completed=0)
            case Downloading(id=generation_id, received=received, total=total):
                self._move(generation_id, event, total=total, completed=received)

    @contextmanager
    def aside(self, _outcome: Outcome) -> Iterator[None]:
        """Hide the lines during the block; lines of finished tasks do not return."""
        for name in list(self._tasks):
            self._progress.remove_task(self._tasks.pop(name))
        self._progress.stop()
        yield
        self._progress.start()

    def _say(self, text: str) -> None:
        self._progress.console.print(clean(text), markup=False, emoji=False, soft_wrap=True)

    def _move(
        self,
        generation_id: str,
        event: Watching | Downloading,
        *,
        total: int | None,
        completed: int,
    ) -> None:
        seen_at = time.monotonic()
        if generation_id not in self._tasks:
            self._tasks[generation_id] = self._progress.add_task(
                "", total=None, event=event, seen_at=seen_at
            )
        self._progress.update(
            self._tasks[generation_id],
            total=total,
            completed=completed,
            event=event,
            seen_at=seen_at,
        )


@contextmanager
def live() -> Iterator[_Screen]:
    """Show events on stderr, a terminal; remove the lines at the end of the block."""
    # rich reads NO_COLOR, FORCE_COLOR and COLUMNS itself.
    console = Console(stderr=True, highlight=False)
    columns = (SpinnerColumn(), _State(), _Bar(bar_width=min(20, console.width // 5)))
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Screen(progress)
