"""Models in this container's memory: fetched, verified, built and proved when they are first wanted."""

import time
from collections.abc import Callable

from pydantic import ValidationError

from bakeoff_core.stores.models import ModelVersion, artefact_key
from bakeoff_core.stores.objects import ObjectNotFound, ObjectStore
from bakeoff_core.telemetry import seconds, size
from model_runtime.artefacts import ArtefactCache
from model_runtime.errors import ArtefactDamaged, ModelRefused
from model_runtime.metadata import ModelMetadata
from model_runtime.model import Model, load_model
from model_runtime.sessions import MemoryBoundedCache, threads_for


class UnusableModel(Exception):
    """A registered version cannot serve here; the text is the reason, and fit for the caller."""


class ModelLoader:
    """Models by version, as many as memory allows.

    A model's need of memory is taken to be the size of its artefact: the session holds little besides
    the weights.

    Args:
        objects: Where artefacts are stored.
        artefacts: Keeps them on this container's disk.
        max_bytes: How much the models may take together.
        memory_mb: The function's memory, which decides its threads and what it may load.
        perf_counter: Measures the time of loading, in seconds.
    """

    def __init__(
        self,
        objects: ObjectStore,
        artefacts: ArtefactCache,
        max_bytes: int,
        memory_mb: int,
        perf_counter: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._objects = objects
        self._artefacts = artefacts
        self._models = MemoryBoundedCache[tuple[str, str], Model](max_bytes)
        self._memory_mb = memory_mb
        self._perf_counter = perf_counter

    def get(self, version: ModelVersion) -> Model:
        """Give a version's model, loading it if need be.

        Raises:
            UnusableModel: Its artefact is missing, damaged or no model, it does not fit its metadata,
                it fails its probe, or it needs more memory.
            DependencyUnavailable: The object store does not answer.
        """
        return self._models.get(self._key(version), lambda: self._load(version))

    def forget(self, version: ModelVersion) -> None:
        """Drop a version from memory and disk, so that it is fetched anew."""
        self._models.discard(self._key(version))
        self._artefacts.discard(version.sha256)

    @staticmethod
    def _key(version: ModelVersion) -> tuple[str, str]:
        return version.model_key, version.sha256

    def _load(self, version: ModelVersion) -> tuple[Model, int]:
        started = self._perf_counter()
        metadata = self._metadata(version)
        artefact = self._artefact(version)
        try:
            model = load_model(artefact, metadata, threads_for(self._memory_mb))
        except ModelRefused as error:
            raise UnusableModel(str(error)) from error
        dimensions = {"model_name": version.name, "version": version.version}
        seconds("model_load_time_seconds", self._perf_counter() - started, **dimensions)
        size("model_memory_usage_bytes", len(artefact), **dimensions)
        return model, len(artefact)

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
