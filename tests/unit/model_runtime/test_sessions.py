"""Threads, and the cache that memory bounds."""

from collections.abc import Callable
from threading import Barrier, Event, Thread

import pytest

from model_runtime.sessions import MemoryBoundedCache, build_session, threads_for


@pytest.mark.parametrize(("memory", "threads"), [(128, 1), (1_769, 1), (3_008, 2), (3_538, 2), (10_240, 6)])
def test_threads_match_the_vcpus(memory: int, threads: int) -> None:
    assert threads_for(memory) == threads


def test_session_keeps_to_its_threads_and_does_not_spin(onnx_models: object) -> None:
    options = build_session(onnx_models.linear(), threads=2).get_session_options()  # type: ignore[attr-defined]
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def sized(value: str, size: int) -> Callable[[], tuple[str, int]]:
    return lambda: (value, size)


def never() -> tuple[str, int]:
    raise AssertionError("built although it was there")


def test_value_is_built_once() -> None:
    cache = MemoryBoundedCache[str, str](10)
    assert cache.get("a", sized("A", 5)) == "A"
    assert cache.get("a", never) == "A"
    assert cache.used_bytes == 5


def test_least_recently_used_goes_first() -> None:
    cache = MemoryBoundedCache[str, str](10)
    cache.get("a", sized("A", 5))
    cache.get("b", sized("B", 5))
    cache.get("a", never)
    cache.get("c", sized("C", 5))
    assert cache.used_bytes == 10
    assert cache.get("a", never) == "A"
    assert cache.get("b", sized("B again", 5)) == "B again"


def test_value_above_the_bound_is_kept_alone() -> None:
    cache = MemoryBoundedCache[str, str](10)
    cache.get("a", sized("A", 5))
    cache.get("big", sized("BIG", 50))
    assert cache.used_bytes == 50
    assert cache.get("big", never) == "BIG"


def test_discarded_value_is_built_again() -> None:
    cache = MemoryBoundedCache[str, str](10)
    cache.get("a", sized("A", 5))
    cache.discard("a")
    assert cache.get("a", sized("new", 5)) == "new"


def test_failure_is_raised_and_not_kept() -> None:
    cache = MemoryBoundedCache[str, str](10)

    def fail() -> tuple[str, int]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.get("a", fail)
    assert cache.get("a", sized("A", 5)) == "A"


def test_many_at_once_share_one_building() -> None:
    cache = MemoryBoundedCache[str, str](10)
    barrier = Barrier(8)
    go_on = Event()
    built: list[str] = []
    got: list[str] = []

    def build() -> tuple[str, int]:
        built.append("A")
        go_on.wait(5)
        return "A", 5

    def ask() -> None:
        barrier.wait(5)
        got.append(cache.get("a", build))

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join(5)
    assert built == ["A"]
    assert got == ["A"] * 8
