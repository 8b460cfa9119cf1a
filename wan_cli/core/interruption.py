"""What a signal means for everything in flight: one sentence and one hint."""

from collections.abc import Callable, Collection, Sequence

from wan_cli.core.items import Item, Step
from wan_cli.errors import Interrupted
from wan_cli.record import Record

# Up to this many ids are named one by one.
NAMED_MAX = 3


def explain(
    interrupted: Interrupted,
    items: Collection[Item],
    unknown: Sequence[Record],
    record_of: Callable[[Item], Record | None],
) -> None:
    """Say what happens to the generations in flight, and to submissions that were cut off."""
    going = [item for item in items if item.asked_id and item.step is not Step.SETTLE]
    others = len(going)
    if unknown:
        refs = ", ".join(record.ref for record in unknown)
        words = f"interrupted while submitting {refs}: it is unknown whether it was accepted"
        if others:
            words += f"; {others} other{'s go' if others > 1 else ' goes'} on"
            words += f" and {'are' if others > 1 else 'is'} safe"
        interrupted.explain(words, hint="wan recover", record=unknown[0])
        return
    settling = [item for item in items if item.step is Step.SETTLE and item.ref]
    if settling and not going:
        words = f"interrupted; it is unknown whether {settling[0].ref} was accepted"
        interrupted.explain(words, hint="wan recover", record=record_of(settling[0]))
        return
    if not going:
        return
    ids = [item.asked_id for item in going]
    record = record_of(going[0]) if others == 1 else None
    if others == 1 and going[0].step is Step.SAVE:
        words = f"interrupted; the video of {ids[0]} is safe on the server"
    elif others == 1:
        words = f"interrupted; generation {ids[0]} goes on and is safe"
    elif others <= NAMED_MAX:
        words = f"interrupted; generations {', '.join(ids)} go on and are safe"
    else:
        words = f"interrupted; {others} generations go on and are safe"
    is_foreign = any(item.record and not item.record.request for item in going)
    # The history may not know generations of another machine yet.
    named = others <= NAMED_MAX or is_foreign
    hint = f"wan fetch {' '.join(ids)}" if named else "wan fetch --all"
    interrupted.explain(words, hint=hint, record=record)
