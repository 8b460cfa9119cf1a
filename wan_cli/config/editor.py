"""Open the configuration file in the user's editor, and check it afterwards."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from wan_cli.config import check_file
from wan_cli.config.paths import replace_private
from wan_cli.errors import SetupError
from wan_cli.secrets import without_keys

_HINT = "export EDITOR=nano"
_FALLBACKS = ("vi", "nano")
TEMPLATE = """\
# Configuration of wan. Flags and environment variables override it.
# See all keys, their values and sources: wan config list
# Store the API key without showing it:   wan config set api_key

# api_key_command = "pass show aimlapi"
# output_dir = "~/Videos"
# name_template = "{slug}-{id8}.mp4"
# wait = true
# timeout = 1800
# poll_interval = 10
# sidecar = false
# sandbox = false
# budget_day = 20
# history = "postgresql://wan@db.example.com/wan?sslrootcert=system"

[generate]
# model = "alibaba/wan-2-6-t2v"
# resolution = "1080p"
# aspect_ratio = "16:9"
# duration = 10
"""


def edit(file: Path, env: Mapping[str, str]) -> None:
    """Open the file in the editor, from a template if it is missing, and check it afterwards.

    Raises:
        SetupError: there is no editor, it failed, or the text is not a valid configuration
            (the file keeps the text).
    """
    command = _editor(env)
    if not file.exists():
        replace_private(file, TEMPLATE.encode())
    try:
        status = subprocess.run(  # noqa: S603
            [*command, str(file)], check=False, env=without_keys(env)
        ).returncode
    except OSError as cause:
        raise SetupError(
            f"the editor {command[0]} cannot be run: {cause.strerror}", hint=_HINT
        ) from None
    if status:
        raise SetupError(f"the editor {command[0]} exited with status {status}", hint=_HINT)
    check_file(file)


def _editor(env: Mapping[str, str]) -> list[str]:
    """Return the user's editor with its arguments, else one that is installed."""
    chosen = env.get("VISUAL") or env.get("EDITOR")
    if chosen:
        return _words(chosen)
    # The user's own editor may open a window or be a script; these two need a terminal.
    if not all(stream and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        raise SetupError("there is no terminal for an editor, and EDITOR is not set", hint=_HINT)
    found = next((name for name in _FALLBACKS if shutil.which(name)), None)
    if found is None:
        raise SetupError("no editor was found: EDITOR is not set", hint=_HINT)
    return [found]


def _words(chosen: str) -> list[str]:
    try:
        words = shlex.split(chosen)
    except ValueError:
        words = []
    if not words or shutil.which(words[0]) is None:
        raise SetupError(f"the editor {chosen!r} was not found", hint=_HINT)
    return words
