from typing import Any

import pytest

from bakeoff_core.experiments.model_use import experiments_using, models_of
from bakeoff_core.stores.models import InMemoryModelRegistry, ModelVersion
from tests.support import NOON, experiment


def using(*versions: str | None, **changes: Any) -> Any:
    groups: list[dict[str, Any]] = [
        {"name": f"g{index}", "weight": 1, "model_name": "m", **({"model_version": version} if version else {})}
        for index, version in enumerate(versions)
    ]
    return experiment(groups=groups, **changes)


@pytest.fixture
def models() -> InMemoryModelRegistry:
    registry = InMemoryModelRegistry(lambda: NOON)
    for version in ("v1", "v2"):
        registry.register(
            ModelVersion(
                name="m", version=version, status="ready", sha256="ab", size_bytes=1, registered_at=NOON, metadata={}
            )
        )
    registry.set_alias("m", "champion", "v2")
    return registry


def test_names_the_models_of_groups() -> None:
    assert list(models_of(using("v1", None))) == [("m", "v1"), ("m", None)]
    assert list(models_of(experiment())) == []


def test_names_shadow_models_too() -> None:
    shadow: dict[str, Any] = {"shadow_model_name": "m", "shadow_model_version": "v2"}
    groups = [{"name": name, "weight": 1, "model_name": "m", "model_version": "v1"} | shadow for name in ("a", "b")]
    assert list(models_of(experiment(groups=groups))) == [("m", "v1"), ("m", "v2")] * 2


@pytest.mark.parametrize(
    ("versions", "wanted", "found"),
    [
        (("v1", "v1"), "v1", True),
        (("v1", "v1"), "v2", False),
        (("v1", "champion"), "v2", True),
        (("v1", None), "v2", True),
        (("v1", "v9"), "v2", False),
    ],
)
def test_versions_are_used_by_name_or_by_alias(
    versions: tuple[str | None, ...], wanted: str, models: InMemoryModelRegistry, *, found: bool
) -> None:
    one = using(*versions)
    assert experiments_using([one], models, "m", wanted) == ([one] if found else [])
    assert experiments_using([one], models, "n", wanted) == []


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"status": "draft"}, True),
        ({"status": "running"}, True),
        ({"status": "paused"}, True),
        ({"status": "stopped"}, False),
        ({"status": "completed"}, False),
        ({"status": "draft", "archived_at": NOON}, False),
    ],
)
def test_only_experiments_that_are_not_over_count(
    changes: dict[str, Any], models: InMemoryModelRegistry, *, found: bool
) -> None:
    assert bool(experiments_using([using("v1", "v1", **changes)], models, "m", "v1")) is found
