"""The parts that serve models, put together as the deployment's settings say."""

import time
from pathlib import Path
from tempfile import gettempdir

from bakeoff_core.clock import utc_now
from bakeoff_core.settings import Settings
from bakeoff_core.stores.models import ModelRegistry
from bakeoff_core.stores.objects import ObjectStore
from bakeoff_core.telemetry import count
from circuit_breaker import CircuitBreaker
from deadline import Deadline
from guarding import Guard
from model_loading import ModelLoader
from model_runtime.artefacts import ArtefactCache
from model_serving import ModelServer
from prediction_cache import CacheLayer, LocalLayer, PredictionCache
from shadowing import Shadows
from workers import Workers

_ARTEFACTS = Path(gettempdir()) / "bakeoff-artefacts"
# For recording what was predicted and for writing the answer.
_DEADLINE_MARGIN_SECONDS = 1.0
_MOST_STUCK = 4


def deployed_deadline() -> Deadline:
    """Make the clock that says how much time a request has."""
    return Deadline(_DEADLINE_MARGIN_SECONDS, time.monotonic)


def deployed_server(
    settings: Settings, registry: ModelRegistry, objects: ObjectStore, deadline: Deadline
) -> ModelServer:
    """Make the server of models.

    Args:
        settings: The deployment's.
        registry: Which versions exist.
        objects: Where artefacts are stored.
        deadline: The time that the request has.
    """
    loader = ModelLoader(
        objects,
        ArtefactCache(_ARTEFACTS, settings.artefact_cache_bytes),
        settings.model_cache_bytes,
        settings.memory_mb,
        registry,
        probe_seconds=settings.prediction_timeout_seconds,
    )
    breaker = CircuitBreaker(
        settings.circuit_failure_threshold,
        settings.circuit_window_seconds,
        settings.circuit_recovery_seconds,
        time.monotonic,
        count_opened_circuit,
    )
    guard = Guard(breaker, Workers(_MOST_STUCK), deadline, settings.prediction_timeout_seconds)
    return ModelServer(
        registry,
        loader,
        guard,
        _cache(settings),
        clock=utc_now,
        max_age_seconds=settings.configuration_max_age_seconds,
    )


def deployed_shadows(settings: Settings, deadline: Deadline) -> Shadows:
    """Make the runner of shadow models, whose threads are none of the answering models'."""
    return Shadows(Workers(_MOST_STUCK), settings.shadow_budget_seconds, deadline, time.monotonic)


def count_opened_circuit(model_key: str) -> None:
    """Count that a version's circuit opened."""
    name, _, version = model_key.partition(":")
    count("circuit_open_total", model_name=name, version=version)


def _cache(settings: Settings) -> PredictionCache:
    layers: list[CacheLayer] = []
    if settings.prediction_cache_bytes:
        layers.append(
            LocalLayer(settings.prediction_cache_bytes, settings.prediction_cache_ttl_seconds, time.monotonic)
        )
    if settings.prediction_cache_url:
        # Importing the client takes longer than most predictions, and most deployments have no such server.
        from shared_cache import SharedLayer  # noqa: PLC0415

        layers.append(SharedLayer(settings.prediction_cache_url, settings.prediction_cache_ttl_seconds, time.monotonic))
    return PredictionCache(layers)
