"""Programs that wan opens: the player, the editor, the key command. They never see the key."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

KEY_VARIABLES = ("AIMLAPI_API_KEY", "AIML_API_KEY", "AIMLAPI_KEY")


def without_keys(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the variables that hold a key."""
    return {name: value for name, value in env.items() if name not in KEY_VARIABLES}


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
