"""The two forms of a result: text for people, fields for programs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_table import record
from wan_cli.errors import OutcomeUnknown
from wan_cli.generation import Status
from wan_cli.listing import Spent
from wan_cli.output.faces import (
    compact,
    error_json,
    money,
    path_or_id,
    record_json,
    seconds,
    state_line,
    total_line,
)


@pytest.mark.parametrize(
    ("duration_s", "words"),
    [
        (-5, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (205, "3 min 25 s"),
        (3600, "1 h 0 min"),
        (90_000, "1 d"),
    ],
)
def test_durations(duration_s: float, words: str) -> None:
    assert seconds(duration_s) == words


@pytest.mark.parametrize(
    ("usd", "words"),
    [(None, ""), (0, "$0.00"), (1.575, "$1.58"), (0.005, "$0.01"), (1e3, "$1000.00")],
)
def test_amounts_are_rounded_half_up(usd: float | None, words: str) -> None:
    assert money(usd) == words


def test_totals_know_the_singular() -> None:
    assert total_line(Spent(1, 3_150_000, 1.575)) == "1 generation, $1.58 spent"
    assert total_line(Spent(0, 0, 0.0)) == "0 generations, $0.00 spent"


def test_a_record_has_only_known_fields() -> None:
    data = record_json(record("a fox"))
    assert data["id"] == "-G3b3vVKdoC42fMNeK1T5"
    assert data["created_at"] == "2027-01-15T07:56:40.000Z"
    assert (data["cost_usd"], data["exit_code"]) == (1.575, 0)
    assert data.keys().isdisjoint({"file", "error", "video_url", "bytes"})


def test_an_error_has_a_code_a_message_and_a_hint() -> None:
    error = OutcomeUnknown("it is unknown", hint="wan recover")
    wanted = {"code": "outcome_unknown", "message": "it is unknown", "hint": "wan recover"}
    assert error_json(error) == {"error": wanted, "exit_code": 10}
    data = record_json(record("a fox", status=Status.UNKNOWN), error)
    assert (data["error"], data["exit_code"]) == (wanted, 10)


def test_the_error_of_an_earlier_command_is_printed_again() -> None:
    failed = record(
        "a fox",
        status=Status.ERROR,
        error_code="generation_failed",
        error_message="no",
        error_hint="wan list",
        exit_code=9,
    )
    assert record_json(failed)["exit_code"] == 9
    assert state_line(failed).endswith("  $1.58  no")


def test_the_file_is_printed_before_the_id() -> None:
    assert path_or_id(record("a fox", file="/v/fox.mp4")) == "/v/fox.mp4"
    assert path_or_id(record("a fox")) == "-G3b3vVKdoC42fMNeK1T5"
    assert path_or_id(record("a fox", id=None)) == "wan-1"


@given(st.text(st.characters(exclude_categories=[])))
def test_json_is_one_line_of_plain_ascii(text: str) -> None:
    line = compact({"prompt": text})
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == {"prompt": text}
