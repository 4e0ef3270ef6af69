"""Publishing a model version once, twice, and against what is there."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bakeoff.publishing import publish
from bakeoff_core.errors import InvalidInput, ModelNotFound, ModelVersionExists
from bakeoff_core.stores.models import InMemoryModelRegistry, ModelVersion
from bakeoff_core.stores.objects import InMemoryObjectStore

EXAMPLES = Path(__file__).parents[3] / "examples" / "models" / "recommendation"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
ARTEFACT = (EXAMPLES / "v1" / "model.onnx").read_bytes()
METADATA: dict[str, Any] = json.loads((EXAMPLES / "v1" / "metadata.json").read_text())


class Shelf:
    """A registry and a store to publish to."""

    def __init__(self) -> None:
        self.registry = InMemoryModelRegistry()
        self.objects = InMemoryObjectStore()

    def publish(self, artefact: bytes = ARTEFACT, alias: str | None = None, **changes: Any) -> ModelVersion:
        return publish(
            "recommendation",
            "v1",
            artefact,
            METADATA | changes,
            registry=self.registry,
            objects=self.objects,
            clock=lambda: NOW,
            alias=alias,
            actor="ann",
        )


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def test_published_version_is_ready_and_stored(shelf: Shelf) -> None:
    published = shelf.publish(alias="champion")
    assert (published.model_key, published.status, published.registered_at) == ("recommendation:v1", "ready", NOW)
    assert published.size_bytes == len(ARTEFACT)
    assert published == shelf.registry.resolve("recommendation", None)
    assert shelf.objects.get("models/recommendation/v1/model.onnx") == ARTEFACT
    stored = json.loads(shelf.objects.get("models/recommendation/v1/metadata.json"))
    assert stored == published.metadata
    assert stored["probe"]["probabilities"] == METADATA["probe"]["probabilities"]


def test_without_an_alias_none_is_set(shelf: Shelf) -> None:
    shelf.publish()
    assert shelf.registry.aliases("recommendation") == {}


def test_publishing_the_same_again_changes_nothing(shelf: Shelf) -> None:
    first = shelf.publish()
    shelf.registry.set_status("recommendation", "v1", "offline")
    again = shelf.publish()
    assert again == first.model_copy(update={"status": "offline"})


@pytest.mark.parametrize("status", ["loading", "unhealthy"])
def test_publishing_the_same_again_repairs_an_interrupted_publication(shelf: Shelf, status: Any) -> None:
    shelf.publish()
    shelf.registry.set_status("recommendation", "v1", status, reason="its artefact is missing")
    shelf.objects.put("models/recommendation/v1/model.onnx", b"half", "application/octet-stream")
    repaired = shelf.publish()
    assert (repaired.status, repaired.reason) == ("ready", None)
    assert shelf.objects.get("models/recommendation/v1/model.onnx") == ARTEFACT


def test_other_artefact_under_the_same_version_is_refused_and_not_written(shelf: Shelf) -> None:
    shelf.publish()
    with pytest.raises(ModelVersionExists):
        publish(
            "recommendation",
            "v1",
            (EXAMPLES / "v2" / "model.onnx").read_bytes(),
            json.loads((EXAMPLES / "v2" / "metadata.json").read_text()) | {"version": "v1"},
            registry=shelf.registry,
            objects=shelf.objects,
            clock=lambda: NOW,
        )
    assert shelf.objects.get("models/recommendation/v1/model.onnx") == ARTEFACT


def test_other_metadata_under_the_same_version_are_refused(shelf: Shelf) -> None:
    shelf.publish()
    with pytest.raises(ModelVersionExists):
        shelf.publish(description="another")


def test_the_name_of_a_deleted_version_is_not_used_again(shelf: Shelf) -> None:
    shelf.publish()
    shelf.registry.delete("recommendation", "v1")
    with pytest.raises(ModelVersionExists):
        shelf.publish()


def test_the_alias_is_moved_in_the_name_of_the_publisher(shelf: Shelf) -> None:
    shelf.publish(alias="champion")
    assert [move.actor for move in shelf.registry.alias_history("recommendation", "champion")] == ["ann"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "pricing"}, "name: must be 'recommendation' as published, got 'pricing'"),
        ({"version": "v2"}, "version: must be 'v1' as published, got 'v2'"),
        ({"framework": 3}, "framework: input should be a valid string"),
        ({"class_labels": [0, 1, 2]}, "artefact: the probe row fails: the model gave 2 probabilities"),
        ({"input_schema": {"features": [{"name": "age", "type": "int"}]}}, "artefact: the model has the inputs"),
        (
            {"probe": METADATA["probe"] | {"probabilities": [0.5, 0.5]}},
            r"artefact: the probe row gives the probabilities .* instead of \[0.5, 0.5\]",
        ),
    ],
)
def test_model_that_is_not_what_its_metadata_say_is_refused(
    shelf: Shelf, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        shelf.publish(**changes)
    assert shelf.registry.list() == []
    assert shelf.objects.list("") == []


def test_bytes_that_are_no_model_are_refused(shelf: Shelf) -> None:
    with pytest.raises(InvalidInput, match="artefact: the artefact is not an ONNX model"):
        shelf.publish(b"pickle")
    with pytest.raises(ModelNotFound):
        shelf.registry.get("recommendation", "v1")
