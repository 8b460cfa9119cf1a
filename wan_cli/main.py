"""The entry point: print quick answers with almost no imports; run all other commands."""

import _signal  # type: ignore[import-not-found]  # Saves 1 ms: `signal` imports enum.
import gc
import os
import sys

from wan_cli import __version__

# More objects than any command creates before it begins to wait.
START_UP_OBJECTS = 50_000
_VERSION_AND_MORE = [
    {version, more} for version in ("-V", "--version") for more in ("-v", "--verbose")
]


def main() -> None:
    """Run `wan` with the process's arguments and end the process."""
    # A short run should not spend time on garbage collection. A run of hours still needs it:
    # each of its thousands of network errors leaves a cycle of frames.
    if os.name == "nt":
        # On Windows, file locks and signals cannot guarantee that nothing is paid for twice.
        sys.exit("wan does not run on Windows yet; it runs in WSL, on Linux and on macOS")
    gc.set_threshold(START_UP_OBJECTS)
    # Until wan installs its own handler, let Ctrl-C end the process without a traceback.
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    try:
        argv = sys.argv[1:]
        answer = _quick_answer(argv)
        if answer is not None and _printed(answer):
            os._exit(0)
        # Import late: `signal` and its types take as long as the start of the interpreter.
        from wan_cli.process import run

        run(argv, answer)
    except KeyboardInterrupt:
        # Ctrl-C came before wan installed its own handler: there is nothing to report.
        from wan_cli import signals

        signals.die_of(signals.SIGNALS[0])


def _quick_answer(argv: list[str]) -> str | None:
    """Return the answer for version, help and completion; None for anything else."""
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


def _printed(answer: str) -> bool:
    """Print the answer; return False if stdout fails, so that `process.run` handles the error."""
    try:
        sys.stdout.write(answer)
        sys.stdout.flush()
    except (AttributeError, OSError, ValueError):
        return False
    return True
