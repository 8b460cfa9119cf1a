"""wan refuses bytes that are not UTF-8, with the command that converts them."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_cli.encodings import decode
from wan_cli.errors import UsageError
from wan_cli.filetypes import Source

TEXTS = ["a fox\nin the snow\n", "a “fox” – café, déjà vu…\n", "Fuchs: müde, größer; 5 €\n"]
MIXED = [*TEXTS, "一只狐狸, in 雪\n 母鸡\n", "狐\n雪\n"]


def hint_of(data: bytes, file: str = "list.txt") -> str:
    with pytest.raises(UsageError) as caught:
        decode(data, Source(file, "wan batch"))
    return caught.value.hint


def converted(data: bytes, folder: Path) -> str:
    (folder / "list.txt").write_bytes(data)
    hint = hint_of(data)
    command, _and, again = hint.partition(" && ")
    subprocess.run(command, shell=True, check=True, cwd=folder)
    new = again.rpartition(" ")[2]
    return decode((folder / new).read_bytes(), Source(new, "wan batch"))


@pytest.mark.parametrize("text", MIXED)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_the_command_converts_utf_16_and_utf_32(tmp_path: Path, text: str, encoding: str) -> None:
    assert converted(text.encode(encoding), tmp_path) == text


@pytest.mark.parametrize("text", TEXTS[1:])
def test_the_command_converts_windows_text(tmp_path: Path, text: str) -> None:
    assert "iconv -f windows-1252 -t utf-8" in hint_of(text.encode("windows-1252"))
    assert converted(text.encode("windows-1252"), tmp_path) == text


def test_the_command_removes_a_stray_nul(tmp_path: Path) -> None:
    assert converted(b"a fox\0\nin the\0 snow\n", tmp_path) == "a fox\nin the snow\n"
    assert converted(b"a\0b", tmp_path) == "ab"
    assert converted(b"a\0bc", tmp_path) == "abc"


def test_a_damaged_byte_does_not_mean_another_encoding(tmp_path: Path) -> None:
    data = "déjà vu, a “fox” – ".encode() + b"\xe9 snow\n"
    assert hint_of(data).startswith("correct that byte, or drop the invalid bytes: iconv -c ")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("лиса в снегу", "windows-1251"),
        ("一只狐狸在雪中", "gb18030"),
        ("狐が雪の中を走る", "cp932"),
        ("눈 속의 여우", "cp949"),
    ],
)
def test_other_encodings_are_not_guessed_but_named(text: str, encoding: str) -> None:
    hint = hint_of(text.encode(encoding))
    assert hint.startswith("iconv -f ENCODING -t utf-8 list.txt >list-utf8.txt && wan batch ")
    assert encoding in hint


def test_in_a_pipe_the_command_comes_before_wan() -> None:
    hint = hint_of("a fox".encode("utf-16-le"), "-")
    assert hint.endswith("… | iconv -f UTF-16LE -t utf-8 | wan batch -")


# No file of another kind begins with a word.
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_text_in_utf_8_is_read_exactly(text: str) -> None:
    source = Source("list.txt", "wan batch")
    assert decode(f"a {text}".encode(), source) == f"a {text}"
    assert decode(f"a {text}".encode("utf-8-sig"), source) == f"a {text}"


@given(st.binary())
def test_any_bytes_give_text_without_nul_or_a_refusal_with_a_hint(data: bytes) -> None:
    try:
        text = decode(data, Source("list.txt", "wan batch"))
    except UsageError as refused:
        text = refused.hint
    assert text or not data.removeprefix(b"\xef\xbb\xbf")
    assert "\0" not in text
