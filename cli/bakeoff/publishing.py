"""Publishing a model version: checked, stored and registered, once and for ever."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from bakeoff_core.clock import Clock
from bakeoff_core.errors import InvalidInput, ModelNotFound, ModelVersionExists
from bakeoff_core.stores.models import ModelRegistry, ModelVersion, artefact_key, metadata_key
from bakeoff_core.stores.objects import ObjectNotFound, ObjectStore
from bakeoff_core.validation import field_errors
from model_runtime.artefacts import checksum
from model_runtime.chain import chain
from model_runtime.errors import ModelRefused
from model_runtime.metadata import ModelMetadata
from model_runtime.model import Model, load_model


def publish(  # noqa: PLR0913 - a publication joins what is published with where it goes
    name: str,
    version: str,
    artefact: bytes,
    metadata: Mapping[str, Any] | ModelMetadata,
    *,
    registry: ModelRegistry,
    objects: ObjectStore,
    clock: Clock,
    alias: str | None = None,
    actor: str = "unknown",
) -> ModelVersion:
    """Publish a version whose model reproduces its probe row.

    The version is registered before its files are written, so that of two publishers with different
    models only the one who won the name writes. Publishing the same again repairs what an interrupted
    publication left undone, and changes nothing else.

    Args:
        name: The model's name, as in the metadata.
        version: The version, as in the metadata.
        artefact: The ONNX file.
        metadata: What is known of the model.
        registry: Where the version is registered.
        objects: Where the files are stored.
        clock: The time.
        alias: An alias to point at the version, such as `champion`.
        actor: Who is named in the alias's history.

    Returns:
        The version as it is registered now.

    Raises:
        InvalidInput: The metadata are not valid, name another version, or are not those of the model; or the feature
            pipeline that they name is not there, or does not fit before it.
        ModelVersionExists: The version is registered with another artefact or other metadata.
        DependencyUnavailable: The registry or the object store does not answer.
    """
    known = _read(name, version, metadata)
    try:
        model = load_model(artefact, known, threads=1)
    except ModelRefused as error:
        raise InvalidInput.of("artefact", str(error)) from error
    if known.feature_pipeline is not None:
        _prove_chain(known.feature_pipeline, model, registry, objects)
    registered = _register(_entry(known, artefact, clock), registry)
    if registered.status in {"loading", "unhealthy"}:
        objects.put(artefact_key(name, version), artefact, "application/octet-stream")
        document = json.dumps(registered.metadata, indent=2, allow_nan=False).encode()
        objects.put(metadata_key(name, version), document, "application/json")
        registered = registry.set_status(name, version, "ready")
    if alias is not None:
        registry.set_alias(name, alias, version, actor=actor)
    return registered


def _prove_chain(key: str, model: Model, registry: ModelRegistry, objects: ObjectStore) -> None:
    """Run the probe row of a feature pipeline through both graphs."""
    try:
        pipeline = registry.get(*key.split(":", 1))
        if pipeline.metadata.get("feature_pipeline") is not None:
            raise InvalidInput.of("feature_pipeline", f"{key} has a feature pipeline of its own")
        artefact = objects.get(artefact_key(pipeline.name, pipeline.version))
        if checksum(artefact) != pipeline.sha256:
            raise InvalidInput.of("feature_pipeline", f"the artefact of {key} is damaged: publish it again")
        chain(load_model(artefact, ModelMetadata.model_validate(pipeline.metadata), threads=1), model)
    except ModelNotFound as error:
        raise InvalidInput.of("feature_pipeline", f"{key} is not registered") from error
    except ObjectNotFound as error:
        raise InvalidInput.of("feature_pipeline", f"{key} has no artefact: publish it again") from error
    except (ModelRefused, ValidationError) as error:
        raise InvalidInput.of("feature_pipeline", str(error)) from error


def _read(name: str, version: str, metadata: Mapping[str, Any] | ModelMetadata) -> ModelMetadata:
    try:
        known = metadata if isinstance(metadata, ModelMetadata) else ModelMetadata.model_validate(metadata)
    except ValidationError as error:
        raise InvalidInput(field_errors(error)) from error
    for field, given, wanted in (("name", known.name, name), ("version", known.version, version)):
        if given != wanted:
            raise InvalidInput.of(field, f"must be {wanted!r} as published, got {given!r}")
    return known


def _entry(metadata: ModelMetadata, artefact: bytes, clock: Clock) -> ModelVersion:
    try:
        return ModelVersion(
            name=metadata.name,
            version=metadata.version,
            status="loading",
            sha256=checksum(artefact),
            size_bytes=len(artefact),
            registered_at=clock(),
            metadata=metadata.model_dump(mode="json", exclude_none=True),
        )
    except ValidationError as error:
        raise InvalidInput(field_errors(error)) from error


def _register(entry: ModelVersion, registry: ModelRegistry) -> ModelVersion:
    try:
        registry.register(entry)
    except ModelVersionExists as taken:
        try:
            present = registry.get(entry.name, entry.version)
        except ModelNotFound:
            # It was deleted, and its name is not free for another model.
            raise taken from None
        if (present.sha256, present.metadata) != (entry.sha256, entry.metadata):
            raise
        return present
    return entry
