"""Which thread a model runs in, and what ends it there."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from threading import Event, current_thread
from typing import Any

import pytest

from bakeoff_core.errors import ModelTimedOut, ModelUnavailable
from circuit_breaker import CircuitBreaker
from deadline import Deadline
from guarding import Guard
from pace import Paces
from watch import Watch
from workers import Workers

MODEL = "m:1"


class Seconds:
    """A clock that a run moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def run_of(self, seconds: float) -> Callable[[], Any]:
        def run() -> Any:
            self.now += seconds
            return current_thread()

        return run


@pytest.fixture
def time_taken() -> Seconds:
    return Seconds()


@pytest.fixture
def guard(time_taken: Seconds) -> Guard:
    breaker = CircuitBreaker(2, 30, 30, lambda: 0.0, lambda _key: None)
    return Guard(breaker, Workers(2), Deadline(1, lambda: 0.0), 5, perf_counter=time_taken)


def ran_here(guard: Guard, run: Callable[[], Any], work: int | None = 1) -> bool:
    return guard.run(MODEL, run, lambda: None, work=work) is current_thread()


def test_a_version_that_was_quick_three_times_runs_in_the_requests_own_thread(
    guard: Guard, time_taken: Seconds
) -> None:
    assert [ran_here(guard, time_taken.run_of(0.001)) for _ in range(5)] == [False, False, False, True, True]


def test_more_rows_than_were_ever_quick_do_not(guard: Guard, time_taken: Seconds) -> None:
    for _ in range(3):
        ran_here(guard, time_taken.run_of(0.001), work=10)
    assert ran_here(guard, time_taken.run_of(0.001), work=10)
    assert not ran_here(guard, time_taken.run_of(0.001), work=11)
    assert ran_here(guard, time_taken.run_of(0.001), work=11)


def test_what_has_to_be_fetched_before_does_not(guard: Guard, time_taken: Seconds) -> None:
    for _ in range(3):
        ran_here(guard, time_taken.run_of(0.001))
    assert not ran_here(guard, time_taken.run_of(0.001), work=None)


def test_one_slow_run_has_to_be_made_good_by_three_quick_ones(guard: Guard, time_taken: Seconds) -> None:
    for _ in range(3):
        ran_here(guard, time_taken.run_of(0.001))
    assert ran_here(guard, time_taken.run_of(0.02))
    assert [ran_here(guard, time_taken.run_of(0.001)) for _ in range(4)] == [False, False, False, True]


def test_a_failure_has_to_be_made_good_too(guard: Guard, time_taken: Seconds) -> None:
    def fail() -> None:
        raise ModelUnavailable(MODEL, "it broke")

    for _ in range(3):
        ran_here(guard, time_taken.run_of(0.001))
    with pytest.raises(ModelUnavailable, match="it broke"):
        guard.run(MODEL, fail, lambda: None, work=1)
    assert not ran_here(guard, time_taken.run_of(0.001))


def test_a_run_in_the_requests_own_thread_is_ended_when_it_takes_too_long(time_taken: Seconds) -> None:
    breaker = CircuitBreaker(2, 30, 30, lambda: 0.0, lambda _key: None)
    guard = Guard(breaker, Workers(2), Deadline(1, lambda: 0.0), 0.3, perf_counter=time_taken)
    for _ in range(3):
        ran_here(guard, time_taken.run_of(0.001))
    cancelled = Event()

    def hang() -> None:
        assert cancelled.wait(10)
        raise ModelUnavailable(MODEL, "the model was stopped")

    with pytest.raises(ModelTimedOut):
        guard.run(MODEL, hang, cancelled.set, work=1)
    assert not ran_here(guard, time_taken.run_of(0.001))


def test_a_batch_that_is_ended_is_late_as_a_whole(time_taken: Seconds) -> None:
    breaker = CircuitBreaker(2, 30, 30, lambda: 0.0, lambda _key: None)
    guard = Guard(breaker, Workers(2), Deadline(1, lambda: 0.0), 0.3, perf_counter=time_taken)
    for _ in range(3):
        ran_here(guard, time_taken.run_of(0.001))
    cancelled = Event()

    def fail_row_by_row() -> list[str]:
        assert cancelled.wait(10)
        return ["the model was stopped, for it took too long"]

    with pytest.raises(ModelTimedOut):
        guard.run(MODEL, fail_row_by_row, cancelled.set, work=1)
    assert not ran_here(guard, time_taken.run_of(0.001))


def test_no_time_is_too_little_whatever_the_pace(guard: Guard, time_taken: Seconds) -> None:
    for _ in range(3):
        ran_here(guard, time_taken.run_of(0.001))

    class Late:
        def get_remaining_time_in_millis(self) -> int:
            return 500

    guard.deadline.start(Late())
    with pytest.raises(ModelTimedOut):
        guard.run(MODEL, lambda: Event().wait(1), lambda: None, work=1)


def test_paces_are_each_versions_own() -> None:
    paces = Paces()
    for _ in range(3):
        paces.note("a:1", 1, 0.0)
    assert paces.is_quick("a:1", 1)
    assert not paces.is_quick("a:2", 1)
    paces.forget("a:1")
    paces.forget("a:2")
    assert not paces.is_quick("a:1", 1)


def test_a_watch_ends_what_is_due_and_nothing_else() -> None:
    now = Seconds()
    watch = Watch(now)
    cut = [Event(), Event(), Event()]
    first, second, third = (
        watch.begin(seconds, event.set) for seconds, event in zip((0.1, 0.1, 0.3), cut, strict=True)
    )
    watch.end(first)
    now.now = 0.1
    assert cut[1].wait(10)
    assert [event.is_set() for event in cut] == [False, True, False]
    assert [each.was_cut for each in (first, second, third)] == [False, True, False]
    watch.end(second)
    now.now = 0.3
    assert cut[2].wait(10)
    watch.end(third)
    with suppress(KeyError):
        watch.end(third)


def test_a_watch_wakes_up_again() -> None:
    now = Seconds()
    watch = Watch(now)
    for _ in range(2):
        cut = Event()
        watched = watch.begin(0, cut.set)
        assert cut.wait(10)
        watch.end(watched)
        Event().wait(0.05)  # long enough for it to find nothing under way


def test_a_watch_looks_sooner_for_what_has_to_be_over_sooner() -> None:
    watch = Watch(time.monotonic)
    late, soon = Event(), Event()
    watch.begin(3_600, late.set)
    watch.begin(0.05, soon.set)
    assert soon.wait(10)
    assert not late.is_set()


def test_a_watch_sleeps_while_work_is_over_in_time() -> None:
    readings: Counter[str] = Counter()

    def monotonic() -> float:
        readings[current_thread().name] += 1
        return time.monotonic()

    watch = Watch(monotonic)
    for _ in range(1_000):
        watch.end(watch.begin(3_600, lambda: None))
    watch.begin(3_600, lambda: None)
    Event().wait(0.3)
    assert readings["watch"] <= 4  # when its first sleep begins, and where that is interrupted


def test_what_is_begun_while_it_looks_is_ended_all_the_same() -> None:
    watch = Watch(time.monotonic)
    cuts = [Event() for _ in range(200)]
    for cut in cuts:
        watch.begin(0.001, cut.set)
    assert all(cut.wait(10) for cut in cuts)
