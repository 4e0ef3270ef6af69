from collections.abc import Sequence
from typing import Any

import pytest

from bakeoff.standin.retries import Attempt, BatchFailedError, Record, RetryPolicy, deliver_in_order, failed_items

BISECT = RetryPolicy(bisect=True, max_attempts=2)
WHOLE = RetryPolicy(bisect=False, max_attempts=2)


class Shard:
    """Delivers letters; poison raises, and flaky letters fail so many times."""

    def __init__(self, poison: str = "", flaky: dict[str, int] | None = None) -> None:
        self.poison = poison
        self.flaky = flaky or {}
        self.delivered: list[str] = []
        self.sent: list[str] = []
        self.given_up: list[str] = []
        self.pauses: list[int] = []

    def send(self, records: Sequence[Record]) -> int | None:
        letters = [record["letter"] for record in records]
        self.sent.append("".join(letters))
        if set(letters) & set(self.poison):
            raise BatchFailedError("poison")
        for index, letter in enumerate(letters):
            if self.flaky.get(letter, 0) > 0:
                self.flaky[letter] -= 1
                return index
            self.delivered.append(letter)
        return None

    def run(self, letters: str, policy: RetryPolicy, *, goes_on: bool = True) -> None:
        def give_up(attempt: Attempt) -> None:
            self.given_up.append("".join(record["letter"] for record in attempt.records))

        def pause(number: int) -> bool:
            self.pauses.append(number)
            return goes_on

        records: list[dict[str, Any]] = [{"letter": letter} for letter in letters]
        deliver_in_order(records, policy, send=self.send, give_up=give_up, pause=pause)


def test_a_good_batch_is_sent_once() -> None:
    shard = Shard()
    shard.run("abcd", BISECT)
    assert (shard.sent, shard.given_up, shard.pauses) == (["abcd"], [], [])


def test_a_poisonous_record_is_isolated_and_given_up() -> None:
    shard = Shard(poison="c")
    shard.run("abcd", BISECT)
    assert shard.sent == ["abcd", "ab", "cd", "c", "c", "c", "d"]
    assert shard.delivered == ["a", "b", "d"]
    assert shard.given_up == ["c"]
    assert shard.pauses == [1, 2]


def test_a_reported_failure_is_retried_from_there_on() -> None:
    shard = Shard(flaky={"c": 1})
    shard.run("abcd", WHOLE)
    assert shard.sent == ["abcd", "cd"]
    assert shard.delivered == ["a", "b", "c", "d"]


def test_without_bisecting_the_batch_stays_whole() -> None:
    shard = Shard(poison="c")
    shard.run("abcd", WHOLE)
    assert shard.sent == ["abcd"] * 3
    assert shard.given_up == ["abcd"]


def test_without_a_limit_it_is_tried_until_it_succeeds() -> None:
    shard = Shard(flaky={"a": 20})
    shard.run("a", RetryPolicy(bisect=False, max_attempts=None))
    assert shard.delivered == ["a"]
    assert len(shard.pauses) == 20


def test_a_poller_that_stops_gives_nothing_up() -> None:
    shard = Shard(poison="a")
    shard.run("a", WHOLE, goes_on=False)
    assert (shard.sent, shard.given_up) == (["a"], [])


def test_failures_are_read_in_the_batchs_order() -> None:
    answer = {"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "1"}]}
    assert failed_items(answer, ["1", "2", "3"]) == ["1", "3"]


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}, "text"])
def test_no_failures_mean_success(answer: object) -> None:
    assert failed_items(answer, ["1"]) == []


@pytest.mark.parametrize(
    "failures", [[{"itemIdentifier": "9"}], [{"itemIdentifier": None}], [{}], ["1"], [{"itemIdentifier": ""}]]
)
def test_senseless_failures_fail_the_batch(failures: list[Any]) -> None:
    with pytest.raises(BatchFailedError):
        failed_items({"batchItemFailures": failures}, ["1"])
