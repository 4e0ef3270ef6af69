"""Work with a time limit."""

import math
from threading import Event, current_thread

import pytest

from deadline import Deadline
from workers import AllStuck, TooSlow, Workers


def test_result_and_error_come_back() -> None:
    workers = Workers(1)
    assert workers.start(lambda: 7).result(5) == 7

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        workers.start(fail).result(5)


def test_thread_is_kept_for_the_next_piece() -> None:
    workers = Workers(1)
    first = workers.start(current_thread).result(5)
    for _ in range(100):  # it goes back to the idle ones a moment after its result is out
        if workers._idle:
            break
        Event().wait(0.01)
    assert workers.start(current_thread).result(5) is first


def test_slow_work_is_given_up_and_goes_on() -> None:
    workers, go_on, done = Workers(1), Event(), Event()

    def slow() -> None:
        go_on.wait(5)
        done.set()

    task = workers.start(slow)
    with pytest.raises(TooSlow):
        task.result(0.01)
    workers.give_up(task)
    with pytest.raises(AllStuck):
        workers.start(lambda: 1)
    go_on.set()
    assert done.wait(5)
    task.result(5)
    assert workers.start(lambda: 1).result(5) == 1


@pytest.mark.parametrize("seconds", [0, -5])
def test_no_time_is_too_little(seconds: float) -> None:
    go_on = Event()
    with pytest.raises(TooSlow):
        Workers(1).start(lambda: go_on.wait(5)).result(seconds)
    go_on.set()


def test_deadline_is_lambdas_less_the_margin() -> None:
    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 5_000

    now = 100.0
    deadline = Deadline(1, lambda: now)
    assert deadline.remaining_seconds == math.inf
    deadline.start(Context())
    assert deadline.remaining_seconds == 4
    now += 4.5
    assert deadline.remaining_seconds == -0.5
