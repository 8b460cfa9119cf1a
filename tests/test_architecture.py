"""Imports point one way, each dependency has one owner, modules are small."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "wan_cli"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 300
# Each layer imports only from layers above it; a package counts as one layer.
LAYERS = (
    ("errors", "page", "version"),
    ("help",),
    ("examples", "nearest"),
    ("text", "storage", "mp4", "schedule", "secrets", "identity", "database", "uri"),
    ("programs",),
    ("numbers",),
    ("generation",),
    ("filetypes",),
    ("pictures",),
    ("models",),
    ("encodings", "topics"),
    (
        "record",
        "listing",
        "events",
        "prices",
        "account",
        "checkup",
        "prompt",
        "signals",
        "drives",
        "bucket",
    ),
    ("objects",),
    ("catalogue", "destination"),
    ("placement",),
    ("http",),
    ("config", "api", "download", "journal", "batchfile", "sandbox"),
    ("core",),
    ("output",),
    ("commands",),
    ("completion",),
    ("cli",),
    ("process",),
    ("main",),
    ("__main__",),
)
PLACE = {name: place for place, names in enumerate(LAYERS) for name in names}
OWNERS = {
    "requests": {"http", "api", "download"},
    "certifi": {"http"},
    "urllib3": {"http", "api"},
    "rich": {"output"},
    "typer": {"cli", "commands"},
    # Completion of ids runs at each press of Tab: config and history would be too slow.
    "platformdirs": {"config", "completion"},
    "tomllib": {"config"},
    "tomli_w": {"config"},
    "psycopg": {"journal"},
    "obstore": {"bucket"},
    "sqlite3": {"journal", "sandbox", "completion"},
    "av": {"sandbox"},
    "PIL": {"pictures"},
    "starlette": {"sandbox"},
    "uvicorn": {"sandbox"},
    # typer carries click inside; pydantic comes with newer typers and is slow.
    "click": set(),
    "pydantic": set(),
}
SANDBOX_MAY_IMPORT = {"models", "text", "storage", "generation", "errors"}


def imports(module: Path) -> Iterator[str]:
    """Return the dotted names that a module imports anywhere."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            if node.module == "wan_cli":
                yield from (f"wan_cli.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


def part(module: Path) -> str:
    """Return the layer of a module: its package, or its own name."""
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def own(module: Path) -> Iterator[str]:
    """Return the layers of wan that a module imports, without its own."""
    names = [name.split(".") for name in imports(module)]
    for top, *rest in names:
        if top == "wan_cli" and rest and rest[0] not in {part(module), "__version__"}:
            yield rest[0]


modules = pytest.mark.parametrize(
    "module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE))
)


@modules
def test_imports_point_one_way(module: Path) -> None:
    if part(module) == "__init__":
        assert list(imports(module)) == []
        return
    assert not {name for name in own(module) if PLACE[name] >= PLACE[part(module)]}


@modules
def test_each_dependency_has_one_owner(module: Path) -> None:
    for name in imports(module):
        assert part(module) in OWNERS.get(name.partition(".")[0], {part(module)}), name


@modules
def test_a_module_is_small(module: Path) -> None:
    assert len(module.read_text("utf-8").splitlines()) <= MAX_LINES


@modules
def test_only_output_and_the_quick_answers_print(module: Path) -> None:
    printed = [
        node.lineno
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not printed or part(module) in {"output", "main"}


def test_the_sandbox_imports_the_schema_and_no_other_part_of_the_client() -> None:
    sandbox = [module for module in MODULES if part(module) == "sandbox"]
    assert {name for module in sandbox for name in own(module)} <= SANDBOX_MAY_IMPORT


def test_only_the_commands_import_the_sandbox() -> None:
    knowing = {part(module) for module in MODULES if "sandbox" in own(module)}
    assert knowing == {"commands"}


def test_every_module_has_a_layer() -> None:
    assert {part(module) for module in MODULES} - {"__init__"} <= {*PLACE}


def test_wan_needs_only_five_packages():
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text("utf-8"))["project"]
    names = {re.split(r"[<>=~!\[ ]", wanted)[0] for wanted in project["dependencies"]}
    # requests brings certifi and urllib3, which wan imports too.
    names -= {"certifi", "urllib3"}
    assert names == {"platformdirs", "requests", "rich", "tomli-w", "typer"}
