"""The cache that memory bounds, with what is in use."""

from collections.abc import Callable
from threading import Barrier, Event, Thread

import pytest

from model_runtime.model_cache import LeasedCache, TooLargeForCache


def get(cache: LeasedCache[str, str], key: str, size: int = 5, build: Callable[[], str] | None = None) -> str:
    with cache.lease(key, size, build or key.upper) as value:
        return value


def never() -> str:
    raise AssertionError("built although it was there")


def test_value_is_built_once() -> None:
    cache = LeasedCache[str, str](10)
    assert get(cache, "a") == "A"
    assert get(cache, "a", build=never) == "A"
    assert cache.used_bytes == 5


def test_least_recently_used_goes_first() -> None:
    evicted: list[str] = []
    cache = LeasedCache[str, str](10, evicted.append)
    get(cache, "a")
    get(cache, "b")
    get(cache, "a", build=never)
    get(cache, "c")
    assert (cache.used_bytes, evicted) == (10, ["b"])
    assert get(cache, "a", build=never) == "A"
    assert get(cache, "b", build=lambda: "B again") == "B again"


def test_value_above_the_bound_is_refused_and_costs_the_others_nothing() -> None:
    cache = LeasedCache[str, str](10)
    get(cache, "a")
    with pytest.raises(TooLargeForCache):
        get(cache, "big", 11)
    assert get(cache, "a", build=never) == "A"


def test_discarded_value_is_built_again() -> None:
    cache = LeasedCache[str, str](10)
    get(cache, "a")
    cache.discard("a")
    assert cache.used_bytes == 0
    assert get(cache, "a", build=lambda: "new") == "new"


def test_discarded_value_in_use_keeps_its_room_until_it_is_given_back() -> None:
    cache = LeasedCache[str, str](10)
    with cache.lease("a", 5, lambda: "A") as old:
        cache.discard("a")
        assert get(cache, "a", build=lambda: "new") == "new"
        assert (old, cache.used_bytes) == ("A", 10)
    assert cache.used_bytes == 5


def test_failure_is_raised_and_not_kept() -> None:
    cache = LeasedCache[str, str](10)

    def fail() -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        get(cache, "a", build=fail)
    assert cache.used_bytes == 0
    assert get(cache, "a") == "A"


@pytest.mark.parametrize("fails", [False, True])
def test_many_at_once_share_one_building(*, fails: bool) -> None:
    cache = LeasedCache[str, str](10)
    barrier, go_on = Barrier(9), Event()
    built: list[str] = []
    got: list[str] = []

    def build() -> str:
        built.append("A")
        go_on.wait(5)
        if fails:
            raise ValueError("no")
        return "A"

    def ask() -> None:
        barrier.wait(5)
        try:
            got.append(get(cache, "a", build=build))
        except ValueError as error:
            got.append(str(error))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    barrier.wait(5)
    # Everybody else waits for the one who builds once all leases but none of the results are out.
    while not cache._entries or cache._entries["a"].leases < 8:
        Event().wait(0.001)
    go_on.set()
    for thread in threads:
        thread.join(5)
    assert built == ["A"]
    assert got == ["no" if fails else "A"] * 8


def test_value_in_use_keeps_its_place_and_others_wait_for_it() -> None:
    cache = LeasedCache[str, str](10)
    entered: list[str] = []

    def enter() -> None:
        entered.append(get(cache, "c", 10))

    with cache.lease("a", 5, lambda: "A"):
        thread = Thread(target=enter)
        thread.start()
        thread.join(0.05)
        assert (entered, cache.used_bytes) == ([], 5)
    thread.join(5)
    assert (entered, cache.used_bytes) == (["C"], 10)
