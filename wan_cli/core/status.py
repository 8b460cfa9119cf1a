"""wan status: poll the state of generations once, or watch them to the end."""

from collections.abc import Iterable, Sequence

from wan_cli.core.engine import Engine, Outcomes
from wan_cli.core.items import Goal
from wan_cli.core.named import check_word
from wan_cli.core.tools import Timing, Tools
from wan_cli.core.watch import Watching
from wan_cli.destination import Destination
from wan_cli.generation import Status
from wan_cli.record import Record


def status(tools: Tools, records: Sequence[Record], timing: Timing, *, watch: bool) -> Outcomes:
    """Poll generations once, or until they end with `watch`; yield their outcomes."""
    engine = Engine(tools, timing, Goal(wait=watch, save=False), [Watching])
    for record in records:
        engine.add(record)
    yield from engine.outcomes()


def named(
    tools: Tools, words: Iterable[str], folder: Destination, *, to_save: bool = False
) -> list[Record]:
    """Return the records that ids, prefixes and `@last` name, once each.

    An id that is not in the history counts as another machine's. With `to_save`, the video of such
    a generation goes to `folder`, even if an earlier command chose another folder.

    Raises:
        UsageError: an ambiguous prefix, or a word that cannot name a generation.
    """
    records: dict[str, Record] = {}
    for word in words:
        check_word(tools.journal, word)
        record = tools.journal.find(word) or foreign(tools, word, folder)
        if to_save and is_foreign(record) and record.file is None:
            record = tools.save_new(
                record, folder=str(folder.folder), name_template=folder.name_template
            )
        records.setdefault(record.ref, record)
    return list(records.values())


def foreign(tools: Tools, word: str, folder: Destination) -> Record:
    """Return a new record of a generation of which only the id is known."""
    now = tools.clock.now()
    return Record(
        ref=f"id-{word}",
        client_request_id="",
        status=Status.UNKNOWN,
        request={},
        created_at=now,
        updated_at=now,
        base_url=tools.client.base_url,
        key_fingerprint=tools.key_fingerprint,
        folder=str(folder.folder),
        name_template=folder.name_template,
        id=word,
    )


def is_foreign(record: Record) -> bool:
    """Whether the generation was submitted elsewhere, so that only its id is known."""
    return not record.client_request_id
