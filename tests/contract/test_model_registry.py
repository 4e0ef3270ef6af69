from datetime import timedelta

import pytest

from bakeoff_core.errors import DependencyUnavailable, ModelNotFound, ModelVersionExists
from bakeoff_core.stores.aws import table
from bakeoff_core.stores.models import DynamoModelRegistry, InMemoryModelRegistry, ModelRegistry, ModelVersion
from tests.support import NOON


def model(version: str = "v1", name: str = "m") -> ModelVersion:
    return ModelVersion(
        name=name,
        version=version,
        status="loading",
        sha256="ab" * 32,
        size_bytes=12,
        registered_at=NOON,
        metadata={"framework": "sklearn", "auc": 0.59},
    )


@pytest.fixture(params=["memory", "dynamodb"])
def registry(request: pytest.FixtureRequest) -> ModelRegistry:
    if request.param == "memory":
        return InMemoryModelRegistry()
    return DynamoModelRegistry(table(request.getfixturevalue("table_name")))


def test_reads_what_was_registered(registry: ModelRegistry) -> None:
    registry.register(model())
    assert registry.get("m", "v1") == model()
    assert registry.get("m", "v1").model_key == "m:v1"


def test_a_version_is_registered_once(registry: ModelRegistry) -> None:
    registry.register(model())
    with pytest.raises(ModelVersionExists):
        registry.register(model())


def test_lists_by_name_and_version(registry: ModelRegistry) -> None:
    for name, version in [("n", "v1"), ("m", "v2"), ("m", "v1")]:
        registry.register(model(version, name))
    registry.set_alias("m", "champion", "v1")
    assert [each.model_key for each in registry.list()] == ["m:v1", "m:v2", "n:v1"]


def test_resolves_versions_aliases_and_the_champion(registry: ModelRegistry) -> None:
    for version in ("v1", "v2"):
        registry.register(model(version))
    registry.set_alias("m", "champion", "v1")
    registry.set_alias("m", "challenger", "v2")
    assert [registry.resolve("m", wanted).version for wanted in ("v1", "v2", "champion", "challenger", None)] == [
        "v1",
        "v2",
        "v1",
        "v2",
        "v1",
    ]
    registry.set_alias("m", "champion", "v2")
    assert registry.resolve("m", None).version == "v2"
    assert registry.aliases("m") == {"champion": "v2", "challenger": "v2"}
    assert registry.aliases("n") == {}


def test_names_what_is_missing(registry: ModelRegistry) -> None:
    registry.register(model())
    for call in (
        lambda: registry.get("m", "v9"),
        lambda: registry.resolve("m", "v9"),
        lambda: registry.set_alias("m", "champion", "v9"),
        lambda: registry.set_status("m", "v9", "ready"),
    ):
        with pytest.raises(ModelNotFound, match="no model 'm' with version or alias 'v9' is registered"):
            call()
    with pytest.raises(ModelNotFound, match="no model 'm' with version or alias 'champion' is registered"):
        registry.resolve("m", None)


def test_a_status_changes_with_its_reason_and_keeps_the_time_of_loading(registry: ModelRegistry) -> None:
    registry.register(model())
    later = NOON + timedelta(hours=1)
    registry.set_status("m", "v1", "ready", loaded_at=later)
    unhealthy = registry.set_status("m", "v1", "unhealthy", reason="checksum mismatch")
    assert unhealthy == registry.get("m", "v1")
    assert (unhealthy.status, unhealthy.reason, unhealthy.loaded_at) == ("unhealthy", "checksum mismatch", later)
    assert registry.set_status("m", "v1", "ready").reason is None


def test_a_table_that_does_not_answer_is_an_unavailable_dependency(aws: None) -> None:
    registry = DynamoModelRegistry(table("missing"))
    for call in (lambda: registry.resolve("m", None), registry.list, lambda: registry.register(model())):
        with pytest.raises(DependencyUnavailable, match="the model registry is unavailable at the moment"):
            call()
