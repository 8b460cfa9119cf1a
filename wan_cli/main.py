"""The entry point: quick answers, for which next to nothing is imported; then all the rest."""

import _signal  # type: ignore[import-not-found]  # Without the names of enum: 1 ms.
import gc
import os
import sys

from wan_cli import __version__

# More than any command makes before it begins to wait.
START_UP_OBJECTS = 50_000
_VERSION_AND_MORE = [
    {version, more} for version in ("-V", "--version") for more in ("-v", "--verbose")
]


def main() -> None:
    """Run `wan` with the process's arguments and end the process."""
    # A run is short: collecting its garbage costs more than keeping it. One that waits for hours
    # meets errors of the network by the thousand, each a ring of frames: those must go.
    if os.name == "nt":
        # Locks of files and signals do not work there as the promise needs them.
        sys.exit("wan does not run on Windows yet; it runs in WSL, on Linux and on macOS")
    gc.set_threshold(START_UP_OBJECTS)
    # Until there is a handler of ours, Ctrl-C ends the process as it ends any other: no traceback.
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    try:
        argv = sys.argv[1:]
        answer = _quick_answer(argv)
        if answer is not None and _said(answer):
            os._exit(0)
        # Signals and types alone take as long to import as the interpreter takes to start.
        from wan_cli.process import run

        run(argv, answer)
    except KeyboardInterrupt:
        # Before there is a handler of ours, and anything to be said.
        from wan_cli import signals

        signals.die_of(signals.SIGNALS[0])


def _quick_answer(argv: list[str]) -> str | None:
    """Return the answer to what needs no command at all; None for anything else."""
    if argv in (["--version"], ["-V"]):
        return f"wan {__version__}\n"
    if argv in ([], ["-h"], ["--help"], ["help"]):
        from wan_cli.help import short_help, top_help
        from wan_cli.page import columns

        return (top_help if argv else short_help)(columns())
    if len(argv) == 2 and {*argv} in _VERSION_AND_MORE:
        from wan_cli.version import details

        return details()
    if argv[0] == "--complete-ids":
        from wan_cli.completion import newest_ids

        return "".join(f"{found}\n" for found in newest_ids(argv[1:], os.environ))
    return None


def _said(answer: str) -> bool:
    """Whether the answer is out; whatever is wrong with stdout is left to the careful way."""
    try:
        sys.stdout.write(answer)
        sys.stdout.flush()
    except (AttributeError, OSError, ValueError):
        return False
    return True
