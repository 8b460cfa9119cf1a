"""Many generations on a terminal: a bar, counts, money, times, and the rows in flight."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from wan_cli.events import Downloading, Event, InFlight, Note, Tally, Warned
from wan_cli.listing import READY, SAVED
from wan_cli.output.faces import clock
from wan_cli.output.lines import parts_of
from wan_cli.output.results import IN_FLIGHT, Results
from wan_cli.output.table import fitted, padded, width_of
from wan_cli.record import Outcome
from wan_cli.text import clean

REDRAWS_PER_SECOND = 8
BAR_MAX = 60
GAP = "  "
DOWNLOADING = "downloading"
STATE_WIDTH = len(f"{DOWNLOADING} 100%")
# A terminal echoes ^C at the end of the last line, which must not wrap.
ECHO_WIDTH = len("^C")
# A prompt gets at least this many cells, or none.
PROMPT_MIN = 16
# The cells before a row: the spinner and a space.
INDENT = 2


class Board:
    """The display, below results and notes. It draws nothing before the first tally."""

    def __init__(self, console: Console, results: Results) -> None:
        self._results = results
        self._seen_at = 0.0
        self._percents: dict[str, int] = {}
        self._spinner = Spinner("dots")
        self._console = console
        self._live: Live | None = None

    def show(self, event: Event) -> None:
        """Show an event."""
        match event:
            case Note(text):
                self._say(text)
            case Warned(text):
                self._say(f"warning: {text}")
            case Downloading(generation_id, received, total) if total:
                self._percents[generation_id] = 100 * received // total
            case Tally():
                self._seen_at = time.monotonic()
                self._open()

    @contextmanager
    def aside(self, outcome: Outcome) -> Iterator[None]:
        """Hide the display during the block."""
        if outcome.record and outcome.record.id:
            self._percents.pop(outcome.record.id, None)
        was_drawn = self._live is not None
        self.close()
        yield
        if was_drawn:
            self._open()

    def close(self) -> None:
        """Remove the display."""
        live, self._live = self._live, None
        if live:
            live.stop()

    def _open(self) -> None:
        if self._live is None:
            # A stopped one would move the cursor over the lines printed since.
            self._live = Live(
                self,
                console=self._console,
                refresh_per_second=REDRAWS_PER_SECOND,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def _say(self, text: str) -> None:
        self._console.print(clean(text), markup=False, emoji=False, soft_wrap=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the display, when rich asks for it, in the terminal's current size."""
        tally = self._results.tally
        if tally is None:
            return
        passed_s = time.monotonic() - self._seen_at
        frame = str(self._spinner.render(console.get_time()))
        size = Size(max(1, options.max_width - ECHO_WIDTH), options.size.height)
        yield bar(self._results, size.width)
        for line in lines_of(self._results, tally, size, passed_s, self._percents, frame):
            yield Text(line, no_wrap=True, overflow="ellipsis")


class Size(NamedTuple):
    """The size of a terminal, in cells and lines."""

    width: int
    height: int


def bar(results: Results, width: int) -> Text:
    """Return a bar of the rows: saved, otherwise ended, and still to come."""
    total = results.total
    count = f" {results.ended:,}/{total:,}"
    cells = max(1, min(BAR_MAX, width - len(count)))
    good = cells * results.counts[SAVED] // max(1, total)
    # Rows in flight at the end of a command have not ended.
    others = results.ended - results.counts[SAVED] - results.counts[IN_FLIGHT]
    bad = min(cells - good, -(-cells * others // max(1, total)))
    text = Text(no_wrap=True, overflow="crop")
    text.append("━" * good, "green")
    text.append("━" * bad, "red")
    # Without colors, the rows still to come must look different.
    text.append("╌" * (cells - good - bad), "dim")
    return text.append(count)


def lines_of(
    results: Results,
    tally: Tally,
    size: Size,
    passed_s: float,
    percents: dict[str, int],
    frame: str,
) -> list[str]:
    """Return the lines below the bar: the counts, then as many rows as the terminal has room for.

    Args:
        results: the rows that have ended.
        tally: the rows that have not.
        size: the terminal's size.
        passed_s: seconds since the tally was made.
        percents: the downloaded percentage of each video, by the generation's id.
        frame: the spinner.
    """
    lines = wrapped(parts_of(results, tally, passed_s), size.width)
    # The bar, a line that counts the rest, and the line below the display.
    room = max(0, size.height - len(lines) - 3)
    shown = tally.rows[:room]
    names = [results.name_of(row.row, row.handle) for row in shown]
    widest = max(map(width_of, names), default=0)
    clocks = max((len(clock(row.elapsed_s + passed_s)) for row in shown), default=0)
    taken = INDENT + STATE_WIDTH + clocks + 2 * len(GAP)
    name_width = max(4, min(widest, size.width - taken))
    for row, name in zip(shown, names, strict=True):
        cells = [padded(fitted(name, name_width), name_width)]
        cells.append(padded(_state(row, percents), STATE_WIDTH))
        cells.append(clock(row.elapsed_s + passed_s).rjust(clocks))
        # A number alone does not tell the rows apart.
        if size.width - taken - name_width >= PROMPT_MIN and (prompt := results.prompt_of(row.row)):
            cells.append(prompt)
        lines.append(fitted(f"{frame} {GAP.join(cells)}", size.width))
    if more := max(0, results.in_flight - len(shown)):
        lines.append(fitted(f"{' ' * INDENT}and {more:,} more in flight", size.width))
    return lines


def wrapped(parts: Sequence[str], width: int) -> list[str]:
    """Return the parts, joined into as few lines as possible."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]} · {part}" if lines else ""
        if longer and width_of(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(fitted(part, width))
    return lines


def _state(row: InFlight, percents: dict[str, int]) -> str:
    percent = percents.get(row.handle)
    # A failed download leaves its percentage behind.
    is_saving = percent is not None and row.state in (READY, DOWNLOADING)
    return f"{DOWNLOADING} {percent}%" if is_saving else row.state


@contextmanager
def board(results: Results) -> Iterator[Board]:
    """Show many generations on stderr, a terminal; remove the display at the end."""
    screen = Board(Console(stderr=True, highlight=False), results)
    try:
        yield screen
    finally:
        screen.close()
