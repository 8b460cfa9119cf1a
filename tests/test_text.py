"""Outside text made harmless, and file names."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wan_cli.errors import UsageError
from wan_cli.secrets import without_passwords
from wan_cli.text import (
    NAME_FIELDS,
    check_encodable,
    check_name_template,
    clean,
    decode_utf8,
    file_name,
    hide_queries,
    id8,
    one_line,
    slug,
)

ANY = st.text(st.characters(exclude_categories=[]))


@given(ANY, st.integers(1, 50))
def test_clean_text_moves_no_cursor_and_is_limited(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    assert len(cleaned) <= limit
    cleaned.encode("utf-8")
    assert not [c for c in cleaned if unicodedata.category(c) == "Cc" and c not in "\t\n"]
    assert not [c for c in cleaned if unicodedata.bidirectional(c) in ("RLO", "LRO", "RLI", "PDF")]
    assert clean(cleaned, limit) == cleaned


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=300))
def test_harmless_text_stays_unchanged(text: str) -> None:
    assert clean(text) == text


@given(ANY)
def test_a_line_is_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1
    assert one_line(one_line(text)) == one_line(text)


@given(ANY)
def test_a_slug_is_a_name_on_every_system(prompt: str) -> None:
    word = slug(prompt)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", word)
    assert len(word.encode()) <= 60 + len("video-")
    assert not re.fullmatch(r"con|prn|aux|nul|(com|lpt)[0-9]", word)


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("A red fox!", "a-red-fox"),
        ("Ærø Café ﬁlm", "r-cafe-film"),
        ("猫", "video"),
        ("CON", "video-con"),
        ("../../etc/passwd", "etc-passwd"),
        ("x" * 100, "x" * 60),
        ("a" * 50 + " " + "b" * 50, "a" * 50),
    ],
)
def test_slugs(prompt: str, wanted: str) -> None:
    assert slug(prompt) == wanted


@given(st.text(min_size=1))
def test_eight_letters_or_digits_abbreviate_any_id(generation_id: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9]{8}", id8(generation_id))


def test_dashes_of_an_id_are_left_out() -> None:
    assert id8("-G3b3-_vVKdoC42fMNeK1T5") == "G3b3vVKd"


@given(
    st.text(st.sampled_from("ab.{}/ -\x00\n猫") | st.characters(), max_size=30),
    st.fixed_dictionaries(dict.fromkeys(sorted(NAME_FIELDS), ANY)),
)
def test_a_template_makes_a_name_or_is_refused(template: str, values: dict[str, str]) -> None:
    try:
        check_name_template(template)
    except UsageError:
        return
    name = file_name(template, values).rpartition("/")[2]
    assert name.endswith(".mp4")
    assert len(name.encode("utf-8")) <= 204
    assert name[0] not in ". "
    assert name.isprintable() or not template.isprintable()


def test_values_bring_no_folders_into_a_name() -> None:
    assert file_name("{slug}-{id}", {"slug": "a", "id": "../b/c"}) == "a-..-b-c.mp4"
    assert file_name("{date}/{slug}.mp4", {"slug": "nul", "date": "d"}) == "d/video-nul.mp4"


@given(st.binary(max_size=20), st.binary(max_size=5))
@example(b"\xef\xbb\xbf", b"\x80")
def test_bytes_are_text_or_have_an_offset(good: bytes, more: bytes) -> None:
    data = good + more
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as cause:
        with pytest.raises(UsageError, match=f"offset {cause.start}$"):
            decode_utf8(data, "stdin")
        with pytest.raises(UsageError, match=f"offset {cause.start}$"):
            check_encodable(data.decode("utf-8", "surrogateescape"), "the prompt")
    else:
        assert decode_utf8(data, "stdin") == data.decode("utf-8-sig")


def test_a_byte_order_mark_is_not_text() -> None:
    assert decode_utf8(b"\xef\xbb\xbfa fox", "stdin") == "a fox"


def test_queries_of_urls_are_hidden() -> None:
    said = hide_queries("see https://x.example/v.mp4?Expires=1&Signature=abc and http://y/?z")
    assert said == "see https://x.example/v.mp4?… and http://y/?…"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db.example.com:5432/wan",
        "postgresql://db.example.com:5432: connection refused",
        "postgresql://wan@a.example:5433,b.example:5433/wan?sslmode=require",
        "postgresql://wan@[::1]:5432/wan",
        "postgresql://:5432/",
        "see wan status @KEY",
    ],
)
def test_a_url_without_a_password_stays_in_a_message(url: str) -> None:
    assert without_passwords(f"cannot connect to {url}") == f"cannot connect to {url}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://wan:pass@db:5432/wan", "postgresql://wan:***@db:5432/wan"),
        ("postgres://wan:1234@db/wan", "postgres://wan:***@db/wan"),
        ("postgresql://wan:1:2@db/wan", "postgresql://wan:***@db/wan"),
        ("postgresql://:p/a?s s@x@db/wan", "postgresql://:***@db/wan"),
        ("postgresql://wan:1234pass…", "postgresql://wan:***"),
        ("postgresql://db/wan?password=p&x=y", "postgresql://db/wan?password=***&x=y"),
    ],
)
def test_the_password_of_a_url_is_hidden_in_a_message(url: str, shown: str) -> None:
    assert without_passwords(f"no {url} there") == f"no {shown} there"
