"""An Airflow DAG that makes a clip for each prompt; a retry continues with the same clip."""

import os
import subprocess
from datetime import timedelta

from airflow.sdk import dag, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

PROMPTS = ["a fox in the snow", "an owl at night"]
WAN = ("wan", "generate", "--once", "auto", "--max-cost", "2", "-o", "s3://clips/trailer/")
# A retry does not help after these exit codes.
STOP = {2, 3, 4, 5, 6, 9}


@task(retries=5, retry_delay=timedelta(minutes=1), max_active_tis_per_dag=8)
def clip(prompt: str) -> str:
    """Return the address of the clip."""
    # Airflow gives all tasks of an expansion the same variables; --once auto adds this one.
    part = str(get_current_context()["ti"].map_index)
    done = subprocess.run(
        [*WAN, "--", prompt],
        env={
            "WAN_HISTORY": "postgresql://wan@db.example/wan",
            **os.environ,
            "AIRFLOW_CTX_MAP_INDEX": part,
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode in STOP:
        raise AirflowFailException(f"wan ended with exit code {done.returncode}")
    done.check_returncode()
    return done.stdout.strip()


@dag(schedule=None)
def trailer() -> None:
    """Make all clips."""
    clip.expand(prompt=PROMPTS)


trailer()
