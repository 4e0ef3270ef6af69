"""A prediction function on in-memory stores, with the example models published."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bakeoff.publishing import publish
from bakeoff_core.assignment.assigner import Assigner
from bakeoff_core.events.recorder import EventRecorder
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.experiments import Audit, CachedExperiments, InMemoryExperimentStore
from bakeoff_core.stores.models import InMemoryModelRegistry
from bakeoff_core.stores.objects import InMemoryObjectStore
from bakeoff_core.stores.streams import InMemoryEventSink
from model_administration import ModelAdministration
from model_loading import ModelLoader
from model_runtime.artefacts import ArtefactCache
from model_serving import ModelServer
from prediction_log import PredictionLog

EXAMPLES = Path(__file__).parents[3] / "examples" / "models" / "recommendation"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def example(version: str) -> tuple[bytes, dict[str, Any]]:
    folder = EXAMPLES / version
    return (folder / "model.onnx").read_bytes(), json.loads((folder / "metadata.json").read_text())


@dataclass
class House:
    """Everything behind the routes, open to the tests."""

    folder: Path
    now: datetime = NOW
    draws: Callable[[], float] = lambda: 0.5
    sample_rate: float = 0.0
    memory_mb: int = 1_769
    experiments: InMemoryExperimentStore = field(default_factory=InMemoryExperimentStore)
    registry: InMemoryModelRegistry = field(default_factory=InMemoryModelRegistry)
    objects: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)
    stream: InMemoryEventSink = field(default_factory=InMemoryEventSink)
    fallback_queue: InMemoryEventSink = field(default_factory=InMemoryEventSink)

    def __post_init__(self) -> None:
        artefacts = ArtefactCache(self.folder, 10_000_000)
        self.loader = ModelLoader(self.objects, artefacts, 10_000_000, self.memory_mb)
        self.server = ModelServer(self.registry, self.loader, self.clock, 10)
        self.administration = ModelAdministration(self.registry, self.server, self.experiments, self.clock)
        cached = CachedExperiments(self.experiments, 0, self.clock, lambda _name: None)
        self.assigner = Assigner(cached, self.clock)
        recorder = EventRecorder(self.stream, self.fallback_queue, self.clock)
        self.log = PredictionLog(recorder, self.sample_rate, self.draws)

    def clock(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def publish(self, version: str, alias: str | None = None, **changes: Any) -> None:
        artefact, metadata = example(version)
        publish(
            "recommendation",
            version,
            artefact,
            metadata | changes,
            registry=self.registry,
            objects=self.objects,
            clock=self.clock,
            alias=alias,
        )

    def experiment(self, *groups: dict[str, Any], **changes: Any) -> Experiment:
        document: dict[str, Any] = {
            "name": "ranking",
            "groups": groups,
            "status": "running",
            "created_at": self.now,
            "updated_at": self.now,
        }
        return self.experiments.put(Experiment.model_validate(document | changes), Audit("test", "create", self.now))


@pytest.fixture
def house(tmp_path: Path) -> House:
    built = House(tmp_path / "artefacts")
    built.publish("v1", alias="champion")
    built.publish("v2")
    return built


@pytest.fixture
def features() -> dict[str, Any]:
    probe: dict[str, Any] = example("v1")[1]["probe"]["features"]
    return probe


@pytest.fixture
def make_house(tmp_path: Path) -> Callable[..., House]:
    return lambda **settings: House(tmp_path / "artefacts", **settings)
