"""The user's command that prints the key. Imported only where there is one."""

import os
import signal
import subprocess
from contextlib import suppress

from wan_cli.config.keys import COMMAND_VARIABLE
from wan_cli.errors import SetupError

COMMAND_TIMEOUT_S = 30


def first_line(command: str, source: str) -> str:
    """Return the first line that a command prints; what else it prints is shown to nobody.

    Args:
        command: for the shell.
        source: the variable or the file that names it.

    Raises:
        SetupError: it failed, or printed nothing.
    """
    try:
        status, output = _run(command)
    except subprocess.TimeoutExpired:
        raise _command_failed(source, f"was stopped after {COMMAND_TIMEOUT_S} s") from None
    except OSError as cause:
        raise _command_failed(source, f"cannot be run: {cause.strerror}") from None
    if status:
        raise _command_failed(source, f"ended with status {status}")
    line = output.partition(b"\n")[0].decode("utf-8", "replace")
    if not line.strip():
        raise _command_failed(source, "printed no key on its first line")
    return line


def _run(command: str) -> tuple[int, bytes]:
    """Run a shell command; at the time limit it ends with all that it started."""
    process = subprocess.Popen(  # noqa: S602  The user's own command line, pipes and all.
        command,
        shell=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    with process:
        output = None
        try:
            output, _ = process.communicate(timeout=COMMAND_TIMEOUT_S)
        finally:
            if output is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, output


def _command_failed(source: str, what: str) -> SetupError:
    hint = f"unset {COMMAND_VARIABLE}" if source == COMMAND_VARIABLE else "wan config edit"
    return SetupError(f"the command of {source} {what}", hint=hint)
