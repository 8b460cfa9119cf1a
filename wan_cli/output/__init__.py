"""Print results on stdout, as text or as JSON lines; print notes and errors on stderr."""

import sys
from collections.abc import (
    Callable,
    Collection,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from wan_cli.errors import (
    Interrupted,
    LocalFileError,
    StdoutClosed,
    UsageError,
    WanError,
    exit_code_of,
    in_sandbox,
)
from wan_cli.output.faces import (
    compact,
    dry_run_json,
    error_json,
    kept_words,
    price_words,
    record_json,
    unprinted,
)
from wan_cli.output.following import each, follow
from wan_cli.output.streams import (
    colored,
    colored_on_stdout,
    folded,
    stdout_for_video,
    talk,
    width_of_stdout,
    write_stdout,
)
from wan_cli.output.table import Color, fitted
from wan_cli.record import Outcome, Record
from wan_cli.text import clean

# Used in annotations, or by some commands only: importing them costs `wan list` 3 ms.
if TYPE_CHECKING:
    from wan_cli.checkup import Check
    from wan_cli.events import Event
    from wan_cli.http.trace import Trace
    from wan_cli.models import GenerationRequest
    from wan_cli.output.plain import Stage
    from wan_cli.output.results import Results
    from wan_cli.output.verbose import Verbose
    from wan_cli.prices import Price

T = TypeVar("T")


class Output:
    """The output of a command: results on stdout, notes and errors on stderr.

    Args:
        json: print one compact JSON object per line on stdout instead of text.
        quiet: print only errors on stderr.
        sandbox: `--sandbox` was typed, so commands in hints get it too.
        verbose: prints requests and responses, for -v.
    """

    def __init__(
        self,
        *,
        json: bool = False,
        quiet: bool = False,
        sandbox: bool | None = None,
        verbose: "Verbose | None" = None,
    ) -> None:
        self._json = json
        self._quiet = quiet
        self._sandbox = sandbox
        self._verbose = verbose
        self.trace: Trace | None = verbose.trace if verbose else None

    @property
    def talks(self) -> bool:
        """Whether notes are printed on stderr."""
        return not self._quiet

    def result(self, data: Mapping[str, object], text: str) -> None:
        """Print one result on stdout: `data` for programs, `text` for people; "" prints nothing.

        Raises:
            LocalFileError: stdout cannot be written (a full disk).
        """
        line = compact(data) if self._json else clean(text, sys.maxsize)
        if line:
            write_stdout(line + "\n")

    def note(self, *texts: str) -> None:
        """Print notes on stderr, unless quiet."""
        for text in () if self._quiet else texts:
            talk(clean(text))

    def warn(self, text: str) -> None:
        """Print a warning on stderr, unless quiet."""
        if not self._quiet:
            talk(f"{colored('warning:', '33')} {clean(text)}")

    def warn_all(self, texts: Iterable[str]) -> None:
        """Print each warning."""
        for text in texts:
            self.warn(text)

    def error(self, error: WanError) -> None:
        """Print a failure on stderr in two lines: the error, and the next command to type."""
        for words in error.details:
            talk(folded(words))
        talk(f"{colored('error:', '31')} {folded(error.message)}")
        talk(f"{colored('hint:', '36')} {folded(self.typeable(error.hint))}")

    def typeable(self, hint: str) -> str:
        """Return a hint whose commands the user can type as they are, also in the sandbox."""
        return in_sandbox(hint) if self._sandbox else hint

    def failure(self, error: WanError) -> int:
        """Print a failure that happened before any generation; return its exit code."""
        error = error.with_hint(self.typeable(error.hint))
        self.error(error)
        # stderr has the error, and its exit code tells more than a closed stdout.
        with suppress(LocalFileError, StdoutClosed):
            self.result(error_json(error), error.stdout)
        return error.exit_code

    def dry_run(self, requests: "Iterable[GenerationRequest]", prices: "Sequence[Price]") -> int:
        """Print the requests as JSON, and their price on stderr; return 0."""
        for request, price in zip(requests, prices, strict=True):
            self.result(dry_run_json(request, price), request.shown_json())
            self.warn_all(request.warnings)
        self.prices(prices)
        return 0

    def prices(self, prices: "Sequence[Price]") -> None:
        """Print the price of generations."""
        self.note(f"price: {price_words(prices)}")

    def video_stream(self, *, force: bool) -> BinaryIO:
        """Return stdout as the stream of a video.

        Raises:
            UsageError: stdout is a terminal, or the JSON goes there.
            LocalFileError: stdout is closed.
        """
        if self._json:
            raise UsageError("-o - and --json both write to standard output", hint="-o FILE --json")
        return stdout_for_video(force=force)

    def results(self, rows: Iterable[tuple[Mapping[str, object], str]]) -> None:
        """Print several results."""
        for data, text in rows:
            self.result(data, text)

    def table(
        self,
        data: Iterable[Mapping[str, object]],
        lines: Callable[[int | None, Color], Iterable[str]],
        footer: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """Print each object for programs, or lines for people.

        Args:
            data: an object for each row.
            lines: returns the rows, as clean text, for the width of the screen (None: a pipe) and
            its colors.
            footer: returns the lines below a table; without a table, they go to stderr.
        """
        width = width_of_stdout()
        for text in map(compact, data) if self._json else lines(width, colored_on_stdout):
            write_stdout(text + "\n")
        if self._json or (width is None and self._quiet):
            return
        if width is None:
            self.note(*footer())
        else:
            write_stdout("".join(f"{fitted(line, width)}\n" for line in footer()))

    def checks(self, checks: Iterable["Check"]) -> int:
        """Print each check as soon as it is made; return the overall exit code."""
        codes = set()
        for check in checks:
            codes.add(check.exit_code)
            here = check._replace(hint=self.typeable(check.hint))
            self.result(here.data, here.line)
        return exit_code_of(codes)

    def outcomes(
        self,
        outcomes: Iterable[Outcome],
        text: Callable[[Record], str],
        *,
        shown: Collection[int] = (0,),
        silent: Collection[int] = (),
        notes: bool = False,
    ) -> int:
        """Print the outcome of each generation; return the overall exit code.

        Args:
            outcomes: one for each generation.
            text: a record's line for people.
            shown: exit codes for which the line is printed.
            silent: exit codes whose failure is not printed as an error, but as a line or a note.
            notes: print a note for each silent failure.
        """
        codes = set()
        remaining = iter(outcomes)
        try:
            for outcome in remaining:
                codes.add(outcome.exit_code)
                line = text if outcome.exit_code in shown else None
                is_error = outcome.error is not None and outcome.exit_code not in silent
                self._print(outcome, line, is_error=is_error, notes=notes)
        except Interrupted as interrupted:
            if isinstance(remaining, Generator):
                # The signal came during printing: the work knows which generations are in flight.
                remaining.throw(interrupted)
            raise
        finally:
            if isinstance(remaining, Generator):
                remaining.close()
        return exit_code_of(codes)

    def _print(
        self, outcome: Outcome, text: Callable[[Record], str] | None, *, is_error: bool, notes: bool
    ) -> None:
        """Print one outcome: first its error, because printing its result may fail."""
        if outcome.error:
            # JSON has the hint too, even for an error that is not printed here.
            error = outcome.error.with_hint(self.typeable(outcome.error.hint))
            outcome = outcome._replace(error=error)
            if is_error or notes:
                self.error(error) if is_error else self.note(error.message)
        try:
            self._result(outcome, text)
        except LocalFileError as cause:
            if not is_error:
                raise unprinted(cause, outcome.record) from None
        except Interrupted as interrupted:
            if record := outcome.record:
                what, hint = f"interrupted; {kept_words(record)}", f"wan status {record.handle}"
                interrupted.explain(what, hint=hint, record=record)
            raise

    def _result(self, outcome: Outcome, text: Callable[[Record], str] | None) -> None:
        if outcome.record is None:
            if outcome.error:
                self.result(error_json(outcome.error), outcome.error.stdout)
            return
        instead = outcome.error.stdout if outcome.error else ""
        line = text(outcome.record) if text else instead
        self.result(record_json(outcome.record, outcome.error), line)

    def follow(self, events: Generator["Event", None, T]) -> T:
        """Show events as they happen; return the result of the work."""
        with self._stage() as stage:
            return follow(events, lambda event: stage.show(self._shown(event)))

    def each(
        self,
        work: Generator["Event | Outcome", None, object],
        results: "Results | None" = None,
    ) -> Generator[Outcome, None, None]:
        """Show events as they happen; yield each outcome as soon as it is known.

        `results` counts the outcomes of a command over several generations.
        """
        with self._stage(results) as stage:
            yield from each(work, lambda event: stage.show(self._shown(event)), stage.aside)

    def _shown(self, event: "Event") -> "Event":
        """Return an event to show, with commands that the user can type as they are."""
        if self._sandbox:
            from wan_cli.events import Note

            if isinstance(event, Note):
                return Note(self.typeable(event.text))
        return event

    def _stage(self, results: "Results | None" = None) -> "AbstractContextManager[Stage]":
        from wan_cli.output.stage import stage

        return stage(self, results, self._verbose, quiet=self._quiet)
