"""Numbers that break careless statistics: every result is a number or null with a reason, and the right one."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from analysis import analyse
from bakeoff_core.experiments.model import Experiment
from engine.summary import GroupSummary, Statistics, Summary
from results import Comparison, Results
from stats.means import Moments
from stats.paired import PairedMoments
from stats.proportions import Proportion
from stats.quantiles import QuantileStatistic

START = datetime(2026, 1, 5, tzinfo=UTC)
METRICS: dict[str, dict[str, Any]] = {
    "conversion": {"event_type": "x"},
    "mean": {"event_type": "x"},
    "ratio": {"event_type": "x", "denominator": {"event_type": "y"}},
    "quantile": {"event_type": "x", "quantile": 0.5},
}


def analysed(kind: str, control: Statistics, treatment: Statistics, **plan: Any) -> Results:
    document = {
        "name": "hard",
        "start_time": START,
        "end_time": START + timedelta(days=20),
        "status": "running",
        "analysis": plan,
        "groups": [{"name": "control", "weight": 1}, {"name": "treatment", "weight": 1}],
        "metrics": [{"name": "m", "kind": kind, "minimum_effect": 0.01} | METRICS[kind]],
        "created_at": START,
        "updated_at": START,
    }
    groups = {}
    for name, each in (("control", control), ("treatment", treatment)):
        covariates = {"m": each} if isinstance(each, PairedMoments) and kind == "mean" else {}
        plain = each.y if covariates and isinstance(each, PairedMoments) else each
        groups[name] = GroupSummary(each.n, {"m": plain}, covariates=covariates)
    return analyse(
        Experiment.model_validate(document), Summary(groups, first_exposure=START), START + timedelta(days=9)
    )


def compared(results: Results) -> Comparison:
    return results.comparisons["treatment"]["m"]


def walk(value: Any) -> list[float]:
    match value:
        case dict():
            return [number for each in value.values() for number in walk(each)]
        case list() | tuple():
            return [number for each in value for number in walk(each)]
        case float():
            return [value]
    return []


def check(results: Results) -> None:
    """All numbers are finite, p-values are probabilities, and what is missing has a reason."""
    assert all(math.isfinite(number) for number in walk(results.model_dump()))
    assert Results.model_validate_json(results.model_dump_json()) == results
    comparison = compared(results)
    if comparison.p_value is None:
        assert comparison.reason
        assert (comparison.difference, comparison.interval, comparison.always_valid) == (None, None, None)
        return
    assert comparison.interval is not None
    assert comparison.difference is not None
    assert 0 <= comparison.p_value <= 1
    assert comparison.interval[0] <= comparison.difference <= comparison.interval[1]


def moments(values: Any) -> Moments:
    return Moments.of(np.asarray(values, dtype=float).tolist())


def test_values_around_a_billion_with_a_variance_of_one() -> None:
    rng = np.random.default_rng(20_260_301)
    control, treatment = rng.normal(0, 1, 3_000), rng.normal(0.1, 1, 3_000)
    shifted = compared(analysed("mean", moments(1e9 + control), moments(1e9 + treatment)))
    oracle = ttest_ind(treatment, control, equal_var=False)
    assert shifted.p_value == pytest.approx(oracle.pvalue, rel=1e-4)
    assert shifted.difference == pytest.approx(treatment.mean() - control.mean(), abs=1e-6)


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        ([5.0], [7.0], "a group has fewer than two units"),
        ([5.0], [1.0, 2.0, 3.0], "a group has fewer than two units"),
        ([], [1.0, 2.0], "a group has fewer than two units"),
        ([0.0] * 50, [0.0] * 60, "the values do not vary in either group"),
        ([4.2] * 50, [4.2] * 60, "the values do not vary in either group"),
    ],
)
def test_means_without_a_test_say_why(control: list[float], treatment: list[float], reason: str) -> None:
    results = analysed("mean", moments(control), moments(treatment))
    check(results)
    assert compared(results).reason == reason


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        ((0, 0), (1, 1), "a group has no units"),
        ((0, 50), (0, 60), "no unit of either group converted"),
        ((50, 50), (60, 60), "every unit of both groups converted"),
    ],
)
def test_rates_without_a_test_say_why(control: tuple[int, int], treatment: tuple[int, int], reason: str) -> None:
    results = analysed("conversion", Proportion(*control), Proportion(*treatment))
    check(results)
    assert compared(results).reason == reason


def test_a_single_unit_in_each_group() -> None:
    results = analysed("conversion", Proportion(0, 1), Proportion(1, 1))
    check(results)
    assert compared(results).p_value == 1


def test_ten_million_units() -> None:
    results = analysed("conversion", Proportion(1_000_000, 10**7), Proportion(1_001_000, 10**7))
    check(results)
    z = 0.0001 / math.sqrt(0.10005 * 0.89995 * 2 / 10**7)
    assert compared(results).p_value == pytest.approx(math.erfc(z / math.sqrt(2)), rel=1e-9)
    check(analysed("mean", Moments(10**7, 1e8, 4e8), Moments(10**7, 1.0001e8, 4e8), inference="fixed_horizon"))


def test_one_outlier_of_a_trillion() -> None:
    rng = np.random.default_rng(20_260_302)
    control, treatment = rng.normal(10, 1, 1_000), rng.normal(10, 1, 1_000)
    treatment[0] = 1e12
    comparison = compared(analysed("mean", moments(control), moments(treatment)))
    oracle = ttest_ind(treatment, control, equal_var=False)
    assert comparison.p_value == pytest.approx(oracle.pvalue, rel=1e-9)
    assert comparison.p_value == pytest.approx(0.317, abs=1e-3)
    cut = compared(analysed("mean", moments(control), moments(np.minimum(treatment, 13))))
    assert cut.difference == pytest.approx(0, abs=0.2)


@settings(deadline=None, max_examples=30)
@given(
    st.tuples(st.integers(0, 2_000), st.integers(0, 2_000)),
    st.tuples(st.integers(0, 2_000), st.integers(0, 2_000)),
    st.sampled_from(["always_valid", "fixed_horizon"]),
)
def test_any_rates(control: tuple[int, int], treatment: tuple[int, int], inference: str) -> None:
    groups = [Proportion(min(pair), max(pair)) for pair in (control, treatment)]
    check(analysed("conversion", *groups, inference=inference))


numbers = st.one_of(st.floats(-1e12, 1e12), st.sampled_from([0.0, 1.0, 1e9, -1e-12, 1e12, 5e-324, 1e-310, -1e-170]))


@settings(deadline=None, max_examples=30)
@given(st.lists(numbers, max_size=12), st.lists(numbers, max_size=12))
def test_any_means(control: list[float], treatment: list[float]) -> None:
    check(analysed("mean", Moments.of(control), Moments.of(treatment)))


@settings(deadline=None, max_examples=30)
@given(st.lists(numbers, max_size=30), st.lists(numbers, max_size=30))
@example([0.0, 1e-323, 2e-323], [0.0, 1e-323, 2e-323])
@example([-1e12, 5e-324, 1e12], [0.0, 1.0, 2.0])
def test_any_quantiles(control: list[float], treatment: list[float]) -> None:
    check(analysed("quantile", QuantileStatistic.of(control, 0.5), QuantileStatistic.of(treatment, 0.5)))


pairs = st.lists(st.tuples(numbers, numbers), max_size=12)


@settings(deadline=None, max_examples=30)
@given(pairs, pairs, st.sampled_from(["ratio", "mean"]))
def test_any_ratios_and_covariates(
    control: list[tuple[float, float]], treatment: list[tuple[float, float]], kind: str
) -> None:
    check(analysed(kind, PairedMoments.of(control), PairedMoments.of(treatment)))
