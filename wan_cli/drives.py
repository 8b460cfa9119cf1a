"""Try folders and file names on their drives, before anything is paid."""

import errno
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from wan_cli.errors import (
    DriveTrouble,
    LocalFileError,
    is_drive_trouble,
    local_file_error,
)
from wan_cli.text import is_portable, one_line

# The largest clip (15 s at 1080p) needs about this much.
FREE_BYTES_MIN = 32 * 1024 * 1024
# This many letters of four bytes each fit into a file name.
_SAMPLE_LETTERS = 60
_SAMPLED_BYTES_MAX = 200
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def try_files(files: Sequence[Path]) -> list[LocalFileError | None]:
    """Try whether files can be created. Create missing folders, but leave no other trace.

    Try each folder once, however many files will go there. Plain names need no try: every drive
    allows them. Create each other name for a moment, in a private folder beside the final place,
    so that an empty file never has the final name. Try letters beyond ASCII many at a time first.

    Returns:
        For each file, in order, the error that prevents saving it, or None. The folder cannot be
        found, created or written; or the drive refuses the name; or (DriveTrouble) the drive
        cannot be written at all, or is full.
    """
    names: dict[Path, list[str]] = {}
    for file in files:
        names.setdefault(file.parent, []).append(file.name)
    found = {folder: _try(folder, set(wanted)) for folder, wanted in names.items()}
    return [_error_of(file, *found[file.parent]) for file in files]


def try_folder(folder: Path) -> None:
    """Create a folder if missing, and a file in it: permission bits alone do not prove access.

    Raises:
        LocalFileError: the folder cannot be found, created or written, or its drive is full.
    """
    # Both are slow to import, and a command that saves nothing does not need them.
    import shutil
    import tempfile

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, prefix=".wan-"):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as cause:
        raise folder_error(folder, cause) from None
    if free < FREE_BYTES_MIN:
        raise DriveTrouble(
            f"the disk of {folder} is nearly full: {free // 1024} KiB free",
            hint="free some space, or choose another folder: -o DIR/",
        )


def folder_error(folder: Path, cause: OSError) -> LocalFileError:
    """Return the error of a folder that cannot be written."""
    is_file = cause.errno in {errno.EEXIST, errno.ENOTDIR}
    reason = "it is not a folder" if is_file else os.strerror(cause.errno or errno.EIO)
    words = f"cannot save to {folder}: {reason}"
    return local_file_error(words, cause, hint="choose a folder: -o DIR/")


def _try(folder: Path, names: set[str]) -> tuple[LocalFileError | None, dict[str, OSError]]:
    """Return the error of a folder or None, and the error of each name that it refuses."""
    try:
        try_folder(folder)
        return None, _refused(folder, _doubtful(names))
    except LocalFileError as trouble:
        return trouble, {}
    except OSError as cause:
        return folder_error(folder, cause), {}


def _doubtful(names: set[str]) -> list[str]:
    """Return the names that some drives refuse, or treat as the same name."""
    alike = Counter(map(_folded, names))
    return sorted(name for name in names if not is_portable(name) or alike[_folded(name)] > 1)


def _samples(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return sample names that together have all the letters beyond ASCII of some names.

    The second list has those names: names that are plain except for letters beyond ASCII.
    """
    plain_but = [name for name in names if not name.isascii() and _is_plain_but_for_letters(name)]
    letters = sorted({letter for name in plain_but for letter in name if not letter.isascii()})
    groups = [letters[at : at + _SAMPLE_LETTERS] for at in range(0, len(letters), _SAMPLE_LETTERS)]
    return [f"x{''.join(group)}.mp4" for group in groups], plain_but


def _is_plain_but_for_letters(name: str) -> bool:
    ascii_name = "".join(letter if letter.isascii() else "x" for letter in name)
    return is_portable(ascii_name) and len(name.encode("utf-8", "replace")) <= _SAMPLED_BYTES_MAX


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _refused(folder: Path, names: list[str]) -> dict[str, OSError]:
    """Return the names that a folder refuses, each with its error.

    Raises:
        OSError: the error is not about the names.
    """
    if not names:
        return {}
    # tempfile is slow to import.
    import tempfile

    with tempfile.TemporaryDirectory(
        prefix=".wan-", dir=folder, ignore_cleanup_errors=True
    ) as private:
        place = os.open(private, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            samples, of_samples = _samples(names)
            if len(of_samples) > len(samples) and not _created(samples, place):
                # Names that a drive may treat as the same must still be tried together.
                alike = Counter(map(_folded, names))
                sampled = {name for name in of_samples if alike[_folded(name)] == 1}
                names = [name for name in names if name not in sampled]
            return _created(names, place)
        finally:
            os.close(place)


def _created(names: Iterable[str], place: int) -> dict[str, OSError]:
    """Create files in a folder; return the names that it refuses, each with its error."""
    refused: dict[str, OSError] = {}
    for name in names:
        try:
            os.close(os.open(name, _CREATE, 0o600, dir_fd=place))
        except OSError as cause:
            if is_drive_trouble(cause):
                raise
            refused[name] = cause
        except ValueError:
            refused[name] = OSError(errno.EILSEQ, os.strerror(errno.EILSEQ))
    return refused


def _error_of(
    file: Path, trouble: LocalFileError | None, refused: dict[str, OSError]
) -> LocalFileError | None:
    if trouble is not None or file.name not in refused:
        return trouble
    cause, name = refused[file.name], one_line(file.name, 80)
    if cause.errno == errno.EEXIST:
        words = f"the drive of {file.parent} treats {name!r} as the name of another file"
    else:
        why = os.strerror(cause.errno or errno.EINVAL)
        words = f"the drive of {file.parent} refuses the name {name!r}: {why}"
    return LocalFileError(words, hint="choose a name of letters, digits and dashes: -o FILE")
