import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakeoff_core.assignment.assigner import decide
from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.experiments.model import TargetUserList
from bakeoff_core.stores.experiments import Audit, CachedExperiments, InMemoryExperimentStore
from bakeoff_core.stores.objects import InMemoryObjectStore, ObjectNotFound
from bakeoff_core.stores.target_users import TargetUserLists, TargetUserReader, describe, is_long, object_key
from tests.support import NOON, SettableClock, experiment, unicode_text

UNITS = [f"user-{n}" for n in range(1_500)]


class CountingLists:
    """Lists that count their readers and can be out of reach."""

    def __init__(self, lists: TargetUserLists) -> None:
        self._lists = lists
        self.reads = 0
        self.down = False

    def load(self, reference: TargetUserList) -> frozenset[str]:
        self.reads += 1
        if self.down:
            raise DependencyUnavailable("the object store")
        return self._lists.load(reference)


@pytest.fixture
def objects() -> InMemoryObjectStore:
    return InMemoryObjectStore()


@pytest.fixture
def lists(objects: InMemoryObjectStore) -> TargetUserLists:
    return TargetUserLists(objects)


@given(units=st.sets(unicode_text))
def test_a_list_reads_back_as_it_was_written(units: set[str]) -> None:
    lists = TargetUserLists(InMemoryObjectStore())
    reference = lists.keep(units)
    assert reference.count == len(units)
    assert lists.load(reference) == units


def test_a_list_is_known_by_its_content(lists: TargetUserLists, objects: InMemoryObjectStore) -> None:
    first = lists.keep(UNITS)
    assert lists.keep([*reversed(UNITS), UNITS[0]]) == first == describe(UNITS)
    assert lists.keep(UNITS[1:]) != first
    lines = gzip.decompress(objects.get(f"target_users/{first.sha256}.jsonl.gz")).splitlines()
    assert [json.loads(line) for line in lines] == sorted(UNITS)


@pytest.mark.parametrize(
    ("units", "long"),
    [([], False), (UNITS[:1_000], False), (UNITS[:1_001], True), (["x" * 512] * 128, False), (["x" * 512] * 129, True)],
)
def test_a_list_is_long_by_its_count_or_its_bytes(units: list[str], long: bool) -> None:  # noqa: FBT001 - a table
    assert is_long(units) is long


def test_a_list_that_is_missing_is_not_found(lists: TargetUserLists) -> None:
    with pytest.raises(ObjectNotFound):
        lists.load(describe(UNITS))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"not gzip", id="no gzip"),
        pytest.param(gzip.compress(b'"user-1"\n'), id="another list"),
        pytest.param(gzip.compress(b'"user-1"\n')[:-9], id="half a list"),
    ],
)
def test_a_damaged_list_is_not_used(lists: TargetUserLists, objects: InMemoryObjectStore, body: bytes) -> None:
    objects.put(object_key(describe(UNITS).sha256), body, "application/gzip")
    with pytest.raises(DependencyUnavailable, match="the list of target users"):
        lists.load(describe(UNITS))


def test_only_units_of_the_list_take_part(lists: TargetUserLists) -> None:
    reader = TargetUserReader(lists.load)
    running = reader.complete(experiment(target_user_list=lists.keep(UNITS)))
    assert decide(running, "user-7", {}, NOON).assigned
    assert decide(running, "user-1500", {}, NOON).reason == "not_targeted"


def test_an_experiment_whose_list_was_not_read_decides_nothing(lists: TargetUserLists) -> None:
    with pytest.raises(RuntimeError, match="the target users of checkout_button were not read"):
        decide(experiment(target_user_list=describe(UNITS)), "user-7", {}, NOON)


def test_a_list_is_read_once_however_often_the_configuration_is(lists: TargetUserLists) -> None:
    counting = CountingLists(lists)
    reader = TargetUserReader(counting.load)
    for rate in (0.1, 0.2, 0.3):
        reader.complete(experiment(sample_rate=rate, target_user_list=lists.keep(UNITS)))
    assert counting.reads == 1


def test_the_list_used_longest_ago_is_forgotten_first(lists: TargetUserLists) -> None:
    counting = CountingLists(lists)
    reader = TargetUserReader(counting.load, most_units=250)
    first, second, third = (lists.keep(UNITS[start : start + 100]) for start in (0, 100, 200))
    for reference in (first, second, first, third, first, second):
        reader.complete(experiment(target_user_list=reference))
    assert counting.reads == 4


@pytest.fixture
def cached(lists: TargetUserLists) -> Any:
    store, counting, clock = InMemoryExperimentStore(), CountingLists(lists), SettableClock()
    stale: list[str] = []
    reader = TargetUserReader(counting.load)
    store.put(experiment(target_user_list=lists.keep(UNITS)), Audit("t", "create", NOON))
    experiments = CachedExperiments(store, 10, clock, stale.append, reader.complete)
    return store, counting, clock, stale, experiments


def test_the_last_known_list_serves_while_a_new_one_is_out_of_reach(cached: Any, lists: TargetUserLists) -> None:
    store, counting, clock, stale, experiments = cached
    experiments.get("checkout_button")
    changed = store.get("checkout_button").model_copy(update={"target_user_list": lists.keep(["somebody"])})
    store.put(changed, Audit("t", "change", NOON))
    counting.down = True
    clock.advance(10)
    assert "user-7" in experiments.get("checkout_button").targeted_units
    assert stale == ["checkout_button"]
    counting.down = False
    clock.advance(1)
    assert experiments.get("checkout_button").targeted_units == {"somebody"}


def test_a_list_that_was_never_read_is_missed(cached: Any) -> None:
    _, counting, _, _, experiments = cached
    counting.down = True
    with pytest.raises(DependencyUnavailable):
        experiments.get("checkout_button")


def test_a_stop_takes_effect_while_the_list_is_out_of_reach(cached: Any) -> None:
    store, counting, _, _, experiments = cached
    counting.down = True
    store.put(store.get("checkout_button").model_copy(update={"status": "stopped"}), Audit("t", "stop", NOON))
    assert decide(experiments.get("checkout_button"), "user-7", {}, NOON).reason == "not_running"
