import pytest

from bakeoff_core.errors import DependencyUnavailable, ExperimentNotFound
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.experiments import Audit, CachedExperiments, InMemoryExperimentStore, ListedExperiments
from bakeoff_core.stores.models import CachedModels, InMemoryModelRegistry, ModelVersion
from tests.support import NOON, SettableClock, experiment


class FailingStore(InMemoryExperimentStore):
    """A store that counts its readers and can be put out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.down = False

    def get(self, name: str) -> Experiment:
        self.reads += 1
        if self.down:
            raise DependencyUnavailable("the experiment table")
        return super().get(name)


@pytest.fixture
def store() -> FailingStore:
    store = FailingStore()
    store.put(experiment(), Audit("t", "create", NOON))
    return store


def longest(_low: float, high: float) -> float:
    return high


def test_a_configuration_serves_until_its_age_is_reached(store: FailingStore) -> None:
    clock = SettableClock()
    experiments = CachedExperiments(store, 10, clock, pytest.fail, uniform=longest)
    experiments.get("checkout_button")
    store.put(store.get("checkout_button").model_copy(update={"status": "stopped"}), Audit("t", "stop", NOON))
    clock.advance(9.9)
    assert experiments.get("checkout_button").status == "running"
    clock.advance(0.1)
    assert experiments.get("checkout_button").status == "stopped"
    assert store.reads == 3


def test_each_answer_serves_for_a_time_of_its_own(store: FailingStore) -> None:
    clock, drawn = SettableClock(), iter([5.0, 7.0, 10.0])
    bounds: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return next(drawn)

    experiments = CachedExperiments(store, 10, clock, pytest.fail, uniform=uniform)
    reads = []
    for _ in range(17):  # at 0, 1, ... 16 seconds: read at 0, 5 and 12
        experiments.get("checkout_button")
        reads.append(store.reads)
        clock.advance(1)
    assert reads == [1] * 5 + [2] * 7 + [3] * 5
    assert bounds == [(5, 10)] * 3


def test_no_answer_serves_for_longer_than_the_bound(store: FailingStore) -> None:
    clock = SettableClock()
    experiments = CachedExperiments(store, 10, clock, pytest.fail)
    for _ in range(50):
        reads = store.reads
        experiments.get("checkout_button")
        clock.advance(10)
        experiments.get("checkout_button")
        assert store.reads - reads in (1, 2)
        clock.advance(10)


def test_a_store_that_is_down_is_asked_ever_more_seldom(store: FailingStore) -> None:
    clock, stale = SettableClock(), list[str]()
    experiments = CachedExperiments(store, 10, clock, stale.append, uniform=longest)
    experiments.get("checkout_button")
    store.down = True
    asked = []
    for second in range(40):
        reads = store.reads
        experiments.get("checkout_button")
        asked += [second] * (store.reads - reads)
        clock.advance(1)
    assert asked == [10, 11, 13, 17, 25, 35]
    assert len(stale) == 30
    store.down = False
    clock.advance(5)
    experiments.get("checkout_button")
    store.down = True
    clock.advance(10)
    reads = store.reads
    for _ in range(2):  # a second answer of the store begins the pauses anew
        experiments.get("checkout_button")
        clock.advance(1)
    assert store.reads == reads + 2


def test_the_last_known_configuration_serves_while_the_store_is_down(store: FailingStore) -> None:
    clock, stale = SettableClock(), list[str]()
    experiments = CachedExperiments(store, 10, clock, stale.append)
    known = experiments.get("checkout_button")
    store.down = True
    clock.advance(60)
    assert experiments.get("checkout_button") == known
    assert stale == ["checkout_button"]
    store.down = False
    clock.advance(1)
    assert experiments.get("checkout_button") == known
    assert stale == ["checkout_button"]


def test_a_store_that_was_never_read_is_missed(store: FailingStore) -> None:
    store.down = True
    with pytest.raises(DependencyUnavailable):
        CachedExperiments(store, 10, SettableClock(), pytest.fail).get("checkout_button")


def test_what_does_not_exist_is_not_remembered(store: FailingStore) -> None:
    experiments = CachedExperiments(store, 10, SettableClock(), pytest.fail)
    with pytest.raises(ExperimentNotFound):
        experiments.get("later")
    store.put(experiment(name="later"), Audit("t", "create", NOON))
    assert experiments.get("later").name == "later"


class Index:
    """An index that may be down, or behind its table."""

    def __init__(self, *listed: Experiment) -> None:
        self.experiments = [*listed]
        self.down = False

    def listed(self) -> list[Experiment]:
        if self.down:
            raise DependencyUnavailable("the experiment table")
        return [*self.experiments]


def test_all_experiments_are_read_at_once_and_remembered_one_by_one(store: FailingStore) -> None:
    clock, index = SettableClock(), Index(experiment(name="a"), experiment(name="b"))
    experiments = CachedExperiments(store, 10, clock, pytest.fail)
    listed = ListedExperiments(index, experiments, 10, clock, pytest.fail, uniform=longest)
    reads = store.reads
    assert listed.names() == ["a", "b"]
    assert experiments.get("b") == experiment(name="b")
    assert store.reads == reads
    index.experiments.append(experiment(name="c"))
    assert listed.names() == ["a", "b"]
    clock.advance(10)
    assert listed.names() == ["a", "b", "c"]


def test_an_index_that_lags_behind_undoes_nothing(store: FailingStore) -> None:
    clock = SettableClock()
    present = store.get("checkout_button")
    changed = store.put(present.model_copy(update={"description": "changed"}), Audit("t", "change", NOON))
    experiments = CachedExperiments(store, 10, clock, pytest.fail)
    assert experiments.get("checkout_button") == changed
    assert ListedExperiments(Index(present), experiments, 10, clock, pytest.fail).names() == ["checkout_button"]
    assert experiments.get("checkout_button") == changed


def test_the_names_last_known_serve_while_the_index_is_down(store: FailingStore) -> None:
    clock, stale, index = SettableClock(), list[str](), Index(experiment(name="a"))
    listed = ListedExperiments(index, CachedExperiments(store, 10, clock, pytest.fail), 10, clock, stale.append)
    index.down = True
    with pytest.raises(DependencyUnavailable):
        listed.names()
    index.down = False
    listed.names()
    index.down = True
    clock.advance(10)
    assert listed.names() == ["a"]
    assert stale == ["*"]


def test_models_are_remembered_by_what_was_asked_for() -> None:
    registry, clock = InMemoryModelRegistry(), SettableClock()
    for version in ("v1", "v2"):
        registry.register(
            ModelVersion(
                name="m", version=version, status="ready", sha256="0", size_bytes=1, registered_at=NOON, metadata={}
            )
        )
    registry.set_alias("m", "champion", "v1")
    models = CachedModels(registry, 10, clock, pytest.fail)
    assert models.resolve("m", None).version == "v1"
    registry.set_alias("m", "champion", "v2")
    assert models.resolve("m", None).version == "v1"
    assert models.resolve("m", "v2").version == "v2"
    clock.advance(10)
    assert models.resolve("m", None).version == "v2"
