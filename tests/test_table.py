"""The table of the history, at any width and with any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_cli.generation import Status
from wan_cli.output.table import fitted, history_table, width_of
from wan_cli.record import Record

NOW = 1_800_000_000.0
PROMPT = "a cat [wearing a hat] [/red] 猫 🦊 --x $HOME"


def record(prompt: str, **values: object) -> Record:
    known: dict[str, object] = {
        "ref": "wan-1",
        "client_request_id": "wan-1.1",
        "id": "-G3b3vVKdoC42fMNeK1T5",
        "status": Status.GENERATING,
        "request": {"prompt": prompt},
        "created_at": NOW - 200,
        "updated_at": NOW - 100,
        "base_url": "https://api.example",
        "key_fingerprint": "",
        "folder": "/tmp",
        "cost_usd": 1.575,
    }
    return Record(**(known | values))  # type: ignore[arg-type]


RECORDS = [record(PROMPT), record("猫" * 100, status=Status.ERROR, cost_usd=None, id=None)]


@pytest.mark.parametrize("width", [1, 5, 40, 69, 70, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = history_table(RECORDS, width, NOW)
    assert len(lines) == 2
    assert max(map(width_of, lines)) <= width


def test_a_narrow_table_keeps_what_names_the_generation() -> None:
    first, second = history_table(RECORDS, 40, NOW)
    assert first == "-G3b3vVK…  generating  a cat [wearing a…"
    assert second.startswith("wan-1      error       猫猫")
    assert second.endswith("…")


def test_a_wide_table_and_a_pipe_show_the_prompt_whole() -> None:
    for width in (200, None):
        line = history_table(RECORDS[:1], width, NOW)[0]
        assert line.startswith("-G3b3vVKdoC42fMNeK1T5  generating  3 min 20 s ago  ")
        assert line.endswith(f"$1.58  {PROMPT}")


def test_an_empty_history_is_no_line() -> None:
    assert history_table([], 40, NOW) == []


@given(st.text(st.characters(exclude_categories=[])), st.integers(1, 120))
def test_any_prompt_is_one_line_within_the_width(prompt: str, width: int) -> None:
    (line,) = history_table([record(prompt)], width, NOW)
    assert len(line.splitlines()) == 1
    assert width_of(line) <= width
    assert "\x1b" not in line


@given(st.text(max_size=50), st.integers(0, 60))
def test_fitted_text_fits_and_is_only_cut_where_it_must_be(text: str, width: int) -> None:
    cut = fitted(text, width)
    assert width_of(cut) <= width
    assert (cut == text) is (width_of(text) <= width)
