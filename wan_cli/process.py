"""The process of a command: errors become exit codes, and signals end the process."""

import errno
import io
import os
import select
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wan_cli import signals
from wan_cli.errors import Interrupted, LocalFileError, StdoutClosed, WanError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    from wan_cli.output import Output


def run(argv: Sequence[str], answer: str | None = None) -> None:
    """Run a command, or print `answer` if given; then end the process."""
    try:
        signals.install()
        _open_streams()
        code = _run(argv) if answer is None else _print(argv, answer)
    except StdoutClosed:
        code = _die_quietly()
    except Interrupted as interrupted:
        code = _interrupted(argv, interrupted)
    # Skip the interpreter's tear-down: streams are flushed and files are closed already.
    os._exit(code)


def _run(argv: Sequence[str]) -> int:
    try:
        # Import only after installing the signal handlers: this is the slowest import.
        from wan_cli import cli

        return cli.run(argv)
    except WanError as error:
        return _failure(argv, error)


def _print(argv: Sequence[str], answer: str) -> int:
    try:
        sys.stdout.write(answer)
        sys.stdout.flush()
    except WanError as error:
        return _failure(argv, error)
    return 0


def _failure(argv: Sequence[str], error: WanError) -> int:
    return _output(argv).failure(error)


def _output(argv: Sequence[str]) -> "Output":
    """Return the output for a command whose arguments may not be parsed yet."""
    from wan_cli.output import Output

    options = argv[: argv.index("--")] if "--" in argv else argv
    return Output(json="--json" in options, sandbox="--sandbox" in options)


def _interrupted(argv: Sequence[str], interrupted: Interrupted) -> int:
    """Report what happens to the generation, then end the process with the signal."""
    signals.ignore()
    error = WanError(interrupted.message, hint=interrupted.hint)
    error = error.with_code("interrupted", 128 + interrupted.signal_number)
    try:
        _last_words(argv, error, interrupted.record)
    finally:
        # Do this even if stdout or stderr is closed.
        signals.die_of(interrupted.signal_number)
    return error.exit_code


def _last_words(argv: Sequence[str], error: WanError, record: object) -> None:
    from wan_cli.record import Outcome, Record

    out = _output(argv)
    if isinstance(record, Record):
        out.outcomes([Outcome(record, error)], text=lambda _record: "")
    else:
        out.failure(error)


def _die_quietly() -> int:
    """End with SIGPIPE, as other programs do when the reader of their pipe is gone."""
    if hasattr(signal, "SIGPIPE"):
        signals.die_of(signal.SIGPIPE)
    return 0


def _open_streams() -> None:
    """Open closed standard streams, so that no other file gets their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            _Stdout.was_closed = _Stdout.was_closed or number == 1
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    # A locale that cannot encode a character must not cause a traceback.
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Stdout(1, "w", closefd=False)),
        encoding=sys.stdout.encoding if sys.stdout else None,
        errors="backslashreplace",
    )


class _Stdout(io.FileIO):
    """Standard output, whose errors become our errors: for results, help texts and videos."""

    # Whether stdout was closed at the start: a video written to it would vanish.
    was_closed = False

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write to the file; return the number of bytes written.

        Raises:
            StdoutClosed: the reader has closed the pipe.
            LocalFileError: stdout cannot be written (a full disk).
        """
        try:
            written = super().write(data)
            # A full pipe in non-blocking mode: wait for its reader.
            while written is None:
                select.select([], [self], [])
                written = super().write(data)
            return written
        except BrokenPipeError:
            raise StdoutClosed from None
        except OSError as cause:
            reason = os.strerror(cause.errno or errno.EIO)
            raise LocalFileError(
                f"standard output cannot be written: {reason}", hint="wan list"
            ) from None
