"""The part of a batch that one of several machines submits."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from wan_cli.batchfile.row import Row
from wan_cli.errors import UsageError
from wan_cli.text import one_line

_SHARD = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


class Shard(NamedTuple):
    """One part of several: every `parts`-th row, starting at row `part`; the first row is row 0."""

    part: int = 0
    parts: int = 1

    def has(self, row: Row) -> bool:
        """Whether a row belongs to this shard."""
        return (row.number - 1) % self.parts == self.part


def parse_shard(word: str | None, environ: Mapping[str, str]) -> Shard:
    """Return the shard that `K/N` or `auto` means.

    `auto` reads it from an array job of Slurm or an indexed job of Kubernetes. Kubernetes does not
    tell the number of shards: use `auto/N`, or set JOB_COMPLETION_COUNT. K counts from 0. An array
    that counts from 1 works too: its last task takes the rows of shard 0.

    Raises:
        UsageError: the word is neither, or wan does not run in such a job.
    """
    if word is None:
        return Shard()
    if word == "auto" or word.startswith("auto/"):
        word = _of_job(word.partition("/")[2], environ)
    match = _SHARD.fullmatch(word)
    part, parts = (int(match[1]), int(match[2])) if match else (0, 0)
    if parts < 1 or part > parts:
        raise UsageError(
            f"--shard: {one_line(word, 40)!r} is not K/N with K from 0 to N-1",
            hint="--shard 0/4, or in an array job: --shard auto",
        )
    return Shard(part % parts, parts)


def _of_job(count: str, environ: Mapping[str, str]) -> str:
    """Return K/N from the environment variables of this job's scheduler."""
    task, pod = environ.get("SLURM_ARRAY_TASK_ID"), environ.get("JOB_COMPLETION_INDEX")
    if task is not None:
        count = count or environ.get("SLURM_ARRAY_TASK_COUNT", "")
        return f"{_place_in_array(task, environ)}/{count}"
    if pod is None:
        raise UsageError(
            "--shard auto: not running in an array job (neither SLURM_ARRAY_TASK_ID nor"
            " JOB_COMPLETION_INDEX is set)",
            hint="--shard 0/4",
        )
    count = count or environ.get("JOB_COMPLETION_COUNT", "")
    if not count:
        raise UsageError(
            "--shard auto: JOB_COMPLETION_INDEX does not say how many shards there are",
            hint="--shard auto/8, for 8 completions",
        )
    return f"{pod}/{count}"


def _place_in_array(task: str, environ: Mapping[str, str]) -> str:
    """Return a task's position in its array: 1-9:2 has five tasks, and 9 is the last."""
    first = environ.get("SLURM_ARRAY_TASK_MIN", "")
    step = environ.get("SLURM_ARRAY_TASK_STEP", "1")
    if not (task.isdecimal() and first.isdecimal() and step.isdecimal() and int(step)):
        return task
    return str((int(task) - int(first)) // int(step))
