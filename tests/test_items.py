"""The times of an item's polls, and the meaning of their answers. Pure: time is a number."""

import pytest

from wan_cli.core.items import PAUSE_CAP_MIN_S, PAUSE_MAX_S, Item, SharedExpectation, Step, pause_s
from wan_cli.generation import Status
from wan_cli.schedule import Expectation, backoff, next_poll

EXPECTATION = Expectation(205.0, 0.25)
FAR = 10_000.0


def item(elapsed_s: float = 0.0, status: Status = Status.QUEUED, deadline: float = FAR) -> Item:
    """An item watched from second 1000 on, that many seconds after its submission."""
    made = Item(Step.WATCH, deadline, 1000.0)
    made.start, made.status, made.expectation = (
        1000.0 - elapsed_s,
        status,
        SharedExpectation(EXPECTATION),
    )
    return made


@pytest.mark.parametrize("elapsed_s", [0.0, 20.0, 190.0, 400.0])
def test_a_poll_is_due_by_the_expected_time_since_the_submission(elapsed_s: float) -> None:
    due = item(elapsed_s).next_poll(1000.0, None)
    assert due == pytest.approx(1000.0 - elapsed_s + next_poll(elapsed_s, EXPECTATION))


def test_a_fixed_interval_overrides_all_rules() -> None:
    fixed = item()
    assert fixed.next_poll(1003.0, 7.0) == 1010.0
    fixed.failures += 1
    assert fixed.next_poll(1003.0, 7.0) == 1010.0


def test_no_poll_is_due_after_the_deadline_and_there_is_one_at_it() -> None:
    assert item(deadline=1002.0).next_poll(1000.0, 7.0) == 1002.0
    assert item(190.0, deadline=1000.5).next_poll(1000.0, None) == 1000.5


def test_failures_back_off_until_an_answer_comes() -> None:
    failing = item()
    failing.failures = 3
    assert failing.next_poll(1000.0, None) == 1000.0 + backoff(3)
    failing.saw(Status.QUEUED, has_url=False)
    assert failing.next_poll(1000.0, None) > 1000.0 + backoff(3)
    assert failing.failures == 0


def test_a_completed_generation_without_a_url_is_polled_ever_more_rarely() -> None:
    empty = item()
    dues = []
    for _ in range(5):
        empty.saw(Status.COMPLETED, has_url=False)
        dues.append(empty.next_poll(1000.0, None))
    assert dues == [1000.0 + backoff(attempt) for attempt in range(1, 6)]


def test_only_a_generation_seen_running_counts_as_watched_to_its_end() -> None:
    assert not item(status=Status.GENERATING).saw(Status.COMPLETED, has_url=True)
    watched = item()
    watched.saw(Status.GENERATING, has_url=False)
    assert watched.saw(Status.COMPLETED, has_url=True)
    assert not watched.saw(Status.COMPLETED, has_url=True)


def test_pauses_grow_to_half_a_minute_and_stay_short_if_polls_are_fast() -> None:
    assert [pause_s(tries, None) for tries in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert pause_s(50, None) == PAUSE_MAX_S == 30.0
    assert pause_s(50, 0.01) == PAUSE_CAP_MIN_S
    assert pause_s(50, 7.0) == 7.0


@pytest.mark.parametrize(
    ("step", "tries", "is_saving", "takes_one"),
    [
        (Step.SUBMIT, 0, False, False),
        (Step.SUBMIT, 1, False, True),
        (Step.SETTLE, 1, False, False),
        (Step.WATCH, 1, False, True),
        (Step.SAVE, 1, False, True),
        (Step.SAVE, 1, True, False),
        (Step.DONE, 1, False, False),
    ],
)
def test_an_item_holds_a_slot_from_its_submission_to_the_start_of_its_download(
    step: Step, tries: int, is_saving: bool, takes_one: bool
) -> None:
    walk = Item(step, FAR, 0.0)
    walk.tries, walk.is_saving = tries, is_saving
    assert walk.is_in_flight is takes_one
