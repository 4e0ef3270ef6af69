"""Models that lie in a folder: `model.onnx` and `metadata.json`."""

import json
from pathlib import Path
from typing import Any

from bakeoff.errors import UsageError
from bakeoff.publishing import publish
from bakeoff_core.clock import Clock
from bakeoff_core.errors import InvalidInput
from bakeoff_core.stores.models import ModelRegistry, ModelVersion
from bakeoff_core.stores.objects import ObjectStore

ARTEFACT = "model.onnx"
METADATA = "metadata.json"


def read_metadata(folder: Path) -> dict[str, Any]:
    """Read what is known of a model.

    Raises:
        FileNotFoundError: The folder holds no metadata.
        InvalidInput: The file is not a JSON object with a name and a version.
    """
    file = folder / METADATA
    try:
        metadata = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidInput.of(str(file), f"is not JSON: {error}") from error
    for field in ("name", "version"):
        if not isinstance(metadata, dict) or not isinstance(metadata.get(field), str):
            raise InvalidInput.of(f"{file}: {field}", "must be a string")
    return dict(metadata)


def publish_folder(
    folder: Path,
    registry: ModelRegistry,
    objects: ObjectStore,
    clock: Clock,
    *,
    alias: str | None = None,
    actor: str = "unknown",
) -> ModelVersion:
    """Publish the model that lies in a folder.

    Raises:
        UsageError: The folder holds no artefact.
        BakeoffError: The model or its metadata are refused; see `bakeoff.publishing.publish`.
    """
    metadata = read_metadata(folder)
    artefact = folder / ARTEFACT
    if not artefact.is_file():
        raise UsageError(f"{artefact}: not found")
    return publish(
        metadata["name"],
        metadata["version"],
        artefact.read_bytes(),
        metadata,
        registry=registry,
        objects=objects,
        clock=clock,
        alias=alias,
        actor=actor,
    )
