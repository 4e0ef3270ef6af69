"""A prediction function on in-memory stores, with the example models published."""

import json
import time
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
from bakeoff_core.http import HttpApi
from bakeoff_core.stores.experiments import Audit, CachedExperiments, InMemoryExperimentStore
from bakeoff_core.stores.models import InMemoryModelRegistry, ModelVersion, artefact_key
from bakeoff_core.stores.objects import InMemoryObjectStore
from bakeoff_core.stores.streams import InMemoryEventSink
from circuit_breaker import CircuitBreaker
from deadline import Deadline
from deployment import count_opened_circuit
from experiment_serving import ExperimentAnswer, predict_for
from guarding import Guard
from model_administration import ModelAdministration
from model_loading import ModelLoader
from model_runtime.artefacts import ArtefactCache, checksum
from model_serving import Answer, ModelServer
from prediction_cache import CacheLayer, PredictionCache
from prediction_log import PredictionLog, described
from shadowing import Shadows
from workers import Workers

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
    max_bytes: int = 512 * 1024**2
    timeout_seconds: float = 10
    probe_seconds: float = 10
    shadow_budget_seconds: float = 5
    cache_layers: tuple[CacheLayer, ...] = ()
    experiments: InMemoryExperimentStore = field(default_factory=InMemoryExperimentStore)
    registry: InMemoryModelRegistry = field(default_factory=InMemoryModelRegistry)
    objects: InMemoryObjectStore = field(default_factory=InMemoryObjectStore)
    stream: InMemoryEventSink = field(default_factory=InMemoryEventSink)
    fallback_queue: InMemoryEventSink = field(default_factory=InMemoryEventSink)

    def __post_init__(self) -> None:
        artefacts = ArtefactCache(self.folder, self.max_bytes)
        self.loader = ModelLoader(
            self.objects, artefacts, self.max_bytes, self.memory_mb, self.registry, probe_seconds=self.probe_seconds
        )
        self.deadline = Deadline(1, time.monotonic)
        breaker = CircuitBreaker(5, 30, 30, self.seconds, count_opened_circuit)
        guard = Guard(breaker, Workers(4), self.deadline, self.timeout_seconds)
        self.server = ModelServer(
            self.registry,
            self.loader,
            guard,
            PredictionCache(self.cache_layers),
            clock=self.clock,
            max_age_seconds=10,
        )
        self.shadows = Shadows(Workers(4), self.shadow_budget_seconds, self.deadline, time.monotonic)
        self.administration = ModelAdministration(self.registry, self.server, self.experiments, self.clock)
        cached = CachedExperiments(self.experiments, 0, self.clock, lambda _name: None)
        self.assigner = Assigner(cached, self.clock)
        recorder = EventRecorder(self.stream, self.fallback_queue, self.clock)
        self.log = PredictionLog(recorder, self.sample_rate, self.draws)

    def clock(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def api(self) -> HttpApi:
        """Make the routes over this house."""
        # The entry point builds its own routes when it is imported, from an environment with names of resources.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BAKEOFF_FALLBACK_QUEUE", "http://127.0.0.1/queue")
            from predict import Services, build_api  # noqa: PLC0415 - for the same reason

        return build_api(
            Services(
                server=self.server,
                administration=self.administration,
                assigner=self.assigner,
                shadows=self.shadows,
                deadline=self.deadline,
                log=self.log,
                clock=self.clock,
            )
        )

    def predict_for(self, assignment: Any, features: Any) -> ExperimentAnswer[Answer]:
        def call(name: str, version: str | None) -> Answer:
            return self.server.predict(name, version, features, "features")

        return predict_for(assignment, call, self.shadows, described)

    def publish_graph(
        self,
        key: str,
        artefact: bytes,
        features: list[dict[str, Any]],
        row: dict[str, Any],
        prediction: Any,
        **changes: Any,
    ) -> None:
        """Publish a model of another name, with the row that proves it."""
        name, version = key.split(":")
        metadata = {
            "name": name,
            "version": version,
            "created_at": "2026-01-01T00:00:00Z",
            "framework": "onnx",
            "input_schema": {"features": features},
            "output_schema": {"prediction": "y"},
            "probe": {"features": row, "prediction": prediction},
        }
        publish(
            name,
            version,
            artefact,
            metadata | changes,
            registry=self.registry,
            objects=self.objects,
            clock=self.clock,
        )

    def register(self, key: str, artefact: bytes, features: list[dict[str, Any]], **changes: Any) -> None:
        """Register a model that publishing would refuse."""
        name, version = key.split(":")
        metadata = {
            "name": name,
            "version": version,
            "created_at": "2026-01-01T00:00:00Z",
            "framework": "onnx",
            "input_schema": {"features": features},
            "output_schema": {"prediction": "y"},
            "probe": {"features": {features[0]["name"]: 1}, "prediction": 0},
        }
        self.objects.put(artefact_key(name, version), artefact, "application/octet-stream")
        self.registry.register(
            ModelVersion(
                name=name,
                version=version,
                status="ready",
                sha256=checksum(artefact),
                size_bytes=len(artefact),
                registered_at=self.now,
                metadata=metadata | changes,
            )
        )

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
