"""Read the rows of JSON Lines, JSON and plain text. Pure."""

import json
from collections import Counter
from collections.abc import Iterator

from wan_cli.text import one_line

# A row's line, and its fields or its mistake.
Found = tuple[int, dict[str, object] | str]
Lines = Iterator[Found]
_COMMENT = "#"
_ESCAPED = "\\#"
_EXAMPLE = '{"prompt": "a fox in the snow"}'


def lines_of(text: str) -> list[str]:
    r"""Return the lines of a text: they end in \n, \r\n or, if there is no \n, in \r.

    No other Unicode separator ends a line: a prompt may contain it. Concatenated files have a
    byte order mark at the start of each part.
    """
    text = text.replace("\n\ufeff", "\n").replace("\r\ufeff", "\r")
    if "\n" not in text:
        return text.split("\r")
    return [line.removesuffix("\r") for line in text.split("\n")]


def is_comment(line: str) -> bool:
    """Whether a line of plain text is a comment."""
    return line.lstrip().startswith(_COMMENT)


def skipped(text: str) -> str:
    """Describe the lines that the reader of plain text skips; "" if there are none."""
    lines = lines_of(text)
    comments = sum(map(is_comment, lines))
    # The text after the last line's end is not a line.
    blank = sum(not line.strip() for line in lines) - (not lines[-1].strip())
    counts = [(comments, "comment line"), (blank, "blank line")]
    said = [f"{count:,} {what}{'s' * (count > 1)}" for count, what in counts if count]
    return " and ".join(said)


def text_rows(text: str) -> Lines:
    r"""Yield each line as a prompt, exactly; `\#` at its beginning means #."""
    for number, line in enumerate(lines_of(text), 1):
        if line.strip() and not is_comment(line):
            yield number, {"prompt": line[1:] if line.startswith(_ESCAPED) else line}


def json_lines(text: str) -> Lines:
    """Yield the object on each line."""
    start = text.lstrip()
    if start.startswith("["):
        yield 1, "a JSON array, not JSON Lines: rename it to .json, or add --format json"
        return
    if start.startswith(("{\n", "{\r")):
        yield 1, "JSON Lines need each object on one line; this one spans several"
        return
    for number, line in enumerate(lines_of(text), 1):
        if line.strip():
            yield number, _json_line(line)


def _json_line(line: str) -> dict[str, object] | str:
    try:
        return _row(_DECODER.decode(line))
    except (ValueError, RecursionError) as cause:
        return _not_json(cause)


def json_array(text: str) -> Lines:
    """Yield the objects and texts of an array, each with the line where it begins."""
    start = _after_space(text, 0)
    if text[start : start + 1] == "[":
        yield from _elements(text, start + 1)
    elif start < len(text):
        yield 1, _no_array(text)


def _elements(text: str, start: int) -> Lines:
    """Yield the elements of an array whose bracket is before `start`."""
    line, counted, at = 1, 0, _after_space(text, start)
    while text[at : at + 1] != "]":
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError) as cause:
            yield line, f"{_not_json(cause)}; the rest is not checked"
            return
        yield line, _row(value)
        at = _after_space(text, at)
        if text[at : at + 1] == ",":
            at = _after_space(text, at + 1)
        elif text[at : at + 1] != "]":
            yield line, "not JSON: a comma or ] is missing after this row"
            return
    rest = _after_space(text, at + 1)
    if rest < len(text):
        yield 1 + text.count("\n", 0, rest), "not JSON: there is text after the end of the array"


def _after_space(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\r", "\n"):
        at += 1
    return at


def _no_array(text: str) -> str:
    """Describe a JSON file that is not an array."""
    first = next((line for line in lines_of(text) if line.strip()), "")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as cause:
        if isinstance(_json_line(first), dict):
            return "an object on each line is JSON Lines: add --format jsonl"
        return _not_json(cause)
    if not isinstance(value, dict):
        return f"not an array of rows: [{_EXAMPLE}]"
    inner = next((key for key, rows in value.items() if isinstance(rows, list)), None)
    if inner is None or "prompt" in value:
        return f"an object, not an array: put [ ] around it, such as [{_EXAMPLE}]"
    return f"an object, not an array: keep only the array in {one_line(inner, 40)!r}"


def _not_json(cause: Exception) -> str:
    return f"not JSON: {one_line(str(cause), 120)}"


def _row(value: object) -> dict[str, object] | str:
    """Return a row's fields; a plain text is its prompt."""
    if isinstance(value, str):
        return {"prompt": value}
    return value if isinstance(value, dict) else f"not an object: {_EXAMPLE}"


def _fields(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = Counter(name for name, _ in pairs)
    twice = next((name for name, times in names.items() if times > 1), None)
    if twice is not None:
        raise ValueError(f"duplicate field {one_line(twice, 60)!r}")
    return dict(pairs)


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is not valid JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_fields, parse_constant=_no_number)
