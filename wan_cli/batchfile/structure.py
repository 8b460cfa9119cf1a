"""Recognise text that is not a list of prompts: JSON, a table, YAML, markup, subtitles … Pure.

Otherwise the user would pay for each line of such a text. Accept prompts in natural language: a
poem with a comma in every line, `Title: a fox`, speech after a dash, quotes, numbers, any script.
`--format text` turns off the checks in `_LIKELY`, but not those in `_CERTAIN`.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from wan_cli.batchfile.records import is_comment, lines_of
from wan_cli.batchfile.row import COLUMNS as COLUMN_NAMES
from wan_cli.batchfile.table import column_names
from wan_cli.errors import UsageError
from wan_cli.filetypes import Source
from wan_cli.models import FIELD_NAMES
from wan_cli.text import one_line

COLUMNS = frozenset(COLUMN_NAMES)
_OTHER = "put each prompt on a line of its own, and nothing else"
_ROWS = "write the rows as JSON Lines or CSV: wan batch --help"


class Line(NamedTuple):
    """A line that would be a prompt, with its number in the file."""

    number: int
    text: str


class Structure(NamedTuple):
    """The kind of a text, the line that shows it, and the format that reads it, if there is one."""

    what: str
    line: Line
    form: str = ""
    hint: str = _OTHER


Lines = Sequence[Line]
Recognise = Callable[[Lines], Structure | None]


def refuse_structure(text: str, source: Source, *, is_sure: bool) -> None:
    """Refuse text that is not a list of prompts, one per line.

    Args:
        text: the whole file.
        source: where it comes from, for messages.
        is_sure: the user said that each line is a prompt.

    Raises:
        UsageError: the text has the structure of something else.
    """
    lines = [
        Line(number, line)
        for number, line in enumerate(lines_of(text), 1)
        if line.strip() and (not is_comment(line) or (number == 1 and line.startswith("#!")))
    ]
    for recognise in _CERTAIN if is_sure else (*_CERTAIN, *_LIKELY):
        found = recognise(lines) if lines else None
        if found:
            raise UsageError(
                f"{source.name}:{found.line.number}: looks like {found.what}, not like one prompt"
                f" per line: {one_line(found.line.text, 60)}",
                hint=_hint(found, source, can_insist=recognise in _LIKELY),
            )


def _hint(found: Structure, source: Source, *, can_insist: bool) -> str:
    ways = [source.command(options=f"--format {found.form}") if found.form else found.hint]
    if can_insist:
        ways.append(f"if each line is a prompt: {source.command(options='--format text')}")
    return "; ".join(ways)


# Structures that no list of prompts has.


def _json(lines: Lines) -> Structure | None:
    """A JSON document, or objects of JSON on lines."""
    first, text = lines[0], "\n".join(line.text for line in lines)
    if re.match(r"\s*(?:[\[{]\s*$|\{\s*\"|\[\s*[\[{\"])", first.text) or _is_json(text):
        if _is_object(first.text):
            return Structure("JSON Lines", first, "jsonl")
        return Structure("JSON", first, "json")
    inside = next((line for line in lines if _is_object(line.text)), None)
    return inside and Structure("JSON", inside, "", "name it .jsonl, and leave out other lines")


def _is_object(text: str) -> bool:
    return _is_json(text) and text.lstrip()[0] == "{"


def _is_json(text: str) -> bool:
    if not re.match(r"\s*[\[{]", text):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _header(lines: Lines) -> Structure | None:
    """A first line that names columns."""
    first = lines[0]
    for sign in ",;\t|":
        cells = [cell.strip(" \"'") for cell in first.text.split(sign)]
        names = column_names(cells)
        if names in (["prompt"], ["prompts"]) or (len(names) > 1 and _are_columns(names)):
            form = _FORMS[sign] if "prompt" in names and COLUMNS.issuperset(names) else ""
            hint = f"remove that line, or name the columns as wan does: {', '.join(COLUMN_NAMES)}"
            return Structure("a line of column names", first, form, hint)
    return None


_FORMS = {",": "csv", ";": "csv", "\t": "tsv", "|": ""}
_OTHER_COLUMNS = {
    *("id", "nr", "number", "title", "scene", "shot", "text", "description", "caption", "length"),
    *("seconds", "size", "format", "ratio", "status", "date", "file", "filename", "url", "link"),
    *("notes", "note", "comment", "comments", "category", "style", "prompts"),
}


def _are_columns(names: Sequence[str]) -> bool:
    if len({*names}) < len(names):
        return False
    if "prompt" in names:
        return all(name and len(name) <= 30 and name.count("_") <= 3 for name in names)
    return all(name in COLUMNS or name in _OTHER_COLUMNS for name in names)


_KEYS = "|".join(FIELD_NAMES)
_PAIR = re.compile(
    rf"\s*(?:- )?[\"']?(?:prompts?[\"']?\s*[:=]|(?:{_KEYS})[\"']?\s*[:=]\s*\S+\s*$)", re.IGNORECASE
)


def _pairs(lines: Lines) -> Structure | None:
    """Fields with their values, as in YAML and settings files."""
    line = next((line for line in lines if _PAIR.match(line.text)), None)
    return line and Structure("a field with its value (YAML, or settings)", line, "", _ROWS)


_MARKUP = re.compile(
    r"\s*(?:<\?xml|<!DOCTYPE|<!--|<html|<svg|```|~~~|\\(?:documentclass|begin|section)\b"
    r"|\|.*\|\s*$|.*</[A-Za-z][\w:.-]*>\s*$|:?-{3,}.*\|)",
    re.IGNORECASE,
)


def _markup(lines: Lines) -> Structure | None:
    line = next((line for line in lines if _MARKUP.match(line.text)), None)
    return line and Structure("markup, or a table of Markdown", line)


_CUE = re.compile(r"\s*(?:WEBVTT\b|\[Script Info\]|Dialogue: \d|[\d:,.]+ +-->)")


def _subtitles(lines: Lines) -> Structure | None:
    line = next((line for line in lines if _CUE.match(line.text)), None)
    return line and Structure("a cue of subtitles", line)


_COMMAND = re.compile(r"#!|\$?\s*wan (?:generate|batch)\b")


def _program(lines: Lines) -> Structure | None:
    line = next((line for line in lines if _COMMAND.match(line.text)), None)
    return line and Structure("a program", line)


_SECTION = re.compile(r"\[\[?[\w .-]+\]?\]\s*$")
_SETTING = re.compile(r"\s*[\w.-]+\s*=")


def _settings(lines: Lines) -> Structure | None:
    """Sections and settings, as in TOML and INI."""
    section = next((line for line in lines if _SECTION.match(line.text)), None)
    is_set = section and any(_SETTING.match(line.text) for line in lines)
    return Structure("a section of settings", section) if section and is_set else None


_PUNCTUATION = re.compile(r"[\s!-/:-@\[-`{-~]+")


def _punctuation(lines: Lines) -> Structure | None:
    """A line without any letter, number or picture."""
    line = next((line for line in lines if _PUNCTUATION.fullmatch(line.text)), None)
    hint = "remove that line, or put # before it"
    return line and Structure("a line of punctuation", line, "", hint)


# Structures that a list of prompts might have: `--format text` accepts them.


_BULLET = re.compile(r"\s*(?:[-*+•‣◦▪>]|- \[.\])\s")


def _bullets(lines: Lines) -> Structure | None:
    """A list of Markdown or YAML: each line has a bullet, or is a heading that ends in a colon."""
    bullets = [line for line in lines if _BULLET.match(line.text)]
    others = [line for line in lines if not _BULLET.match(line.text)]
    if not bullets or not all(line.text.rstrip().endswith(":") for line in others):
        return None
    hint = "remove the bullets, for example with: sed -E 's/^[[:space:]]*[-*+] +//'"
    return Structure("a list with bullets (Markdown or YAML)", bullets[0], "", hint)


def _tabs(lines: Lines) -> Structure | None:
    """A table from a spreadsheet: most lines have a tab between their words."""
    with_tab = [line for line in lines if "\t" in line.text.strip()]
    if not with_tab or 2 * len(with_tab) < len(lines):
        return None
    hint = "name the columns in a first line (prompt, duration …), then: --format tsv"
    return Structure("a table with tabs", with_tab[0], "", hint)


_KEY = re.compile(r"\s*(?:- )?[a-z_][a-z0-9_-]*:(?:\s+(.*\S))?\s*")


def _mapping(lines: Lines) -> Structure | None:
    """Keys with values, some of them empty or numbers: YAML with any names."""
    keys = [_KEY.fullmatch(line.text) for line in lines]
    values = [key[1] for key in keys if key]
    if len(values) < max(2, len(lines)):
        return None
    if not any(value is None or _VALUE.fullmatch(value) for value in values):
        return None
    return Structure("keys with values (YAML, or settings)", lines[0], "", _ROWS)


_VALUE = re.compile(
    r'\s*"?(?:[+-]?\d+(?:[.,]\d+)?s?|\d+:\d+|\d{3,4}p|true|false|yes|no|\S+\.mp4|https?://\S+)"?\s*',
    re.IGNORECASE,
)


def _cells(lines: Lines) -> Structure | None:
    """A table: equally many separators in each line, none before a space; a column of values."""
    if len(lines) < 2:
        return None
    for sign in ",;|":
        rows = [line.text.split(sign) for line in lines]
        is_even = len({len(row) for row in rows}) == 1 < len(rows[0])
        if not is_even or any(cell[:1] == " " for row in rows for cell in row[1:]):
            continue
        columns = list(zip(*rows[1:], strict=True))
        if sign != "," or any(all(map(_VALUE.fullmatch, column)) for column in columns):
            hint = "name the columns in a first line (prompt, duration …), then: --format csv"
            return Structure("a table", lines[0], "", hint)
    return None


def _elements(lines: Lines) -> Structure | None:
    """Quoted texts, each with a comma: the inside of an array."""
    if len(lines) < 2 or not all(re.fullmatch(r'\s*".*",\s*', line.text) for line in lines[:-1]):
        return None
    hint = "put [ and ] around them, then: --format json"
    return Structure("a list of quoted texts", lines[0], "", hint)


_CERTAIN: tuple[Recognise, ...] = (
    _program,
    _settings,
    _json,
    _header,
    _subtitles,
    _markup,
    _pairs,
    _punctuation,
)
_LIKELY: tuple[Recognise, ...] = (_bullets, _mapping, _tabs, _cells, _elements)
