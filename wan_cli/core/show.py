"""wan show: everything that the history has about one generation."""

from typing import NamedTuple

from wan_cli.core.commandline import command_of
from wan_cli.destination import destination_of, is_recorded
from wan_cli.errors import UsageError
from wan_cli.generation import Status
from wan_cli.journal import Journal
from wan_cli.record import Record
from wan_cli.text import one_line


class Shown(NamedTuple):
    """A generation with facts derived from its record.

    `command` is the command line that repeats it, None if its request is unknown. `saves_to` is
    the future path of its video, None if it was saved or there will be no video.
    `is_on_disk` takes the history's word for an object: this command uses no network.
    """

    record: Record
    command: str | None
    saves_to: str | None
    is_on_disk: bool


def show(journal: Journal, word: str, *, in_sandbox: bool) -> Shown:
    """Return the generation that an id, a prefix or `@last` names.

    Raises:
        UsageError: the history does not have it, or the prefix is ambiguous.
    """
    record = find(journal, word)
    request = record.typed
    will_be_saved = record.file is None and (
        record.status.is_running or record.status is Status.COMPLETED
    )
    return Shown(
        record,
        command_of(request, sandbox=in_sandbox) if request else None,
        str(destination_of(record).path_of(record)) if will_be_saved else None,
        is_recorded(record),
    )


def find(journal: Journal, word: str) -> Record:
    """Return the record that an id, a prefix or `@last` names.

    Raises:
        UsageError: the history does not have it, or the prefix is ambiguous.
    """
    record = journal.find(word)
    if record is None:
        shown = one_line(word, 60)
        raise UsageError(
            f"{shown} is not in the history", hint=f"wan list, or ask the API: wan status {shown}"
        )
    return record
