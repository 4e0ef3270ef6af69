"""Metrics and analysis plans: what is refused, and what a definition comes to."""

from typing import Any

import pytest
from pydantic import ValidationError

from bakeoff_core.experiments.analysis_plan import AnalysisPlan
from bakeoff_core.experiments.metrics import Amount, Metric
from bakeoff_core.experiments.model import ExperimentDefinition
from bakeoff_core.validation import field_errors

GROUPS = [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]


def errors_of_metric(**fields: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Metric.model_validate({"name": "m"} | fields)
    return [str(error) for error in field_errors(caught.value)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "conversion"}, "a conversion needs an event_type"),
        ({"kind": "conversion", "event_type": "x", "field": "f"}, "a conversion takes no field"),
        ({"kind": "mean"}, "a mean needs an event_type, a field, or both"),
        ({"kind": "mean", "event_type": "x", "aggregate": "count"}, "a mean takes no aggregate"),
        ({"kind": "count"}, "a count needs an event_type"),
        ({"kind": "count", "event_type": "x", "quantile": 0.5}, "a count takes no quantile"),
        ({"kind": "ratio", "event_type": "x"}, "a ratio needs a denominator"),
        ({"kind": "ratio", "denominator": {"event_type": "y"}}, "a ratio needs an event_type, a field, or both"),
        (
            {"kind": "ratio", "event_type": "x", "denominator": {"event_type": "y"}, "covariate": {}},
            "a ratio takes no covariate",
        ),
        ({"kind": "quantile", "event_type": "x"}, "a quantile needs a quantile"),
        (
            {"kind": "quantile", "event_type": "x", "quantile": 0.9, "winsorize": {"cap": 1}},
            "a quantile takes no winsorize",
        ),
        ({"kind": "retention"}, "a retention needs a retention_day"),
        ({"kind": "retention", "retention_day": 7, "window_hours": 3}, "a retention takes no window_hours"),
        ({"kind": "conversion", "event_type": "x", "retention_days": 1}, "a conversion takes no retention_days"),
        (
            {"kind": "conversion", "event_type": "x", "denominator": {"event_type": "y"}},
            "a conversion takes no denominator",
        ),
        ({"kind": "quantile", "event_type": "x", "quantile": 1}, "quantile: input should be less than 1, got 1"),
        ({"kind": "mean", "event_type": "x", "window_hours": 0}, "window_hours: input should be greater than 0, got 0"),
        (
            {"kind": "mean", "event_type": "x", "minimum_effect": 0},
            "minimum_effect: input should be greater than 0, got 0",
        ),
        ({"kind": "mean", "event_type": "x", "winsorize": {}}, "winsorize: give either a quantile or a cap"),
        (
            {"kind": "mean", "event_type": "x", "winsorize": {"quantile": 0.9, "cap": 3}},
            "winsorize: give either a quantile or a cap",
        ),
        (
            {"kind": "mean", "event_type": "x", "winsorize": {"quantile": 0.3}},
            "winsorize.quantile: input should be greater than or equal to 0.5, got 0.3",
        ),
        (
            {"kind": "mean", "event_type": "x", "covariate": {"days": 0}},
            "covariate.days: input should be greater than 0, got 0",
        ),
        (
            {"kind": "mean", "event_type": "x", "covariate": {"amount": {"aggregate": "sum"}}},
            "covariate.amount: a sum needs an event_type, a field, or both",
        ),
        (
            {"kind": "mean", "event_type": "x", "covariate": {"amount": {"aggregate": "any", "field": "f"}}},
            "covariate.amount: any takes no field",
        ),
    ],
)
def test_a_metric_that_cannot_be_computed_is_refused_by_name(fields: dict[str, Any], message: str) -> None:
    (error,) = errors_of_metric(**fields)
    assert error.removeprefix(": ") == message


def test_what_the_events_of_a_unit_come_to() -> None:
    def amount(**fields: Any) -> Amount:
        return Metric.model_validate({"name": "m", "event_type": "x"} | fields).amount

    assert amount(kind="conversion") == Amount(aggregate="any", event_type="x")
    assert amount(kind="mean", field="f") == Amount(aggregate="sum", event_type="x", field="f")
    assert amount(kind="count") == Amount(aggregate="count", event_type="x")
    ratio = {"kind": "ratio", "denominator": {"event_type": "y"}}
    assert amount(**ratio).aggregate == "sum"
    assert amount(**ratio, aggregate="count").aggregate == "count"
    assert amount(kind="quantile", quantile=0.5).aggregate == "sum"
    assert amount(kind="retention", retention_day=1, event_type=None) == Amount(aggregate="any")


def test_a_covariate_is_by_default_the_metric_itself_before_exposure() -> None:
    plain = Metric(name="m", kind="mean", event_type="x")
    assert plain.covariate_amount is None
    same = Metric.model_validate({"name": "m", "kind": "mean", "event_type": "x", "covariate": {}})
    assert same.covariate is not None
    assert (same.covariate.days, same.covariate_amount) == (14, plain.amount)
    other = {"days": 7, "amount": {"aggregate": "count", "event_type": "visit"}}
    named = Metric.model_validate({"name": "m", "kind": "mean", "event_type": "x", "covariate": other})
    assert named.covariate_amount == Amount(aggregate="count", event_type="visit")


def test_hours_after_first_exposure() -> None:
    def hours(**fields: Any) -> tuple[float, float | None]:
        return Metric.model_validate({"name": "m", "event_type": "x"} | fields).hours

    assert hours(kind="mean") == (0, None)
    assert hours(kind="mean", window_hours=48) == (0, 48)
    assert hours(kind="retention", retention_day=7) == (168, 192)
    assert hours(kind="retention", retention_day=0, retention_days=2) == (0, 48)


def test_shares_of_units() -> None:
    assert Metric(name="m", kind="conversion", event_type="x").is_share
    assert Metric(name="m", kind="retention", retention_day=1).is_share
    assert not Metric(name="m", kind="count", event_type="x").is_share


def errors_of_plan(plan: dict[str, Any], **changes: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        ExperimentDefinition.model_validate({"name": "e", "groups": GROUPS, "analysis": plan} | changes)
    return [str(error) for error in field_errors(caught.value)]


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"confidence_level": 1}, "analysis.confidence_level: input should be less than or equal to 0.9999, got 1"),
        (
            {"inference": "peeking"},
            "analysis.inference: input should be 'always_valid', 'group_sequential' or 'fixed_horizon'",
        ),
        (
            {"inference": "group_sequential"},
            "analysis: planned_looks goes with inference group_sequential, and only with it",
        ),
        ({"planned_looks": 3}, "analysis: planned_looks goes with inference group_sequential, and only with it"),
        (
            {"inference": "group_sequential", "planned_looks": 3},
            "analysis: planned_looks: need a start_time and an end_time to lie between",
        ),
        ({"planned_sample_size": 100}, "analysis: planned_sample_size goes with inference fixed_horizon only"),
        (
            {"inference": "fixed_horizon"},
            "analysis: inference: a fixed_horizon needs an end_time or a planned_sample_size",
        ),
        ({"tuning_sample_size": 0}, "analysis.tuning_sample_size: input should be greater than or equal to 1, got 0"),
        ({"prior": {"alpha": 0.1}}, "analysis.prior.alpha: input should be greater than or equal to 0.5, got 0.1"),
        ({"prior": {"effect_mean": 1}}, "analysis.prior: effect_mean needs an effect_sd"),
        ({"power": 0.5}, "analysis.power: input should be greater than 0.5, got 0.5"),
        (
            {"minimum_runtime_days": -1},
            "analysis.minimum_runtime_days: input should be greater than or equal to 0, got -1",
        ),
        (
            {"minimum_sample_size": -1},
            "analysis.minimum_sample_size: input should be greater than or equal to 0, got -1",
        ),
        ({"segments": ["x", "x"]}, "analysis: segments must be unique"),
        ({"relative_interval": "log"}, "analysis.relative_interval: input should be 'delta' or 'fieller'"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_refused_by_name(plan: dict[str, Any], message: str) -> None:
    assert [error.split(", got 'p")[0].split(", got 'l")[0] for error in errors_of_plan(plan)] == [message]


def test_an_experiment_without_a_plan_is_always_valid() -> None:
    assert ExperimentDefinition.model_validate({"name": "e", "groups": GROUPS}).analysis == AnalysisPlan()
    assert AnalysisPlan().inference == "always_valid"
