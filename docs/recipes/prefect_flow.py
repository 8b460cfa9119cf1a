"""A Prefect flow that makes a clip for each prompt; a retry continues with the same clip."""

import os
import subprocess

from prefect import flow, task
from prefect.client.schemas.objects import State, TaskRun
from prefect.runtime import flow_run
from prefect.tasks import Task

PROMPTS = {"fox": "a fox in the snow", "owl": "an owl at night"}
WAN = ("wan", "generate", "--max-cost", "2", "-o", "s3://clips/trailer/")
# A retry does not help after these exit codes.
STOP = {2, 3, 4, 5, 6, 9}


def is_worth_a_retry(task: Task, run: TaskRun, state: State) -> bool:
    """Whether a retry can help after this failure."""
    error = state.result(raise_on_failure=False)
    return not (isinstance(error, subprocess.CalledProcessError) and error.returncode in STOP)


@task(retries=5, retry_delay_seconds=60, retry_condition_fn=is_worth_a_retry)
def clip(key: str, prompt: str) -> str:
    """Return the address of the clip."""
    done = subprocess.run(
        [*WAN, "--once", key, "--", prompt],
        env={"WAN_HISTORY": "postgresql://wan@db.example/wan", **os.environ},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@flow
def trailer() -> list[str]:
    """Make all clips."""
    # All attempts of a run have the same id. Prefect does not set it for the processes of tasks.
    clips = [clip.submit(f"prefect {flow_run.id} {name}", PROMPTS[name]) for name in PROMPTS]
    return [one.result() for one in clips]


if __name__ == "__main__":
    trailer()
