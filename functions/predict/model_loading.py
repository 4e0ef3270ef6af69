"""Models in this container's memory: fetched, verified, built and proved when they are first wanted."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Timer
from typing import Protocol

from pydantic import ValidationError

from bakeoff_core.errors import ModelNotFound
from bakeoff_core.stores.models import ModelVersion, artefact_key
from bakeoff_core.stores.objects import ObjectNotFound, ObjectStore
from bakeoff_core.telemetry import count, seconds, size
from model_runtime.artefacts import ArtefactCache
from model_runtime.chain import chain
from model_runtime.errors import ArtefactDamaged, ModelRefused, PredictionCancelled
from model_runtime.metadata import ModelMetadata
from model_runtime.model import Model, load_model
from model_runtime.model_cache import Lease, LeasedCache
from model_runtime.sessions import threads_for

# Measured: a session takes up to three times its artefact, for the weights laid out anew, and up to 17 MB however
# small that is.
_SESSION_FACTOR = 3
_SESSION_BYTES = 16 * 1024**2
_MEGABYTE = 1024**2


class UnusableModel(Exception):
    """A registered version cannot serve here; the text is the reason, and fit for the caller."""


class Versions(Protocol):
    """Where feature pipelines are looked up."""

    def get(self, name: str, version: str) -> ModelVersion:
        """Read one version. Raises ModelNotFound."""
        ...


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A version in memory.

    Attributes:
        engineered: Predicts from the features of the version's own schema.
        raw: Predicts from what the feature pipeline takes; the same where there is none.
        fingerprint: Stands for all that decides a prediction besides the row.
    """

    engineered: Model
    raw: Model
    fingerprint: str


def memory_of(artefact_bytes: int) -> int:
    """Estimate the bytes of memory that a model takes."""
    return _SESSION_BYTES + _SESSION_FACTOR * artefact_bytes


class ModelLoader:
    """Models by version, as many as memory allows.

    Args:
        objects: Where artefacts are stored.
        artefacts: Keeps them on this container's disk.
        max_bytes: How much the models may take together.
        memory_mb: The function's memory, which decides its threads and what it may load.
        versions: Where feature pipelines are looked up.
        probe_seconds: How long a version may take for its probe row.
        perf_counter: Measures the time of loading, in seconds.
    """

    def __init__(  # noqa: PLR0913 - a loader joins where artefacts come from with what they may take
        self,
        objects: ObjectStore,
        artefacts: ArtefactCache,
        max_bytes: int,
        memory_mb: int,
        versions: Versions,
        *,
        probe_seconds: float = 10,
        perf_counter: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._objects = objects
        self._artefacts = artefacts
        self._max_bytes = max_bytes
        self._models = LeasedCache[tuple[str, str], LoadedModel](max_bytes, _count_eviction)
        self._memory_mb = memory_mb
        self._versions = versions
        self._perf_counter = perf_counter
        self._probe_seconds = probe_seconds
        self._pipelines: dict[tuple[str, str], ModelVersion] = {}

    def lease(self, version: ModelVersion) -> Lease[tuple[str, str], LoadedModel]:
        """Use a version's model in a with statement, loaded if need be; its memory is given to no other meanwhile.

        Raises:
            UnusableModel: Its artefact is missing, damaged or no model, it does not fit its metadata,
                it fails its probe, or it needs more memory.
            DependencyUnavailable: The object store or the registry does not answer.
        """
        pipeline = self._pipeline_of(version)
        needed = memory_of(version.size_bytes) + (memory_of(pipeline.size_bytes) if pipeline else 0)
        if needed > self._max_bytes:
            raise UnusableModel(
                f"it needs about {needed // _MEGABYTE} MB of memory, and all models together may take "
                f"{self._max_bytes // _MEGABYTE} MB"
            )
        return self._models.lease(_key(version), needed, lambda: self._load(version, pipeline, needed))

    def holds(self, version: ModelVersion) -> bool:
        """Say whether a version's model is in memory."""
        return self._models.holds(_key(version))

    def forget(self, version: ModelVersion) -> None:
        """Drop a version and its feature pipeline from memory and disk, so that they are fetched anew."""
        self._models.discard(_key(version))
        self._artefacts.discard(version.sha256)
        pipeline = self._pipelines.pop(_key(version), None)
        if pipeline is not None:
            self._artefacts.discard(pipeline.sha256)

    @property
    def used_bytes(self) -> int:
        """The memory that the models are taken to need together."""
        return self._models.used_bytes

    def _pipeline_of(self, version: ModelVersion) -> ModelVersion | None:
        name = version.metadata.get("feature_pipeline")
        if not isinstance(name, str):
            return None
        known = self._pipelines.get(_key(version))
        if known is None:
            try:
                known = self._versions.get(*name.split(":", 1))
            except (ModelNotFound, TypeError):
                raise UnusableModel(f"its feature pipeline {name} is not registered") from None
            if known.status in {"offline", "unhealthy"}:
                raise UnusableModel(f"its feature pipeline {name} is {known.status}")
            if "feature_pipeline" in known.metadata:
                raise UnusableModel(f"its feature pipeline {name} has one of its own")
            self._pipelines[_key(version)] = known
        return known

    def _load(self, version: ModelVersion, pipeline: ModelVersion | None, needed: int) -> LoadedModel:
        started = self._perf_counter()
        try:
            with ExitStack() as watches:

                def watch(model: Model) -> None:
                    watches.enter_context(self._watched(model))

                model = self._built(version, watch)
                raw = model if pipeline is None else chain(self._built(pipeline, watch), model, watch)
        except ModelRefused as error:
            raise UnusableModel(str(error)) from error
        except PredictionCancelled as error:
            raise UnusableModel(f"its probe row takes longer than {self._probe_seconds:g} s") from error
        elapsed = self._perf_counter() - started
        seconds("model_load_time_seconds", elapsed, model_name=version.name, version=version.version)
        size("model_memory_usage_bytes", needed, model_name=version.name, version=version.version)
        return LoadedModel(model, raw, f"{version.model_key} {version.sha256} {pipeline.sha256 if pipeline else ''}")

    def _built(self, version: ModelVersion, watch: Callable[[Model], None]) -> Model:
        metadata = self._metadata(version)
        # The probe is the warm-up, too: the first request finds every buffer allocated.
        return load_model(self._artefact(version), metadata, threads_for(self._memory_mb), watch)

    @contextmanager
    def _watched(self, model: Model) -> Iterator[None]:
        """End a model's probe when it takes too long: whoever asked for it may have gone away."""
        watch = Timer(self._probe_seconds, model.cancel)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def _metadata(self, version: ModelVersion) -> ModelMetadata:
        try:
            metadata = ModelMetadata.model_validate(version.metadata)
        except ValidationError as error:
            raise UnusableModel("its metadata are not valid") from error
        if metadata.min_memory_mb is not None and metadata.min_memory_mb > self._memory_mb:
            raise UnusableModel(f"it needs {metadata.min_memory_mb} MB of memory, and there are {self._memory_mb} MB")
        return metadata

    def _artefact(self, version: ModelVersion) -> bytes:
        key = artefact_key(version.name, version.version)
        try:
            return self._artefacts.fetch(version.sha256, lambda: self._objects.get(key))
        except ArtefactDamaged as error:
            raise UnusableModel(str(error)) from error
        except ObjectNotFound as error:
            raise UnusableModel("its artefact is missing") from error


def _key(version: ModelVersion) -> tuple[str, str]:
    return version.model_key, version.sha256


def _count_eviction(key: tuple[str, str]) -> None:
    name, _, version = key[0].partition(":")
    count("model_evicted_total", model_name=name, version=version)
