"""Run a command of the user that prints a secret. Imported only if there is one."""

import os
import signal
import subprocess
from contextlib import suppress

from wan_cli.errors import SetupError
from wan_cli.secrets import without_keys
from wan_cli.text import one_line

COMMAND_TIMEOUT_S = 30


def first_line(command: str, source: str) -> str:
    """Return the first line that a command prints; errors show only its last line on stderr.

    Args:
        command: a command line for the shell.
        source: the variable or the key of the configuration that holds it.

    Raises:
        SetupError: the command failed, or printed nothing.
    """
    try:
        status, output, errors = _run(command)
    except subprocess.TimeoutExpired:
        raise failed(source, f"was stopped after {COMMAND_TIMEOUT_S} s") from None
    except OSError as cause:
        raise failed(source, f"cannot be run: {cause.strerror}") from None
    if status:
        raise failed(source, f"exited with status {status}{_last_line(errors)}")
    line = output.partition(b"\n")[0].decode("utf-8", "replace")
    if not line.strip():
        raise failed(source, f"printed nothing on its first line{_last_line(errors)}")
    return line


def _run(command: str) -> tuple[int, bytes, bytes]:
    """Run a shell command; at the time limit, end it and all processes that it started."""
    process = subprocess.Popen(  # noqa: S602  The user's own command line, pipes and all.
        command,
        shell=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,
        env=without_keys(os.environ),
    )
    with process:
        output = None
        try:
            output, errors = process.communicate(timeout=COMMAND_TIMEOUT_S)
        finally:
            if output is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, output, errors


def _last_line(errors: bytes) -> str:
    """Return the last line that a command printed on stderr."""
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    return f": {one_line(lines[-1], 200)}" if lines else ""


def failed(source: str, what: str) -> SetupError:
    """Return the error of a command that printed no usable secret."""
    place = f"${source}" if source.isupper() else f"wan config get {source}"
    return SetupError(f"the command of {source} {what}", hint=f"run the command by hand: {place}")
