"""The documents agree with the program."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperOption
from typer.main import get_command

from wan_cli import __version__
from wan_cli.config.setting import SETTINGS
from wan_cli.errors import EXIT_CODE_PRIORITY
from wan_cli.help import COMMANDS, EXIT_CODES, top_help
from wan_cli.models import FIELD_NAMES, MODELS, flag_of
from wan_cli.sandbox.magic import MAGIC_WORDS
from wan_cli.secrets import KEY_VARIABLES
from wan_cli.text import NAME_FIELDS

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
REFERENCE = (ROOT / "docs" / "reference.md").read_text("utf-8")
# The commands that "all" stands for in the table of flags.
ALL = {*COMMANDS} - {"config", "sandbox", "completion", "help"}


def table(heading: str) -> list[list[str]]:
    """Return the rows of the reference's first table with these heads; keep back-ticks."""
    _before, _head, after = REFERENCE.partition(f"\n| {heading} |")
    assert after, f"docs/reference.md has no table {heading!r}"
    rows = after.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def ticked(cell: str) -> list[str]:
    """Return the words between back-ticks, without the placeholders of values."""
    return [word.partition(" ")[0] for word in re.findall("`([^`]+)`", cell)]


def shown(text: str) -> str:
    """Return a text without line breaks, for comparing."""
    return " ".join(text.split())


def flags_in(cell: str) -> set[str]:
    """Return the flags of a table's cell."""
    return {word for word in ticked(cell) if re.match("--?[a-z]", word)}


def flags_of(name: str) -> set[str]:
    """Return the flags that the program's parser knows for a command and its subcommands."""
    command: Any = get_command(import_module(f"wan_cli.commands.{name}").app)
    return {
        word
        for one in [command, *getattr(command, "commands", {}).values()]
        for param in one.params
        if isinstance(param, TyperOption)
        for word in [*param.opts, *param.secondary_opts]
    } - {"--help", "-h"}


def test_the_commands_are_those_of_the_program() -> None:
    rows = [(command.strip("`"), says) for command, says, _example in table("command")]
    assert rows == [(f"wan {name}", says) for name, says in COMMANDS.items()]
    assert all(
        example.startswith("`") and command.strip("`") in example
        for command, _says, example in table("command")
    )


def test_top_help_names_every_command_and_exit_code() -> None:
    lines = [line.split() for line in top_help().splitlines()]
    for name, says in COMMANDS.items():
        assert [name, *says.split()] in lines
    for code, says in EXIT_CODES.items():
        assert [str(code), *says.split()] in lines


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_run_and_says_what_it_does(name: str) -> None:
    command: Any = get_command(import_module(f"wan_cli.commands.{name}").app)
    assert command.help
    inner = list(getattr(command, "commands", {}).values()) or [command]
    for one in inner:
        words = {word for param in one.params for word in param.opts}
        assert {"--json", "--quiet", "-q", "--verbose", "-v"} <= words
        assert one.help


@pytest.mark.parametrize("name", COMMANDS)
def test_the_flags_of_each_command_are_those_of_the_program(name: str) -> None:
    documented: set[str] = set()
    for flags, commands, _does in table("flag | commands"):
        named = {word.strip() for word in commands.split(",")}
        if name in named or ("all" in named and name in ALL):
            documented |= flags_in(flags)
    if name in ("generate", "batch"):
        for flags, _field, _values in table("flag | field"):
            documented |= flags_in(flags)
    if name == "batch":
        documented.remove("--prompt-file")
    assert documented == flags_of(name)


def test_each_field_has_its_flag_and_its_values() -> None:
    rows = {row[1].strip("`"): row for row in table("flag | field")}
    assert list(rows) == ["prompt", "model", *FIELD_NAMES]
    assert set(ticked(rows["model"][2])) == {*MODELS}
    for name in FIELD_NAMES:
        flags, _field, values = rows[name]
        assert flag_of(name) in ticked(flags)
        # The first model that has the field; additional values of other models are in brackets.
        fields = [field for schema in MODELS.values() if (field := schema.field(name))]
        field = fields[0]
        assert ticked(values.partition("(")[0]) == [str(choice) for choice in field.choices]


def test_exit_codes_are_those_of_the_program() -> None:
    assert {int(code): says for code, says in table("code")} == EXIT_CODES
    order = ", ".join(str(code) for code in [*EXIT_CODE_PRIORITY])
    assert order.removesuffix(", 0") in shown(REFERENCE)


def test_troubleshooting_has_an_answer_to_every_exit_code() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    codes = {int(code) for key in rows_of(page) for code in re.findall(r"\b\d+\b", key)}
    assert codes == {*EXIT_CODES, 143, 129} - {0}


def test_configuration_keys_have_their_variables() -> None:
    rows = {row[0].strip("`"): ticked(row[1]) for row in table("key")}
    expected = {key: [setting.variable] for key, setting in SETTINGS.items()}
    assert rows == expected | {"api_key": [*KEY_VARIABLES]}


def test_fields_of_a_name_are_all_named() -> None:
    row = next(row for row in table("key") if row[0] == "`name_template`")
    assert set(re.findall(r"\{([a-z0-9]+)\}", row[2])) == {*NAME_FIELDS}


def test_magic_words_are_those_of_the_sandbox() -> None:
    assert {row[0].strip("`"): row[1] for row in table("word")} == {
        str(word): says for word, says in MAGIC_WORDS.items()
    }


def test_json_fields_are_those_of_the_schema() -> None:
    """tests/test_schema.py compares the schema with the program."""
    chapter = REFERENCE.partition("\n## JSON")[2].partition("\n## ")[0]
    kinds = json.loads((ROOT / "docs" / "schema.json").read_text("utf-8"))["$defs"]
    for name, kind in kinds.items():
        about = {field: at["description"] for field, at in kind["properties"].items()}
        if name in ("generation", "summary"):
            for field, says in about.items():
                assert f"| `{field}` | {says} |" in chapter
        elif name != "error":
            fields = ", ".join(f"`{field}`" for field in about)
            assert f"| {kind['description'].rstrip('.')} | {fields} |" in chapter


def rows_of(text: str) -> dict[str, list[str]]:
    """Return the rows of all tables of a text, by their first cells."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    return {row[0]: row[1:] for row in rows if row}


def test_the_readme_is_a_front_page_with_the_measured_faults() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) <= 150
    shown = rows_of(readme.partition("\n| fault |")[2].partition("--- |\n")[2].partition("\n\n")[0])
    measured = rows_of((ROOT / "docs" / "faults.md").read_text("utf-8"))
    assert len(shown) == 4, "three faults and their total"
    for fault, cells in shown.items():
        key = fault.partition(" (")[0]
        for cell, figures in zip(cells, measured[key], strict=True):
            _posts, usd, videos = re.findall(r"[\d.]+", figures)
            noun = "video" if videos == "1" else "videos"
            assert cell.strip("*") == f"{usd} USD, {videos} {noun}" + " †" * ("†" in figures)


# docs/bench.md measures a wrong flag, and a flag that only completion uses.
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.name != "bench.md"], ids=lambda page: page.name
)
def test_examples_use_flags_that_exist(page: Path) -> None:
    every = {"--help", "--version"}.union(*(flags_of(name) for name in COMMANDS))
    used = {
        word
        for line in page.read_text("utf-8").splitlines()
        if re.match(r"\W*wan ", line)
        for word in re.findall(r"(?<![\w-])--[a-z][a-z-]+", line)
    }
    assert used <= every


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_target_of_every_link_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^):]+)\)", text):
        path, _hash, anchor = target.partition("#")
        there = page.parent / path if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target
    for target in set(re.findall(r"`make ([a-z-]+)", text)):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_the_layout_in_contributing_names_every_module() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    drawn = text.partition("```\nwan_cli/\n")[2].partition("```")[0]
    parts = {path.stem for path in (ROOT / "wan_cli").iterdir() if path.suffix != ".typed"}
    drawn_words = {*re.findall("[a-z]+[0-9]?", drawn)}
    assert {name for name in parts if not name.startswith("_")} <= drawn_words


def test_every_module_on_the_path_of_an_item_in_contributing_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text.partition("## The path of one item\n")[2].partition("\n## ")[0]
    steps = re.findall(r"^\d+\. .*", section, re.MULTILINE)
    assert len(steps) == 10
    for step in steps:
        named = re.findall(r"`([a-z_/]+\.py)`", step)
        assert named, step
        for path in named:
            assert (ROOT / "wan_cli" / path).is_file(), path


def test_the_changelog_has_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert "\n## [Unreleased]\n" in changelog
    assert re.search(
        rf"^## \[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE
    )
