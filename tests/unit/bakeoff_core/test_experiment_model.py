from typing import Any

import pytest
from pydantic import ValidationError

from bakeoff_core.experiments.metrics import Metric
from bakeoff_core.experiments.model import Experiment, ExperimentDefinition
from bakeoff_core.validation import field_errors
from tests.support import experiment

TWO_GROUPS: list[dict[str, Any]] = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]


def groups_with(**values: list[Any]) -> list[dict[str, Any]]:
    return [
        {**group, "parameters": {name: each[index] for name, each in values.items()}}
        for index, group in enumerate(TWO_GROUPS)
    ]


def errors_of(**changes: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        ExperimentDefinition.model_validate({"name": "e", "groups": TWO_GROUPS} | changes)
    return [str(error) for error in field_errors(caught.value)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "a b"}, "name: string should match pattern '^[A-Za-z0-9._-]{1,128}$', got 'a b'"),
        ({"name": ""}, "name: string should match pattern '^[A-Za-z0-9._-]{1,128}$', got ''"),
        ({"groups": TWO_GROUPS[:1]}, "groups: there must be at least 2"),
        (
            {"groups": [TWO_GROUPS[0], {"name": "b", "weight": -0.5}]},
            "groups[1].weight: input should be greater than or equal to 0, got -0.5",
        ),
        ({"groups": [TWO_GROUPS[0], {"name": "a", "weight": 1}]}, "groups: group names must be unique, found twice: a"),
        (
            {"groups": [{"name": "a", "weight": 0}, {"name": "b", "weight": 0}]},
            "groups: at least one weight must be above 0",
        ),
        (
            {"groups": [{**group, "control": True} for group in TWO_GROUPS]},
            "groups: at most one group may be marked control",
        ),
        (
            {"groups": [TWO_GROUPS[0], {"name": "b", "weight": 1, "model_version": "v1"}]},
            "groups[1]: model_version needs a model_name",
        ),
        (
            {"groups": [TWO_GROUPS[0], {"name": "b", "weight": 1, "model_name": "m", "shadow_model_version": "v1"}]},
            "groups[1]: shadow_model_version needs a shadow_model_name",
        ),
        (
            {"groups": [TWO_GROUPS[0], {"name": "b", "weight": 1, "shadow_model_name": "m"}]},
            "groups[1]: shadow_model_name needs a model_name",
        ),
        ({"sample_rate": 1.5}, "sample_rate: input should be less than or equal to 1, got 1.5"),
        ({"sample_rate": float("nan")}, "sample_rate: input should be a finite number, got nan"),
        (
            {"start_time": "2026-01-01T00:00:00"},
            "start_time: input should have timezone info, got '2026-01-01T00:00:00'",
        ),
        (
            {"start_time": "2026-01-02T00:00:00Z", "end_time": "2026-01-01T00:00:00Z"},
            "end_time: must be after start_time, got '2026-01-01T00:00:00Z'",
        ),
        (
            {"assignment_algorithm": "dice"},
            "assignment_algorithm: input should be 'random', 'hash_based', 'weighted', 'bandit' or 'custom'",
        ),
        (
            {"assignment_algorithm": "bandit", "metrics": ["revenue"]},
            "bandit: reward: must name a conversion among the metrics, or be left out if the primary is one",
        ),
        (
            {"assignment_algorithm": "bandit", "metrics": ["click_rate"], "bandit": {"reward": "open_rate"}},
            "bandit: reward: must name a conversion among the metrics, or be left out if the primary is one",
        ),
        (
            {"assignment_algorithm": "bandit", "metrics": ["click_rate"], "bandit": {"floor": 0.51}},
            "bandit: floor: must be at most 1/2, the share of each of 2 groups",
        ),
        (
            {"assignment_algorithm": "bandit", "metrics": ["click_rate"], "bandit": {"refresh_minutes": 0}},
            "bandit.refresh_minutes: input should be greater than 0, got 0",
        ),
        (
            {"assignment_algorithm": "bandit", "metrics": ["click_rate"], "bandit": {"attribution_window_hours": -1}},
            "bandit.attribution_window_hours: input should be greater than 0, got -1",
        ),
        (
            {"assignment_algorithm": "bandit", "metrics": ["click_rate"], "bandit": {"minimum_exposures": 0}},
            "bandit.minimum_exposures: input should be greater than or equal to 1, got 0",
        ),
        ({"assignment_algorithm": "random", "bandit": {}}, "bandit: is for assignment_algorithm bandit only"),
        (
            {"assignment_algorithm": "custom"},
            "custom_algorithm: must name the algorithm when assignment_algorithm is custom",
        ),
        ({"custom_algorithm": "odd"}, "custom_algorithm: is for assignment_algorithm custom only, got 'odd'"),
        ({"algorithm_parameters": {"x": 1}}, "algorithm_parameters: is for assignment_algorithm custom only"),
        (
            {"sticky_days": 30},
            "sticky_days: hash_based keeps no assignments: a unit's group follows from its hash for ever, got 30",
        ),
        (
            {"assignment_algorithm": "random", "sticky_days": 0},
            "sticky_days: input should be greater than or equal to 1, got 0",
        ),
        ({"targeting": {"age": {"$near": 3}}}, "targeting: age: unknown operator $near"),
        ({"targeting": {"$near": 3}}, "targeting: unknown operator $near"),
        (
            {"flag_value": "colour"},
            "flag_value: must be parameters, group_name, or parameters.NAME for one of the groups' parameters",
        ),
        ({"flag_value": "parameters.colour"}, "flag_value: no parameter 'colour' in group a, b"),
        (
            {"flag_value": "parameters.x", "groups": groups_with(x=[1, [2]])},
            "flag_value: parameter 'x' must be a boolean, a string, a number or an object in every group",
        ),
        (
            {"flag_value": "parameters.x", "groups": groups_with(x=[1, True])},
            "flag_value: parameter 'x' must be of one type in all groups",
        ),
        ({"target_user_list": {"sha256": "abc", "count": 1}}, "target_user_list.sha256: string should match pattern"),
        ({"target_user_list": {"sha256": "0" * 64}}, "target_user_list.count: field required"),
        (
            {"target_users": ["ann"], "target_user_list": {"sha256": "0" * 64, "count": 1}},
            "target_user_list: must be left out when target_users is given",
        ),
        ({"holdout": {"name": "q1", "share": 1.5}}, "holdout.share: input should be less than or equal to 1, got 1.5"),
        ({"holdout": {"name": "q 1", "share": 0.5}}, "holdout.name: string should match pattern"),
        ({"holdout": {"share": 0.5}}, "holdout.name: field required"),
        ({"forced_groups": {"ann": "c", "bob": "d"}}, "forced_groups: no group is called c, d"),
        ({"forced_groups": {"": "a"}}, "forced_groups"),
        (
            {"forced_groups": {f"u{n}": "a" for n in range(1_001)}},
            "forced_groups: dictionary should have at most 1000 items",
        ),
        ({"target_users": [""]}, "target_users[0]: must not be empty, got ''"),
        ({"target_users": [1.5]}, "target_users[0]: must be a string or an integer, got 1.5"),
        (
            {"namespace": {"name": "n", "range_start": 0.5, "range_end": 0.5}},
            "namespace: range_start must be below range_end",
        ),
        ({"metrics": ["x_rate", "x_rate"]}, "metrics: metric names must be unique, found twice: x_rate"),
        (
            {"metrics": [{"name": "m", "kind": "conversion"}]},
            "metrics[0]: a conversion needs an event_type",
        ),
        (
            {"metrics": [{"name": "m", "kind": "mean"}]},
            "metrics[0]: a mean needs an event_type, a field, or both",
        ),
        ({"colour": "red"}, "colour: extra inputs are not permitted, got 'red'"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], message: str) -> None:
    (error,) = errors_of(**changes)
    assert error.startswith(message)


def test_a_bare_metric_name_resolves_by_convention() -> None:
    definition = ExperimentDefinition.model_validate(
        {"name": "e", "groups": TWO_GROUPS, "metrics": ["click_rate", "revenue", "_rate"]}
    )
    assert definition.metrics == (
        Metric(name="click_rate", kind="conversion", event_type="click", role="primary"),
        Metric(name="revenue", kind="mean", field="revenue"),
        Metric(name="_rate", kind="mean", field="_rate"),
    )


def test_the_first_metric_that_is_no_guardrail_is_primary_unless_one_is_marked() -> None:
    latency = {"name": "latency", "kind": "mean", "field": "latency", "role": "guardrail"}
    revenue = {"name": "revenue", "kind": "mean", "field": "revenue", "role": "primary"}
    assert [m.role for m in experiment(metrics=[latency, "click_rate"]).metrics] == ["guardrail", "primary"]
    assert [m.role for m in experiment(metrics=["click_rate", revenue]).metrics] == ["secondary", "primary"]
    assert experiment(metrics=["click_rate", revenue]).primary_metric == Metric.model_validate(revenue)
    assert experiment(metrics=[]).primary_metric is None


def test_the_control_is_the_group_marked_so_else_the_first() -> None:
    assert experiment().control.name == "control"
    marked = experiment(groups=[TWO_GROUPS[0], {**TWO_GROUPS[1], "control": True}])
    assert marked.control.name == "b"
    assert [group.name for group in marked.treatments] == ["a"]


def test_the_salt_is_the_name_unless_given() -> None:
    assert experiment().salt == "checkout_button"
    assert experiment(salt="other").salt == "other"


def test_an_experiment_survives_being_written_and_read() -> None:
    written = experiment(
        target_users=["a", 7],
        targeting={"age": {"$gte": 18}},
        namespace={"name": "n", "range_start": 0, "range_end": 0.5},
        hypotheses=["Green invites"],
    )
    assert written.targeted_units == frozenset({"a", "7"})
    assert Experiment.model_validate_json(written.model_dump_json()) == written


def test_a_bandit_has_its_defaults_written_down() -> None:
    learning = experiment(assignment_algorithm="bandit")
    assert learning.bandit is not None
    assert learning.bandit.model_dump() == {
        "reward": None,
        "attribution_window_hours": 24,
        "refresh_minutes": 15,
        "floor": None,
        "minimum_exposures": 100,
    }
    assert experiment().bandit is None


def test_a_bandit_learns_from_the_metric_it_names_or_else_the_primary() -> None:
    metrics = ["click_rate", "buy_rate"]
    primary = experiment(assignment_algorithm="bandit", metrics=metrics)
    named = experiment(assignment_algorithm="bandit", metrics=metrics, bandit={"reward": "buy_rate"})
    assert [each.reward and each.reward.name for each in (primary, named, experiment())] == [
        "click_rate",
        "buy_rate",
        None,
    ]


def test_the_floor_is_given_or_shared_among_the_groups_that_are_drawn() -> None:
    groups = [{"name": name, "weight": weight} for name, weight in (("a", 1), ("b", 2), ("c", 0))]
    assert experiment(assignment_algorithm="bandit", groups=groups).floor == 0.025
    assert experiment(assignment_algorithm="bandit", groups=groups, bandit={"floor": 0.5}).floor == 0.5


def test_kept_assignments_stick_as_long_as_events_are_kept_unless_said_otherwise() -> None:
    assert experiment(assignment_algorithm="random").days_that_assignments_stick == 400
    assert experiment(assignment_algorithm="random", sticky_days=30).days_that_assignments_stick == 30


def test_one_wrong_field_of_an_algorithm_is_one_error() -> None:
    assert len(errors_of(assignment_algorithm="dice", bandit={}, custom_algorithm="x")) == 1
    assert len(errors_of(assignment_algorithm="bandit", metrics=[{"name": "m"}])) == 1


@pytest.mark.parametrize(
    ("flag_value", "values"),
    [
        ("group_name", ["a", "b"]),
        ("parameters", [{"on": True, "price": 1, "n": 1}, {"on": False, "price": 0.9, "n": 2}]),
        ("parameters.on", [True, False]),
        ("parameters.n", [1, 2]),
        ("parameters.price", [1.0, 0.9]),
    ],
)
def test_a_flag_has_one_type_in_all_groups(flag_value: str, values: list[Any]) -> None:
    running = experiment(groups=groups_with(on=[True, False], price=[1, 0.9], n=[1, 2]), flag_value=flag_value)
    found = [running.flag_value_of(group) for group in running.groups]
    assert found == values
    assert list(map(type, found)) == list(map(type, values))
