"""Every field of a metric and of the analysis plan that the statistics read changes a result."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from analysis import analyse, look_at
from bakeoff_core.experiments.model import Experiment
from engine.summary import Day, GroupSummary, Propensities, Statistics, Summary
from results import Comparison, ConversionValue, MeanValue, QuantileValue, RatioValue, Results, Segments
from stats.inverse_propensity import PropensityMoments
from stats.means import Moments, welch
from stats.paired import PairedMoments
from stats.proportions import Proportion
from stats.quantiles import QuantileStatistic

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
NOW = START + timedelta(days=10)
CLICK = {"name": "click_rate", "kind": "conversion", "event_type": "click"}
SPEND = {"name": "spend", "kind": "mean", "event_type": "spend"}


def experiment(metric: dict[str, Any] = CLICK, plan: dict[str, Any] | None = None, **changes: Any) -> Experiment:
    document: dict[str, Any] = {
        "name": "checkout",
        "start_time": START,
        "end_time": START + timedelta(days=20),
        "status": "running",
        "analysis": plan or {},
        "groups": [{"name": "control", "weight": 1}, {"name": "treatment", "weight": 1}],
        "metrics": [metric],
        "created_at": START,
        "updated_at": START,
    }
    return Experiment.model_validate(document | changes)


def summary(control: GroupSummary, treatment: GroupSummary, **more: Any) -> Summary:
    return Summary({"control": control, "treatment": treatment}, first_exposure=START, **more)


def group(name: str, statistics: Statistics, **more: Any) -> GroupSummary:
    return GroupSummary(statistics.n, {name: statistics}, **more)


CLICKS = summary(group("click_rate", Proportion(1_000, 10_000)), group("click_rate", Proportion(1_113, 10_000)))
SPENDING = summary(group("spend", Moments(500, 5_000, 60_000)), group("spend", Moments(480, 5_200, 64_000)))


def compared(results: Results) -> Comparison:
    return next(iter(results.comparisons["treatment"].values()))


def on_clicks(plan: dict[str, Any] | None = None, now: datetime = NOW, **metric: Any) -> Comparison:
    return compared(analyse(experiment(CLICK | metric, plan), CLICKS, now))


def width(interval: tuple[float, float] | None) -> float:
    assert interval is not None
    return interval[1] - interval[0]


def test_confidence_level() -> None:
    ninety, default = on_clicks({"confidence_level": 0.9}), on_clicks()
    for attribute in ("interval", "relative_interval", "always_valid_interval"):
        assert width(getattr(ninety, attribute)) < width(getattr(default, attribute))
    assert ninety.bayesian is not None
    assert default.bayesian is not None
    assert width(ninety.bayesian.interval) < width(default.bayesian.interval)
    groups = [
        analyse(experiment(plan=plan), CLICKS, NOW).groups["control"].metrics["click_rate"].interval
        for plan in ({"confidence_level": 0.9}, {})
    ]
    assert width(groups[0]) < width(groups[1])


def test_confidence_level_decides() -> None:
    at_the_end = START + timedelta(days=20)
    strict: dict[str, Any] = {"inference": "fixed_horizon", "confidence_level": 0.995}
    lax: dict[str, Any] = {"inference": "fixed_horizon"}
    verdicts = [analyse(experiment(plan=plan), CLICKS, at_the_end).decision.verdict for plan in (strict, lax)]
    assert verdicts == ["continue_testing", "implement"]


def test_tuning_sample_size() -> None:
    near, far = on_clicks({"tuning_sample_size": 20_000}), on_clicks({"tuning_sample_size": 100})
    assert width(near.always_valid_interval) < width(far.always_valid_interval)


def test_relative_interval() -> None:
    delta, fieller = on_clicks(), on_clicks({"relative_interval": "fieller"})
    assert delta.relative_difference == fieller.relative_difference
    assert delta.relative_interval != fieller.relative_interval
    assert fieller.relative_method == "Fieller's theorem; t interval"


@pytest.mark.parametrize("prior", [{"alpha": 1_000, "beta": 9_000}, {"beta": 5_000}])
def test_prior_of_rates(prior: dict[str, float]) -> None:
    plain, informed = on_clicks(), on_clicks({"prior": prior})
    assert plain.bayesian is not None
    assert informed.bayesian is not None
    assert plain.bayesian.probability_to_beat_control != informed.bayesian.probability_to_beat_control


def test_prior_of_means() -> None:
    found = [
        compared(analyse(experiment(SPEND, {"prior": prior} if prior else {}), SPENDING, NOW)).bayesian
        for prior in ({}, {"effect_sd": 0.2}, {"effect_sd": 0.2, "effect_mean": 1.0})
    ]
    means = [sum(each.interval) / 2 for each in found if each is not None]
    assert means[1] < means[0]
    assert means[1] < means[2]


def test_direction_turns_belief_and_improvement() -> None:
    up, down = on_clicks(), on_clicks(direction="decrease")
    assert up.bayesian is not None
    assert down.bayesian is not None
    assert up.bayesian.probability_to_beat_control == pytest.approx(1 - down.bayesian.probability_to_beat_control)
    assert up.bayesian.expected_loss == down.bayesian.expected_loss_of_control


@pytest.mark.parametrize(
    ("alternative", "direction", "factor"),
    [
        ("better", "increase", "half"),
        ("worse", "increase", "rest"),
        ("better", "decrease", "rest"),
        ("worse", "decrease", "half"),
    ],
)
def test_alternative(alternative: str, direction: str, factor: str) -> None:
    two_sided = on_clicks().p_value
    one_sided = on_clicks(alternative=alternative, direction=direction)
    assert two_sided is not None
    assert one_sided.p_value == pytest.approx(two_sided / 2 if factor == "half" else 1 - two_sided / 2)
    assert one_sided.always_valid is not None
    assert (one_sided.always_valid.p_value == 1) == (factor == "rest")


def test_minimum_sample_size() -> None:
    for minimum, rule in ((10_000, "primary_metric_undecided"), (10_001, "below_minimum_sample_size")):
        assert analyse(experiment(plan={"minimum_sample_size": minimum}), CLICKS, NOW).decision.rule == rule


def test_minimum_runtime_days() -> None:
    for minimum, rule in ((10, "primary_metric_undecided"), (10.5, "below_minimum_runtime")):
        decision = analyse(experiment(plan={"minimum_runtime_days": minimum}), CLICKS, NOW).decision
        assert (decision.verdict, decision.rule) == ("continue_testing", rule)


def test_what_is_still_needed_depends_on_power_effect_and_inference() -> None:
    def needed(plan: dict[str, Any], **metric: Any) -> int:
        still = analyse(experiment(CLICK | metric, plan), CLICKS, NOW).decision.still_needed
        assert still is not None
        assert still.users is not None
        assert still.more_users == max(0, still.users - 20_000)
        # 20,000 users came in ten days.
        assert still.days == -(-still.more_users // 2_000)
        return still.users

    fixed = {"inference": "fixed_horizon"}
    assert needed(fixed, minimum_effect=0.05) > needed(fixed, minimum_effect=0.1)
    assert needed(fixed | {"power": 0.9}) > needed(fixed)
    assert needed({}) > needed(fixed)
    assert needed({"tuning_sample_size": 10**6}) != needed({})
    # 0.100 against 0.1113 at 80 %: 11,642 a group by the pooled test.
    assert needed(fixed) == pytest.approx(23_300, rel=0.01)


def test_what_is_still_needed_for_a_mean() -> None:
    still = analyse(experiment(SPEND, {"inference": "fixed_horizon"}), SPENDING, NOW).decision.still_needed
    assert still is not None
    effect = 5_200 / 480 - 10
    assert still.effect == pytest.approx(effect)
    assert still.users == pytest.approx(2 * 2 * (1.959964 + 0.841621) ** 2 * (124_000 / 978) / effect**2, rel=0.01)


def test_nothing_seen_and_nothing_wished_for_is_no_number() -> None:
    same = summary(group("click_rate", Proportion(100, 1_000)), group("click_rate", Proportion(100, 1_000)))
    still = analyse(experiment(), same, NOW).decision.still_needed
    assert still is not None
    assert still.users is None
    assert still.reason == "no effect is seen so far, and the metric names no minimum_effect"
    wished = analyse(experiment(CLICK | {"minimum_effect": 0.2}), same, NOW).decision.still_needed
    assert wished is not None
    assert wished.effect == pytest.approx(0.02)


def test_kinds_have_values_of_their_own() -> None:
    ratio = {"name": "r", "kind": "ratio", "event_type": "click", "aggregate": "count",
             "denominator": {"aggregate": "count", "event_type": "view"}}  # fmt: skip
    units = [(float(i % 3), float(2 + i % 5)) for i in range(60)]
    value = analyse(experiment(ratio), summary(*(group("r", PairedMoments.of(units)),) * 2), NOW).groups["control"]
    found = value.metrics["r"]
    assert isinstance(found, RatioValue)
    assert found.ratio == pytest.approx(found.numerator / found.denominator)
    assert found.interval is not None
    quantile = {"name": "q", "kind": "quantile", "event_type": "spend", "quantile": 0.9}
    statistic = QuantileStatistic.of([float(i) for i in range(100)], 0.9)
    q = analyse(experiment(quantile), summary(*(group("q", statistic),) * 2), NOW)
    found_q = q.groups["control"].metrics["q"]
    assert isinstance(found_q, QuantileValue)
    assert (found_q.value, found_q.level) == (89.0, 0.9)
    assert compared(q).difference == 0
    for kind, more in (("count", {}), ("retention", {"retention_day": 7})):
        metric = {"name": "k", "kind": kind, "event_type": "visit"} | more
        statistics: Statistics = Moments(50, 80, 60) if kind == "count" else Proportion(20, 50)
        described = analyse(experiment(metric), summary(*(group("k", statistics),) * 2), NOW).groups["control"].metrics
        assert described["k"].kind == kind


def test_units_whose_window_is_not_over_are_counted() -> None:
    waiting = group("click_rate", Proportion(10, 100), waiting={"click_rate": 7})
    value = analyse(experiment(), summary(waiting, waiting), NOW).groups["control"].metrics["click_rate"]
    assert isinstance(value, ConversionValue)
    assert (value.n, value.waiting) == (100, 7)


def test_a_fixed_horizon_ends_with_the_last_window() -> None:
    end = START + timedelta(days=20)

    def rule(**waiting: int) -> str:
        groups = [
            group("click_rate", each, waiting=waiting) for each in (Proportion(1_000, 9_000), Proportion(1_400, 9_000))
        ]
        return analyse(experiment(plan={"inference": "fixed_horizon"}), summary(*groups), end).decision.rule

    assert rule(click_rate=1) == "plan_not_reached"
    assert rule() == "primary_metric_better"


def test_a_cap_is_reported_beside_the_comparison_without_it() -> None:
    cut, uncut = Moments(500, 5_000, 60_000), Moments(500, 9_000, 9e8)
    treated, raw = Moments(480, 5_200, 64_000), Moments(480, 5_300, 7e4)
    results = analyse(
        experiment(SPEND | {"winsorize": {"quantile": 0.99}}),
        summary(
            group("spend", cut, uncut={"spend": uncut}),
            group("spend", treated, uncut={"spend": raw}),
            caps={"spend": 80.0},
        ),
        NOW,
    )
    value = results.groups["control"].metrics["spend"]
    assert isinstance(value, MeanValue)
    assert (value.mean, value.cap, value.uncut_mean) == (10, 80, 18)
    without = compared(results).uncut
    oracle = welch(uncut, raw)
    assert without is not None
    assert without.p_value == getattr(oracle, "p_value")  # noqa: B009 - of a union
    assert compared(results).p_value != without.p_value


def covariates() -> tuple[PairedMoments, PairedMoments]:
    control = [(10 + x + (i % 7), x) for i in range(200) for x in (float(i % 20),)]
    treatment = [(10.5 + x + (i % 6), x + 0.5) for i in range(210) for x in (float(i % 19),)]
    return PairedMoments.of(control), PairedMoments.of(treatment)


def test_a_covariate_adjusts_and_the_unadjusted_comparison_stays() -> None:
    control, treatment = covariates()
    data = summary(
        group("spend", control.y, covariates={"spend": control}),
        group("spend", treatment.y, covariates={"spend": treatment}),
    )
    comparison = compared(analyse(experiment(SPEND | {"covariate": {"days": 14}}), data, NOW))
    plain = compared(analyse(experiment(SPEND), SPENDING, NOW))
    assert plain.covariate is None
    assert comparison.covariate is not None
    assert comparison.method == "CUPED; Welch t; t interval"
    unadjusted = comparison.covariate.unadjusted
    assert unadjusted.difference == pytest.approx(treatment.y.mean - control.y.mean)
    assert comparison.difference != unadjusted.difference
    assert width(comparison.interval) < width(unadjusted.interval)
    expected = 1 - (width(comparison.interval) / width(unadjusted.interval)) ** 2
    assert comparison.covariate.variance_reduction == pytest.approx(expected, abs=0.02)
    assert comparison.covariate.theta == pytest.approx(1, abs=0.05)


def test_a_covariate_that_does_not_vary_leaves_the_comparison_as_it_is() -> None:
    flat = PairedMoments.of([(float(i % 5), 3.0) for i in range(100)])
    data = summary(*(group("spend", flat.y, covariates={"spend": flat}),) * 2)
    comparison = compared(analyse(experiment(SPEND | {"covariate": {"days": 14}}), data, NOW))
    assert comparison.covariate is None
    assert comparison.reason == "not adjusted for the covariate: the covariate does not vary"
    assert comparison.difference == 0


def test_a_bandit_is_compared_by_weighted_means_and_says_so() -> None:
    units = [(float(i % 2), 0.5) for i in range(200)]
    weighted = {"click_rate": PropensityMoments.of(units)}
    data = summary(*CLICKS.groups.values(), propensities={n: Propensities(weighted, 200) for n in CLICKS.groups})
    results = analyse(experiment(CLICK | {"covariate": {"days": 3}}, {"segments": ["country"]}), data, NOW)
    assert results.sensitivity == {}
    assert results.segments == Segments()
    comparison = compared(results)
    assert comparison.method is not None
    assert comparison.method.startswith("Hájek")
    assert comparison.reason is not None
    assert comparison.reason.startswith("a bandit's weighted means take no covariate")


def test_segments_are_compared_and_adjusted_together() -> None:
    def segments(*counts: tuple[int, int]) -> dict[str, Any]:
        return {
            "country": {
                name: {"click_rate": Proportion(*c)} for name, c in zip(("de", "fr", "it"), counts, strict=True)
            }
        }

    data = summary(
        group("click_rate", Proportion(300, 3_000), segments=segments((100, 1_000), (100, 1_000), (100, 1_000))),
        group("click_rate", Proportion(375, 3_000), segments=segments((100, 1_000), (160, 1_000), (115, 1_000))),
    )
    none = analyse(experiment(), data, NOW).segments
    assert none.effects == ()
    assert none.heterogeneity == ()
    found = analyse(experiment(plan={"segments": ["country"]}), data, NOW).segments
    assert [each.value for each in found.effects] == ["de", "fr", "it"]
    raw = {each.value: each.p_value or 0 for each in found.effects}
    adjusted = {each.value: each.adjusted_p_value or 0 for each in found.effects}
    assert adjusted["fr"] == pytest.approx(3 * raw["fr"])
    assert adjusted["it"] == pytest.approx(1.5 * raw["it"])
    assert found.effects[1].difference == pytest.approx(0.06)
    (test,) = found.heterogeneity
    assert test.p_value is not None
    assert test.p_value < 0.05


def test_a_segment_value_without_a_counterpart_or_an_effect_is_no_test() -> None:
    one = {"country": {"de": {"click_rate": Proportion(0, 10)}, "fr": {}, "it": {"click_rate": Proportion(1, 5)}}}
    other = {"country": {"de": {"click_rate": Proportion(0, 12)}, "fr": {"click_rate": Proportion(1, 5)}}}
    data = summary(
        group("click_rate", Proportion(1, 15), segments=one), group("click_rate", Proportion(1, 17), segments=other)
    )
    found = analyse(experiment(plan={"segments": ["country"]}), data, NOW).segments
    (effect,) = found.effects
    assert (effect.value, effect.p_value, effect.adjusted_p_value) == ("de", None, None)
    assert effect.reason == "no unit of either group converted"
    assert found.heterogeneity[0].reason is not None


def days(*counts: tuple[int, int]) -> dict[str, dict[date, Statistics]]:
    return {"click_rate": {date(2026, 1, 5) + timedelta(days=i): Proportion(*c) for i, c in enumerate(counts)}}


def test_weeks_left_out_days_and_trends() -> None:
    control = days(*[(100, 1_000)] * 9)
    # One day of many conversions makes the difference.
    treatment = days(*[(101 + i, 1_000) for i in range(8)], (230, 1_000))
    results = analyse(
        experiment(),
        summary(
            group("click_rate", Proportion(900, 9_000), cohorts=control),
            group("click_rate", Proportion(1_066, 9_000), cohorts=treatment),
        ),
        NOW,
    )
    found = results.sensitivity["treatment"]
    assert [(each.week, each.control_n) for each in found.weeks] == [
        (date(2026, 1, 5), 7_000),
        (date(2026, 1, 12), 2_000),
    ]
    assert found.weeks[0].difference == pytest.approx(28 / 7_000)
    assert len(found.without_day) == 9
    assert found.without_day[-1].difference == pytest.approx((1_066 - 230) / 8_000 - 0.1)
    assert found.depends_on_a_day
    assert found.cohort_trend.slope is not None
    assert results.trends["control"].reason == "the daily values do not scatter"
    assert results.trends["treatment"].slope is not None


def test_novelty_wears_off_and_primacy_grows() -> None:
    def since(*rates: int) -> dict[str, dict[int, Statistics]]:
        return {"click_rate": {day: Proportion(rate, 10_000) for day, rate in enumerate(rates)}}

    def finding(*rates: int) -> str:
        data = summary(
            group("click_rate", Proportion(10, 100), since_exposure=since(*[500] * len(rates))),
            group("click_rate", Proportion(12, 100), since_exposure=since(*rates)),
        )
        return analyse(experiment(), data, NOW).sensitivity["treatment"].novelty_finding

    assert finding(700, 655, 618, 560, 530, 505) == "wears off"
    assert finding(505, 530, 560, 618, 655, 700) == "grows"
    assert finding(300, 345, 382, 440, 470, 495) == "wears off"
    assert finding(600, 590, 610, 595, 605, 600) == "no trend"
    assert finding() == "no trend"


def test_several_rates_are_asked_at_once() -> None:
    groups = [{"name": name, "weight": 1} for name in ("control", "treatment", "other")]
    sizes = {"control": 100, "treatment": 130, "other": 90}
    data = Summary({name: group("click_rate", Proportion(n, 1_000)) for name, n in sizes.items()})
    found = analyse(experiment(groups=groups), data, NOW).omnibus["click_rate"]
    assert found.degrees_of_freedom == 2
    assert found.p_value is not None
    assert analyse(experiment(), CLICKS, NOW).omnibus == {}
    none = Summary({name: group("click_rate", Proportion(0, 10)) for name in sizes})
    assert (
        analyse(experiment(groups=groups), none, NOW).omnibus["click_rate"].reason == "no unit of any group converted"
    )
    spending = Summary({name: group("spend", Moments(10, 5, 3)) for name in sizes})
    assert analyse(experiment(SPEND, groups=groups), spending, NOW).omnibus == {}


PLANNED: dict[str, Any] = {"inference": "group_sequential", "planned_looks": 4}


def arriving(control: Proportion, treatment: Proportion, days_so_far: int) -> Summary:
    def arrivals(each: Proportion) -> tuple[Day, ...]:
        return tuple(Day(date(2026, 1, 5) + timedelta(days=i), each.n // days_so_far, 0) for i in range(days_so_far))

    return summary(*(group("click_rate", each, daily=arrivals(each)) for each in (control, treatment)))


def test_a_group_sequential_test_is_looked_at_when_planned() -> None:
    planned = experiment(plan=PLANNED)
    first, second = START + timedelta(days=5), START + timedelta(days=10)
    assert look_at(planned, START + timedelta(days=4)) == START + timedelta(days=4)
    assert look_at(planned, START + timedelta(days=7)) == first
    assert look_at(planned, second) == second
    assert look_at(experiment(), NOW) == NOW
    early = analyse(planned, CLICKS, START + timedelta(days=4))
    assert (early.decision.rule, early.decision.basis) == ("plan_not_reached", "group_sequential")
    assert "2026-01-10 00:00 UTC" in early.decision.explanation
    assert compared(early).group_sequential is None


def test_a_group_sequential_test_decides_by_its_boundary() -> None:
    planned = experiment(plan=PLANNED)
    # z is 2.60, beyond 2.9626 neither at the second of four looks; at the last the boundary is 2.02.
    data = arriving(Proportion(1_000, 10_000), Proportion(1_113, 10_000), 10)
    second = analyse(planned, data, NOW)
    look = compared(second).group_sequential
    assert look is not None
    assert look.look == 2
    assert look.boundary == pytest.approx(2.9626, abs=1e-3)
    assert (second.decision.verdict, second.decision.basis) == ("continue_testing", "group_sequential")
    assert second.decision.interval == look.interval
    last = analyse(
        planned, arriving(Proportion(1_000, 10_000), Proportion(1_113, 10_000), 20), NOW + timedelta(days=11)
    )
    final = compared(last).group_sequential
    assert final is not None
    assert (final.look, last.as_of) == (4, START + timedelta(days=20))
    assert final.boundary < 2.1
    assert (last.decision.verdict, last.decision.basis) == ("implement", "group_sequential")
    assert width(final.interval) < width(look.interval)


def test_more_looks_cost_a_little() -> None:
    data = arriving(Proportion(1_000, 10_000), Proportion(1_113, 10_000), 20)
    ends = [
        compared(analyse(experiment(plan=PLANNED | {"planned_looks": k}), data, NOW + timedelta(days=11)))
        for k in (2, 20)
    ]
    few, many = (each.group_sequential for each in ends)
    assert few is not None
    assert many is not None
    assert few.boundary < many.boundary


def test_looks_before_anybody_came_are_none() -> None:
    # All users came on the last of ten days, so that the look on the fifth day had nothing to look at.
    late = (Day(date(2026, 1, 14), 10_000, 0),)
    data = summary(*(group("click_rate", Proportion(1_000, 10_000), daily=late),) * 2)
    look = compared(analyse(experiment(plan=PLANNED), data, NOW)).group_sequential
    assert look is not None
    assert look.look == 2
    assert look.boundary == pytest.approx(2.9626, abs=1e-3)


def test_the_table_of_rules_says_which_one_decided() -> None:
    rules = analyse(experiment(), CLICKS, NOW).decision.rules
    assert [each.applied for each in rules] == ["does not apply"] * 10 + ["decides"]
    first = analyse(experiment(), summary(*(group("click_rate", Proportion(0, 0)),) * 2), NOW).decision.rules
    assert [each.applied for each in first] == ["decides"] + ["not reached"] * 10
    assert first[0].verdict == "no_data"
