"""Choose the format of a batch file, by `--format` or by its suffix."""

import json
from pathlib import PurePath

from wan_cli.errors import UsageError
from wan_cli.filetypes import STDIN, Source, by_suffix
from wan_cli.text import one_line

JSON_LINES, JSON, CSV, TSV, TEXT = FORMATS = ("jsonl", "json", "csv", "tsv", "text")
_SUFFIXES = {
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".json": JSON,
    ".csv": CSV,
    ".tsv": TSV,
    ".tab": TSV,
    ".txt": TEXT,
    "": TEXT,
    ".": TEXT,
}


def format_of(word: str | None, source: Source, text: str) -> str:
    """Return the format that the user named, else the format of the file's suffix.

    wan recognises JSON Lines on stdin and in a file without suffix, which may be a pipe too.

    Raises:
        UsageError: there is no such format, or the suffix does not belong to a list of prompts.
    """
    if word is not None:
        if word in FORMATS:
            return word
        raise UsageError(
            f"--format: {one_line(word, 40)!r} is not one of: {', '.join(FORMATS)}",
            hint="wan batch --help",
        )
    suffix = "" if source.file == STDIN else PurePath(source.file).suffix.lower()
    form = _SUFFIXES.get(suffix)
    if form is None:
        raise _unknown(suffix, source)
    return JSON_LINES if suffix == "" and _is_json_lines(text) else form


def _unknown(suffix: str, source: Source) -> UsageError:
    kind = by_suffix(suffix)
    if kind:
        return UsageError(
            f"{source.name} is {kind.what} ({one_line(suffix, 40)}), not a list of prompts",
            hint=kind.hint(source),
        )
    return UsageError(
        f"{source.name}: wan does not know the format of files that end in {one_line(suffix, 40)}",
        hint=f"if each line is a prompt: {source.command(options='--format text')};"
        f" other formats: {', '.join(FORMATS[:-1])}",
    )


def _is_json_lines(text: str) -> bool:
    """Whether the first line that is not blank is an object of JSON."""
    start = text.lstrip("\ufeff \t\r\n")
    if not start.startswith("{"):
        return False
    try:
        return isinstance(json.loads(start.partition("\n")[0]), dict)
    except (ValueError, RecursionError):
        return False
