"""docs/schema.json describes the output of `--json`: each kind of output of the real command.

In all other tests, `Result.json_lines` also checks every output against the schema.
"""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.fake.api import FakeApi
from tests.fake.process import Wan
from tests.fake.schema import SCHEMA, kind_of
from wan_cli.generation import Status

DOCUMENT = json.loads(SCHEMA.read_text("utf-8"))
GENERATION = DOCUMENT["$defs"]["generation"]["properties"]


def kinds(wan: Wan, *argv: str, code: int = 0) -> set[str]:
    """Run a command with --json and return the kinds of its objects."""
    result = wan(*argv, "--json")
    assert result.code == code, result.err
    return {kind_of(line) for line in result.json_lines}


@pytest.mark.parametrize(
    ("argv", "kind"),
    [
        ("balance", "balance"),
        ("config get timeout", "setting"),
        ("config list", "setting"),
        ("config path", "path"),
        ("config set timeout 5m", "change"),
        ("config unset timeout", "change"),
        ("completion bash", "script"),
        ("doctor", "check"),
        ("generate fox --dry-run", "dry_run"),
        ("help", "help"),
        ("help money", "help"),
        ("models", "model"),
    ],
)
def test_an_output_without_a_generation_is_of_one_kind(wan: Wan, argv: str, kind: str) -> None:
    assert kinds(wan, *argv.split()) == {kind}


def test_a_generation_has_the_same_kind_in_every_command(wan: Wan) -> None:
    assert kinds(wan, "generate", "a fox", "--seed", "7", "--once", "fox") == {"generation"}
    for argv in ("status @last", "fetch @last", "list", "show @last"):
        assert kinds(wan, *argv.split()) == {"generation"}
    assert kinds(wan, "list", "--stats") == {"spent"}


def test_a_batch_ends_with_its_summary(wan: Wan, work: Path) -> None:
    (work / "prompts.txt").write_text("a fox\nan owl\n")
    result = wan("batch", "prompts.txt", "--yes", "--json")
    assert {kind_of(line) for line in result.json_lines} == {"generation"}
    assert kind_of(result.summary) == "summary"
    assert kinds(wan, "batch", "prompts.txt", "--dry-run", "--as", "new") == {"dry_run"}


def test_failures_before_and_after_a_generation_exists(wan: Wan, api: FakeApi) -> None:
    assert kinds(wan, "generate", "a fox", "--duration", "7", code=2) == {"failure"}
    assert kinds(wan, "config", "get", "colour", code=2) == {"failure"}
    api.error = {"name": "Moderation", "message": "not nice"}
    assert kinds(wan, "generate", "a fox", code=9) == {"generation"}


def test_the_schema_is_valid_and_has_every_status() -> None:
    Draft202012Validator.check_schema(DOCUMENT)
    assert set(GENERATION["status"]["enum"]) == {str(status) for status in Status}


def test_a_field_that_the_schema_does_not_name_is_found() -> None:
    with pytest.raises(AssertionError, match="colour"):
        kind_of({"balance": 1, "currency": "USD", "colour": "red"})
