"""Parse -o, --output-dir and the outputs of rows into destinations: paths or addresses."""

import errno
import os
from pathlib import Path

from wan_cli.destination import Destination
from wan_cli.errors import UsageError
from wan_cli.text import check_encodable, one_line
from wan_cli.uri import Place, Uri, parse_uri

STDOUT = "-"


def parse_destination(
    output: str | None, folder: Place, name_template: str, *, several: bool = False
) -> Destination:
    """Parse `-o`: a FILE, a folder (DIR/, or an existing folder), or `-` for stdout.

    s3://BUCKET/FILE and s3://BUCKET/DIR/ are objects; also gs:// and az://.

    Raises:
        UsageError: an empty name, or one file for several videos.
    """
    here = working_folder()
    usual = folder if isinstance(folder, Uri) else here / folder
    if output is None:
        return Destination(usual, None, name_template)
    check_encodable(output, "--output")
    if output == STDOUT:
        if several:
            raise UsageError("-o - can write only one video", hint="wan fetch ID -o -")
        # A private folder on a disk holds the video until it is complete.
        private = here if isinstance(usual, Uri) else usual
        return Destination(private, None, name_template, to_stdout=True)
    if not output.strip() or "\x00" in output:
        raise UsageError("--output is empty", hint="-o FILE, -o DIR/ or -o -")
    uri = parse_uri(output)
    path = uri or Path(os.path.normpath(here / os.path.expanduser(output)))  # noqa: PTH111  No RuntimeError.
    if output.endswith("/") or _is_folder(path):
        return Destination(path, None, name_template)
    if several:
        raise UsageError(
            f"{one_line(output)} is one file for several videos", hint=f"-o '{one_line(output)}/'"
        )
    return Destination(path.parent, path.name, name_template)


def _is_folder(path: Place) -> bool:
    if isinstance(path, Uri):
        return not path.key
    try:
        return path.is_dir()
    except OSError as cause:
        words = os.strerror(cause.errno or errno.EINVAL)
        raise UsageError(f"{one_line(str(path))}: {words}", hint="choose another name") from None


def working_folder() -> Path:
    """Return the working folder; the relative path `.` if it was removed."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        # It was removed. Saving a video there fails later; other commands do not need it.
        return Path()


def parse_folder(text: str) -> Place:
    """Parse `--output-dir`: a folder, or a prefix of objects.

    Raises:
        UsageError: the address of the prefix is wrong.
    """
    return parse_uri(text) or Path(text)


def below(folder: Place, output: str) -> str:
    """Return the output of a row as `-o` takes it: relative to a folder, unless it is absolute.

    Raises:
        UsageError: the address is wrong, or wan cannot expand its ~.
    """
    if parse_uri(output) is not None:
        return output
    path = _expanded(output)
    if isinstance(folder, Uri) and not path.is_absolute():
        return f"{folder}/{output}"
    # A slash at the end marks a folder, and Path would drop it.
    slash = "/" if output.endswith("/") else ""
    return f"{path if isinstance(folder, Uri) else folder / path}{slash}"


def _expanded(output: str) -> Path:
    """Return a path with `~` replaced by the home folder: no shell expands it in a batch file."""
    try:
        return Path(output).expanduser()
    except RuntimeError:
        raise UsageError("output: wan cannot find the home folder for ~", hint="") from None
