import pytest

from bakeoff_core.errors import DependencyUnavailable, ExperimentNotFound
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.experiments import Audit, CachedExperiments, InMemoryExperimentStore
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

    def list(self, *, consistent: bool = False) -> list[Experiment]:
        if self.down:
            raise DependencyUnavailable("the experiment table")
        return super().list(consistent=consistent)


@pytest.fixture
def store() -> FailingStore:
    store = FailingStore()
    store.put(experiment(), Audit("t", "create", NOON))
    return store


def test_a_configuration_serves_until_its_age_is_reached(store: FailingStore) -> None:
    clock = SettableClock()
    experiments = CachedExperiments(store, 10, clock, pytest.fail)
    experiments.get("checkout_button")
    store.put(store.get("checkout_button").model_copy(update={"status": "stopped"}), Audit("t", "stop", NOON))
    clock.advance(9.9)
    assert experiments.get("checkout_button").status == "running"
    clock.advance(0.1)
    assert experiments.get("checkout_button").status == "stopped"
    assert store.reads == 3


def test_the_last_known_configuration_serves_while_the_store_is_down(store: FailingStore) -> None:
    clock, stale = SettableClock(), list[str]()
    experiments = CachedExperiments(store, 10, clock, stale.append)
    known = experiments.get("checkout_button")
    store.down = True
    clock.advance(60)
    assert experiments.get("checkout_button") == known
    assert stale == ["checkout_button"]
    store.down = False
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


def test_all_experiments_are_read_at_once_and_remembered_one_by_one(store: FailingStore) -> None:
    clock, stale = SettableClock(), list[str]()
    store.put(experiment(name="other"), Audit("t", "create", NOON))
    experiments = CachedExperiments(store, 10, clock, stale.append)
    reads = store.reads
    assert experiments.names() == ["checkout_button", "other"]
    assert experiments.get("other").name == "other"
    assert store.reads == reads
    store.put(experiment(name="third"), Audit("t", "create", NOON))
    assert experiments.names() == ["checkout_button", "other"]
    clock.advance(10)
    assert experiments.names() == ["checkout_button", "other", "third"]


def test_the_names_last_known_serve_while_the_store_is_down(store: FailingStore) -> None:
    clock, stale = SettableClock(), list[str]()
    experiments = CachedExperiments(store, 10, clock, stale.append)
    store.down = True
    with pytest.raises(DependencyUnavailable):
        experiments.names()
    store.down = False
    experiments.names()
    store.down = True
    clock.advance(10)
    assert experiments.names() == ["checkout_button"]
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
