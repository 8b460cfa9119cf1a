"""The recipes for orchestrators in docs/recipes: a killed task runs again and pays nothing.

Slurm runs its recipe where it is installed. Prefect and Airflow run theirs where the variables
WAN_TEST_PREFECT and WAN_TEST_AIRFLOW name a Python that has them: `make recipes` installs both. A
test runs the commands of Kubernetes and GitHub Actions with the variables that those set.
"""

import ast
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fake.api import FakeApi
from tests.fake.s3 import FakeS3
from tests.fake.script import forever, refusal
from tests.recipes import PATIENCE_S, RECIPES, Workplace
from tests.slurm import Slurm, missing_slurm
from wan_cli.help import EXIT_CODES
from wan_cli.topics import RETRY, STOP

PROMPTS = ("a fox in the snow", "an owl at night")
STOPS = {int(code) for code in re.findall(r"\d+", STOP)}
# A task may also end because something killed wan: 137 in a shell.
RETRIES = {int(code) for code in re.findall(r"\d+", RETRY)} | {10}


@pytest.fixture
def place(
    tmp_path: Path, env: dict[str, str], api: FakeApi, history_url: str
) -> Iterator[Workplace]:
    with FakeS3() as s3:
        place = Workplace(tmp_path / "machine", env, api, s3, history_url)
        (place.folder / "prompts.txt").write_text("".join(f"{prompt}\n" for prompt in PROMPTS))
        yield place


def document(place: Workplace, name: str, kind: str) -> dict[str, Any]:
    return next(doc for doc in yaml.safe_load_all(place.text(name)) if doc.get("kind") == kind)


def steps(place: Workplace) -> tuple[dict[str, Any], str]:
    """Return the job of the GitHub workflow, and the script of its step that runs wan."""
    job: dict[str, Any] = yaml.safe_load(place.text("github.yml"))["jobs"]["clip"]
    return job, next(step["run"] for step in job["steps"] if step.get("name") == "clip")


def constant(name: str, recipe: str) -> object:
    """Return the value of a constant in a recipe in Python."""
    tree = ast.parse((RECIPES / recipe).read_text("utf-8"))
    found = [one for one in tree.body if isinstance(one, ast.Assign)]
    return next(
        ast.literal_eval(one.value)
        for one in found
        if isinstance(one.targets[0], ast.Name) and one.targets[0].id == name
    )


# Which exit codes are worth a retry.


def test_every_exit_code_is_either_worth_a_retry_or_not() -> None:
    assert RETRIES | STOPS | {0, 1} == {*EXIT_CODES, 143, 129}
    assert not RETRIES & STOPS


@pytest.mark.parametrize("recipe", ["airflow_dag.py", "prefect_flow.py"])
def test_python_recipes_stop_where_a_retry_does_not_help(recipe: str) -> None:
    assert constant("STOP", recipe) == STOPS


def test_the_kubernetes_job_stops_where_a_retry_does_not_help(place: Workplace) -> None:
    job = document(place, "kubernetes.yaml", "Job")["spec"]
    (rule,) = [rule for rule in job["podFailurePolicy"]["rules"] if "onExitCodes" in rule]
    assert rule["action"] == "FailIndex"
    assert rule["onExitCodes"] == {
        "containerName": job["template"]["spec"]["containers"][0]["name"],
        "operator": "In",
        "values": sorted(STOPS),
    }
    # Kubernetes accepts backoffLimitPerIndex only with these two.
    assert job["completionMode"] == "Indexed"
    assert job["template"]["spec"]["restartPolicy"] == "Never"


def test_the_slurm_script_requeues_where_a_retry_helps(place: Workplace) -> None:
    place.program("wan", 'exit "$CODE"')
    place.program("scontrol", 'echo "$@"')
    script = str(place.write("slurm.sbatch"))
    for code in [*EXIT_CODES, 129, 143, 137]:
        task = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3", "CODE": str(code)}
        helps = code in RETRIES | {137}
        assert place.run(["bash", script], **task) == (code, "requeue 7_3\n" if helps else "")
        assert place.run(["bash", script], **task, SLURM_RESTART_COUNT="5") == (code, "")


def test_the_github_step_tries_again_where_a_retry_helps(place: Workplace) -> None:
    _job, script = steps(place)
    place.program("wan", 'echo wan; exit "$CODE"')
    place.program("sleep", ":")
    for code in [*EXIT_CODES, 137]:
        # GitHub cancels a job by signals: 129, 130 and 143 end it.
        times = 4 if code in RETRIES - {129, 130, 143} else 1
        done = place.run(["bash", "-e", "-c", script], CODE=str(code), PROMPT="a fox")
        assert done == (code, "wan\n" * times)


# A killed task.


def test_a_killed_slurm_task_continues(place: Workplace, api: FakeApi) -> None:
    place.program("scontrol", 'echo "$@"')
    script = str(place.write("slurm.sbatch"))
    # As Slurm sets them for the first of two tasks.
    task = {
        "SLURM_ARRAY_JOB_ID": "7",
        "SLURM_ARRAY_TASK_COUNT": "2",
        "SLURM_ARRAY_TASK_ID": "0",
        "SLURM_ARRAY_TASK_MAX": "1",
        "SLURM_ARRAY_TASK_MIN": "0",
        "SLURM_ARRAY_TASK_STEP": "1",
        "SLURM_JOB_ID": "8",
    }
    place.hold()
    with place.start(["bash", script], **task) as first:
        place.kill(1)
        out, _err = first.communicate()
    assert first.returncode == 137, out
    assert "requeue 7_0" in out
    code, out = place.run(["bash", script], **task, SLURM_RESTART_COUNT="1")
    assert code == 0, out
    assert [post.body["prompt"] for post in api.posts] == [PROMPTS[0]]
    assert place.saved == [api.video]


@pytest.mark.skipif(missing_slurm() is not None, reason=missing_slurm() or "")
def test_slurm_runs_a_killed_task_again(place: Workplace, api: FakeApi) -> None:
    script = place.write("slurm.sbatch")
    place.hold()
    with Slurm(place.env) as slurm:
        array = slurm.submit(script, "--array=0-1")
        place.kill(2)
        slurm.wait(array)
        logs = "".join(path.read_text() for path in place.folder.glob("trailer-*.log"))
    assert sorted(post.body["prompt"] for post in api.posts) == sorted(PROMPTS)
    assert place.saved == [api.video] * 2, logs
    assert slurm.restarts == [1, 1]


def test_a_killed_pod_of_kubernetes_continues(place: Workplace, api: FakeApi) -> None:
    prompts = document(place, "kubernetes.yaml", "ConfigMap")["data"]["prompts.txt"]
    (place.folder / "prompts.txt").write_text(prompts)
    place.replace["/prompts/prompts.txt"] = str(place.folder / "prompts.txt")
    job = document(place, "kubernetes.yaml", "Job")
    name, spec = job["metadata"]["name"], job["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    # As kubelet sets them; the image's entry point is wan.
    pod = {"JOB_COMPLETION_INDEX": "1", "HOSTNAME": f"{name}-1"}
    argv = ["wan", *container["args"]]
    assert f"auto/{spec['completions']}" in argv
    place.hold()
    with place.start(argv, **pod) as first:
        place.kill(1)
    assert first.returncode == -signal.SIGKILL
    code, out = place.run(argv, **pod)
    assert code == 0, out
    assert [post.body["prompt"] for post in api.posts] == [PROMPTS[1]]
    assert place.saved == [api.video]


def test_a_killed_job_of_github_continues_when_it_is_run_again(
    place: Workplace, api: FakeApi
) -> None:
    job, script = steps(place)
    assert job["env"]["STRATEGY_JOB_INDEX"] == "${{ strategy.job-index }}"
    argv = ["bash", "-e", "-c", script]
    # As the runner sets them for the two jobs of the matrix; only the last two differ.
    run = {"GITHUB_REPOSITORY": "me/films", "GITHUB_RUN_ID": "7", "GITHUB_JOB": "clip"}
    both = [
        {**run, "STRATEGY_JOB_INDEX": str(index), "PROMPT": prompt}
        for index, prompt in enumerate(job["strategy"]["matrix"]["prompt"])
    ]
    place.hold()
    first = [place.start(argv, **one, GITHUB_RUN_ATTEMPT="1") for one in both]
    place.kill(2)
    for process in first:
        process.communicate()
        assert process.returncode == 128 + signal.SIGKILL
    for one in both * 2:
        code, out = place.run(argv, **one, GITHUB_RUN_ATTEMPT="2")
        assert code == 0, out
    assert sorted(post.body["prompt"] for post in api.posts) == sorted(PROMPTS)
    assert place.saved == [api.video] * 2


def python_with(variable: str) -> str:
    """Return the Python that a variable names, or skip the test."""
    python = os.environ.get(variable)
    if not python:
        pytest.skip(f"{variable} does not name a Python: make recipes installs one")
    return python


@pytest.fixture
def prefect(place: Workplace) -> list[str]:
    """The command that runs the flow."""
    python = python_with("WAN_TEST_PREFECT")
    place.replace["retry_delay_seconds=60"] = "retry_delay_seconds=1"
    place.env |= {
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(place.folder / "prefect"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": str(PATIENCE_S),
    }
    return [python, str(place.write("prefect_flow.py"))]


@pytest.fixture
def airflow(place: Workplace) -> list[str]:
    """The command that runs the DAG."""
    program = str(Path(python_with("WAN_TEST_AIRFLOW")).with_name("airflow"))
    place.replace["minutes=1"] = "seconds=1"
    place.env |= {
        "AIRFLOW_HOME": str(place.folder / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(place.write("airflow_dag.py").parent),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    assert place.run([program, "db", "migrate"])[0] == 0
    return [program, "dags", "test", "trailer"]


def test_prefect_runs_a_killed_task_again(
    place: Workplace, api: FakeApi, prefect: list[str]
) -> None:
    place.hold()
    with place.start(prefect) as flow:
        place.kill(2)
        out, _err = flow.communicate(timeout=PATIENCE_S)
    assert flow.returncode == 0, out
    assert out.count("Retry 1/5") == 2, out
    assert sorted(post.body["prompt"] for post in api.posts) == sorted(PROMPTS)
    assert place.saved == [api.video] * 2


def test_airflow_runs_a_killed_task_again(
    place: Workplace, api: FakeApi, airflow: list[str]
) -> None:
    place.hold()
    with place.start(airflow) as dag:
        place.kill(1)
        out, _err = dag.communicate(timeout=PATIENCE_S)
    assert dag.returncode == 0, out
    assert "up_for_retry" in out.lower(), out
    assert sorted(post.body["prompt"] for post in api.posts) == sorted(PROMPTS)
    assert place.saved == [api.video] * 2


def test_prefect_does_not_retry_a_refused_request(
    place: Workplace, api: FakeApi, prefect: list[str]
) -> None:
    api.on_post(forever(refusal(400, "not nice")))
    code, out = place.run(prefect)
    assert code == 1, out
    assert "Retry 1/5" not in out
    assert "returned non-zero exit status 6" in out
    assert len(api.posts) == 2


def test_airflow_does_not_retry_a_refused_request(
    place: Workplace, api: FakeApi, airflow: list[str]
) -> None:
    api.on_post(forever(refusal(400, "not nice")))
    _code, out = place.run(airflow)
    assert "wan ended with exit code 6" in out, out
    assert "up_for_retry" not in out.lower()
    assert len(api.posts) == 2


def test_the_scripts_in_the_recipes_are_correct_shell(place: Workplace) -> None:
    scripts = [place.text("slurm.sbatch"), steps(place)[1]]
    for script in scripts:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize("recipe", sorted(path.name for path in RECIPES.iterdir()))
def test_the_page_shows_the_recipe(recipe: str) -> None:
    page = (RECIPES.parent / "machines.md").read_text("utf-8")
    assert f"\n{(RECIPES / recipe).read_text('utf-8')}```\n" in page
