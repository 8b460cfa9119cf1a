"""What looks at a generation mean, and when the next is due. Pure: time is a number."""

import pytest

from wan_cli.generation import Status
from wan_cli.runner.wait import NO_URL_TRIES, Wait
from wan_cli.schedule import Expectation, backoff, next_look

EXPECTATION = Expectation(205.0, 0.25)
FAR = 10_000.0


def wait(elapsed_s: float = 0.0, status: Status = Status.QUEUED) -> Wait:
    """A wait that begins at 1000, so many seconds after the submission."""
    return Wait("wan-1", "id-1", 1000.0 - elapsed_s, 1000.0, EXPECTATION, status)


@pytest.mark.parametrize("elapsed_s", [0.0, 20.0, 190.0, 400.0])
def test_a_look_is_due_by_what_is_expected_since_the_submission(elapsed_s: float) -> None:
    due = wait(elapsed_s).next_due(1000.0, FAR, None)
    assert due == pytest.approx(1000.0 - elapsed_s + next_look(elapsed_s, EXPECTATION))


def test_a_fixed_interval_goes_before_all_rules() -> None:
    fixed = wait()
    assert fixed.next_due(1003.0, FAR, 7.0) == 1010.0
    fixed.failed()
    assert fixed.next_due(1003.0, FAR, 7.0) == 1010.0


def test_no_look_is_due_after_the_deadline_and_there_is_one_at_it() -> None:
    assert wait().next_due(1000.0, 1002.0, 7.0) == 1002.0
    assert wait(190.0).next_due(1000.0, 1000.5, None) == 1000.5


def test_failures_back_off_and_an_answer_ends_that() -> None:
    failing = wait()
    assert [failing.failed() for _ in range(3)] == [True, False, False]
    assert failing.next_due(1000.0, FAR, None) == 1000.0 + backoff(3)
    failing.saw(Status.QUEUED, has_url=False)
    assert failing.next_due(1000.0, FAR, None) > 1000.0 + backoff(3)
    assert failing.failed()


def test_completed_without_a_url_is_asked_again_a_few_times() -> None:
    empty = wait()
    dues = []
    for _ in range(NO_URL_TRIES):
        assert not empty.has_no_url
        empty.saw(Status.COMPLETED, has_url=False)
        dues.append(empty.next_due(1000.0, FAR, None))
    assert empty.has_no_url
    assert dues == [1000.0 + backoff(attempt) for attempt in range(1, NO_URL_TRIES + 1)]


def test_only_what_was_seen_running_was_watched_to_its_end() -> None:
    assert not wait(status=Status.GENERATING).saw(Status.COMPLETED, has_url=True)
    watched = wait()
    watched.saw(Status.GENERATING, has_url=False)
    assert watched.saw(Status.COMPLETED, has_url=True)
    assert not watched.saw(Status.COMPLETED, has_url=True)


def test_a_failed_look_between_does_not_hide_that_it_was_running() -> None:
    watched = wait()
    watched.saw(Status.GENERATING, has_url=False)
    watched.failed()
    assert watched.saw(Status.COMPLETED, has_url=True)
