from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.identity.keys import Rate
from bakeoff_core.stores.api_keys import InMemoryApiKeyStore
from request_rates import RequestRates
from tests.support import NOON, SettableClock


class CountingStore(InMemoryApiKeyStore):
    """Counts writes, and fails when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[datetime] = []
        self.down = False

    def take(self, caller: str, requests: int, now: datetime) -> int:
        if self.down:
            raise DependencyUnavailable("the table of API keys")
        self.writes.append(now)
        return super().take(caller, requests, now)


def passed(container: RequestRates, clock: SettableClock, *, per_second: int, seconds: int) -> int:
    """Ask at even distances, and count what went through."""
    through = 0
    for _ in range(per_second * seconds):
        clock.advance(1 / per_second)
        through += container.take("a", None) is None
    return through


def test_a_burst_goes_through_and_then_the_rate() -> None:
    clock = SettableClock()
    rates = RequestRates(InMemoryApiKeyStore(), Rate(10, 30), clock)
    assert sum(rates.take("a", None) is None for _ in range(100)) == 30
    assert abs(passed(rates, clock, per_second=50, seconds=20) - 200) <= 1


def test_whoever_is_refused_is_told_when_to_come_back() -> None:
    clock = SettableClock()
    rates = RequestRates(InMemoryApiKeyStore(), Rate(0.25, 1), clock)
    assert rates.take("a", None) is None
    assert rates.take("a", None) == 4
    clock.advance(3)
    assert rates.take("a", None) == 1
    clock.advance(1)
    assert rates.take("a", None) is None


def test_callers_have_their_own_and_a_keys_limit_counts_before_the_stacks() -> None:
    rates = RequestRates(InMemoryApiKeyStore(), Rate(1, 1), SettableClock())
    assert [rates.take(caller, None) for caller in ("a", "b")] == [None, None]
    assert rates.take("a", None) == 1
    assert [rates.take("c", Rate(5, 2)) for _ in range(3)] == [None, None, 1]


def test_containers_share_one_rate() -> None:
    clock, store = SettableClock(), CountingStore()
    containers = [RequestRates(store, Rate(20, 20), clock) for _ in range(4)]
    through = 0
    for number in range(60 * 100):
        clock.advance(1 / 100)
        through += containers[number % 4].take("a", None) is None
    allowed = 20 * 60
    # Over by the bursts that four containers have before they hear of each other, and by no more.
    assert allowed * 0.98 <= through <= allowed + 4 * 20


def test_a_container_writes_once_a_second_at_most_and_not_for_nothing() -> None:
    clock, store = SettableClock(), CountingStore()
    rates = RequestRates(store, Rate(100, 200), clock)
    passed(rates, clock, per_second=500, seconds=10)
    gaps = [(b - a).total_seconds() for a, b in zip(store.writes, store.writes[1:], strict=False)]
    assert min(gaps) >= 1
    assert 9 <= len(store.writes) <= 11
    store.writes.clear()
    passed(rates, clock, per_second=1, seconds=100)
    assert len(store.writes) <= 21  # once five requests are untold


def test_each_container_counts_alone_while_the_table_is_away() -> None:
    clock, store = SettableClock(), CountingStore()
    rates = RequestRates(store, Rate(10, 10), clock)
    store.down = True
    assert abs(passed(rates, clock, per_second=50, seconds=10) - 110) <= 1
    store.down = False
    passed(rates, clock, per_second=50, seconds=2)
    assert store.writes


def test_a_count_that_was_forgotten_takes_nothing_away() -> None:
    clock, store = SettableClock(), CountingStore()
    rates = RequestRates(store, Rate(10, 10), clock)
    passed(rates, clock, per_second=10, seconds=5)
    store._taken.clear()
    assert passed(rates, clock, per_second=5, seconds=5) == 25


def test_callers_who_are_long_gone_are_forgotten() -> None:
    rates = RequestRates(InMemoryApiKeyStore(), Rate(1, 1), SettableClock())
    for number in range(10_001):
        rates.take(str(number), None)
    assert rates.take("0", None) is None
    assert rates.take("10000", None) == 1


@given(st.lists(st.floats(0, 5), max_size=60), st.floats(0.1, 20), st.integers(1, 30))
def test_never_more_than_the_burst_and_what_came_since(gaps: list[float], rate: float, burst: int) -> None:
    clock = SettableClock(NOON)
    rates = RequestRates(InMemoryApiKeyStore(), Rate(rate, burst), clock)
    through = 0
    for gap in gaps:
        clock.advance(gap)
        through += rates.take("a", None) is None
        assert through <= burst + (clock() - NOON).total_seconds() * rate + 1e-3
