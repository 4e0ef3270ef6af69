"""A circuit closes, opens, and lets one trial through."""

import pytest

from bakeoff_core.errors import CircuitOpen, InvalidInput, ModelUnavailable
from circuit_breaker import CircuitBreaker


class Seconds:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def opened() -> list[str]:
    return []


@pytest.fixture
def breaker(seconds: Seconds, opened: list[str]) -> CircuitBreaker:
    return CircuitBreaker(3, 10, 20, seconds, opened.append)


def succeed(breaker: CircuitBreaker, key: str = "m:v1") -> None:
    with breaker.attempt(key):
        pass


def fail(breaker: CircuitBreaker, key: str = "m:v1") -> None:
    with pytest.raises(ModelUnavailable, match="it broke"), breaker.attempt(key):
        raise ModelUnavailable(key, "it broke")


def is_open(breaker: CircuitBreaker, key: str = "m:v1") -> bool:
    try:
        succeed(breaker, key)
    except CircuitOpen:
        return True
    return False


def test_opens_at_the_threshold_and_for_that_version_alone(breaker: CircuitBreaker, opened: list[str]) -> None:
    fail(breaker)
    fail(breaker)
    assert opened == []
    fail(breaker)
    assert opened == ["m:v1"]
    with pytest.raises(CircuitOpen, match="m:v1 is unavailable: it kept failing, and is tried again in a while"):
        succeed(breaker)
    assert not is_open(breaker, "m:v2")


def test_failures_leave_the_window(breaker: CircuitBreaker, seconds: Seconds) -> None:
    fail(breaker)
    fail(breaker)
    seconds.now += 11
    fail(breaker)
    assert not is_open(breaker)


def test_failures_among_more_successes_open_nothing(breaker: CircuitBreaker) -> None:
    for _ in range(4):
        succeed(breaker)
    for _ in range(3):
        fail(breaker)
    assert not is_open(breaker)
    for _ in range(2):
        fail(breaker)
    assert is_open(breaker)


def test_result_without_an_error_may_be_a_failure(breaker: CircuitBreaker) -> None:
    for _ in range(3):
        with breaker.attempt("m:v1") as attempt:
            attempt.succeeded = False
    assert is_open(breaker)


def test_wrong_requests_say_nothing_of_the_model(breaker: CircuitBreaker) -> None:
    for _ in range(9):
        with pytest.raises(InvalidInput), breaker.attempt("m:v1"):
            raise InvalidInput.of("data", "is wrong")
    assert not is_open(breaker)


def opened_and_recovered(breaker: CircuitBreaker, seconds: Seconds) -> None:
    for _ in range(3):
        fail(breaker)
    seconds.now += 19
    assert is_open(breaker)
    seconds.now += 1


def test_one_trial_goes_through_and_closes(breaker: CircuitBreaker, seconds: Seconds) -> None:
    opened_and_recovered(breaker, seconds)
    with breaker.attempt("m:v1"):
        assert is_open(breaker)
    assert not is_open(breaker)
    fail(breaker)
    fail(breaker)
    assert not is_open(breaker)


def test_trial_that_fails_opens_anew(breaker: CircuitBreaker, seconds: Seconds, opened: list[str]) -> None:
    opened_and_recovered(breaker, seconds)
    fail(breaker)
    assert opened == ["m:v1", "m:v1"]
    seconds.now += 19
    assert is_open(breaker)
    seconds.now += 1
    assert not is_open(breaker)


def test_trial_with_a_wrong_request_leaves_the_next_one_to_try(breaker: CircuitBreaker, seconds: Seconds) -> None:
    opened_and_recovered(breaker, seconds)
    with pytest.raises(InvalidInput), breaker.attempt("m:v1"):
        raise InvalidInput.of("data", "is wrong")
    fail(breaker)
    assert is_open(breaker)


def test_call_that_began_before_the_circuit_opened_changes_nothing(breaker: CircuitBreaker) -> None:
    with breaker.attempt("m:v1"):
        for _ in range(3):
            fail(breaker)
    assert is_open(breaker)


def test_reset_closes(breaker: CircuitBreaker) -> None:
    for _ in range(3):
        fail(breaker)
    breaker.reset("m:v1")
    assert not is_open(breaker)
