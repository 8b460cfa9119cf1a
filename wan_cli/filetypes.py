"""Files that are not lists of prompts: the kinds, and the commands that convert them. Pure."""

import shlex
from pathlib import PurePath
from typing import NamedTuple

STDIN = "-"


class Source(NamedTuple):
    """Where text comes from.

    Args:
        file: the path as it was typed; `-` is stdin.
        reader: the command that reads it: `wan batch`, `wan generate --prompt-file`.
        options: what the user typed after the file, for hints that repeat the command.
    """

    file: str
    reader: str
    options: str = ""

    @property
    def name(self) -> str:
        """The name for messages."""
        return "stdin" if self.file == STDIN else self.file

    @property
    def quoted(self) -> str:
        """The file, quoted for a shell."""
        return shlex.quote(self.file)

    def command(self, file: str | None = None, options: str | None = None) -> str:
        """Return the command that reads a file, by default this one."""
        after = self.options if options is None else options
        return f"{self.reader} {shlex.quote(file or self.file)}{after and ' ' + after}"

    def beside(self, mark: str = "", suffix: str | None = None) -> str:
        """Return a name beside this file: `prompts-utf8.csv` for `prompts.csv`."""
        path = PurePath("prompts.txt" if self.file == STDIN else self.file)
        return str(path.with_name(path.stem + mark + (path.suffix if suffix is None else suffix)))

    def converted(self, program: str, new: str, *, takes: str = "<") -> str:
        """Return the command that converts the file with a program, and reads the result.

        `takes` comes before the file: `<` if the program reads only stdin.
        """
        if self.file == STDIN:
            return f"put {program} before wan in the pipe: … | {program} | {self.command()}"
        return f"{program} {takes}{self.quoted} >{shlex.quote(new)} && {self.command(new)}"


class FileType(NamedTuple):
    """A kind of file, and how to convert it to a file with suffix `becomes` that wan reads.

    `way` is the instruction, unless a `program` writes the text of the file to stdout.
    A text (`is_text`) may still be a single prompt, but not a list of prompts.
    """

    what: str
    way: str = ""
    becomes: str = ".txt"
    program: str = ""
    is_text: bool = False

    def hint(self, source: Source) -> str:
        """Return the instruction, with the command to type at the end."""
        suffix = PurePath(source.file).suffix.lower()
        if self.program:
            is_named = by_suffix(suffix) is self
            new = source.beside("", self.becomes) if is_named else source.beside("-plain")
            return source.converted(self.program, new)
        new = source.beside("-1" if suffix == self.becomes else "", self.becomes)
        return f"{self.way}, then: wan batch {shlex.quote(new)}"


_AS_CSV = "save its sheet as CSV UTF-8 in your spreadsheet program"
_LINES = "copy the prompts into a text file, each on a line of its own"
_ROWS = "write its entries as rows of a CSV file whose first line names the columns"
WORKBOOK = FileType("a workbook", _AS_CSV, ".csv")
DOCUMENT = FileType("a word-processor document", _LINES)
PDF = FileType("a PDF file", _LINES)
MARKDOWN = FileType("Markdown", _LINES, is_text=True)
MARKUP = FileType("markup", _LINES, is_text=True)
SUBTITLES = FileType("a subtitle file", _LINES, is_text=True)
SCRIPT = FileType("a program", _LINES, is_text=True)
YAML = FileType("YAML", "convert it to a JSON array of rows", ".json", is_text=True)
SETTINGS = FileType("a settings file", _ROWS, ".csv", is_text=True)
DATABASE = FileType("a database", "export the table as CSV", ".csv")
MEDIA = FileType("not text (an image, a sound or a video)", _LINES)
ARCHIVE = FileType("an archive", "unpack it", ".csv")
GZIP = FileType("compressed (gzip)", becomes="", program="gunzip -c")
BZIP2 = FileType("compressed (bzip2)", becomes="", program="bunzip2 -c")
XZ = FileType("compressed (xz)", becomes="", program="xz -dc")
ZSTD = FileType("compressed (zstd)", becomes="", program="zstd -dc")

_SUFFIXES = {
    WORKBOOK: ".xlsx .xlsm .xlsb .xltx .xls .ods .fods .numbers",
    DOCUMENT: ".docx .doc .odt .rtf .pages",
    PDF: ".pdf",
    MARKDOWN: ".md .markdown .mdx",
    MARKUP: ".html .htm .xhtml .xml .svg .rst .tex .adoc .org",
    SUBTITLES: ".srt .vtt .ass .ssa .sub .lrc",
    SCRIPT: ".py .ipynb .sh .bash .zsh .fish .ps1 .bat .js .mjs .ts .rb .pl .php .lua .sql",
    YAML: ".yaml .yml",
    SETTINGS: ".toml .ini .cfg .conf .env .properties .plist",
    DATABASE: ".db .sqlite .sqlite3 .parquet .feather .arrow .accdb .mdb",
    MEDIA: ".mp4 .mov .webm .mkv .avi .gif .png .jpg .jpeg .webp .heic .mp3 .wav .m4a",
    ARCHIVE: ".zip .7z .tar .tgz .rar",
    GZIP: ".gz",
    BZIP2: ".bz2",
    XZ: ".xz",
    ZSTD: ".zst",
}
_BY_SUFFIX = {suffix: kind for kind, all_of in _SUFFIXES.items() for suffix in all_of.split()}
# First bytes of files that no text begins with.
_BEGINNINGS = (
    (b"PK\x03\x04", ARCHIVE),
    (b"PK\x05\x06", ARCHIVE),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", DOCUMENT),
    (b"\x1f\x8b\x08", GZIP),
    (b"BZh", BZIP2),
    (b"\xfd7zXZ\x00", XZ),
    (b"\x28\xb5\x2f\xfd", ZSTD),
    (b"7z\xbc\xaf\x27\x1c", ARCHIVE),
    (b"Rar!\x1a\x07", ARCHIVE),
    (b"%PDF-", PDF),
    (b"{\\rtf", DOCUMENT),
    (b"SQLite format 3\x00", DATABASE),
    (b"PAR1\x15", DATABASE),
    (b"\x89PNG\r\n", MEDIA),
    (b"\xff\xd8\xff", MEDIA),
    (b"GIF87a", MEDIA),
    (b"GIF89a", MEDIA),
)
# Names inside the zip files of office programs, and inside old Microsoft files.
_INSIDE_ZIP = (
    (b"xl/workbook", WORKBOOK),
    (b"opendocument.spreadsheet", WORKBOOK),
    (b"word/document", DOCUMENT),
    (b"opendocument.text", DOCUMENT),
)
_WORKBOOK_OF_OLD = "Workbook".encode("utf-16-le")


def by_suffix(suffix: str) -> FileType | None:
    """Return the kind of file with this suffix (with its dot), or None for a list of prompts."""
    return _BY_SUFFIX.get(suffix.lower())


def by_content(data: bytes, suffix: str) -> FileType | None:
    """Return the kind of file that begins with these bytes, or None for text.

    The suffix identifies archives in which no name tells the office program.
    """
    if data[4:8] == b"ftyp" and data[0] == 0:
        return MEDIA
    kind = next((kind for begin, kind in _BEGINNINGS if data.startswith(begin)), None)
    if kind is BZIP2:
        # Text may begin with these letters too; in an archive, a block size and a number follow.
        return kind if data[4:10] == b"1AY&SY" else None
    if kind is DOCUMENT and _WORKBOOK_OF_OLD in data:
        return WORKBOOK
    if kind is ARCHIVE:
        inner = next((inner for word, inner in _INSIDE_ZIP if word in data), None)
        return inner or by_suffix(suffix) or kind
    return kind
