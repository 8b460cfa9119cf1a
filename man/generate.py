"""Writes the man pages from the commands themselves and the topics of `wan help`.

python man/generate.py     (`make man`)
"""
# ruff: noqa: INP001  A script beside the files it writes.

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from typer.main import get_command

from wan_cli import __version__
from wan_cli.commands.manual import Page, page_of
from wan_cli.help import COMMANDS, TOPICS
from wan_cli.page import Rows
from wan_cli.topics import BLOCKS, Block, Lines, Table

FOLDER = Path(__file__).parent / "man1"
SUMMARY = "turn a prompt into a video file with Wan 2.6 on AI/ML API"
DESCRIPTION = (
    "wan submits a prompt, waits for the generation and downloads the video. It never loses a video"
    " that you paid for, and never pays for it twice: after a crash, a lost connection or Ctrl-C,"
    " wan fetch --all downloads the videos that are paid for.",
    "wan needs a key: wan config set api_key asks for it. With --sandbox, every command uses a free"
    " API on this machine, without a key.",
)
OPTIONS = (
    ("-h, --help", "Show the help; after a command, its options."),
    ("-V, --version", "Show the version; with -v, also Python, the platform and the commit."),
)
# The titles of the topics' sections in wan(1).
SECTIONS = {
    "exit-codes": "EXIT STATUS",
    "environment": "ENVIRONMENT",
    "config": "CONFIGURATION",
    "names": "NAMES OF FILES AND GENERATIONS",
    "money": "MONEY",
    "machines": "SCRIPTS AND MACHINES",
}


def pages() -> dict[str, str]:
    """Return all man pages by their file names."""
    found = {"wan.1": _joined(_program())}
    return found | {f"wan-{name}.1": _joined(_command(name, _parser(name))) for name in COMMANDS}


def _joined(lines: Iterator[str]) -> str:
    """Return the text of a page, without `.PP` after a section's title, which implies it."""
    text = "".join(f"{line}\n" for line in lines)
    return re.sub(r"^(\.S[HS] .*\n)\.PP\n", r"\1", text, flags=re.MULTILINE)


def _parser(name: str) -> Any:
    return get_command(import_module(f"wan_cli.commands.{name}").app)


def _program() -> Iterator[str]:
    yield from _head("wan", SUMMARY)
    yield from (".SH SYNOPSIS", r".B wan", f".I {_safe('COMMAND [OPTIONS]')}", ".SH DESCRIPTION")
    yield from _paragraphs(DESCRIPTION)
    yield ".SH COMMANDS"
    yield from _rows(
        tuple((f"wan {name}", f"{says}; see wan-{name}(1)") for name, says in COMMANDS.items())
    )
    yield ".SH OPTIONS"
    yield from _rows(OPTIONS)
    for topic in TOPICS:
        yield f".SH {SECTIONS[topic]}"
        yield from _blocks(BLOCKS[topic])
    yield from _see_also([f"wan-{name}" for name in COMMANDS])


def _command(name: str, parser: Any) -> Iterator[str]:
    yield from _head(f"wan-{name}", COMMANDS[name])
    page = page_of(name, parser)
    yield from (".SH SYNOPSIS", f".B {_safe(page.usage)}", ".SH DESCRIPTION", _safe(page.says))
    inner = getattr(parser, "commands", {})
    if inner:
        own = [(title, rows) for title, rows in page.groups if title != "Commands"]
        if len(parser.params) > 1:
            yield ".SH OPTIONS"
            yield from _groups(page._replace(groups=tuple(own)))
        for word, one in inner.items():
            page_within = page_of(f"{name} {word}", one)
            yield f".SH {_safe(f'wan {name} {word}'.upper())}"
            yield from (f".B {_safe(page_within.usage)}", ".PP", _safe(page_within.says))
            yield from _groups(page_within)
            yield ".SS Examples"
            yield from _rows(page_within.examples)
    else:
        yield ".SH OPTIONS"
        yield from _groups(page)
    yield ".SH EXAMPLES"
    yield from _rows(page.examples)
    yield ".SH EXIT STATUS"
    yield from _rows(tuple((str(code), says) for code, says in page.codes.items()))
    yield from _see_also(["wan"])


def _head(name: str, says: str) -> Iterator[str]:
    yield r".\" Written by `make man`: change the commands, or wan_cli/topics.py, instead."
    yield f'.TH {_safe(name.upper())} 1 "" "wan {__version__}" "wan"'
    # Do not hyphenate names of commands and options, and do not justify lines.
    yield from (".nh", ".ad l", ".SH NAME", f"{_safe(name)} \\- {_safe(says)}")


def _groups(page: Page) -> Iterator[str]:
    for title, rows in page.groups:
        yield f".SS {_safe(title)}"
        yield from _rows(rows)


def _rows(rows: Rows) -> Iterator[str]:
    for term, says in rows:
        yield from (".TP", f".B {_safe(term.strip())}", _safe(says))


def _paragraphs(texts: tuple[str, ...]) -> Iterator[str]:
    for text in texts:
        yield from (".PP", _safe(text))


def _blocks(blocks: tuple[Block, ...]) -> Iterator[str]:
    for place, block in enumerate(blocks):
        if isinstance(block, Table):
            # The section's own title is the title of its first table.
            yield from [] if place == 0 else [f".SS {_safe(block.title)}"]
            yield from _rows(block.rows)
        elif isinstance(block, Lines):
            yield from (f".SS {_safe(block.title)}", ".EX", *map(_safe, block.lines), ".EE")
        else:
            yield from _paragraphs((block,))


def _see_also(names: list[str]) -> Iterator[str]:
    yield ".SH SEE ALSO"
    yield from [f".BR {_safe(name)} (1){',' * (name != names[-1])}" for name in names]


def _safe(text: str) -> str:
    """Escape a text so that roff prints it unchanged, with plain dashes and no requests."""
    safe = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "\\&...")
    safe = safe.replace('"', "\\(dq").replace("'", "\\(aq").replace("~", "\\(ti")
    return f"\\&{safe}" if safe.startswith(".") else safe


def main() -> None:
    """Write all man pages, and remove the pages of removed commands."""
    written = pages()
    for file in FOLDER.glob("*.1"):
        if file.name not in written:
            file.unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
