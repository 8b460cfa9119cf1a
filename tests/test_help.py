"""The help of commands and topics, and suggestions for mistyped words."""

import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperOption
from typer.main import get_command

from wan_cli import __version__
from wan_cli.commands import manual
from wan_cli.config.setting import SETTINGS
from wan_cli.errors import EXIT_CODE_PRIORITY
from wan_cli.examples import CODES, EXAMPLES
from wan_cli.help import COMMANDS, EXIT_CODES, TOPICS
from wan_cli.models import FIELD_NAMES, flag_of
from wan_cli.nearest import ALIASES, OPTION_ALIASES
from wan_cli.secrets import KEY_VARIABLES
from wan_cli.text import NAME_FIELDS
from wan_cli.topics import KEYS, variable_of
from wan_cli.topics import NAME_FIELDS as SHOWN_FIELDS

ROOT = Path(__file__).parents[1]


def parser_of(name: str) -> Any:
    """Return typer's parser of "generate", or of "config set"."""
    first, _space, second = name.partition(" ")
    command: Any = get_command(import_module(f"wan_cli.commands.{first}").app)
    return command.commands[second] if second else command


def inner(name: str) -> list[str]:
    return [f"{name} {word}" for word in getattr(parser_of(name), "commands", {})]


# Every command, including "config set".
EVERY = [one for name in COMMANDS for one in (name, *inner(name))]


def words_of(name: str) -> set[str]:
    params = [param for param in parser_of(name).params if isinstance(param, TyperOption)]
    return {word for param in params for word in [*param.opts, *param.secondary_opts]}


def in_columns(wan: Any, width: int, *argv: str) -> str:
    wan.env["COLUMNS"] = str(width)
    done = wan(*argv)
    assert (done.code, done.err) == (0, "")
    return str(done.out)


def flat(text: str) -> str:
    return " ".join(text.split())


def test_wan_alone_fits_a_terminal_and_ends_with_the_commands(wan: Any) -> None:
    lines = in_columns(
        wan,
        80,
    ).splitlines()
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines[-len(COMMANDS) :]] == [*COMMANDS]


@pytest.mark.parametrize("width", [80, 40])
@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("--help",),
        ("help",),
        *((*name.split(), "--help") for name in EVERY),
        *(("help", topic) for topic in TOPICS),
    ],
    ids=" ".join,
)
def test_help_fits_the_terminal_and_loses_no_word(
    argv: tuple[str, ...], width: int, wan: Any
) -> None:
    text = in_columns(wan, width, *argv)
    assert not [line for line in text.splitlines() if len(line) > width]
    assert not [line for line in text.splitlines() if line != line.rstrip()]
    # A long example continues after a backslash, and a long comment after a #.
    plain = (
        " ".join(text.replace("\\\n", "").replace("\n  # ", " ").split())
        for text in (text, in_columns(wan, 100, *argv))
    )
    narrow, wide = plain
    assert narrow == wide


@pytest.mark.parametrize("argv", [("-h",), ("--help",), ("help",)])
def test_the_whole_help_has_commands_topics_and_exit_codes(argv: tuple[str, ...], wan: Any) -> None:
    text = flat(in_columns(wan, 80, *argv))
    for table in (COMMANDS, TOPICS, EXIT_CODES):
        for name, says in table.items():
            assert f" {name} {says}" in text


@pytest.mark.parametrize("name", EVERY)
def test_the_help_of_a_command_has_options_examples_and_exit_codes(name: str, wan: Any) -> None:
    text = in_columns(wan, 80, *name.split(), "--help")
    assert text == in_columns(wan, 80, "help", *name.split()) or name in TOPICS
    typed = {word for line in text.splitlines() for word in re.findall(r"(?<!\S)--?[a-z-]+", line)}
    assert words_of(name) <= typed
    for command, says in EXAMPLES[name]:
        assert f"  # {says}\n  {command}\n" in text
    codes = CODES[name.partition(" ")[0]]
    after = text.partition("\nExit codes")[2]
    assert re.findall(r"^ +(\d+)  ", after, re.MULTILINE) == [str(code) for code in codes]


def test_options_are_in_groups(wan: Any) -> None:
    text = in_columns(wan, 80, "generate", "--help")
    titles = re.findall(r"^([A-Z][a-z ]+).*:$", text, re.MULTILINE)
    assert titles == [
        *("Arguments", "The request", "How it runs", "Output", "Examples", "Exit codes")
    ]
    request = text.partition("\nThe request:\n")[2].partition("\n\n")[0]
    assert all(f"  {flag_of(name)} " in request for name in FIELD_NAMES)
    assert "--max-cost" in text.partition("\nHow it runs:\n")[2].partition("\n\n")[0]
    assert "--output" in text.partition("\nOutput:\n")[2].partition("\n\n")[0]


def test_a_group_names_only_parameters_that_exist() -> None:
    named = {name for names in manual.GROUPS.values() for name in names}
    assert named <= {param.name for name in EVERY for param in parser_of(name).params}


def test_examples_are_command_lines_that_the_program_knows() -> None:
    assert {*EXAMPLES} == {*EVERY}
    assert {*CODES} == {*COMMANDS}
    assert all({*codes} <= {*EXIT_CODES} for codes in CODES.values())
    for name, rows in EXAMPLES.items():
        for line in (part for row, _says in rows for part in row.split(" && ")):
            words = shlex.split(line.replace('"$(', "").replace(')"', ""))
            command = words[words.index("wan") + 1]
            assert command in COMMANDS
            known = words_of(name if command == name.split()[0] else command)
            assert {word for word in words if word.startswith("-")} <= known, line


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_printed(topic: str, wan: Any) -> None:
    done = wan("help", topic)
    assert (done.code, done.err) == (0, "")
    assert f"wan help {topic}: {TOPICS[topic]}\n" in done.out
    (found,) = wan("help", topic, "--json").json_lines
    assert found == {"help": topic, "text": done.out.rstrip("\n")}


def test_topics_agree_with_the_program(wan: Any) -> None:
    codes = flat(in_columns(wan, 80, "help", "exit-codes"))
    assert all(f"{code} {says}" in codes for code, says in EXIT_CODES.items())
    assert ", ".join(str(code) for code in EXIT_CODE_PRIORITY) in codes
    variables = in_columns(wan, 80, "help", "environment")
    assert all(variable in variables for variable in KEY_VARIABLES)
    assert {*KEYS} == {*SETTINGS}
    for key, setting in SETTINGS.items():
        assert key == "api_key" or variable_of(key) == setting.variable
        assert variable_of(key) in variables
        assert re.search(f"^  {key}\\s", in_columns(wan, 80, "help", "config"), re.MULTILINE)
    assert {name.strip("{}") for name, _says in SHOWN_FIELDS} == {*NAME_FIELDS}


def test_an_unknown_topic_lists_the_topics(wan: Any) -> None:
    done = wan("help", "monye")
    assert (done.code, done.out) == (2, "")
    assert "no such command or topic: monye (did you mean money?)" in done.err
    assert ", ".join(TOPICS) in done.err
    assert done.err.endswith("hint: wan help money\n")
    assert wan("help", "xyzzy").err.endswith("hint: wan help\n")
    assert wan("help", "config", "nonsense").code == 2


@pytest.mark.parametrize(
    ("argv", "meant", "hint"),
    [
        ("statsu @last", "status", "wan status @last"),
        ("LIST --stats", "list", "wan list --stats"),
        ("ls --limit 5", "list", "wan list --limit 5"),
        ("download @last", "fetch", "wan fetch @last"),
        ("auth", "config set api_key", "wan config set api_key"),
        ("login sk-0123456789abcdef", "config set api_key", "wan config set api_key"),
        ("logni", "config set api_key", "wan config set api_key"),
        ("version", "--version", "wan --version"),
        ("stats", "list --stats", "wan list --stats"),
        ("genrate 'a fox'", "generate", "wan generate 'a fox'"),
        ("genrate " + 300 * "x", "generate", "wan generate"),
    ],
)
def test_a_mistyped_command_is_answered_with_the_nearest(
    argv: str, meant: str, hint: str, wan: Any
) -> None:
    done = wan(*shlex.split(argv))
    word = argv.split()[0]
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: no such command: {word}; did you mean {meant}?\nhint: {hint}\n"


def test_a_word_unlike_any_command_gets_no_suggestion(wan: Any) -> None:
    done = wan("xyzzy")
    assert (done.code, done.err) == (2, "error: no such command: xyzzy\nhint: wan --help\n")


@pytest.mark.parametrize(
    ("argv", "words", "hint"),
    [
        (
            "generate x --resolutoin 720p",
            "--resolutoin; did you mean --resolution?",
            "generate x --resolution 720p",
        ),
        (
            "generate 'a fox' --aspect_ratio 16:9",
            "--aspect_ratio; did you mean --aspect-ratio?",
            "generate 'a fox' --aspect-ratio 16:9",
        ),
        (
            "generate --size=720p -- --size=720p",
            "--size; did you mean --resolution?",
            "generate --resolution=720p -- --size=720p",
        ),
        (
            "generate --prompt x",
            "--prompt; did you mean the prompt without an option?",
            "generate --help",
        ),
        (
            "batch x.csv --jobs 3",
            "--jobs; did you mean --concurrency?",
            "batch x.csv --concurrency 3",
        ),
        ("list --limt 3", "--limt; did you mean --limit?", "list --limit 3"),
        ("status @last --wach", "--wach; did you mean --watch?", "status @last --watch"),
        ("config get timeout --jsn", "--jsn; did you mean --json?", "config get timeout --json"),
        ("config get api_key sk-1 --jsn", "--jsn; did you mean --json?", "config get --help"),
        ("list --xyzzy", "--xyzzy", "list --help"),
    ],
)
def test_a_mistyped_option_is_answered_with_the_nearest(
    argv: str, words: str, hint: str, wan: Any
) -> None:
    done = wan(*shlex.split(argv))
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: no such option: {words}\nhint: wan {hint}\n"


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        ("--sandbox list", "wan list --sandbox"),
        ("-q list --limit 3", "wan list --limit 3 -q"),
        ("--duration 5 generate 'a fox' -- x", "wan generate 'a fox' --duration 5 -- x"),
        ("-q config set api_key sk-1", "wan config --help"),
        ("-q", "wan --help"),
    ],
)
def test_options_before_the_command_are_answered_with_the_right_order(
    argv: str, hint: str, wan: Any
) -> None:
    done = wan(*shlex.split(argv))
    option = argv.split()[0]
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"error: no such option: {option}; put options after the command\nhint: {hint}\n"
    )


@pytest.mark.parametrize(
    ("argv", "words", "hint"),
    [
        (
            "generate x --max-cost $2",
            "--max-cost: '$2' is not a number",
            "for example: --max-cost 2",
        ),
        (
            "list --limit 0",
            "--limit: '0' is not a whole number from 1 to 1000000000",
            "for example: --limit 20",
        ),
        (
            "batch x.csv --concurrency few",
            "--concurrency: 'few' is not a whole number of at least 1",
            "for example: --concurrency 2",
        ),
        ("config get", "no KEY given", "wan config get timeout"),
        ("batch", "no FILE given", "wan batch prompts.csv --dry-run"),
        ("generate x --output", "--output needs a value: FILE|DIR/|-", "wan generate --help"),
        ("list --all=3 -v", "--all takes no value", "wan list --all -v"),
        ("balance foo", "unexpected argument: foo", "wan balance --help"),
        ("config get timeout wait", "unexpected argument: wait", "wan config get --help"),
    ],
)
def test_a_wrong_value_or_argument_is_explained_in_words(
    argv: str, words: str, hint: str, wan: Any
) -> None:
    done = wan(*argv.split())
    assert (done.code, done.out) == (2, "")
    assert done.err == f"error: {words}\nhint: {hint}\n"


def test_the_beginning_of_a_topic_is_answered_with_the_topic(wan: Any) -> None:
    done = wan("help", "exit")
    assert (done.code, done.out) == (2, "")
    assert "no such command or topic: exit (did you mean exit-codes?)" in done.err
    assert done.err.endswith("hint: wan help exit-codes\n")


def test_a_mistyped_command_of_a_group_is_answered_with_the_nearest(wan: Any) -> None:
    done = wan("config", "lsit")
    assert (done.code, done.out) == (2, "")
    assert "error: no such command: config lsit; did you mean list?" in done.err


def test_aliases_lead_to_existing_commands() -> None:
    for word, meant in ALIASES.items():
        assert word not in COMMANDS
        name, *rest = meant.split()
        assert name in COMMANDS or meant == "--version"
        if name in COMMANDS:
            known = words_of(name) | {one.split()[1] for one in inner(name)} | {*SETTINGS}
            assert {*rest} <= known
    every = {word for name in COMMANDS for word in words_of(name)}
    assert not {*OPTION_ALIASES} & every
    assert {meant for meant in OPTION_ALIASES.values() if meant.startswith("-")} <= every


@pytest.mark.parametrize("argv", [("--version",), ("-V",)])
def test_the_version_is_one_line(argv: tuple[str, ...], wan: Any) -> None:
    done = wan(*argv)
    assert (done.code, done.out, done.err) == (0, f"wan {__version__}\n", "")


@pytest.mark.parametrize("argv", [("--version", "-v"), ("-V", "--verbose"), ("-v", "-V")])
def test_the_version_says_more_with_v(argv: tuple[str, ...], wan: Any) -> None:
    done = wan(*argv)
    assert (done.code, done.err) == (0, "")
    first, python, platform, *commit = done.out.splitlines()
    assert first == f"wan {__version__}"
    assert python.endswith(f" {'.'.join(map(str, sys.version_info[:3]))}")
    assert platform.startswith("platform: ")
    head = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    if head.returncode == 0 and (ROOT / ".git").is_dir():
        assert commit == [f"commit: {head.stdout.strip()}"]


def test_help_works_with_a_broken_configuration(wan: Any, home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text("not = [toml")
    for argv in (("help", "config"), ("config", "--help"), ("--help",), ("completion", "bash")):
        assert wan(*argv).code == 0


def test_the_width_is_that_of_the_terminal(wan: Any) -> None:
    import pexpect

    env = {name: value for name, value in wan.env.items() if name != "COLUMNS"}
    typed = pexpect.spawn(
        sys.executable,
        ["-m", "wan_cli", "help", "money"],
        env=env | {"PATH": os.defpath, "TERM": "xterm"},
        encoding="utf-8",
        dimensions=(24, 50),
    )
    typed.expect(pexpect.EOF)
    lines = (typed.before or "").splitlines()
    assert 40 < max(map(len, lines)) <= 50
