"""The table of the history, at any width and with any text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wan_cli.generation import Status
from wan_cli.output.listing import history_lines
from wan_cli.output.table import fitted, width_of
from wan_cli.record import Record

NOW = 1_800_000_000.0
PROMPT = "a cat [wearing a hat] [/red] 猫 🦊 --x $HOME"


def record(prompt: str, **values: object) -> Record:
    known: dict[str, object] = {
        "ref": "wan-1",
        "client_request_id": "wan-1.1",
        "id": "-G3b3vVKdoC42fMNeK1T5",
        "status": Status.GENERATING,
        "request": {"prompt": prompt, "resolution": "720p", "duration": 5},
        "created_at": NOW - 200,
        "updated_at": NOW - 100,
        "base_url": "https://api.example",
        "key_fingerprint": "",
        "folder": "/tmp",
        "cost_usd": 1.575,
    }
    return Record(**(known | values))  # type: ignore[arg-type]


RECORDS = [
    record(PROMPT, status=Status.COMPLETED, file="/tmp/a.mp4", finished_at=NOW - 75),
    record("猫" * 100, status=Status.ERROR, cost_usd=None, id=None),
]


def plain(word: str, _color: str | None) -> str:
    return word


def lines(records: list[Record], width: int | None) -> list[str]:
    return history_lines(records, NOW, width, plain)


@pytest.mark.parametrize("width", [1, 5, 40, 69, 70, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    found = lines(RECORDS, width)
    assert len(found) == 3
    assert max(map(width_of, found)) <= width


def test_a_narrow_table_keeps_the_id_and_the_name() -> None:
    heads, first, second = lines(RECORDS, 40)
    assert heads == "ID        STATE   NAME OR PROMPT"
    assert first == "-G3b3vVK  saved   a cat [wearing a hat]…"
    assert second.startswith("wan-1     failed  猫猫")
    assert second.endswith("…")


def test_a_wide_table_has_all_columns_and_the_whole_prompt() -> None:
    heads, first, _ = lines(RECORDS, 300)
    assert heads.split(maxsplit=6) == [
        "ID",
        "STATE",
        "AGE",
        "TOOK",
        "COST",
        "CLIP",
        "NAME OR PROMPT",
    ]
    assert re.split("  +", first) == [
        "-G3b3vVKdoC42fMNeK1T5",
        "saved",
        "3 min",
        "2 min 5 s",
        "$1.58",
        "720p 5 s",
        PROMPT,
    ]


def test_columns_go_one_by_one_so_that_the_prompt_can_be_read() -> None:
    heads = [lines(RECORDS, width)[0].replace(" OR ", "-").split() for width in range(120, 30, -1)]
    counts = [len(row) for row in heads]
    assert counts == sorted(counts, reverse=True)
    assert {*counts} == {7, 6, 5, 4, 3}


def test_a_pipe_gets_complete_rows_between_tabs() -> None:
    (line,) = lines(RECORDS[:1], None)
    assert line.split("\t") == [
        "-G3b3vVKdoC42fMNeK1T5",
        "saved",
        "2027-01-15T07:56:40.000Z",
        "2 min 5 s",
        "$1.58",
        "720p 5 s",
        "",
        PROMPT,
    ]


def test_on_a_terminal_a_name_replaces_the_prompt() -> None:
    named = [record(PROMPT, name="fox.mp4")]
    assert lines(named, 200)[1].endswith("  fox")
    assert lines(named, None)[0].split("\t")[-2:] == ["fox", PROMPT]


def test_a_ready_video_says_how_long_it_can_be_downloaded() -> None:
    def state(**values: object) -> str:
        return lines([record("x", status=Status.COMPLETED, **values)], None)[0].split("\t")[1]

    url = "https://cdn.example/a.mp4?Expires="
    assert state(video_url=f"{url}{NOW + 21.9 * 3600:.0f}") == "ready 21 h left"
    assert state(video_url=f"{url}{NOW + 3599:.0f}") == "ready 59 min left"
    assert state(video_url=f"{url}{NOW - 1:.0f}") == state(video_url=None) == "ready"


@pytest.mark.parametrize("status", Status)
def test_each_status_has_a_word(status: Status) -> None:
    words = {
        Status.CLAIMED: "unknown",
        Status.SENDING: "unknown",
        Status.ERROR: "failed",
        Status.COMPLETED: "ready",
    }
    line = lines([record("x", status=status)], None)[0]
    assert line.split("\t")[1] == words.get(status, str(status))


def test_missing_fields_show_the_defaults_of_the_server() -> None:
    bare = record("x", request={"prompt": "x", "model": "alibaba/wan-2-6-t2v"})
    assert "\t1080p 10 s\t" in lines([bare], None)[0]
    assert "\t\t\t" in lines([record("x", request={})], None)[0]


def test_color_never_replaces_words() -> None:
    def marked(word: str, color: str | None) -> str:
        return f"<{color}>{word}</>" if color else word

    for width in (None, 200):
        colored = history_lines(RECORDS, NOW, width, marked)
        assert [re.sub("<[^>]*>", "", line) for line in colored] == lines(RECORDS, width)
        assert "<31>failed</>" in colored[-1]


def test_an_empty_history_prints_no_line() -> None:
    assert lines([], 40) == []


@given(st.text(st.characters(exclude_categories=[])), st.integers(1, 120))
def test_any_prompt_is_one_line_within_the_width(prompt: str, width: int) -> None:
    _, line = lines([record(prompt)], width)
    assert len(line.splitlines()) <= 1
    assert width_of(line) <= width
    assert "\x1b" not in line


@given(st.text(st.characters(exclude_categories=[])), st.text(max_size=300))
def test_any_prompt_and_name_is_one_cell_of_a_row(prompt: str, name: str) -> None:
    (line,) = lines([record(prompt, name=name)], None)
    assert len(line.splitlines()) == 1
    assert line.count("\t") == 7


@given(st.text(max_size=50), st.integers(0, 60))
def test_fitted_text_fits_and_is_only_cut_where_it_must_be(text: str, width: int) -> None:
    cut = fitted(text, width)
    assert width_of(cut) <= width
    assert (cut == text) is (width_of(text) <= width)
