"""wan batch reads real files as their authors meant them, or refuses them with a helpful hint.

If wan refuses a file, the server gets no request. wan checks all rows of a file.
"""

import gzip
import io
import json
import shlex
import subprocess
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fake.api import FakeApi
from tests.fake.process import Wan

CURLY = "a “fox” in the snow — at dawn, close-up"
GERMAN = "ein Fuchs, müde; dann Schnee"


class Refused(NamedTuple):
    """A refusal of a file: a part of the error and a part of the hint."""

    words: str
    hint: str


def zipped(**members: str) -> bytes:
    """A zip file, as office programs write it; `__` stands for a slash in a name."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/"), text)
    return data.getvalue()


WORKBOOK = zipped(**{"[Content_Types].xml": "<Types/>", "xl__workbook.xml": "<workbook/>"})
WORKBOOK_OF_LIBREOFFICE = zipped(mimetype="application/vnd.oasis.opendocument.spreadsheet")
LIBREOFFICE = f'prompt,duration,seed\n"{CURLY}",5,\n"{GERMAN}",10,7\n'
EXCEL = f'Prompt;Duration;Seed\r\n{CURLY};5;\r\n"{GERMAN}";10,0;7\r\n'
UNICODE_TEXT = f"prompt\tduration\tseed\r\n{CURLY}\t5\t\r\n{GERMAN}\t10\t7\r\n"
SHEET = [CURLY, GERMAN]
OWN_LINES = "copy the prompts into a text file, each on a line of its own, then: wan batch "

# The name of a file, its bytes, and its prompts or the refusal.
FILES: dict[str, tuple[bytes, list[str] | Refused]] = {
    # The exports of three spreadsheet programs, in three encodings.
    "libreoffice.csv": (LIBREOFFICE.encode(), SHEET),
    "excel-utf-8.csv": (EXCEL.encode("utf-8-sig"), SHEET),
    "excel-windows.csv": (
        EXCEL.encode("windows-1252"),
        Refused(
            "not UTF-8: invalid byte 0x93", "iconv -f windows-1252 -t utf-8 excel-windows.csv "
        ),
    ),
    "excel-unicode.txt": (
        UNICODE_TEXT.encode("utf-16"),
        Refused("not UTF-8: invalid byte 0xff", "iconv -f UTF-16LE -t utf-8 excel-unicode.txt "),
    ),
    "google.tsv": (UNICODE_TEXT.encode(), SHEET),
    "old mac.csv": (EXCEL.replace("\r\n", "\r").encode(), SHEET),
    "sep.csv": (f"sep=;\r\n{EXCEL}".encode(), SHEET),
    "named-text.txt": (
        LIBREOFFICE.encode(),
        Refused(
            "named-text.txt:1: looks like a line of column names", "named-text.txt --format csv"
        ),
    ),
    # Workbooks, by any name.
    "clips.xlsx": (WORKBOOK, Refused("is a workbook", "save its sheet as CSV UTF-8")),
    "clips.ods": (WORKBOOK_OF_LIBREOFFICE, Refused("is a workbook", "wan batch clips.csv")),
    "workbook.csv": (WORKBOOK, Refused("is a workbook", "wan batch workbook-1.csv")),
    "packed.csv.gz": (
        gzip.compress(LIBREOFFICE.encode()),
        Refused(
            "is compressed (gzip)", "gunzip -c <packed.csv.gz >packed.csv && wan batch packed."
        ),
    ),
    # Files that programs write.
    "array.json": (b'[\n  {"prompt": "a fox", "duration": 5},\n  "a hen"\n]\n', ["a fox", "a hen"]),
    "one line.json": (b'["a fox","a hen"]', ["a fox", "a hen"]),
    "object.json": (b'{"clips": ["a fox"]}', Refused("not an array", "correct the file")),
    "lines.jsonl": (b'{"prompt": "a fox", "seed": 7}\n{"prompt": "a hen"}\n', ["a fox", "a hen"]),
    "lines.json": (b'{"prompt": "a fox"}\n{"prompt": "a hen"}\n', Refused("--format jsonl", "")),
    "list.yaml": (b"- prompt: a fox\n- prompt: a hen\n", Refused("is YAML", "to a JSON array")),
    "yaml.txt": (b"- prompt: a fox\n", Refused("a field with its value", "JSON Lines or CSV")),
    # Files that people write.
    "notes.md": (b"# Clips\n\n* a fox\n* a hen\n", Refused("is Markdown", OWN_LINES + "notes.txt")),
    "film.srt": (
        b"1\n00:00:01,000 --> 00:00:04,000\na fox\n",
        Refused("is a subtitle file", OWN_LINES + "film.txt"),
    ),
    "subtitles.txt": (b"1\n00:00:01,000 --> 00:00:04,000\na fox\n", Refused("a cue of", "a line")),
    "page.html": (b"<ul><li>a fox</li></ul>", Refused("is markup", OWN_LINES + "page.txt")),
    "letter.docx": (
        zipped(word__document="<w/>"),
        Refused("a word-processor document", "wan batch letter.txt"),
    ),
    "comments.txt": (
        b"# act one\na fox, in the snow\n\n# act two\n\\#1 hen of the yard\n",
        ["a fox, in the snow", "#1 hen of the yard"],
    ),
    "poem": (
        "Tyger, Tyger,\nburning bright,\n「夜」の森\n".encode(),
        ["Tyger, Tyger,", "burning bright,", "「夜」の森"],
    ),
    "empty.txt": (b"", Refused("empty.txt holds no prompt", "one prompt on each line")),
    "empty.json": (b"\n", Refused("empty.json holds no prompt", "")),
    "empty.csv": (b"", Refused("empty.csv holds no prompt", "")),
    "only-comments.txt": (b"# a fox\n\n", Refused("(1 comment line and 1 blank line", "")),
    "no-mark.txt": (
        "a fox\na hen\n".encode("utf-16-be"),
        Refused("is UTF-16BE, not UTF-8", "iconv -f UTF-16BE -t utf-8 no-mark.txt >"),
    ),
    "windows.csv": (
        b"prompt,output\r\na fox,clips\\fox.mp4\r\n",
        Refused(r"output: clips\fox.mp4 is a Windows path; write clips/fox.mp4", ""),
    ),
    "clip.mp4": (b"\0\0\0\x18ftypisom\0\0\2\0", Refused("is not text", "")),
    "other.dat": (
        b"a fox\na hen\n",
        Refused("files that end in .dat", "wan batch other.dat --format text"),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_as_its_author_meant_it_or_refused(
    wan: Wan, api: FakeApi, work: Path, name: str
) -> None:
    data, meant = FILES[name]
    (work / name).write_bytes(data)
    api.check_files = not name.endswith(".mp4")
    result = wan("batch", name, "--yes", "--no-wait")
    if isinstance(meant, list):
        assert (result.code, [post.body["prompt"] for post in api.posts]) == (0, meant), result.err
        return
    assert (result.code, result.out, api.posts) == (2, "", [])
    error, hint = result.err.splitlines()[-2:]
    assert error.startswith("error: ")
    assert meant.words in error
    assert hint.startswith("hint: ")
    assert meant.hint in hint


def test_the_rows_keep_their_other_fields(wan: Wan, api: FakeApi, work: Path) -> None:
    for name in ("libreoffice.csv", "excel-utf-8.csv", "google.tsv", "old mac.csv", "sep.csv"):
        (work / name).write_bytes(FILES[name][0])
        assert wan("batch", name, "--yes", "--no-wait").code == 0
        fields = [(post.body["duration"], post.body.get("seed")) for post in api.posts[-2:]]
        assert fields == [(5, None), (10, 7)]


@pytest.mark.parametrize(
    "name",
    ["excel-windows.csv", "no-mark.txt", "packed.csv.gz", "named-text.txt", "other.dat"],
)
def test_the_command_in_the_hint_works(wan: Wan, api: FakeApi, work: Path, name: str) -> None:
    (work / name).write_bytes(FILES[name][0])
    hint = wan("batch", name, "--yes").err.splitlines()[-1].removeprefix("hint: ")
    convert, _and, again = hint.partition(" && ") if " && " in hint else ("true", "", hint)
    subprocess.run(convert, shell=True, check=True, cwd=work)
    argv = shlex.split(again.removeprefix("if each line is a prompt: ").partition(";")[0])[1:]
    assert wan(*argv, "--yes", "--no-wait").code == 0
    prompts = [post.body["prompt"] for post in api.posts]
    assert prompts == (["a fox", "a hen"] if name in ("no-mark.txt", "other.dat") else SHEET)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("argv", [["batch", "-", "--yes"], ["generate"], ["generate", "-"]])
def test_stdin_in_utf_16_is_refused_with_the_command_for_the_pipe(
    wan: Wan, api: FakeApi, encoding: str, argv: list[str]
) -> None:
    result = wan(*argv, input="a fox\na hen\n".encode(encoding))
    assert (result.code, api.posts) == (2, [])
    name = "UTF-32LE" if "32" in encoding else "UTF-16BE" if "be" in encoding else "UTF-16LE"
    assert f"| iconv -f {name} -t utf-8 | wan {argv[0]} -" in result.err


def test_wan_reports_skipped_lines_unless_quiet(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "list.txt").write_text("# one\na fox\n\n# two\n\na hen\n")
    result = wan("batch", "list.txt", "--yes", "--no-wait")
    assert "list.txt: 2 comment lines and 2 blank lines skipped" in result.err.splitlines()
    assert "skipped" not in wan("batch", "list.txt", "--yes", "--no-wait", "-q").err
    assert len(api.posts) == 2


def test_json_lines_on_stdin_are_recognized_and_reported(wan: Wan, api: FakeApi) -> None:
    result = wan("batch", "-", "--yes", "--no-wait", input=b'{"prompt":"a fox"}\n')
    assert (result.code, [post.body["prompt"] for post in api.posts]) == (0, ["a fox"])
    assert "stdin is read as JSON Lines" in result.err


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b'[{"prompt": "a fox"}]', "json"),
        (b"prompt,seed\na fox,7\n", "csv"),
        (b"prompt\tseed\na fox\t7\n", "tsv"),
    ],
)
def test_stdin_takes_the_format_that_the_hint_names(
    wan: Wan, api: FakeApi, data: bytes, form: str
) -> None:
    refused = wan("batch", "-", "--yes", input=data)
    assert (refused.code, api.posts) == (2, [])
    assert f"hint: wan batch - --format {form}" in refused.err
    assert wan("batch", "-", "--format", form, "--yes", "--no-wait", input=data).code == 0
    assert [post.body["prompt"] for post in api.posts] == ["a fox"]


def test_format_overrides_the_suffix_but_not_the_content(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    (work / "list.md").write_text("a fox\na hen\n")
    assert wan("batch", "list.md", "--format", "text", "--yes", "--no-wait").code == 0
    assert len(api.posts) == 2
    (work / "array.txt").write_text('["a fox"]')
    for form in ("text", "jsonl", "csv", "tsv"):
        assert wan("batch", "array.txt", "--format", form, "--yes").code == 2
    assert len(api.posts) == 2
    assert wan("batch", "array.txt", "--format", "json", "--yes", "--no-wait").code == 0
    assert len(api.posts) == 3


def test_wan_prints_twenty_mistakes_and_counts_the_rest(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "bad.csv").write_text("prompt,duration\n" + "a fox,7\n" * 30_000)
    result = wan("batch", "bad.csv", "--yes")
    lines = result.err.splitlines()
    assert (result.code, api.posts, len(lines)) == (2, [], 23)
    assert lines[0] == "bad.csv:2: duration: '7' is not one of: 5, 10, 15"
    assert lines[19].startswith("bad.csv:21: ")
    assert lines[20:22] == ["and 29,980 more", "error: 30,000 rows of bad.csv cannot be used"]
    (told,) = wan("batch", "bad.csv", "--yes", "--json").json_lines
    assert "and 29,980 more" in told["error"]["message"]
    assert len(told["error"]["message"]) < 3000


def test_with_twenty_one_mistakes_wan_counts_one_more(wan: Wan, work: Path) -> None:
    (work / "bad.csv").write_text("prompt,duration\n" + "a fox,7\n" * 21)
    assert "and 1 more" in wan("batch", "bad.csv").err
    (work / "bad.csv").write_text("prompt,duration\n" + "a fox,7\n" * 20)
    result = wan("batch", "bad.csv")
    assert result.err.count("bad.csv:") == 20
    assert "more" not in result.err


@pytest.mark.parametrize(
    "prompt", ["—multi-shot", "--duration 5 a fox", "-", "notes.txt", "@notes.txt", "\u200b", "\0"]
)
def test_a_row_without_a_real_prompt_is_refused(
    wan: Wan, api: FakeApi, work: Path, prompt: str
) -> None:
    (work / "notes.txt").write_text("a fox")
    rows = [json.dumps({"prompt": each}) for each in ("a hen", prompt)]
    (work / "rows.json").write_text(f"[{rows[0]},\n{rows[1]}]")
    result = wan("batch", "rows.json", "--yes")
    assert (result.code, api.posts) == (2, [])
    assert "error: rows.json:2: the prompt " in result.err


def test_speech_and_words_that_are_not_file_names_are_prompts(
    wan: Wan, api: FakeApi, work: Path
) -> None:
    (work / "fox").mkdir()
    prompts = ["— Hello, said the fox", "—Hola —dijo", "notes.txt", "fox", "-5 °C, a lake"]
    (work / "rows.txt").write_text("\n".join(prompts))
    assert wan("batch", "rows.txt", "--yes", "--no-wait", "--concurrency", "1").code == 0
    assert [post.body["prompt"] for post in api.posts] == prompts


def test_the_key_of_a_row_is_checked_with_the_row(wan: Wan, api: FakeApi, work: Path) -> None:
    (work / "rows.csv").write_text(f"prompt,once\na fox,build-7\na hen,{'x' * 201}\n")
    result = wan("batch", "rows.csv", "--yes")
    assert (result.code, api.posts) == (2, [])
    assert "error: rows.csv:3: once: " in result.err
    (work / "rows.csv").write_text("prompt,once\na fox,build-7\na hen,\n")
    assert wan("batch", "rows.csv", "--yes", "--no-wait").code == 0
    assert len(api.posts) == 2
