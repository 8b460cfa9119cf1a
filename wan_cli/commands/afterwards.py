"""Run --open, --exec and --notify after a video is saved. They never change the exit code."""

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from wan_cli import programs
from wan_cli.errors import Interrupted, UsageError, WanError
from wan_cli.output import Output
from wan_cli.output.faces import compact, record_json
from wan_cli.output.streams import ring
from wan_cli.record import Record
from wan_cli.text import one_line
from wan_cli.uri import is_uri

PLACEHOLDER = "{}"


class Afterwards(NamedTuple):
    """The actions to take with each saved video, and at the end of the command."""

    open: bool = False
    command: tuple[str, ...] = ()
    notify: bool = False

    def run(self, out: Output, records: Sequence[Record], *, count: int, code: int) -> None:
        """Run the actions for the saved records, out of `count` generations."""
        for record in records:
            if record.file and self.open and (trouble := _open(record.file)):
                out.warn(f"{record.file}: {trouble}")
            if record.file and self.command:
                _execute(out, self.command, record)
        if self.notify and not programs.notify(_notification(records, count, code)):
            ring()


def afterwards(open_: bool, command: str | None, *, notify: bool, has_file: bool) -> Afterwards:
    """Return the actions to take afterwards.

    Raises:
        UsageError: the COMMAND of --exec cannot run, or wan saves no file to run it with.
    """
    if command is None:
        return Afterwards(open_, (), notify)
    if not has_file:
        raise UsageError(
            "--exec needs a file, and this command saves none",
            hint="leave out --exec, or --no-wait and -o -",
        )
    return Afterwards(open_, parse_command(command), notify)


def parse_command(command: str) -> tuple[str, ...]:
    """Split COMMAND into arguments as a shell does; wan runs it without a shell.

    Raises:
        UsageError: COMMAND is empty, has an unclosed quote, or names a missing program.
    """
    try:
        argv = tuple(shlex.split(command))
    except ValueError as cause:
        raise UsageError(f"--exec {one_line(command, 80)!r}: {cause}", hint=_HINT) from None
    if not argv or not argv[0]:
        raise UsageError("--exec is empty", hint=_HINT)
    if PLACEHOLDER not in argv[0] and shutil.which(argv[0]) is None:
        raise UsageError(f"--exec: program not found: {one_line(argv[0], 80)}", hint=_HINT)
    return argv


_HINT = "for example: --exec 'cp {} /backup/'"


def _open(file: str) -> str | None:
    if is_uri(file):
        return "--open shows files, not objects; wan fetch ID -o FILE copies it to this machine"
    return programs.open_file(Path(file))


def _execute(out: Output, command: Sequence[str], record: Record) -> None:
    """Run the user's program with a video; report a failure, and continue."""
    file = record.file or ""
    argv = [word.replace(PLACEHOLDER, file) for word in command]
    data = compact(record_json(record)).encode("ascii") + b"\n"
    try:
        trouble = programs.run_program(argv, data)
    except Interrupted as interrupted:
        interrupted.explain(
            f"interrupted in --exec; the video is saved as {file}",
            hint=f"wan show {record.handle}",
            record=record,
        )
        raise
    if trouble:
        out.error(
            WanError(f"--exec: {trouble}; the video is saved as {file}", hint=shlex.join(argv))
        )


def _notification(records: Sequence[Record], count: int, code: int) -> str:
    """Return the text of the notification."""
    ending = f" (exit code {code})" if code else ""
    if count > 1:
        return f"{len(records)} of {count} videos are ready{ending}"
    if not records:
        return f"no video{ending}"
    record = records[0]
    what = Path(record.file).name if record.file else f"submitted: {record.handle}"
    return one_line(f"{what}: {record.prompt}", 200)
