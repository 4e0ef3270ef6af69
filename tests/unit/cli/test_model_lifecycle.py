from typing import Any

import pytest

from bakeoff.model_lifecycle import NothingToRollBack, delete, promote, rollback
from bakeoff_core.errors import AliasMoved, ModelInUse, ModelNotFound
from bakeoff_core.stores.models import InMemoryModelRegistry, ModelVersion, artefact_key
from bakeoff_core.stores.objects import InMemoryObjectStore
from tests.support import NOON, experiment


def version(number: int, **metadata: Any) -> ModelVersion:
    return ModelVersion(
        name="m",
        version=f"v{number}",
        status="ready",
        sha256="ab",
        size_bytes=1,
        registered_at=NOON,
        metadata=metadata,
    )


@pytest.fixture
def registry() -> InMemoryModelRegistry:
    registry = InMemoryModelRegistry(lambda: NOON)
    for number in (1, 2, 3):
        registry.register(version(number))
    return registry


def test_promotes_from_wherever_or_from_one_version_only(registry: InMemoryModelRegistry) -> None:
    first = promote(registry, "m", "v1", "champion", actor="ann")
    assert first is not None
    assert (first.source, first.target, first.actor) == (None, "v1", "ann")
    assert promote(registry, "m", "v1", "champion", actor="ann") is None
    with pytest.raises(AliasMoved, match="points at v1, not at v3"):
        promote(registry, "m", "v2", "champion", expected="v3", actor="bob")
    promote(registry, "m", "v2", "champion", expected="v1", actor="bob")
    assert registry.aliases("m") == {"champion": "v2"}


def test_rolls_back_one_promotion_after_another(registry: InMemoryModelRegistry) -> None:
    for target in ("v1", "v2", "v3"):
        promote(registry, "m", target, "champion", actor="ann")
    assert [rollback(registry, "m", "champion", "bob").target for _ in range(2)] == ["v2", "v1"]
    with pytest.raises(NothingToRollBack, match="m:champion has not pointed at another version before"):
        rollback(registry, "m", "champion", "bob")
    promote(registry, "m", "v3", "champion", actor="ann")
    assert rollback(registry, "m", "champion", "bob").target == "v1"
    assert [move.action for move in registry.alias_history("m", "champion")][-2:] == ["promote", "rollback"]


def test_what_was_never_promoted_is_not_rolled_back(registry: InMemoryModelRegistry) -> None:
    with pytest.raises(NothingToRollBack):
        rollback(registry, "m", "champion", "bob")


def test_deletes_a_version_with_its_files(registry: InMemoryModelRegistry) -> None:
    objects = InMemoryObjectStore()
    for name in ("v1", "v2"):
        objects.put(artefact_key("m", name), b"onnx", "application/octet-stream")
    delete(registry, objects, [], "m", "v1", actor="ann")
    assert objects.list("") == [artefact_key("m", "v2")]
    with pytest.raises(ModelNotFound):
        registry.get("m", "v1")


def test_what_is_in_use_is_not_deleted(registry: InMemoryModelRegistry) -> None:
    objects = InMemoryObjectStore()
    objects.put(artefact_key("m", "v1"), b"onnx", "application/octet-stream")
    groups = [
        {"name": "a", "weight": 1, "model_name": "m", "model_version": "v1"},
        {"name": "b", "weight": 1, "model_name": "m", "model_version": "champion"},
    ]
    registry.set_alias("m", "champion", "v2")
    paused = experiment(name="paused_one", status="paused", groups=groups)
    for used in ("v1", "v2"):
        with pytest.raises(ModelInUse, match=f"m:{used} is used by 'paused_one'"):
            delete(registry, objects, [paused], "m", used, actor="ann")
    with pytest.raises(ModelInUse, match="m:v2 is what champion points at"):
        delete(registry, objects, [], "m", "v2", actor="ann")
    registry.register(version(4, feature_pipeline="m:v3"))
    with pytest.raises(ModelInUse, match="m:v3 is the feature pipeline of m:v4"):
        delete(registry, objects, [], "m", "v3", actor="ann")
    assert len(registry.list()) == 4
    assert objects.list("") == [artefact_key("m", "v1")]
