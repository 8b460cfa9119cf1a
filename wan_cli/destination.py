"""Destinations of videos: parsed from -o and the settings, and tried before anything is paid."""

import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from wan_cli.drives import folder_error, try_files
from wan_cli.errors import LocalFileError, UsageError
from wan_cli.record import Record
from wan_cli.text import check_encodable, file_name, id8, one_line, slug

STDOUT = "-"
# Errors about a file name, rather than about its folder.
_OF_THE_NAME = frozenset({errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL})
# The longest values for a name template, with only letters that every drive allows.
_EXAMPLE = {
    "slug": "x" * 60,
    "id": "x" * 21,
    "id8": "x" * 8,
    "seed": "2147483647",
    "date": "2026-01-01",
    "model": "wan-2-6-image-to-video-flash",
    "row": "10000",
}


class Destination(NamedTuple):
    """A folder, and either a file name or a template for it."""

    folder: Path
    name: str | None
    name_template: str
    to_stdout: bool = False

    def path_of(self, record: Record) -> Path:
        """Return the absolute path of a generation's file; the server never chooses the name."""
        if self.name is not None:
            return self.folder / self.name
        return self.folder / file_name(self.name_template, _values(record))

    def make_folder(self, record: Record) -> None:
        """Create the folder of its file if missing: a template may contain folders too.

        Raises:
            LocalFileError: the folder cannot be found or created.
        """
        folder = self.path_of(record).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as cause:
            raise folder_error(folder, cause) from None

    def prepare(self, *, overwrite: bool, sidecar: bool = False) -> None:
        """Check that a video, and its sidecar if requested, can be saved here.

        Raises:
            UsageError: the file exists and must not be replaced, is not a regular file, or its
                name is too long.
            LocalFileError: the folder cannot be found, created or written, the drive refuses the
                name, or the disk is nearly full.
        """
        (error,) = try_places([self], overwrite=overwrite, sidecar=sidecar)
        if error is not None:
            raise error

    def check_name(self, *, overwrite: bool, sidecar: bool = False) -> None:
        """Check that no other file has the name and must not be replaced.

        Raises:
            UsageError: the file exists and must not be replaced, is not a regular file, or the
                name is too long.
            LocalFileError: the name cannot be checked.
        """
        try:
            self._check_name(overwrite=overwrite, sidecar=sidecar)
        except OSError as cause:
            if cause.errno not in _OF_THE_NAME:
                raise folder_error(self.folder, cause) from None
            words = os.strerror(cause.errno or errno.EINVAL)
            name = one_line(self.name or "", 80)
            raise UsageError(f"{name}: {words}", hint="choose a shorter name: -o FILE") from None

    def _check_name(self, *, overwrite: bool, sidecar: bool) -> None:
        if self.name is None:
            return
        path = self.folder / self.name
        if path.is_dir():
            raise UsageError(f"{path} is a folder", hint=f"-o '{path}/'")
        for file in (path, sidecar_of(path)) if sidecar else (path,):
            if file.exists() and not file.is_file():
                raise UsageError(
                    f"{file} is a device or a pipe, and wan would replace it with a file",
                    hint="choose another -o; -o - writes the video to standard output",
                )
            if os.path.lexists(file) and not overwrite:
                raise UsageError(
                    f"{file} already exists",
                    hint="add --force, or choose another -o",
                )

    def check_folder(self) -> None:
        """Check that the folder exists or can be created, without writing anything.

        Raises:
            LocalFileError: a file is in its place.
        """
        folder = self.known_folder
        for place in (folder, *folder.parents):
            if os.path.lexists(place):
                if not place.is_dir():
                    raise folder_error(folder, NotADirectoryError(errno.ENOTDIR, "not a folder"))
                return

    def files_to_try(self, *, sidecar: bool) -> list[Path]:
        """Return the files to create here, as far as they are known before there is a record.

        If a template names the file, return an example name for it and for each folder in it.
        """
        folder = self.known_folder
        if self.to_stdout:
            return [folder / "video.mp4"]
        names = [self.name or ""]
        if self.name is None:
            parts = file_name(self.name_template, _EXAMPLE).split("/")
            names = [part for part in parts if part not in ("", ".", "..")]
        ends = ["", ".json"] if sidecar else [""]
        return [folder / f"{name}{end}" for name in names for end in ends]

    @property
    def known_folder(self) -> Path:
        """The part of the folder that is known before there is a record."""
        if self.name is not None or self.to_stdout:
            return self.folder
        return self.folder / self.name_template.partition("{")[0].rpartition("/")[0]


def try_places(
    places: Sequence[Destination], *, overwrite: bool, sidecar: bool = False
) -> list[UsageError | LocalFileError | None]:
    """Try, before anything is paid, whether videos can be saved at 1 to 10,000 places.

    Create missing folders, but leave no other trace. Try each folder once, and only the names that
    some drives refuse (`drives.try_files`).

    Args:
        places: the destinations of the videos, one for each row.
        overwrite: replace existing files (`--force`).
        sidecar: also check the sidecar of each video.

    Returns:
        For each place, in order, an error or None. A UsageError (exit 2): the file exists, is not a
        regular file, or its name is too long for any drive. A LocalFileError (exit 13): the folder
        cannot be found, created or written, or its drive refuses the name; a DriveTrouble if the
        drive cannot be written or is nearly full, which stops other rows too.
    """
    errors: list[UsageError | LocalFileError | None] = [None] * len(places)
    owners: dict[Path, list[int]] = {}
    for number, place in enumerate(places):
        try:
            place.check_name(overwrite=overwrite, sidecar=sidecar)
        except (UsageError, LocalFileError) as error:
            errors[number] = error
            continue
        for file in place.files_to_try(sidecar=sidecar):
            owners.setdefault(file, []).append(number)
    for numbers, trouble in zip(owners.values(), try_files([*owners]), strict=True):
        for number in numbers:
            errors[number] = errors[number] or trouble
    return errors


def sidecar_of(video: Path) -> Path:
    """Return the path of a video's sidecar: FILE.json."""
    return video.with_name(video.name + ".json")


def parse_destination(
    output: str | None, folder: Path, name_template: str, *, several: bool = False
) -> Destination:
    """Parse `-o`: a FILE, a folder (DIR/, or an existing folder), or `-` for stdout.

    Raises:
        UsageError: an empty name, or one file for several videos.
    """
    here = working_folder()
    if output is None:
        return Destination(here / folder, None, name_template)
    check_encodable(output, "--output")
    if output == STDOUT:
        if several:
            raise UsageError("-o - can write only one video", hint="wan fetch ID -o -")
        return Destination(here / folder, None, name_template, to_stdout=True)
    if not output.strip() or "\x00" in output:
        raise UsageError("--output is empty", hint="-o FILE, -o DIR/ or -o -")
    path = Path(os.path.normpath(here / os.path.expanduser(output)))  # noqa: PTH111  No RuntimeError.
    if output.endswith("/") or _is_folder(path):
        return Destination(path, None, name_template)
    if several:
        raise UsageError(
            f"{one_line(output)} is one file for several videos", hint=f"-o '{one_line(output)}/'"
        )
    return Destination(path.parent, path.name, name_template)


def _is_folder(path: Path) -> bool:
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


def destination_of(record: Record) -> Destination:
    """Return the destination in a record."""
    return Destination(Path(record.folder), record.name, record.name_template or "{slug}-{id8}")


def is_on_disk(record: Record) -> bool:
    """Whether the video is at the path in the history, with the same size."""
    if record.file is None:
        return False
    try:
        return Path(record.file).stat().st_size == record.bytes
    except OSError:
        return False


def is_there(record: Record, destination: Destination | None, *, to_stdout: bool) -> bool:
    """Whether the video is on disk, and this command names no other destination."""
    return is_on_disk(record) and destination is None and not to_stdout


def _values(record: Record) -> dict[str, str]:
    generation_id = record.handle
    seed = record.request.get("seed")
    return {
        "slug": slug(record.prompt),
        "id": generation_id,
        "id8": id8(generation_id),
        "seed": "" if seed is None else str(seed),
        "date": time.strftime("%Y-%m-%d", time.localtime(record.created_at)),
        "model": record.model.rpartition("/")[2],
        "row": "" if record.row is None else str(record.row),
    }
