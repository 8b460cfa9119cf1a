"""The parts of a release: metadata, workflow, image and changelog agree, and hold no secret."""

import re
import tomllib
from pathlib import Path

import pytest

from wan_cli import __version__
from wan_cli.secrets import KEY_VARIABLES

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT, TOOLS = PYPROJECT["project"], PYPROJECT["tool"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
workflows = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda path: path.name)


def test_metadata_workflow_and_matrix_name_the_same_pythons() -> None:
    classified = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert classified == PYTHONS
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    matrix = (ROOT / ".ci" / "matrix").read_text("utf-8")
    assert "${PYTHONS:-" + " ".join(PYTHONS) + "}" in matrix
    check = (ROOT / ".github" / "workflows" / "check.yml").read_text("utf-8")
    assert re.findall(r'"(3\.\d+)"', re.findall(r"python: \[.*\]", check)[0]) == PYTHONS


def test_the_package_promises_no_types() -> None:
    assert "Typing :: Typed" not in PROJECT["classifiers"]
    assert not list((ROOT / "wan_cli").rglob("py.typed"))


@workflows
def test_a_workflow_pins_its_actions_and_only_reads(file: Path) -> None:
    text = file.read_text("utf-8")
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)
    assert re.search(r"^permissions:\n  contents: read\n\n", text, re.MULTILINE)
    assert text.count("permissions:") == 1
    assert text.count("persist-credentials: false") == text.count("actions/checkout@")
    assert "secrets." not in text


@workflows
def test_every_make_command_of_a_workflow_is_a_target(file: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"run: make (\S+)", file.read_text("utf-8")):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_the_image_runs_as_an_unprivileged_user_and_holds_no_key() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    uid = re.findall(r"^USER (\d+):\d+$", last, re.MULTILINE)
    assert uid
    assert int(uid[-1]) > 0
    homes = re.findall(r"^ENV WAN_HOME=(\S+)$", last, re.MULTILINE)
    assert homes == re.findall(r"^VOLUME (\S+)$", last, re.MULTILINE)
    assert homes
    assert not [name for name in KEY_VARIABLES if name in DOCKERFILE]
    assert not re.search(r"^ARG ", DOCKERFILE, re.MULTILINE)


def test_the_build_of_the_image_gets_only_the_files_of_the_wheel() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    lines = [line for line in ignored if line and not line.startswith("#")]
    assert lines[0] == "*"
    seen = {line[1:] for line in lines if line.startswith("!")}
    wheel = TOOLS["hatch"]["build"]["targets"]["wheel"]
    needed = {path.partition("/")[0] for path in [*wheel["packages"], *wheel["shared-data"]]}
    assert seen == {"pyproject.toml", PROJECT["readme"], *PROJECT["license-files"], *needed}


def test_the_changelog_has_an_entry_for_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"(?m)^## \[(.+?)\]", changelog)[:2] == ["Unreleased", __version__]
