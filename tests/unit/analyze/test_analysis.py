"""Results and decisions from sufficient statistics."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analysis import analyse
from bakeoff_core.experiments.model import Experiment
from engine.summary import DataQuality, Day, GroupSummary, Statistics, Summary
from results import Results
from stats.means import Moments
from stats.multiplicity import benjamini_hochberg
from stats.proportions import Proportion

START = datetime(2026, 1, 10, tzinfo=UTC)
END = START + timedelta(days=14)
BEFORE_END, AFTER_END = START + timedelta(days=7), END + timedelta(seconds=1)


def experiment(**changes: Any) -> Experiment:
    document: dict[str, Any] = {
        "name": "checkout",
        "description": "A shorter checkout.",
        "hypotheses": ["More users buy."],
        "start_time": START,
        "end_time": END,
        "status": "running",
        "analysis": {"inference": "fixed_horizon"},
        "groups": [{"name": "control", "weight": 0.5}, {"name": "treatment", "weight": 0.5}],
        "metrics": ["click_rate"],
        "created_at": START,
        "updated_at": START,
    }
    return Experiment.model_validate(document | changes)


def summary(groups: dict[str, dict[str, Statistics]], crossovers: int = 0) -> Summary:
    return Summary(
        {name: GroupSummary(next(iter(metrics.values())).n, metrics) for name, metrics in groups.items()},
        crossovers=crossovers,
    )


def clicks(control: tuple[int, int], **treatments: tuple[int, int]) -> Summary:
    groups = {"control": control, **treatments}
    return summary({name: {"click_rate": Proportion(*counts)} for name, counts in groups.items()})


def decided(results: Results) -> tuple[str, str, str, str | None]:
    decision = results.decision
    return decision.verdict, decision.rule, decision.basis, decision.group


def test_groups_and_comparison_of_a_conversion() -> None:
    results = analyse(experiment(), clicks((8_502, 44_700), treatment=(8_279, 45_489)), AFTER_END)
    document = results.to_json()
    assert document["experiment"] == "checkout"
    assert document["hypotheses"] == ["More users buy."]
    assert document["computed_at"] == "2026-01-24T00:00:01Z"
    control = document["groups"]["control"]
    assert (control["n"], control["control"], control["configured_share"]) == (44_700, True, 0.5)
    assert control["metrics"]["click_rate"]["conversions"] == 8_502
    assert control["metrics"]["click_rate"]["rate"] == pytest.approx(0.190201, abs=5e-7)
    assert document["sample_ratio"]["statistic"] == pytest.approx(6.902, abs=5e-4)
    assert document["sample_ratio"]["alarm"] is False
    comparison = document["comparisons"]["treatment"]["click_rate"]
    assert comparison["difference"] == pytest.approx(-0.0082013, abs=5e-8)
    assert comparison["p_value"] == comparison["adjusted_p_value"] == pytest.approx(0.00155425, abs=5e-9)
    assert comparison["relative_difference"] == pytest.approx(-0.0082013 / 0.190201, rel=1e-4)
    assert comparison["method"] == "two-proportion z, pooled; Newcombe interval"
    assert comparison["adjustment"] == "Holm"
    assert comparison["effect_size"]["name"] == "Cohen's h"
    low, high = comparison["always_valid"]["interval"]
    assert low < comparison["interval"][0] < comparison["interval"][1] < high


def test_mean_metric() -> None:
    values: dict[str, dict[str, Statistics]] = {
        "control": {"revenue": Moments.from_sums(3_407, 1_396.87, 52_377.9767)},
        "treatment": {"revenue": Moments.from_sums(3_461, 2_422.7, 134_698.29)},
    }
    document = analyse(experiment(metrics=["revenue"]), summary(values), AFTER_END).to_json()
    assert document["groups"]["control"]["metrics"]["revenue"]["mean"] == pytest.approx(0.41)
    comparison = document["comparisons"]["treatment"]["revenue"]
    assert comparison["p_value"] == pytest.approx(0.02016, abs=5e-6)
    assert comparison["relative_interval"] == pytest.approx([-0.03526, 1.44989], abs=5e-6)
    assert comparison["effect_size"]["name"] == "Cohen's d"


def test_families_are_adjusted_by_role() -> None:
    metrics: list[Any] = ["click_rate", "a_rate", "b_rate", {"name": "g_rate", "kind": "conversion", "event_type": "g"}]
    metrics[3]["role"] = "guardrail"
    names = ["click_rate", "a_rate", "b_rate", "g_rate"]
    groups = [{"name": name, "weight": 1} for name in ("control", "one", "two")]
    per_group: dict[str, dict[str, Statistics]] = {
        "control": {name: Proportion(1_000, 10_000) for name in names},
        "one": {name: Proportion(1_080 + 10 * index, 10_000) for index, name in enumerate(names)},
        "two": {name: Proportion(1_040 + 10 * index, 10_000) for index, name in enumerate(names)},
    }
    results = analyse(experiment(metrics=metrics, groups=groups), summary(per_group), AFTER_END)
    one, two = results.comparisons["one"], results.comparisons["two"]

    def raw(name: str) -> tuple[float, float]:
        assert one[name].p_value is not None
        assert two[name].p_value is not None
        return one[name].p_value or 0, two[name].p_value or 0

    smaller, larger = raw("click_rate")
    assert smaller < larger
    assert one["click_rate"].adjusted_p_value == pytest.approx(2 * smaller)
    assert two["click_rate"].adjusted_p_value == pytest.approx(max(2 * smaller, larger))
    secondary = benjamini_hochberg([*raw("a_rate"), *raw("b_rate")])
    adjusted = [group[name].adjusted_p_value for name in ("a_rate", "b_rate") for group in (one, two)]
    assert adjusted == pytest.approx(secondary)
    assert one["g_rate"].adjusted_p_value == raw("g_rate")[0]
    assert (one["a_rate"].adjustment, one["g_rate"].adjustment) == ("Benjamini-Hochberg", "none")


def test_what_is_undefined_is_null_with_a_reason() -> None:
    document = analyse(experiment(), clicks((0, 500), treatment=(0, 480)), AFTER_END).to_json()
    comparison = document["comparisons"]["treatment"]["click_rate"]
    assert (comparison["control"], comparison["treatment"]) == (0.0, 0.0)
    assert comparison["p_value"] is comparison["difference"] is comparison["always_valid"] is None
    assert comparison["reason"] == "no unit of either group converted"
    only_relative = analyse(experiment(), clicks((0, 500), treatment=(40, 480)), AFTER_END).to_json()
    comparison = only_relative["comparisons"]["treatment"]["click_rate"]
    assert comparison["difference"] == pytest.approx(40 / 480)
    assert comparison["relative_difference"] is None
    assert comparison["reason"] == "no relative difference: the control's interval contains 0"


def test_no_users_is_no_data() -> None:
    results = analyse(experiment(), clicks((0, 0), treatment=(0, 0)), BEFORE_END)
    assert decided(results) == ("no_data", "no_users", "always_valid", None)
    assert results.sample_ratio.p_value is None
    assert results.sample_ratio.reason == "no units"
    assert results.groups["control"].metrics["click_rate"].interval is None


def test_a_sample_ratio_mismatch_withholds_the_decision() -> None:
    results = analyse(experiment(), clicks((500, 5_000), treatment=(900, 5_500)), AFTER_END)
    assert results.sample_ratio.alarm
    assert decided(results) == ("invalid", "sample_ratio_mismatch", "planned_horizon", None)


@pytest.mark.parametrize(("crossovers", "verdict"), [(20, "continue_testing"), (21, "invalid")])
def test_crossovers_above_one_percent_withhold_the_decision(crossovers: int, verdict: str) -> None:
    counts: dict[str, Statistics] = {"click_rate": Proportion(100, 990)}
    results = analyse(experiment(), summary({"control": counts, "treatment": counts}, crossovers), AFTER_END)
    assert results.crossovers == crossovers
    assert results.decision.verdict == verdict


# z is 2.6: significant at one planned look, far from it for any number of looks.
MODERATE = clicks((1_000, 10_000), treatment=(1_113, 10_000))
STRONG = clicks((1_000, 10_000), treatment=(1_400, 10_000))


@pytest.mark.parametrize(
    ("status", "now", "data", "expected"),
    [
        ("running", BEFORE_END, MODERATE, ("continue_testing", "plan_not_reached", "always_valid")),
        ("paused", BEFORE_END, STRONG, ("continue_testing", "plan_not_reached", "always_valid")),
        ("running", END, MODERATE, ("implement", "primary_metric_better", "planned_horizon")),
        ("completed", BEFORE_END, MODERATE, ("continue_testing", "primary_metric_undecided", "always_valid")),
        ("stopped", BEFORE_END, STRONG, ("implement", "primary_metric_better", "always_valid")),
        ("stopped", AFTER_END, MODERATE, ("continue_testing", "primary_metric_undecided", "always_valid")),
    ],
)
def test_a_fixed_horizon_decides_at_its_planned_end_and_always_valid_results_where_it_was_ended_before(
    status: str, now: datetime, data: Summary, expected: tuple[str, str, str]
) -> None:
    ended = BEFORE_END if status in {"completed", "stopped"} else None
    results = analyse(experiment(status=status, ended_at=ended), data, now)
    assert decided(results) == (*expected, "treatment")
    comparison = results.comparisons["treatment"]["click_rate"]
    assert comparison.always_valid is not None
    fixed = results.decision.basis == "planned_horizon"
    assert results.decision.interval == (comparison.interval if fixed else comparison.always_valid.interval)
    assert results.decision.expected_improvement == comparison.difference


def test_without_a_plan_always_valid_results_decide_at_any_time() -> None:
    results = analyse(experiment(analysis={}), MODERATE, datetime(2100, 1, 1, tzinfo=UTC))
    assert decided(results)[:3] == ("continue_testing", "primary_metric_undecided", "always_valid")
    early = analyse(experiment(analysis={}), STRONG, BEFORE_END)
    assert decided(early)[:3] == ("implement", "primary_metric_better", "always_valid")


def test_a_completed_experiment_that_reached_its_end_is_decided_by_its_fixed_horizon() -> None:
    results = analyse(experiment(status="completed", ended_at=END), MODERATE, AFTER_END)
    assert decided(results)[:3] == ("implement", "primary_metric_better", "planned_horizon")
    # Experiments that were ended before that was recorded have the time of their last change.
    older = analyse(experiment(status="completed", updated_at=BEFORE_END), MODERATE, AFTER_END)
    assert older.decision.basis == "always_valid"


@pytest.mark.parametrize(("planned", "basis"), [(20_000, "planned_horizon"), (20_001, "always_valid")])
def test_a_planned_sample_size_is_an_end_as_well(planned: int, basis: str) -> None:
    plan = {"inference": "fixed_horizon", "planned_sample_size": planned}
    results = analyse(experiment(end_time=None, analysis=plan), MODERATE, BEFORE_END)
    assert results.decision.basis == basis
    assert (results.decision.verdict == "implement") == (basis == "planned_horizon")


def test_worse_is_rejected() -> None:
    results = analyse(experiment(), clicks((1_000, 10_000), treatment=(850, 10_000)), AFTER_END)
    assert decided(results) == ("reject", "primary_metric_worse", "planned_horizon", "treatment")
    assert results.decision.expected_improvement == pytest.approx(-0.015)


def test_less_is_better_where_the_metric_should_decrease() -> None:
    metric = {"name": "click_rate", "kind": "conversion", "event_type": "click", "direction": "decrease"}
    results = analyse(experiment(metrics=[metric]), clicks((1_000, 10_000), treatment=(850, 10_000)), AFTER_END)
    assert decided(results)[:2] == ("implement", "primary_metric_better")
    assert results.decision.expected_improvement == pytest.approx(0.015)
    assert results.decision.relative_improvement == pytest.approx(0.15)
    assert results.decision.interval is not None
    low, high = results.decision.interval
    assert 0 < low < 0.015 < high


THREE = [{"name": name, "weight": 1} for name in ("control", "one", "two")]


def test_the_best_of_several_winners_is_implemented() -> None:
    data = clicks((1_000, 10_000), one=(1_200, 10_000), two=(1_300, 10_000))
    assert decided(analyse(experiment(groups=THREE), data, AFTER_END))[3] == "two"


def test_one_loser_beside_an_undecided_group_does_not_end_the_test() -> None:
    data = clicks((1_000, 10_000), one=(700, 10_000), two=(1_010, 10_000))
    decision = analyse(experiment(groups=THREE), data, AFTER_END).decision
    assert (decision.verdict, decision.group) == ("continue_testing", "two")
    assert decision.next_steps[-1] == "Consider a new version without one, which is worse than the control."


GUARDED: list[Any] = [
    "click_rate",
    {
        "name": "refund_rate",
        "kind": "conversion",
        "event_type": "refund",
        "direction": "decrease",
        "role": "guardrail",
    },
]


def guarded(refunds_of_two: int) -> Summary:
    def group(clicked: int, refunded: int) -> dict[str, Statistics]:
        return {"click_rate": Proportion(clicked, 10_000), "refund_rate": Proportion(refunded, 10_000)}

    return summary({"control": group(1_000, 100), "one": group(1_010, 100), "two": group(1_300, refunds_of_two)})


def test_a_guardrail_that_is_certainly_worse_beats_the_win() -> None:
    results = analyse(experiment(groups=THREE, metrics=GUARDED), guarded(160), AFTER_END)
    assert decided(results) == ("reject", "guardrail_worse", "planned_horizon", "two")
    assert results.decision.metric == "refund_rate"
    assert results.decision.expected_improvement == pytest.approx(-0.006)


def test_a_guardrail_within_chance_does_not() -> None:
    results = analyse(experiment(groups=THREE, metrics=GUARDED), guarded(110), AFTER_END)
    assert decided(results) == ("implement", "primary_metric_better", "planned_horizon", "two")
    assert results.decision.explanation == "two is better than the control on click_rate, and harms no guardrail."
    assert results.decision.next_steps[1] == "Keep watching the guardrails while it rolls out."


def test_a_win_that_no_guardrail_watches_says_so() -> None:
    unguarded = summary(
        {name: {"click_rate": each.metrics["click_rate"]} for name, each in guarded(110).groups.items()}
    )
    results = analyse(experiment(groups=THREE), unguarded, AFTER_END)
    assert results.decision.explanation == (
        "two is better than the control on click_rate. Nothing watches for harm: no guardrail is set."
    )
    assert results.decision.next_steps[1] == "Name a guardrail in the next experiment."


def test_without_metrics_there_is_nothing_to_decide_by() -> None:
    data = Summary({"control": GroupSummary(10, {}), "treatment": GroupSummary(12, {})})
    results = analyse(experiment(metrics=[]), data, AFTER_END)
    assert decided(results) == ("continue_testing", "no_primary_metric", "planned_horizon", None)


def test_oddities_are_passed_on() -> None:
    data = clicks((1, 10), treatment=(2, 12))
    odd = Summary(data.groups, quality=DataQuality(duplicate_events=7, unreadable_objects=("events/x",)))
    quality = analyse(experiment(), odd, AFTER_END).to_json()["data_quality"]
    assert quality["duplicate_events"] == 7
    assert quality["unreadable_objects"] == ["events/x"]


def test_results_survive_being_written_and_read() -> None:
    results = analyse(experiment(), MODERATE, AFTER_END)
    assert Results.model_validate_json(results.model_dump_json()) == results


def test_widened_intervals_exclude_0_just_where_the_adjusted_p_value_decides() -> None:
    groups = [{"name": name, "weight": 1} for name in ("control", "one", "two", "three")]
    metrics: list[Any] = ["click_rate", "a_rate", {"name": "g_rate", "kind": "conversion", "event_type": "g"}]
    metrics[2]["role"] = "guardrail"
    per_group: dict[str, dict[str, Statistics]] = {
        name: {metric: Proportion(converted, 20_000) for metric in ("click_rate", "a_rate", "g_rate")}
        for name, converted in (("control", 1_000), ("one", 1_140), ("two", 1_110), ("three", 1_105))
    }
    looks = {"inference": "group_sequential", "planned_looks": 1}
    asked = experiment(metrics=metrics, groups=groups, analysis=looks)
    daily = (Day(START.date(), 20_000, 0.0),)
    found = Summary({name: GroupSummary(20_000, values, daily) for name, values in per_group.items()})
    results = analyse(asked, found, AFTER_END)
    seen = set()
    for comparisons in results.comparisons.values():
        for metric, comparison in comparisons.items():
            assert comparison.always_valid is not None
            assert comparison.group_sequential is not None
            for each in (comparison, comparison.always_valid, comparison.group_sequential):
                assert each.interval is not None
                assert each.adjusted_interval is not None
                assert each.adjusted_p_value is not None
                assert (each.adjusted_interval[0] > 0) == (each.adjusted_p_value < 0.05)
                wider = each.adjusted_interval[0] <= each.interval[0]
                assert wider or metric == "g_rate"
                seen.add((metric, each.adjusted_p_value < 0.05))
    assert seen == {(metric, decides) for metric in ("click_rate", "a_rate", "g_rate") for decides in (True, False)}
    guardrail = results.comparisons["two"]["g_rate"].always_valid
    assert guardrail is not None
    assert guardrail.adjusted_interval == pytest.approx(guardrail.interval)


def test_the_decisions_interval_is_the_widened_one() -> None:
    groups = [{"name": name, "weight": 1} for name in ("control", "one", "two")]
    results = analyse(
        experiment(groups=groups, analysis={}), clicks((500, 9_000), one=(700, 9_000), two=(510, 9_000)), BEFORE_END
    )
    always_valid = results.comparisons["one"]["click_rate"].always_valid
    assert always_valid is not None
    assert results.decision.interval == always_valid.adjusted_interval
    assert results.decision.interval is not None
    assert results.decision.interval[0] < always_valid.interval[0]


PLANS: list[tuple[dict[str, Any], Any]] = [
    ({"inference": "fixed_horizon", "planned_sample_size": 4_000}, (2_000, 4_000, 0.5, "planned_sample_size", None)),
    ({"inference": "fixed_horizon", "planned_sample_size": 1_000}, (2_000, 1_000, 1.0, "planned_sample_size", None)),
    ({"inference": "fixed_horizon"}, (2_000, None, 0.5, "end_time", None)),
    ({"inference": "group_sequential", "planned_looks": 4}, (2_000, None, 0.5, "end_time", None)),
]


@pytest.mark.parametrize(("plan", "expected"), PLANS)
def test_progress_is_measured_by_the_plan(plan: dict[str, Any], expected: object) -> None:
    results = analyse(experiment(analysis=plan), clicks((100, 1_000), treatment=(104, 1_000)), BEFORE_END)
    assert results.plan is not None
    assert tuple(results.plan.model_dump().values()) == expected


def test_progress_of_always_valid_inference_is_towards_the_wanted_power() -> None:
    results = analyse(experiment(analysis={}), clicks((100, 1_000), treatment=(120, 1_000)), BEFORE_END)
    needed = results.decision.still_needed
    assert needed is not None
    assert needed.users is not None
    assert results.plan is not None
    assert (results.plan.users, results.plan.needed, results.plan.by) == (2_000, needed.users, "power")
    assert results.plan.share == pytest.approx(2_000 / needed.users)


def test_progress_towards_nothing_says_why() -> None:
    nothing = analyse(experiment(analysis={}), clicks((100, 1_000), treatment=(100, 1_000)), BEFORE_END).plan
    assert nothing is not None
    assert (nothing.by, nothing.needed) == (None, None)
    assert nothing.reason == "no effect is seen so far, and the metric names no minimum_effect"
