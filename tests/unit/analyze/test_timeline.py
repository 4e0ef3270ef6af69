"""The effect over time: each point is what an analysis at that moment would have come to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analysis import analyse
from bakeoff_core.experiments.model import Experiment
from decision import interval_on, p_value_on
from engine.summary import Day, GroupSummary, Propensities, Summary
from results import EffectPoint, Results
from stats.inverse_propensity import PropensityMoments
from stats.means import Moments
from stats.paired import PairedMoments
from stats.proportions import Proportion, unpooled_standard_error
from stats.sequential import sequence_boundary

START = datetime(2026, 1, 10, tzinfo=UTC)
DAY = timedelta(days=1)
# By day: users until its end, and conversions of each group.
COUNTS = {
    "control": [(400, 40), (800, 82), (1_200, 118), (3_000, 300)],
    "one": [(390, 44), (810, 95), (1_190, 141), (3_000, 420)],
    "two": [(410, 41), (790, 84), (1_210, 130), (3_000, 365)],
}


def experiment(**changes: Any) -> Experiment:
    document: dict[str, Any] = {
        "name": "checkout",
        "start_time": START,
        "end_time": START + 4 * DAY,
        "status": "running",
        "analysis": {"inference": "always_valid"},
        "groups": [{"name": name, "weight": 1} for name in COUNTS],
        "metrics": ["click_rate"],
        "created_at": START,
        "updated_at": START,
    }
    return Experiment.model_validate(document | changes)


def pairs(n: int, clicks: int) -> PairedMoments:
    return PairedMoments.of([(1.0, 0.0)] * clicks + [(0.0, 0.0)] * (n - clicks))


def summary(days: int = 4) -> Summary:
    """As the engine sums up the data of the first days."""
    return Summary(
        {
            name: GroupSummary(
                counts[days - 1][0],
                {"click_rate": Proportion(counts[days - 1][1], counts[days - 1][0])},
                daily=tuple(
                    Day((START + step * DAY).date(), counts[step][0] - (counts[step - 1][0] if step else 0), 0.0)
                    for step in range(days)
                ),
                timeline={START + (step + 1) * DAY: pairs(*counts[step]) for step in range(days)},
            )
            for name, counts in COUNTS.items()
        },
        first_exposure=START,
    )


def at(day: int, asked: Experiment) -> Results:
    return analyse(asked, summary(day), START + day * DAY)


def reaches(point: EffectPoint) -> bool:
    assert point.difference is not None
    assert point.boundary is not None
    return abs(point.difference) >= point.boundary


@pytest.mark.parametrize(
    "plan",
    [
        {"inference": "always_valid"},
        {"inference": "always_valid", "confidence_level": 0.8, "tuning_sample_size": 300},
        {"inference": "group_sequential", "planned_looks": 4},
        {"inference": "group_sequential", "planned_looks": 2},
    ],
)
def test_points_are_what_an_analysis_of_their_time_comes_to(plan: dict[str, Any]) -> None:
    asked = experiment(analysis=plan)
    series = at(4, asked).timeline
    days = [2, 4] if plan.get("planned_looks") == 2 else [1, 2, 3, 4]
    decisions = set()
    for index, day in enumerate(days):
        then = at(day, asked)
        basis = then.decision.basis
        for group in ("one", "two"):
            point, comparison = series[group][index], then.comparisons[group]["click_rate"]
            assert (point.at, point.date) == (START + day * DAY, (START + (day - 1) * DAY).date())
            assert (point.control_n, point.treatment_n) == (COUNTS["control"][day - 1][0], COUNTS[group][day - 1][0])
            assert (point.control, point.treatment) == (comparison.control, comparison.treatment)
            assert point.difference == pytest.approx(comparison.difference)
            assert point.interval == pytest.approx(interval_on(comparison, basis), abs=1e-6)
            p_value = p_value_on(comparison, basis)
            assert p_value is not None
            assert reaches(point) == (p_value < 1 - asked.analysis.confidence_level)
            decisions.add(reaches(point))
    assert decisions == {True, False}


def test_a_looser_boundary_once_another_treatment_has_won() -> None:
    """Holm judges the second p-value at the whole level, and Bonferroni would at half of it."""
    points = {group: at(4, experiment()).timeline[group][-1] for group in ("one", "two")}
    for group, alpha in (("one", 0.025), ("two", 0.05)):
        control, treatment = Proportion(300, 3_000), Proportion(COUNTS[group][-1][1], 3_000)
        error = unpooled_standard_error(control, treatment)
        assert points[group].boundary == pytest.approx(sequence_boundary(error, 6_000, alpha=alpha))
    assert (reaches(points["one"]), reaches(points["two"])) == (True, False)


@pytest.mark.parametrize("alternative", ["better", "worse"])
def test_a_one_sided_test_has_a_lower_boundary_and_the_same_interval(alternative: str) -> None:
    metric = {"name": "click_rate", "kind": "conversion", "event_type": "click", "alternative": alternative}
    one_sided, two_sided = at(1, experiment(metrics=[metric])), at(1, experiment())
    point, other = one_sided.timeline["one"][0], two_sided.timeline["one"][0]
    assert point.boundary is not None
    assert other.boundary is not None
    assert point.interval == other.interval
    assert point.boundary < other.boundary


def test_a_fixed_horizon_decides_at_no_point_before_its_end() -> None:
    asked = experiment(analysis={"inference": "fixed_horizon"})
    always = at(4, experiment()).timeline["one"]
    for point, other in zip(at(4, asked).timeline["one"], always, strict=True):
        assert point.boundary is None
        assert point.reason == "a fixed horizon decides at its planned end only"
        assert point.interval == other.interval


def test_what_cannot_be_compared_yet_says_why() -> None:
    found = summary(1)
    nobody = PairedMoments.of([])
    groups = {
        name: GroupSummary(group.n, group.metrics, timeline={START: nobody, **group.timeline})
        for name, group in found.groups.items()
    }
    first, second = analyse(experiment(), Summary(groups), START + DAY).timeline["one"]
    assert (first.control_n, first.control, first.difference, first.interval) == (0, None, None, None)
    assert first.reason == "a group has no units"
    assert second.reason is None


def test_a_covariate_is_taken_out_at_every_moment() -> None:
    metric = {"name": "revenue", "kind": "mean", "event_type": "revenue", "covariate": {"days": 7}}
    asked = experiment(metrics=[metric], groups=[{"name": name, "weight": 1} for name in ("control", "one")])

    def sums(n: int, lift: float) -> PairedMoments:
        return PairedMoments.of([(x + lift + (unit % 5) / 10, float(x)) for unit in range(n) if (x := unit % 17) >= 0])

    groups = {
        name: GroupSummary(
            200,
            {"revenue": sums(200, lift).y},
            covariates={"revenue": sums(200, lift)},
            timeline={START + DAY: PairedMoments.of([(1.0, 1.0)]), START + 2 * DAY: sums(200, lift)},
        )
        for name, lift in (("control", 0.0), ("one", 0.2))
    }
    results = analyse(asked, Summary(groups), START + 2 * DAY)
    early, late = results.timeline["one"]
    comparison = results.comparisons["one"]["revenue"]
    assert early.reason == "a group has fewer than two units"
    assert comparison.always_valid is not None
    assert comparison.covariate is not None
    assert comparison.covariate.variance_reduction == pytest.approx(1, abs=0.01)
    assert (late.control, late.treatment) == (comparison.control, comparison.treatment)
    assert late.interval == pytest.approx(comparison.always_valid.interval)


def test_a_bandits_points_are_weighted() -> None:
    asked = experiment(
        assignment_algorithm="bandit", bandit={}, groups=[{"name": name, "weight": 1} for name in ("control", "one")]
    )
    sums = {
        "control": PropensityMoments.of([(float(unit % 4 == 0), 0.2 + 0.6 * (unit % 2)) for unit in range(900)]),
        "one": PropensityMoments.of([(float(unit % 3 == 0), 0.8 - 0.6 * (unit % 2)) for unit in range(900)]),
    }
    found = Summary(
        {name: GroupSummary(900, {"click_rate": Proportion(250, 900)}) for name in sums},
        propensities={
            name: Propensities({"click_rate": each}, 900.0, {START + DAY: each}) for name, each in sums.items()
        },
    )
    results = analyse(asked, found, START + DAY)
    comparison = results.comparisons["one"]["click_rate"]
    (point,) = results.timeline["one"]
    assert comparison.always_valid is not None
    assert point.difference == comparison.difference
    assert point.interval == pytest.approx(comparison.always_valid.interval)


def test_without_a_primary_metric_or_its_sums_there_is_no_point() -> None:
    assert (
        analyse(experiment(metrics=[]), Summary({name: GroupSummary(0, {}) for name in COUNTS}), START).timeline == {}
    )
    found = Summary({name: GroupSummary(9, {"click_rate": Proportion(1, 9)}) for name in COUNTS})
    assert analyse(experiment(), found, START).timeline == {"one": (), "two": ()}


def test_means_stand_as_their_sums_say() -> None:
    control, one = ([float(unit % 7) for unit in range(300)], [unit % 7 + 0.5 for unit in range(280)])
    groups = {
        name: GroupSummary(
            len(values),
            {"revenue": Moments.of(values)},
            timeline={START + DAY: PairedMoments.of((value, 0.0) for value in values)},
        )
        for name, values in (("control", control), ("one", one))
    }
    asked = experiment(metrics=["revenue"], groups=[{"name": name, "weight": 1} for name in ("control", "one")])
    results = analyse(asked, Summary(groups), START + DAY)
    comparison = results.comparisons["one"]["revenue"]
    (point,) = results.timeline["one"]
    assert comparison.always_valid is not None
    assert point.interval == pytest.approx(comparison.always_valid.interval)
    assert point.boundary == pytest.approx((point.interval or (0.0, 0.0))[1] - (point.difference or 0.0))
