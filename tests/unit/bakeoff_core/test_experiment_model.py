from typing import Any

import pytest
from pydantic import ValidationError

from bakeoff_core.experiments.model import Experiment, ExperimentDefinition, Metric
from bakeoff_core.validation import field_errors
from tests.support import experiment

TWO_GROUPS: list[dict[str, Any]] = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]


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
        ({"targeting": {"age": {"$near": 3}}}, "targeting: age: unknown operator $near"),
        ({"targeting": {"$near": 3}}, "targeting: unknown operator $near"),
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
