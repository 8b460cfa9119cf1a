"""What is known of a request before it is submitted: is there a generation to continue with?"""

from wan_cli.config.service import is_of
from wan_cli.core.items import Order
from wan_cli.core.lookup import Events, look_up
from wan_cli.core.polls import changes
from wan_cli.core.standing import is_free, other_request, standing
from wan_cli.core.tools import Timing, Tools
from wan_cli.destination import is_on_disk
from wan_cli.errors import KeyNotAllowed, KeyRefused, NoCredits, Rejected, Unreachable, WanError
from wan_cli.events import Note, Warned
from wan_cli.record import Record


def find_known(
    tools: Tools, order: Order, timing: Timing, service: str, *, lookup: bool
) -> Events[tuple[Order, Record | None]]:
    """Return an order with the generation to continue with, or None to submit it.

    Args:
        tools: the client, the journal and the clock.
        order: a request, with the keys of its `once` if it has one.
        timing: the deadline.
        service: the API; another one knows nothing of what this one has made.
        lookup: search the account's log for a key that the history does not know.

    Raises:
        UsageError: its key of `once` stands for another request.
        Unreachable, KeyRefused, Rejected: the account's log cannot be read; nothing was sent.
    """
    if order.once is None:
        record = None if order.again else _of_same_file(tools, order, service)
    else:
        order, record = yield from _of_key(tools, order, timing, lookup=lookup)
    if record is None or record.status.is_unresolved:
        return order, None
    record = _confirmed(tools, record)
    if is_free(record):
        yield Note(f"generation {record.id} failed on the server and was not charged")
        return order, None
    words = f"continuing with generation {record.id}"
    if order.once is None:
        why = "which goes to the same file; nothing is paid (--again submits another one)"
        yield Warned(f"{words}, {why}")
    else:
        yield Note(f"{words}, made for --once {order.once}; nothing is paid")
    return order, record


def _of_same_file(tools: Tools, order: Order, service: str) -> Record | None:
    """Return the generation of the same request that goes to the same FILE, not on disk yet."""
    place = order.destination
    if place.name is None or place.to_stdout:
        return None
    records = tools.journal.keys.not_on_disk(order.request.to_json(), str(place.folder), place.name)
    return next((each for each in records if is_of(each.base_url, service)), None)


def _of_key(
    tools: Tools, order: Order, timing: Timing, *, lookup: bool
) -> Events[tuple[Order, Record | None]]:
    """Return what the history, or else the account's log, knows of a key of `once`."""
    assert order.once is not None
    assert order.keys is not None
    record = standing(tools.journal.keys.of(*order.keys.all))
    if record and (wrong := other_request(order.once, record, order.request)):
        raise wrong
    if lookup and (record is None or is_free(record)):
        try:
            ((order, found),) = yield from look_up(tools, [order], timing)
        except WanError as failure:
            raise unsearched(failure) from None
        record = found or record
    return order, record


def unsearched(failure: WanError) -> WanError:
    """Return the failure to read the account's log before a submission, which is not made then."""
    words = (
        f"the account's log cannot be read ({failure.message}), so another machine may have made"
        " this already; nothing was submitted"
    )
    hint = "run the same command again, or add --no-lookup if no other machine has done this"
    if isinstance(failure, KeyNotAllowed | NoCredits | Rejected):
        hint = "add --no-lookup if no other machine has done this"
    elif isinstance(failure, KeyRefused) or (isinstance(failure, Unreachable) and failure.is_final):
        # What is wrong is not the log: the submission would fail too.
        hint = failure.hint
    return failure.with_message(words).with_hint(hint)


def _confirmed(tools: Tools, record: Record) -> Record:
    """Return the record with what the API says of it now, where it answers; on disk it may stay."""
    if is_on_disk(record) or record.id is None:
        return record
    try:
        generation = tools.client.generation(record.id, alias=record.other_id)
    except WanError:
        # The wait asks again, and says what is wrong.
        return record
    return tools.save_new(record, **changes(tools, record, generation))
