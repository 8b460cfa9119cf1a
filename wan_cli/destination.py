"""Destinations of videos: tried before anything is paid, and asked whether a video is there."""

import errno
import os
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from wan_cli.bucket import BucketAway, Found
from wan_cli.drives import folder_error, try_files
from wan_cli.errors import LocalFileError, SetupError, UsageError
from wan_cli.objects import Wanted, find_all, try_objects
from wan_cli.record import Record
from wan_cli.text import file_name, id8, one_line, slug
from wan_cli.uri import Place, Uri, is_uri, place_of

P = TypeVar("P", Path, Uri)
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
    """A folder or a prefix of objects, and either a file name or a template for it."""

    folder: Place
    name: str | None
    name_template: str
    to_stdout: bool = False

    def path_of(self, record: Record) -> Place:
        """Return the place of a generation's file; the server never chooses the name."""
        if self.name is not None:
            return self.folder / self.name
        return self.folder / file_name(self.name_template, _values(record))

    def make_folder(self, record: Record) -> None:
        """Create the folder of its file if missing: a template may contain folders too.

        Raises:
            LocalFileError: the folder cannot be found or created.
        """
        folder = self.path_of(record).parent
        if isinstance(folder, Uri):
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as cause:
            raise folder_error(folder, cause) from None

    @property
    def is_remote(self) -> bool:
        """Whether videos become objects of a bucket."""
        return isinstance(self.folder, Uri)

    def prepare(
        self, *, overwrite: bool, sidecar: bool = False, ours: Collection[str] = ()
    ) -> None:
        """Check that a video, and its sidecar if requested, can be saved here.

        The objects of the generations `ours` may exist: their metadata names them.

        Raises:
            UsageError: the file exists and must not be replaced, is not a regular file, or its
                name is too long.
            LocalFileError: the folder cannot be found, created or written, the drive refuses the
                name, or the disk is nearly full; or the bucket cannot be written.
            SetupError: the extra for object storage is not installed.
        """
        (error,) = try_places([self], overwrite=overwrite, sidecar=sidecar, ours=ours)
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
                raise folder_error(Path(self.folder), cause) from None
            words = os.strerror(cause.errno or errno.EINVAL)
            name = one_line(self.name or "", 80)
            raise UsageError(f"{name}: {words}", hint="choose a shorter name: -o FILE") from None

    def _check_name(self, *, overwrite: bool, sidecar: bool) -> None:
        if isinstance(self.folder, Uri):
            self._check_template()
            return
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

    def _check_template(self) -> None:
        """Refuse a template with `.` or `..`, which object storage does not resolve."""
        if self.name is None and {".", ".."} & {*self.name_template.split("/")}:
            raise UsageError(
                f"the name template {one_line(self.name_template, 80)!r} leaves {self.folder}",
                hint="wan config set name_template '{slug}-{id8}'",
            )

    def check_folder(self) -> None:
        """Check that the folder exists or can be created, without writing anything.

        Raises:
            LocalFileError: a file is in its place.
        """
        folder = self.known_folder
        if isinstance(folder, Uri):
            return
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
        assert isinstance(folder, Path)
        if self.to_stdout:
            return [folder / "video.mp4"]
        names = [self.name or ""]
        if self.name is None:
            parts = file_name(self.name_template, _EXAMPLE).split("/")
            names = [part for part in parts if part not in ("", ".", "..")]
        ends = ["", ".json"] if sidecar else [""]
        return [folder / f"{name}{end}" for name in names for end in ends]

    def objects_to_try(self, *, overwrite: bool, sidecar: bool) -> Wanted | None:
        """Return the objects to create here, None if the place is on a disk."""
        folder = self.known_folder
        if not isinstance(folder, Uri):
            return None
        if self.name is None or overwrite:
            return Wanted(folder)
        video = folder / self.name
        return Wanted(folder, (video, sidecar_of(video)) if sidecar else (video,))

    @property
    def known_folder(self) -> Place:
        """The part of the folder that is known before there is a record."""
        if self.name is not None or self.to_stdout:
            return self.folder
        return self.folder / self.name_template.partition("{")[0].rpartition("/")[0]


def try_places(
    places: Sequence[Destination],
    *,
    overwrite: bool,
    sidecar: bool = False,
    ours: Collection[str] = (),
) -> list[UsageError | LocalFileError | None]:
    """Try, before anything is paid, whether videos can be saved at 1 to 10,000 places.

    Create missing folders, but leave no other trace. Try each folder once, and only the names that
    some drives refuse (`drives.try_files`). `objects.try_objects` tries the places in buckets.

    Args:
        places: the destinations of the videos, one for each row.
        overwrite: replace existing files (`--force`).
        sidecar: also check the sidecar of each video.
        ours: the ids of generations whose own objects may exist.

    Returns:
        For each place, in order, an error or None. A UsageError (exit 2): the file exists, is not a
        regular file, or its name is too long for any drive. A LocalFileError (exit 13): the folder
        cannot be found, created or written, or its drive refuses the name; a DriveTrouble if the
        drive cannot be written or is nearly full, which stops other rows too.
    """
    errors: list[UsageError | LocalFileError | None] = [None] * len(places)
    owners: dict[Path, list[int]] = {}
    remote: dict[int, Wanted] = {}
    for number, place in enumerate(places):
        try:
            place.check_name(overwrite=overwrite, sidecar=sidecar)
        except (UsageError, LocalFileError) as error:
            errors[number] = error
            continue
        if wanted := place.objects_to_try(overwrite=overwrite, sidecar=sidecar):
            remote[number] = wanted
            continue
        for file in place.files_to_try(sidecar=sidecar):
            owners.setdefault(file, []).append(number)
    for numbers, trouble in zip(owners.values(), try_files([*owners]), strict=True):
        for number in numbers:
            errors[number] = errors[number] or trouble
    for number, refusal in zip(remote, try_objects([*remote.values()], ours), strict=True):
        errors[number] = refusal
    return errors


def sidecar_of(video: P) -> P:
    """Return the path of a video's sidecar: FILE.json."""
    return video.with_name(video.name + ".json")


def destination_of(record: Record) -> Destination:
    """Return the destination in a record."""
    return Destination(place_of(record.folder), record.name, record.name_template or "{slug}-{id8}")


def is_on_disk(record: Record) -> bool:
    """Whether the video is at the path in the history, with the same size; an object is not."""
    if record.file is None or is_uri(record.file):
        return False
    try:
        return Path(record.file).stat().st_size == record.bytes
    except OSError:
        return False


def is_there(record: Record, destination: Destination | None, *, to_stdout: bool) -> bool:
    """Whether the video is saved, and this command names no other destination.

    An object is not if its bucket cannot be asked: who saves it next will say why.
    """
    if destination is not None or to_stdout:
        return False
    try:
        return are_saved([record])[0]
    except (LocalFileError, SetupError):
        return False


def is_recorded(record: Record) -> bool:
    """Whether the video is on disk, or is an object by the history's word."""
    return is_on_disk(record) or (record.file is not None and is_uri(record.file))


def are_saved(records: Sequence[Record]) -> list[bool]:
    """Return for each record whether its video is on disk, or is an object of the same size.

    Raises:
        LocalFileError: a bucket cannot be reached.
        SetupError: the extra for object storage is not installed.
    """
    saved = [is_on_disk(record) for record in records]
    remote = [at for at, record in enumerate(records) if record.file and is_uri(record.file)]
    found = find_all([Uri(records[at].file or "") for at in remote])
    for at, answer in zip(remote, found, strict=True):
        if isinstance(answer, BucketAway):
            raise answer
        record = records[at]
        # An object that may not be read may be missing: fetching it again finds out.
        saved[at] = isinstance(answer, Found) and (answer.bytes, answer.about.wan_id) == (
            record.bytes,
            record.id,
        )
    return saved


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
