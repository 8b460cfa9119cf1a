"""Keys, labels and services: equal on every machine, and different where they must be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_cli.account import LogRow
from wan_cli.core.lookup import Found
from wan_cli.identity import (
    BatchName,
    Keys,
    Label,
    is_once_key,
    label_base,
    old_key,
    once_key,
    service_of,
)

HERE = BatchName("https://api.test", "prompts.txt")
texts = st.text(max_size=30)


@pytest.mark.parametrize(
    "written",
    [
        "https://api.test",
        "HTTPS://API.test",
        "https://api.test/",
        "https://api.test:443",
        "https://api.test:443//",
        "https://api.test/v1",
        "https://api.test/v2/",
        "https://API.TEST:443/v1/",
    ],
)
def test_all_spellings_of_a_url_are_the_same_service(written: str) -> None:
    assert service_of(written) == "https://api.test"


@pytest.mark.parametrize(
    ("written", "service"),
    [
        ("http://127.0.0.1:8900/v2", "http://127.0.0.1:8900"),
        ("http://LOCALHOST:80", "http://localhost"),
        ("http://[::1]:8900/", "http://[::1]:8900"),
        ("https://api.test:8443", "https://api.test:8443"),
        ("https://api.test/proxy/v1", "https://api.test/proxy"),
        ("https://api.test/v3", "https://api.test/v3"),
        ("https://api.test/dev1", "https://api.test/dev1"),
    ],
)
def test_the_distinguishing_parts_of_a_url_are_kept(written: str, service: str) -> None:
    assert service_of(written) == service
    assert service_of(service) == service


@given(
    st.lists(st.tuples(texts, texts, texts, st.integers(1, 3)), min_size=2, max_size=2, unique=True)
)
def test_different_rows_have_different_keys(rows: list[tuple[str, str, str, int]]) -> None:
    keys = {BatchName(service, name).keys(body, nth).first for service, name, body, nth in rows}
    assert len(keys) == 2


def test_a_link_also_has_the_keys_of_its_file() -> None:
    link = HERE._replace(name="latest.txt", target="prompts.txt")
    assert link.keys("{}", 1).other == HERE.keys("{}", 1).first
    assert link.keys("{}", 1).first == HERE._replace(name="latest.txt").keys("{}", 1).first


def test_a_key_of_once_overrides_the_key_of_the_row_and_still_finds_the_row() -> None:
    row = HERE.keys("{}", 1)
    assert HERE.keys("{}", 1, "build-7") == Keys(once_key("https://api.test", "build-7"), row.first)


def test_keys_and_labels_never_change() -> None:
    # Another version on another machine must compute the same values.
    row = HERE.keys('{"prompt":"a fox"}', 1).first
    assert row == "44b6858a2714ff18f9b27ed96d770d7c"
    assert once_key("https://api.test", "build-7") == "04be9b9d50364acba5d5953e69adac7d"
    assert label_base(row, '{"prompt":"a fox"}') == "wan-3564fbb775951cad7f35e8bae32bbbde"


def test_the_keys_of_older_histories_never_change() -> None:
    # Computed by the version that introduced them.
    assert old_key("http://127.0.0.1:1", "/home/me/prompts.txt", '{"prompt":"a fox"}', 2) == (
        "0a0a62193bd88c1d6b1f84f766732982"
    )


@given(texts, texts)
def test_the_api_accepts_every_label(key: str, body: str) -> None:
    label = Label(label_base(key, body), 1)
    assert str(label).startswith("wan-")
    assert len(str(label)) == 38
    assert Label.of(str(label)) == label
    assert Label.of(str(label.next)) == Label(label.base, 2)


@given(st.text(max_size=60))
def test_any_text_of_a_log_can_be_read_as_a_label(text: str) -> None:
    label = Label.of(text)
    assert label.attempt == 0 or str(label) == text or text.rpartition(".")[2].startswith("0")


@pytest.mark.parametrize("key", ["a", "build-7", "x" * 200, "Ключ 7", "a key"])
def test_a_key_may_be_any_printable_text(key: str) -> None:
    assert is_once_key(key)


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a\nb", "a\x00", "\x1b[0m", 7, None])
def test_a_key_must_be_printable(key: object) -> None:
    assert not is_once_key(key)


def row(attempt: int, id: str, *, succeeded: bool) -> LogRow:  # noqa: A002
    return LogRow(id, f"wan-x.{attempt}", "", succeeded, None)


def test_the_first_success_and_the_last_attempt_of_a_log_count() -> None:
    found = Found()
    for each in (row(3, "c", succeeded=True), row(2, "b", succeeded=True)):
        found = found.with_row(each)
    found = found.with_row(row(1, "a", succeeded=False))
    assert (found.row and found.row.id, found.attempts, found.paid) == ("b", 3, 2)
