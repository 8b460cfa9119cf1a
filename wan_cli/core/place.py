"""Placing: a video that is on disk already is copied to where this run wants it."""

from pathlib import Path

from wan_cli.core.sidecar import write_sidecar
from wan_cli.core.tools import Tools
from wan_cli.destination import Destination
from wan_cli.download.copying import copy_video, is_copy
from wan_cli.download.fetch import Target
from wan_cli.download.meta import tidy
from wan_cli.record import Record


def is_elsewhere(record: Record, destination: Destination) -> bool:
    """Whether a saved video is not where this run wants it.

    In the folder that is wanted, a name that was not asked for by the user is as good as another.
    """
    assert record.file is not None
    wanted, file = destination.path_of(record), Path(record.file)
    return wanted != file and (destination.name is not None or wanted.parent != file.parent)


def placed(
    tools: Tools,
    record: Record,
    destination: Destination,
    *,
    overwrite: bool = False,
    sidecar: bool = False,
) -> tuple[Record, bool]:
    """Return the record with the file that this run wants, and whether it was copied there.

    Raises:
        LocalFileError: the folder does not take it; the video stays where it is.
        SetupError: the history cannot be written.
    """
    assert record.file is not None
    assert record.id is not None
    wanted, source = destination.path_of(record), Path(record.file)
    generation_id = record.id
    if is_copy(wanted, source):
        return tools.save_new(record, file=str(wanted)), False
    if wanted.parent == source.parent and wanted.exists() and not overwrite:
        # Something else had the name when the video was saved beside it.
        return record, False
    destination.make_folder(record)
    saved = copy_video(source, Target(wanted, generation_id, overwrite))
    record = tools.save(record, file=str(saved.path), bytes=saved.bytes)
    tidy(saved.path, generation_id)
    if sidecar and (error := write_sidecar(record, saved.path)):
        raise error
    return record, True
