"""A total deadline for one blocking call."""

import os
import signal
import threading
import time

import pytest

from wan_cli.http.deadline import within


def test_the_result_of_the_call_is_returned():
    assert within(60, lambda: 42, name="sum") == 42


def test_an_exception_of_the_call_is_raised_with_its_traceback():
    def fail():
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError, match="gone") as caught:
        within(60, fail, name="failing")
    assert caught.traceback[-1].name == "fail"


def test_a_call_that_does_not_end_in_time_raises_timeout_error_and_its_late_result_is_discarded():
    release, discarded = threading.Event(), threading.Event()
    late = []

    def discard(result):
        late.append(result)
        discarded.set()

    with pytest.raises(TimeoutError, match="connecting took longer"):
        within(0.01, lambda: release.wait(60), name="connecting", discard=discard)
    release.set()
    assert discarded.wait(60)
    assert late == [True]


def test_a_late_exception_is_dropped():
    release, failed = threading.Event(), threading.Event()

    def fail_late():
        release.wait(60)
        failed.set()
        raise OSError("late")

    with pytest.raises(TimeoutError):
        within(0.01, fail_late, name="late")
    thread = next(each for each in threading.enumerate() if each.name == "late")
    release.set()
    thread.join(60)
    assert failed.is_set()


@pytest.mark.parametrize("seconds", [0, -1])
def test_if_no_time_is_left_the_call_never_begins(seconds):
    begun = []
    with pytest.raises(TimeoutError, match="no time left"):
        within(seconds, lambda: begun.append(1), name="call")
    assert begun == []


def test_any_number_of_seconds_is_accepted():
    assert within(float("inf"), lambda: 1, name="call") == 1


def test_a_signal_handler_that_raises_ends_the_wait_at_once_and_the_result_is_discarded():
    release, begun, discarded = threading.Event(), threading.Event(), threading.Event()

    class Stop(BaseException):
        pass

    def stop(_number, _frame):
        raise Stop

    def call():
        begun.set()
        return release.wait(600)

    def kill():
        begun.wait(60)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, stop)
    started = time.monotonic()
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(Stop):
            within(600, call, name="call", discard=lambda _result: discarded.set())
    finally:
        signal.signal(signal.SIGUSR1, before)
        release.set()
        killer.join(60)
    assert time.monotonic() - started < 300
    assert discarded.wait(60)
