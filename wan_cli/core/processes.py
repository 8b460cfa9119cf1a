"""Whether another process is submitting right now, by what the history says of it."""

import os

from wan_cli.api.client import SUBMIT_SECONDS
from wan_cli.generation import Status
from wan_cli.record import Record

# Longer than any submission takes: after it, a process that still says `sending` has died or hangs.
SENDING_MAX_S = SUBMIT_SECONDS + 60.0


def is_being_sent(record: Record, now: float) -> bool:
    """Whether a living process is at this submission. `now` is in seconds since the epoch."""
    # By its distance: a clock that was put back must not make a submission young for ever.
    young = abs(now - record.updated_at) < SENDING_MAX_S
    at_it = record.status in (Status.CLAIMED, Status.SENDING)
    return at_it and young and _is_alive(record.pid)


def _is_alive(pid: int | None) -> bool:
    if pid is None or pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
