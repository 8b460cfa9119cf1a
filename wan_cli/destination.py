"""Where a video is to be saved: parsed from -o and the settings, tried before anything is paid."""

import errno
import os
import time
from pathlib import Path
from typing import NamedTuple

from wan_cli.errors import LocalFileError, UsageError
from wan_cli.record import Record
from wan_cli.text import check_encodable, file_name, id8, one_line, slug

# The largest clip (15 s at 1080p) needs about this much.
FREE_BYTES_MIN = 32 * 1024 * 1024
STDOUT = "-"


class Destination(NamedTuple):
    """A folder, and either the name of the file or a template for it."""

    folder: Path
    name: str | None
    name_template: str
    to_stdout: bool = False

    def path_of(self, record: Record) -> Path:
        """Return the file of a generation: absolute, its name never chosen by the server."""
        if self.name is not None:
            return self.folder / self.name
        return self.folder / file_name(self.name_template, _values(record))

    def make_folder(self, record: Record) -> None:
        """Make the folder of its file where it is missing: a template may name folders too.

        Raises:
            LocalFileError: it can neither be found nor made.
        """
        folder = self.path_of(record).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as cause:
            raise _refused(folder, cause) from None

    def prepare(self, *, overwrite: bool, sidecar: bool = False) -> None:
        """Make sure that a video, and its sidecar where one is wished, can be saved here.

        Raises:
            UsageError: the file exists and is not to be replaced, or is no file.
            LocalFileError: the folder can neither be found nor made, or not be written, or the
                disk is nearly full.
        """
        self.check_name(overwrite=overwrite, sidecar=sidecar)
        try_folder(self.known_folder)

    def check_name(self, *, overwrite: bool, sidecar: bool = False) -> None:
        """Make sure that nothing has the name of the file that must keep it.

        Raises:
            UsageError: the file exists and is not to be replaced, or is no file.
        """
        if self.name is None:
            return
        path = self.folder / self.name
        if path.is_dir():
            raise UsageError(f"{path} is a folder", hint=f"-o '{path}/'")
        for file in (path, sidecar_of(path)) if sidecar else (path,):
            if file.exists() and not file.is_file():
                raise UsageError(
                    f"{file} is a device or a pipe, and would be replaced by a file",
                    hint="choose another -o; -o - writes the video to standard output",
                )
            if os.path.lexists(file) and not overwrite:
                raise UsageError(
                    f"{file} exists and would be replaced",
                    hint="add --force, or choose another -o",
                )

    def check_folder(self) -> None:
        """Make sure that the folder is still one, or can be made: a look, no trial.

        Raises:
            LocalFileError: a file has its place.
        """
        folder = self.known_folder
        for place in (folder, *folder.parents):
            if os.path.lexists(place):
                if not place.is_dir():
                    raise _refused(folder, NotADirectoryError(errno.ENOTDIR, "not a folder"))
                return

    @property
    def known_folder(self) -> Path:
        """The folder as far as it is known before there is a record."""
        if self.name is not None or self.to_stdout:
            return self.folder
        return self.folder / self.name_template.partition("{")[0].rpartition("/")[0]


def sidecar_of(video: Path) -> Path:
    """Return the name of a video's sidecar: FILE.json."""
    return video.with_name(video.name + ".json")


def parse_destination(
    output: str | None, folder: Path, name_template: str, *, several: bool = False
) -> Destination:
    """Return what `-o` means: a FILE, a folder (DIR/, or one that exists), `-` for stdout.

    Raises:
        UsageError: an empty name, or one file for several videos.
    """
    here = working_folder()
    if output is None:
        return Destination(here / folder, None, name_template)
    check_encodable(output, "--output")
    if output == STDOUT:
        if several:
            raise UsageError("-o - takes one video", hint="wan fetch ID -o -")
        return Destination(here / folder, None, name_template, to_stdout=True)
    if not output.strip() or "\x00" in output:
        raise UsageError("--output is empty", hint="-o FILE, -o DIR/ or -o -")
    path = Path(os.path.normpath(here / output))
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
    """Return where we are; a relative path where nobody knows."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        # It was removed. Trying to save there says so; what saves nothing need not care.
        return Path()


def destination_of(record: Record) -> Destination:
    """Return where a record says that its video is to be saved."""
    return Destination(Path(record.folder), record.name, record.name_template or "{slug}-{id8}")


def is_on_disk(record: Record) -> bool:
    """Whether the video is where the history says, with the size it had."""
    if record.file is None:
        return False
    try:
        return Path(record.file).stat().st_size == record.bytes
    except OSError:
        return False


def _values(record: Record) -> dict[str, str]:
    generation_id = record.id or record.ref
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


def _refused(folder: Path, cause: OSError) -> LocalFileError:
    is_file = cause.errno in {errno.EEXIST, errno.ENOTDIR}
    reason = "it is not a folder" if is_file else os.strerror(cause.errno or errno.EIO)
    return LocalFileError(f"cannot save to {folder}: {reason}", hint="choose a folder: -o DIR/")


def try_folder(folder: Path) -> None:
    """Make the folder and a file in it: permission bits do not tell the whole truth.

    Raises:
        LocalFileError: it can neither be found nor made, or not be written, or the disk is nearly
            full.
    """
    # Both take long to import; a command that saves nothing does without.
    import shutil
    import tempfile

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder, prefix=".wan-"):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as cause:
        raise _refused(folder, cause) from None
    if free < FREE_BYTES_MIN:
        raise LocalFileError(
            f"the disk of {folder} is nearly full: {free // 1024} KiB free",
            hint="make room, or choose another folder: -o DIR/",
        )
