"""Looking at models, loading and unloading them."""

from typing import Any

import pytest

from bakeoff_core.errors import DependencyUnavailable, ModelInUse, ModelNotFound
from bakeoff_core.stores.models import artefact_key


def test_published_versions_are_listed(house: Any) -> None:
    first, second = house.administration.list()
    assert (first["model_key"], first["status"], first["loaded_at"]) == ("recommendation:v1", "ready", None)
    assert first["metadata"]["framework"] == "scikit-learn"
    assert second["model_key"] == "recommendation:v2"


def test_loading_says_when(house: Any) -> None:
    described = house.administration.load("recommendation", None)
    assert (described["model_key"], described["status"]) == ("recommendation:v1", "ready")
    assert described["loaded_at"] == "2026-01-02T03:04:05.000000Z"


def test_loading_a_damaged_version_says_why_it_is_unhealthy(house: Any) -> None:
    house.administration.load("recommendation", "v1")
    house.objects.put(artefact_key("recommendation", "v1"), b"half", "application/octet-stream")
    described = house.administration.load("recommendation", "v1")
    assert described["status"] == "unhealthy"
    assert described["reason"] == "the artefact's checksum is not the registered one"


def test_health_counts_versions(house: Any) -> None:
    house.wait(2.5)
    assert house.administration.health() == {
        "status": "healthy",
        "timestamp": "2026-01-02T03:04:07.500000Z",
        "uptime_seconds": 2.5,
        "model_count": 2,
        "healthy_model_count": 2,
    }
    house.registry.set_status("recommendation", "v2", "unhealthy", reason="damaged")
    health = house.administration.health()
    assert (health["status"], health["model_count"], health["healthy_model_count"]) == ("degraded", 2, 1)


def test_a_container_from_a_snapshot_counts_its_own_time(house: Any) -> None:
    house.wait(86_400)
    house.administration.restart()
    house.wait(2)
    assert house.administration.health()["uptime_seconds"] == 2.0


def test_health_repeats_what_it_saw_while_the_registry_is_down(house: Any) -> None:
    house.administration.health()

    def fail() -> None:
        raise DependencyUnavailable("the model registry")

    house.registry.list = fail
    assert house.administration.health()["model_count"] == 2


@pytest.mark.parametrize("named", ["v1", "champion", None])
def test_version_of_a_running_experiment_stays(house: Any, named: str | None) -> None:
    house.experiment(
        {"name": "control", "weight": 1, "model_name": "recommendation", "model_version": named},
        {"name": "treatment", "weight": 1, "model_name": "recommendation", "model_version": "v9"},
    )
    with pytest.raises(ModelInUse, match="recommendation:v1 is used by the running experiment 'ranking'"):
        house.administration.unload("recommendation", "v1")
    assert house.registry.get("recommendation", "v1").status == "ready"


def test_shadow_and_pipeline_of_a_running_experiment_stay(house: Any) -> None:
    house.register("steps:v1", b"", [{"name": "x", "type": "float"}])
    house.register("piped:v1", b"", [{"name": "x", "type": "float"}], feature_pipeline="steps:v1")
    own = {"weight": 1, "model_name": "piped", "model_version": "v1"}
    shadow = {"shadow_model_name": "recommendation", "shadow_model_version": "v2"}
    house.experiment({"name": "control", **own}, {"name": "treatment", **own, **shadow})
    for name, version in (("recommendation", "v2"), ("steps", "v1"), ("piped", "v1")):
        with pytest.raises(ModelInUse, match=f"{name}:{version} is used by the running experiment 'ranking'"):
            house.administration.unload(name, version)
    assert house.administration.unload("recommendation", "v1")["status"] == "offline"


def test_version_of_the_group_that_was_chosen_to_serve_everybody_stays(house: Any) -> None:
    groups = [
        {"name": "control", "weight": 1, "model_name": "recommendation", "model_version": "v1"},
        {"name": "treatment", "weight": 1, "model_name": "recommendation", "model_version": "v2"},
    ]
    house.experiment(*groups, status="stopped", serving_group="treatment")
    with pytest.raises(ModelInUse, match="recommendation:v2 is used by the stopped experiment 'ranking'"):
        house.administration.unload("recommendation", "v2")
    assert house.administration.unload("recommendation", "v1")["status"] == "offline"


def test_version_that_only_a_stopped_experiment_uses_goes_offline(house: Any) -> None:
    groups = [{"name": name, "weight": 1, "model_name": "recommendation"} for name in ("control", "treatment")]
    house.experiment(*groups, status="stopped")
    assert house.administration.unload("recommendation", "v1")["status"] == "offline"


def test_other_version_of_a_running_experiment_goes_offline(house: Any) -> None:
    groups = [{"name": name, "weight": 1, "model_name": "recommendation"} for name in ("control", "treatment")]
    house.experiment(*groups)
    assert house.administration.unload("recommendation", "v2")["status"] == "offline"


def test_unknown_version_is_not_found(house: Any) -> None:
    with pytest.raises(ModelNotFound):
        house.administration.unload("recommendation", "v9")
    with pytest.raises(ModelNotFound):
        house.administration.load("pricing", None)
