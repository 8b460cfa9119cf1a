"""Read prompts: one from exactly one source (the argument, stdin, a file), or a batch."""

import os
import re
import shlex
import stat
import sys
from pathlib import Path, PurePath

from wan_cli.encodings import decode
from wan_cli.errors import UsageError
from wan_cli.filetypes import MEDIA, STDIN, Source, by_suffix
from wan_cli.models import FIELD_NAMES, flag_of
from wan_cli.text import check_encodable, one_line

LIMIT_BYTES = 1 << 20
BATCH_LIMIT_BYTES = 1 << 26
_HINT = 'wan generate "a fox in the snow"'
# wan batch and --prompt-file read files with these suffixes.
_LIST_SUFFIXES = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".txt"})
_TEXT_SUFFIXES = _LIST_SUFFIXES | {".text", ".list", ".log"}
_PATH_MAX_CHARS = 1000
# The dashes that editors and phones write instead of a hyphen.
LONG_DASHES = "‐‑‒–—―−﹘﹣－"
_DASHES = f"-{LONG_DASHES}"
_OPTION = rf"[{_DASHES}]+([A-Za-z][A-Za-z0-9-]*(?:=\S*)?)?"
_SHORT_FORMS = ("--multi-shot", "--single-shot", "--model", "--output", "--no-wait", "--sandbox")
_OPTIONS = frozenset({*map(flag_of, FIELD_NAMES), *_SHORT_FORMS})


def read_prompt(argument: str | None, file: Path | None, *, is_literal: bool = False) -> str:
    """Return the prompt exactly; from a file or stdin, without the last line's end.

    Args:
        argument: the prompt as the user typed it; `-` is stdin.
        file: the file of --prompt-file.
        is_literal: the argument came after `--`, so it is a prompt, even `-`.

    Raises:
        UsageError: no source, two sources, a file that cannot be read, no text, or an argument
            that is the name of a file or begins with a dash.
    """
    if argument is not None and file is not None:
        raise UsageError(
            "there are two prompts: an argument and --prompt-file", hint="leave one of them out"
        )
    if file is not None:
        source = Source(str(file), "wan generate --prompt-file")
        return _read(source, LIMIT_BYTES).rstrip("\r\n")
    is_stdin = argument == STDIN and not is_literal
    if is_stdin or (argument is None and _stdin_is_piped()):
        return _read(Source(STDIN, "wan generate"), LIMIT_BYTES).rstrip("\r\n")
    if argument is None:
        raise UsageError("there is no prompt", hint=_HINT)
    prompt = check_encodable(argument, "the prompt")
    if not is_literal:
        refuse_dash(prompt)
        refuse_file(prompt)
    return prompt


def _stdin_is_piped() -> bool:
    """Whether stdin is a pipe or a file: not a terminal, not /dev/null, not closed."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (AttributeError, OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def read_batch(source: Source) -> str:
    """Return the text of a batch file, or of stdin.

    Raises:
        UsageError: the file cannot be read, is not text, or is too large.
    """
    return _read(source, BATCH_LIMIT_BYTES)


def _read(source: Source, limit_bytes: int) -> str:
    try:
        data = _bytes_of(source, limit_bytes + 1)
    except OSError as cause:
        reason = os.strerror(cause.errno) if cause.errno else str(cause)
        raise UsageError(
            f"cannot read {source.name}: {reason}", hint=f"{source.reader} FILE; - is stdin"
        ) from None
    if len(data) > limit_bytes:
        raise UsageError(
            f"{source.name} is larger than {limit_bytes >> 20} MiB",
            hint=f"split the file, then: {source.reader} FILE",
        )
    return decode(data, source)


def _bytes_of(source: Source, count: int) -> bytes:
    if source.file != STDIN:
        with Path(source.file).open("rb") as stream:
            return stream.read(count)
    if sys.stdin is None:
        raise UsageError("cannot read the prompt: stdin is closed", hint=_HINT)
    return sys.stdin.buffer.read(count)


def refuse_dash(prompt: str) -> None:
    """Refuse a prompt that looks like a mistyped option.

    Raises:
        UsageError: it begins with a dash.
    """
    word = prompt.strip()
    if word[:1] not in _DASHES or not word:
        return
    option = f"--{word.lstrip(_DASHES)}"
    is_option = option.partition("=")[0] in _OPTIONS
    meant = f"an option has two hyphens: {option}; " if is_option else ""
    raise UsageError(
        f"{one_line(word, 60)} begins with a dash, like an option, so it is not taken as a prompt",
        hint=f"{meant}for a prompt: {literal(prompt)}",
    )


def literal(prompt: str) -> str:
    """Return the command that takes any words as a prompt, whatever they look like."""
    return f"wan generate -- {shlex.quote(one_line(prompt, 200))}"


def refuse_file(prompt: str) -> None:
    """Refuse a prompt that is the name of a file.

    Raises:
        UsageError: the prompt names an existing file with text.
    """
    name = file_meant(prompt)
    if name is None:
        return
    suffix, quoted = PurePath(name).suffix.lower(), shlex.quote(name)
    kind = by_suffix(suffix)
    ways = [literal(prompt)]
    if kind is None or kind.is_text:
        ways.insert(0, f"wan generate --prompt-file {quoted}")
    if suffix in _LIST_SUFFIXES:
        ways.insert(0, f"wan batch {quoted}")
    elif kind and not kind.is_text and kind is not MEDIA:
        ways.insert(0, kind.hint(Source(name, "wan batch")))
    raise UsageError(
        f"{one_line(name, 200)} is a file, so its name is not taken as a prompt",
        hint=", or: ".join(ways),
    )


def file_meant(prompt: str) -> str | None:
    """Return the file that a prompt names by mistake, or None.

    A name with the suffix of a text file or an office document is enough. Any other single word
    must name an existing file with text: `fox` may be a prompt next to a video named `fox`.
    """
    name = prompt.strip().removeprefix("@")
    if not name or len(name) > _PATH_MAX_CHARS or not name.isprintable():
        return None
    suffix = PurePath(name).suffix.lower()
    is_text = suffix in _TEXT_SUFFIXES or by_suffix(suffix) is not None
    if not is_text and len(name.split()) > 1:
        return None
    try:
        path = Path(name).expanduser()
        if not path.is_file() or not (is_text or _holds_text(path)):
            return None
    except (OSError, RuntimeError, ValueError):
        return None
    return name


def _holds_text(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(4096)
    return bool(head) and b"\x00" not in head and not _is_binary(head)


def _is_binary(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as cause:
        return cause.end < len(head)
    return False


def option_meant(prompt: str) -> str | None:
    """Return the option that a row begins with by mistake, or None.

    A row may begin with a dash, as speech does: `— Hello, said the fox`. It is an option if it is
    a single word, or if its first word is an option of wan.
    """
    word, *rest = prompt.split(maxsplit=1) or [""]
    match = re.fullmatch(_OPTION, word)
    if match is None:
        return None
    name = f"--{(match[1] or '').partition('=')[0]}"
    return word if not rest or name in _OPTIONS else None
