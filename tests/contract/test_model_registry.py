from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from bakeoff_core.errors import (
    AliasMoved,
    DependencyUnavailable,
    InvalidInput,
    ModelInUse,
    ModelNotFound,
    ModelVersionExists,
)
from bakeoff_core.stores.aws import table
from bakeoff_core.stores.models import (
    AliasMove,
    DynamoModelRegistry,
    InMemoryModelRegistry,
    ModelReference,
    ModelRegistry,
    ModelVersion,
    Standing,
)
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
        return InMemoryModelRegistry(lambda: NOON)
    return DynamoModelRegistry(table(request.getfixturevalue("table_name")), lambda: NOON)


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


def test_an_alias_is_moved_from_where_it_points_and_keeps_its_history(registry: ModelRegistry) -> None:
    for version in ("v1", "v2"):
        registry.register(model(version))
    registry.move_alias("m", "champion", None, "v1", actor="ann")
    registry.move_alias("m", "champion", "v1", "v2", actor="bob", action="rollback")
    registry.set_alias("m", "challenger", "v1")
    assert registry.aliases("m") == {"champion": "v2", "challenger": "v1"}
    first, second = registry.alias_history("m", "champion")
    assert first == AliasMove(alias="champion", source=None, target="v1", action="promote", actor="ann", at=NOON)
    assert (second.source, second.target, second.action, second.actor) == ("v1", "v2", "rollback", "bob")
    assert [move.actor for move in registry.alias_history("m", "challenger")] == ["unknown"]
    assert registry.alias_history("n", "champion") == ()


@pytest.mark.parametrize("source", [None, "v2", "v3"])
def test_a_move_from_where_the_alias_does_not_point_is_refused(registry: ModelRegistry, source: str | None) -> None:
    for version in ("v1", "v2"):
        registry.register(model(version))
    registry.set_alias("m", "champion", "v1")
    with pytest.raises(AliasMoved, match=f"m:champion points at v1, not at {source or 'no version'}"):
        registry.move_alias("m", "champion", source, "v2")
    assert (registry.aliases("m"), len(registry.alias_history("m", "champion"))) == ({"champion": "v1"}, 1)


def test_an_alias_that_points_there_already_has_no_move(registry: ModelRegistry) -> None:
    registry.register(model())
    assert registry.set_alias("m", "champion", "v1") is not None
    assert registry.set_alias("m", "champion", "v1") is None
    assert len(registry.alias_history("m", "champion")) == 1


@pytest.mark.parametrize(
    ("alias", "message"), [("v2", "alias: 'v2' is the name of a version"), ("a#b", "alias: must be 1 to 128")]
)
def test_an_alias_is_a_name_and_no_version(registry: ModelRegistry, alias: str, message: str) -> None:
    for version in ("v1", "v2"):
        registry.register(model(version))
    with pytest.raises(InvalidInput, match=message):
        registry.set_alias("m", alias, "v1")


def test_a_deleted_version_is_gone_and_its_name_with_it(registry: ModelRegistry) -> None:
    for version in ("v1", "v2"):
        registry.register(model(version))
    registry.delete("m", "v1", actor="ann")
    assert [each.version for each in registry.list()] == ["v2"]
    calls: list[Callable[[], Any]] = [
        lambda: registry.get("m", "v1"),
        lambda: registry.delete("m", "v1"),
        lambda: registry.set_status("m", "v1", "ready"),
        lambda: registry.set_alias("m", "champion", "v1"),
    ]
    for call in calls:
        with pytest.raises(ModelNotFound):
            call()
    with pytest.raises(ModelVersionExists):
        registry.register(model("v1"))


def test_what_an_alias_points_at_is_not_deleted(registry: ModelRegistry) -> None:
    registry.register(model())
    registry.set_alias("m", "champion", "v1")
    registry.set_alias("m", "challenger", "v1")
    with pytest.raises(ModelInUse, match="m:v1 is what challenger, champion points at: move the alias first"):
        registry.delete("m", "v1")
    assert registry.get("m", "v1") == model()


def test_a_status_that_is_set_meanwhile_keeps_the_time_of_loading(table_name: str) -> None:
    registry = DynamoModelRegistry(table(table_name))
    registry.register(model())
    before = registry.get("m", "v1")
    other = DynamoModelRegistry(table(table_name))
    registry.get = lambda *_: before  # type: ignore[method-assign] # a reader that is late
    other.set_status("m", "v1", "ready", loaded_at=NOON)
    assert registry.set_status("m", "v1", "unhealthy", reason="slow").loaded_at == NOON
    assert other.get("m", "v1").loaded_at == NOON


def test_moves_at_once_leave_one_unbroken_history(table_name: str) -> None:
    registry = DynamoModelRegistry(table(table_name))
    versions = [f"v{number}" for number in range(8)]
    for version in versions:
        registry.register(model(version))

    def move(version: str) -> None:
        with suppress(AliasMoved):
            registry.set_alias("m", "champion", version)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(move, versions))
    history = registry.alias_history("m", "champion")
    assert [move.source for move in history] == [None, *(move.target for move in history[:-1])]
    assert registry.aliases("m") == {"champion": history[-1].target}


def test_a_table_that_does_not_answer_is_an_unavailable_dependency(aws: None) -> None:
    registry = DynamoModelRegistry(table("missing"))
    calls: list[Callable[[], Any]] = [
        lambda: registry.resolve("m", None),
        registry.list,
        lambda: registry.register(model()),
        lambda: registry.set_status("m", "v1", "ready"),
        lambda: registry.move_alias("m", "champion", None, "v1"),
        lambda: registry.alias_history("m", "champion"),
    ]
    for call in calls:
        with pytest.raises(DependencyUnavailable, match="the model registry is unavailable at the moment"):
            call()


def test_says_how_many_versions_are_at_once(registry: ModelRegistry) -> None:
    for version in ("v1", "v2"):
        registry.register(model(version))
    registry.set_alias("m", "champion", "v2")
    registry.set_status("m", "v2", "unhealthy", reason="the probe row came out wrong")
    v1 = Standing(model_name="m", model_version="v1", status="loading")
    v2 = Standing(model_name="m", model_version="v2", status="unhealthy", reason="the probe row came out wrong")
    references: list[ModelReference] = [("m", "v1"), ("m", None), ("m", "champion"), ("m", "v3"), ("n", None)]
    assert registry.standings(references) == {("m", "v1"): v1, ("m", None): v2, ("m", "champion"): v2}
    assert registry.standings([]) == {}
