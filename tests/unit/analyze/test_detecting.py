"""What users can show, against statsmodels and by the formulas of the plan."""

from typing import Any

import pytest
from statsmodels.stats.power import TTestIndPower
from statsmodels.stats.proportion import power_proportions_2indep

from bakeoff_core.experiments.model import Experiment
from comparing import Comparable, Compared
from detecting import detectable
from progress import Standing
from stats.difference import Undefined
from stats.means import Moments
from stats.proportions import Proportion
from tests.support import experiment

WHY = Undefined("not compared here")
CLICKS = {"name": "click_rate", "kind": "conversion", "event_type": "click"}
SPENT = {"name": "spent", "kind": "mean", "event_type": "purchase"}


def moments(n: int, mean: float, variance: float) -> Moments:
    return Moments(n, n * mean, (n - 1) * variance)


def planned(metric: dict[str, Any], inference: str = "fixed_horizon") -> Experiment:
    size = {"planned_sample_size": 9_000} if inference == "fixed_horizon" else {}
    return experiment(metrics=[metric], analysis={"inference": inference, "power": 0.8, **size})


def standing(plan: Experiment, control: Comparable, treatment: Comparable, error: float = 0.0) -> Standing:
    (metric,) = plan.metrics
    compared = Compared(WHY, WHY, WHY, WHY, WHY, None, error)
    return Standing(metric, control, treatment, compared, ratio=1.0)


def test_the_smallest_difference_of_shares_has_the_planned_power_with_the_groups_as_they_are() -> None:
    plan = planned(CLICKS)
    found = detectable(plan, standing(plan, Proportion(400, 4_000), Proportion(240, 2_000)))
    assert found.effect is not None
    oracle = power_proportions_2indep(found.effect, 0.1, 2_000, ratio=2).power
    assert oracle == pytest.approx(0.8, abs=1e-6)
    assert found.relative == pytest.approx(found.effect / 0.1)
    assert found.power is None


def test_the_smallest_difference_of_means_has_the_planned_power() -> None:
    plan = planned(SPENT)
    found = detectable(plan, standing(plan, moments(500, 10.0, 4.0), moments(500, 10.5, 4.0)))
    assert found.effect is not None
    assert TTestIndPower().power(found.effect / 2, 500, 0.05) == pytest.approx(0.8, abs=1e-6)
    assert found.relative == pytest.approx(found.effect / 10)


def test_the_minimum_effect_is_shown_with_its_power() -> None:
    plan = planned(CLICKS | {"minimum_effect": 0.2})
    found = detectable(plan, standing(plan, Proportion(400, 4_000), Proportion(400, 4_000)))
    assert found.power == pytest.approx(power_proportions_2indep(0.02, 0.1, 4_000).power, abs=1e-9)


def test_a_rate_that_should_fall_is_detected_falling() -> None:
    plan = planned(CLICKS | {"direction": "decrease", "minimum_effect": 0.2})
    found = detectable(plan, standing(plan, Proportion(400, 4_000), Proportion(400, 4_000)))
    assert found.effect is not None
    assert power_proportions_2indep(-found.effect, 0.1, 4_000).power == pytest.approx(0.8, abs=1e-6)
    assert found.power == pytest.approx(power_proportions_2indep(-0.02, 0.1, 4_000).power, abs=1e-9)


def test_an_effect_that_no_rate_can_have_has_no_power() -> None:
    plan = planned(CLICKS | {"minimum_effect": 0.2})
    found = detectable(plan, standing(plan, Proportion(3_600, 4_000), Proportion(3_600, 4_000)))
    assert (found.effect is not None, found.power) == (True, None)


def test_a_sequence_detects_what_stands_its_width_and_a_quantile_away() -> None:
    plan = planned(SPENT | {"minimum_effect": 0.05}, "always_valid")
    fixed = planned(SPENT | {"minimum_effect": 0.05})
    groups = moments(500, 10.0, 4.0), moments(500, 10.5, 4.0)
    error = (4 / 500 + 4 / 500) ** 0.5
    at_any_time = detectable(plan, standing(plan, *groups, error))
    once = detectable(fixed, standing(fixed, *groups, error))
    assert at_any_time.effect is not None
    assert once.effect is not None
    assert at_any_time.effect > once.effect
    assert at_any_time.power is not None
    assert once.power is not None
    assert at_any_time.power < once.power


@pytest.mark.parametrize("inference", ["always_valid", "fixed_horizon"])
def test_values_that_do_not_vary_say_why_nothing_can_be_told(inference: str) -> None:
    plan = planned(SPENT, inference)
    still = standing(plan, moments(5, 1.0, 0.0), moments(5, 1.0, 0.0))
    found = detectable(plan, still)
    assert found.effect is None
    assert found.reason is not None
    assert "vary" in found.reason
