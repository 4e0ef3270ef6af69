"""The model that a unit's group gets, and what happens when it fails."""

from typing import Any

import pytest

from bakeoff_core.errors import InvalidInput, ModelUnavailable, NoModelInExperiment

CONTROL = {"name": "control", "weight": 0, "model_name": "recommendation", "model_version": "v1"}
TREATMENT = {"name": "treatment", "weight": 1, "model_name": "recommendation", "model_version": "v2"}


def assigned(house: Any, *groups: dict[str, Any], **changes: Any) -> Any:
    house.experiment(*groups, **changes)
    return house.assigner.assign("ranking", "user-1", {})


def test_group_gets_its_model(house: Any, features: dict[str, Any]) -> None:
    chosen = house.predict_for(assigned(house, CONTROL, TREATMENT), features)
    assert (chosen.answer.model.model_key, chosen.fallback) == ("recommendation:v2", False)


def test_unit_outside_gets_the_control_model(house: Any, features: dict[str, Any]) -> None:
    assignment = assigned(house, CONTROL, TREATMENT, sample_rate=0)
    assert assignment.group is None
    chosen = house.predict_for(assignment, features)
    assert (chosen.answer.model.model_key, chosen.fallback) == ("recommendation:v1", False)


@pytest.mark.parametrize("failure", ["offline", "unhealthy", "unregistered"])
def test_failing_model_gives_way_to_the_control(
    house: Any, features: dict[str, Any], failure: str, capsys: pytest.CaptureFixture[str]
) -> None:
    treatment = TREATMENT
    if failure == "unregistered":
        treatment = TREATMENT | {"model_version": "v9"}
    else:
        house.registry.set_status("recommendation", "v2", failure)
    chosen = house.predict_for(assigned(house, CONTROL, treatment), features)
    assert (chosen.answer.model.model_key, chosen.fallback) == ("recommendation:v1", True)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if '"Name":"model_fallback_total"' in line]
    assert '"experiment":"ranking"' in line
    assert '"group":"treatment"' in line


def test_nothing_is_left_when_the_control_fails_too(house: Any, features: dict[str, Any]) -> None:
    for version in ("v1", "v2"):
        house.registry.set_status("recommendation", version, "offline")
    with pytest.raises(ModelUnavailable, match="recommendation:v1 is unavailable"):
        house.predict_for(assigned(house, CONTROL, TREATMENT), features)


def test_failing_control_is_not_tried_twice(
    house: Any, features: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    house.registry.set_status("recommendation", "v1", "offline")
    assignment = assigned(house, CONTROL | {"weight": 1}, TREATMENT | {"weight": 0})
    with pytest.raises(ModelUnavailable):
        house.predict_for(assignment, features)
    written = capsys.readouterr().out
    assert written.count('"Name":"model_request_total"') == 1
    assert '"Name":"model_fallback_total"' not in written


def test_wrong_features_are_the_callers_error_and_no_reason_to_fall_back(house: Any) -> None:
    with pytest.raises(InvalidInput, match=r"features\.position: is missing, and has no default"):
        house.predict_for(assigned(house, CONTROL, TREATMENT), {"affinity": 1})


def test_groups_without_a_model_point_to_assign(house: Any, features: dict[str, Any]) -> None:
    assignment = assigned(house, {"name": "control", "weight": 1}, {"name": "cheap", "weight": 1})
    with pytest.raises(NoModelInExperiment, match="POST /ab_test/assign"):
        house.predict_for(assignment, features)


@pytest.mark.parametrize(("serving_group", "version"), [("treatment", "v2"), ("control", "v1"), (None, "v1")])
def test_once_it_is_over_the_chosen_groups_model_serves_everybody(
    house: Any, features: dict[str, Any], serving_group: str | None, version: str
) -> None:
    assignment = assigned(house, CONTROL, TREATMENT, status="stopped", serving_group=serving_group)
    assert assignment.group is None
    chosen = house.predict_for(assignment, features)
    assert (chosen.answer.model.model_key, chosen.fallback) == (f"recommendation:{version}", False)


def test_the_control_stands_in_for_the_chosen_groups_model(house: Any, features: dict[str, Any]) -> None:
    house.registry.set_status("recommendation", "v2", "offline")
    chosen = house.predict_for(
        assigned(house, CONTROL, TREATMENT, status="completed", serving_group="treatment"), features
    )
    assert (chosen.answer.model.model_key, chosen.fallback) == ("recommendation:v1", True)
