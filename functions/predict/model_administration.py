"""What operators do with models: look, load and unload."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from bakeoff_core.clock import Clock, rfc3339
from bakeoff_core.errors import ModelInUse, ModelNotFound
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.snapshots import on_restore
from bakeoff_core.stores.cache import BoundedAgeCache
from bakeoff_core.stores.models import ModelRegistry, ModelVersion
from bakeoff_core.telemetry import count
from model_serving import ModelServer


class Experiments(Protocol):
    """Where experiments are listed."""

    def list(self) -> list[Experiment]:
        """Read all experiments that are not archived."""
        ...


class ModelAdministration:
    """Looks at versions, and brings them into and out of service.

    Args:
        registry: Which versions exist.
        server: Serves them.
        experiments: Says which versions are in use.
        clock: The time.
    """

    def __init__(
        self,
        registry: ModelRegistry,
        server: ModelServer,
        experiments: Experiments,
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._server = server
        self._experiments = experiments
        self._clock = clock
        self._started = clock()
        on_restore(self.restart)

        def read(_key: str) -> list[ModelVersion]:
            return registry.list()

        # An age of 0: a health check looks every time, and repeats what it saw while the registry is down.
        self._counted = BoundedAgeCache[str, list[ModelVersion]](
            read, 0, clock, lambda _key: count("stale_configuration_total")
        )

    def restart(self) -> None:
        """Count the time since now."""
        self._started = self._clock()

    def health(self) -> dict[str, Any]:
        """Say how many versions are ready; one that is unhealthy makes the whole `degraded`."""
        now = self._clock()
        models = self._counted.get("models")
        return {
            "status": "degraded" if any(model.status == "unhealthy" for model in models) else "healthy",
            "timestamp": rfc3339(now),
            "uptime_seconds": round((now - self._started).total_seconds(), 3),
            "model_count": len(models),
            "healthy_model_count": sum(model.status == "ready" for model in models),
        }

    def list(self) -> list[dict[str, Any]]:
        """Describe every registered version."""
        return [describe(model) for model in self._registry.list()]

    def versions(self, model_name: str) -> Sequence[str]:
        """Name a model's versions."""
        return [model.version for model in self._registry.list() if model.name == model_name]

    def check_registry(self) -> None:
        """Look whether the registry answers.

        Raises:
            DependencyUnavailable: It does not.
        """
        self._registry.list()

    def load(self, model_name: str, version_or_alias: str | None) -> dict[str, Any]:
        """Fetch, verify and prove a version, and describe how it stands then.

        Raises:
            ModelNotFound: There is no such version.
        """
        return describe(self._server.reload(self._registry.resolve(model_name, version_or_alias)))

    def unload(self, model_name: str, version_or_alias: str | None) -> dict[str, Any]:
        """Take a version offline.

        Raises:
            ModelNotFound: There is no such version.
            ModelInUse: A running experiment uses it, or one that is over serves everybody with it.
        """
        version = self._registry.resolve(model_name, version_or_alias)
        for experiment in self._experiments.list():
            if any(self._needs(*named, version.model_key) for named in _in_service(experiment)):
                raise ModelInUse(
                    f"model {version.model_key} is used by the {experiment.status} experiment {experiment.name!r}"
                )
        return describe(self._server.withdraw(version))

    def _needs(self, name: str, version_or_alias: str | None, model_key: str) -> bool:
        try:
            used = self._registry.resolve(name, version_or_alias)
        except ModelNotFound:
            return False
        return model_key in {used.model_key, used.metadata.get("feature_pipeline")}


def _in_service(experiment: Experiment) -> Iterator[tuple[str, str | None]]:
    """Name the models that an experiment's users meet, each with its version or alias."""
    if experiment.status == "running":
        for group in experiment.groups:
            yield from group.models
    elif experiment.group_in_service is not None:
        yield from experiment.group_in_service.models


def describe(model: ModelVersion) -> dict[str, Any]:
    """Describe a version as `GET /models` does."""
    return {
        "model_key": model.model_key,
        "status": model.status,
        "reason": model.reason,
        "registered_at": rfc3339(model.registered_at),
        "loaded_at": rfc3339(model.loaded_at) if model.loaded_at else None,
        "sha256": model.sha256,
        "size_bytes": model.size_bytes,
        "metadata": model.metadata,
    }
