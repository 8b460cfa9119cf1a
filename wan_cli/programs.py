"""The program that shows a video. It does not see the key."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from wan_cli.secrets import without_keys


def open_file(path: Path) -> str | None:
    """Show a file with the program that the desktop has for it; return why that cannot be."""
    opener = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if opener is None:
        return "no program to show it was found (xdg-open is not installed)"
    try:
        subprocess.Popen(  # noqa: S603  The opener of the desktop, and a file of ours.
            [opener, os.fspath(path)],
            env=without_keys(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as cause:
        return f"{opener} cannot be started: {cause.strerror}"
    return None
