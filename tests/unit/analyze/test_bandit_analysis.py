"""The analysis of an experiment whose weights changed while it ran."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analysis import analyse
from bakeoff_core.experiments.model import Experiment
from engine.summary import GroupSummary, Propensities, Statistics, Summary
from stats.difference import Difference
from stats.inverse_propensity import HAJEK, PropensityMoments, hajek_difference
from stats.means import Moments
from stats.proportions import Proportion

START = datetime(2026, 1, 10, tzinfo=UTC)
END = START + timedelta(days=14)

# Early units were few and met an even split; later ones were many and went to the treatment. Early ones click more.
CONTROL = [(1.0, 0.5)] * 60 + [(0.0, 0.5)] * 140 + [(1.0, 0.1)] * 8 + [(0.0, 0.1)] * 72
TREATMENT = [(1.0, 0.5)] * 66 + [(0.0, 0.5)] * 134 + [(1.0, 0.9)] * 79 + [(0.0, 0.9)] * 641


def bandit(**changes: Any) -> Experiment:
    document: dict[str, Any] = {
        "name": "checkout",
        "start_time": START,
        "end_time": END,
        "status": "running",
        "groups": [{"name": "control", "weight": 0.5}, {"name": "treatment", "weight": 0.5}],
        "metrics": ["click_rate"],
        "assignment_algorithm": "bandit",
        "created_at": START,
        "updated_at": START,
    }
    return Experiment.model_validate(document | changes)


def seen(control_expected: float = 280, treatment_expected: float = 920) -> Summary:
    units = {"control": CONTROL, "treatment": TREATMENT}
    expected = {"control": control_expected, "treatment": treatment_expected}
    return Summary(
        groups={
            name: GroupSummary(len(pairs), {"click_rate": Proportion(int(sum(y for y, _ in pairs)), len(pairs))})
            for name, pairs in units.items()
        },
        propensities={
            name: Propensities({"click_rate": PropensityMoments.of(pairs)}, expected[name])
            for name, pairs in units.items()
        },
    )


def test_a_bandit_is_compared_by_hajeks_estimate() -> None:
    comparison = analyse(bandit(), seen(), END).comparisons["treatment"]["click_rate"]
    expected = hajek_difference(PropensityMoments.of(CONTROL), PropensityMoments.of(TREATMENT))
    assert isinstance(expected, Difference)
    assert comparison.method == HAJEK
    assert comparison.difference == expected.estimate
    assert comparison.control == pytest.approx((60 / 0.5 + 8 / 0.1) / (200 / 0.5 + 80 / 0.1))
    assert comparison.treatment == pytest.approx((66 / 0.5 + 79 / 0.9) / (200 / 0.5 + 720 / 0.9))
    assert comparison.always_valid is not None
    assert comparison.relative_difference is not None
    # The plain rates say that the treatment loses by far, because it got the late, colder units.
    plain = [sum(y for y, _ in units) / len(units) for units in (CONTROL, TREATMENT)]
    assert plain[1] - plain[0] < -0.05
    assert comparison.difference is not None
    assert abs(comparison.difference) < 0.03


def test_the_sample_ratio_is_tested_against_the_weights_in_force() -> None:
    assert analyse(bandit(), seen(), END).sample_ratio.p_value == pytest.approx(1)
    assert analyse(bandit(), seen(600, 600), END).sample_ratio.alarm
    shares = {name: group.configured_share for name, group in analyse(bandit(), seen(), END).groups.items()}
    assert shares == pytest.approx({"control": 280 / 1_200, "treatment": 920 / 1_200})


def test_a_metric_without_an_inverse_propensity_estimate_says_so() -> None:
    metrics = ["click_rate", {"name": "revenue", "kind": "mean", "field": "revenue", "window_hours": 24}]
    summary = seen()
    groups = {
        name: GroupSummary(group.n, {**group.metrics, "revenue": Moments(group.n, 1.0, 1.0)})
        for name, group in summary.groups.items()
    }
    compared = analyse(bandit(metrics=metrics), Summary(groups, propensities=summary.propensities), END)
    revenue = compared.comparisons["treatment"]["revenue"]
    assert (revenue.difference, revenue.p_value) == (None, None)
    assert revenue.reason == "no inverse-propensity estimate of such a metric, and a bandit's plain means are biased"


def test_groups_without_units_are_not_compared() -> None:
    none = PropensityMoments.of(())
    empty: dict[str, Statistics] = {"click_rate": Proportion(0, 0)}
    summary = Summary(
        groups={name: GroupSummary(0, empty) for name in ("control", "treatment")},
        propensities={name: Propensities({"click_rate": none}, 0.0) for name in ("control", "treatment")},
    )
    results = analyse(bandit(), summary, END)
    assert results.comparisons["treatment"]["click_rate"].reason == "a group has fewer than two units"
    assert results.sample_ratio.reason == "no units"
