"""Start programs: to show a video, to notify, and the user's own. None of them sees the key.

wan waits only briefly for a program of the desktop: a failing program fails at once, and one that
keeps running is the player itself.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from wan_cli.secrets import without_keys

# How long a program of the desktop may take to fail.
START_SECONDS = 3.0
# Programs write to stderr: standard output carries only results.
_STDERR = 2
_MACOS_SCRIPT = 'on run argv\ndisplay notification (item 1 of argv) with title "wan"\nend run'


def open_file(path: Path) -> str | None:
    """Open a file with the desktop's program for it; return the reason if that fails."""
    opener = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if opener is None:
        return "found no program to open it (xdg-open is not installed)"
    return _start([opener, os.fspath(path)])


def notify(text: str) -> bool:
    """Show a notification on the desktop; return whether a program did."""
    if sys.platform == "darwin" and (script := shutil.which("osascript")):
        return _start([script, "-e", _MACOS_SCRIPT, text]) is None
    if sender := shutil.which("notify-send"):
        # Its body is markup.
        body = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return _start([sender, "--app-name=wan", "--", "wan", body]) is None
    return False


def run_program(argv: Sequence[str], data: bytes) -> str | None:
    """Run a program to its end with data on its stdin; return why it failed, or None.

    Its standard output goes to stderr.
    """
    try:
        code = subprocess.run(  # noqa: S603  The program that the user named.
            argv, input=data, stdout=_STDERR, env=without_keys(os.environ), check=False
        ).returncode
    except OSError as cause:
        return f"{argv[0]} cannot be started: {cause.strerror}"
    if code < 0:
        return f"{argv[0]} was killed by signal {-code}"
    return f"{argv[0]} exited with code {code}" if code else None


def _start(argv: Sequence[str]) -> str | None:
    """Start a program of the desktop in the background; return why it failed, or None."""
    try:
        started = subprocess.Popen(  # noqa: S603  Of the desktop, and a file or words of ours.
            argv,
            env=without_keys(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as cause:
        return f"{argv[0]} cannot be started: {cause.strerror}"
    try:
        code = started.wait(START_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    return f"{argv[0]} found no program for it (exit code {code})" if code else None
