"""What stops an experiment by itself: harm, a wrong sample ratio or a winner, and only by results that may."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analysis import analyse
from bakeoff_core.experiments.model import Experiment
from engine.summary import Day, GroupSummary, Statistics, Summary
from results import Results
from stats.proportions import Proportion
from stopping import Stop, why_stop

START = datetime(2026, 1, 10, tzinfo=UTC)
END = START + timedelta(days=14)
NOW = START + timedelta(days=7)
ALL = {"guardrail_breached": True, "sample_ratio_mismatch": True, "winner": True}
ERRORS: dict[str, Any] = {
    "name": "error_rate",
    "kind": "conversion",
    "event_type": "error",
    "direction": "decrease",
    "role": "guardrail",
}


def experiment(auto_stop: dict[str, bool], rules: dict[str, Any] | None = None, **changes: Any) -> Experiment:
    document: dict[str, Any] = {
        "name": "checkout",
        "start_time": START,
        "end_time": END,
        "status": "running",
        "groups": [{"name": name, "weight": 1} for name in ("control", "treatment")],
        "metrics": ["click_rate", ERRORS],
        "created_at": START,
        "updated_at": START,
        "alert_rules": {"auto_stop": auto_stop, **(rules or {})},
    }
    return Experiment.model_validate(document | changes)


def look(subject: Experiment, *, now: datetime = NOW, **groups: tuple[int, int, int]) -> Results:
    """Look at groups by users, clicks and errors."""
    summaries: dict[str, GroupSummary] = {}
    for name, (users, clicks, errors) in groups.items():
        values: dict[str, Statistics] = {
            "click_rate": Proportion(clicks, users),
            "error_rate": Proportion(errors, users),
        }
        summaries[name] = GroupSummary(users, values, daily=(Day(START.date(), users, clicks),))
    return analyse(subject, Summary(summaries, first_exposure=START, last_exposure=now), now)


def why(subject: Experiment, *, now: datetime = NOW, **groups: tuple[int, int, int]) -> Stop | None:
    return why_stop(subject, look(subject, now=now, **groups), now)


HARMFUL: Any = {"control": (10_000, 2_000, 100), "treatment": (10_000, 2_000, 300)}
WINNING: Any = {"control": (10_000, 2_000, 100), "treatment": (10_000, 2_600, 100)}
UNEQUAL: Any = {"control": (10_000, 2_000, 100), "treatment": (11_500, 2_300, 115)}
QUIET: Any = {"control": (10_000, 2_000, 100), "treatment": (10_000, 2_010, 100)}


@pytest.mark.parametrize(
    ("rule", "groups"),
    [("guardrail_breached", HARMFUL), ("sample_ratio_mismatch", UNEQUAL), ("winner", WINNING)],
)
def test_each_rule_stops_for_its_own_reason_and_only_when_it_is_switched_on(rule: str, groups: Any) -> None:
    stop = why(experiment({rule: True}), **groups)
    assert stop is not None
    assert (stop.rule, stop.serving_group) == (rule, None)
    assert why(experiment({}), **groups) is None
    assert why(experiment(ALL | {rule: False}), **groups) is None
    assert why(experiment({rule: True}), **QUIET) is None


def test_a_breach_is_recorded_with_its_numbers() -> None:
    subject = experiment({"guardrail_breached": True})
    results = look(subject, **HARMFUL)
    stop = why_stop(subject, results, NOW)
    sequence = results.comparisons["treatment"]["error_rate"].always_valid
    assert stop is not None
    assert sequence is not None
    assert stop.evidence(results) == {
        "rule": "guardrail_breached",
        "explanation": stop.explanation,
        "group": "treatment",
        "metric": "error_rate",
        "role": "guardrail",
        "direction": "decrease",
        "control": 0.01,
        "treatment": 0.03,
        "difference": pytest.approx(0.02),
        "interval": list(sequence.interval),
        "relative_change": pytest.approx(-2.0),
        "threshold": -0.1,
        "users": {"control": 10_000, "treatment": 10_000},
        "verdict": "reject",
        "as_of": "2026-01-17T00:00:00+00:00",
        "serving_group": "control",
    }
    assert stop.explanation.startswith("treatment is worse than the control on error_rate by 200.0%")


def test_the_threshold_of_a_breach_is_that_of_the_alert() -> None:
    for threshold, stops in ((-1.9, True), (-2.1, False)):
        rules = {"safety_threshold_breached": {"relative_change": threshold}}
        assert (why(experiment({"guardrail_breached": True}, rules), **HARMFUL) is not None) is stops


def test_a_primary_metric_that_is_worse_is_an_alert_and_no_stop() -> None:
    assert why(experiment(ALL), control=(10_000, 2_000, 100), treatment=(10_000, 1_400, 100)) is None


def test_few_users_show_no_breach() -> None:
    groups: Any = {"control": (99, 10, 0), "treatment": (99, 10, 60)}
    assert why(experiment({"guardrail_breached": True}), **groups) is None
    fewer = experiment({"guardrail_breached": True}, analysis={"minimum_sample_size": 99})
    assert why(fewer, **groups) is not None


def test_the_sample_ratio_that_stops_is_stricter_than_the_one_that_alarms() -> None:
    subject = experiment({"sample_ratio_mismatch": True})
    groups: Any = {"control": (5_000, 9, 9), "treatment": (5_350, 9, 9)}
    assert look(subject, **groups).sample_ratio.alarm
    assert why(subject, **groups) is None
    looser = experiment({"sample_ratio_mismatch": True}, {"sample_ratio_mismatch": {"p_value": 0.5}})
    stop = why(looser, **groups)
    assert stop is not None
    assert (stop.figures["threshold"], stop.figures["configured_shares"]) == (0.5, {"control": 0.5, "treatment": 0.5})


def test_a_bandits_sizes_stop_nothing() -> None:
    subject = experiment({"sample_ratio_mismatch": True}, assignment_algorithm="bandit")
    assert why(subject, **UNEQUAL) is None


def test_harm_goes_before_a_win() -> None:
    groups: Any = {"control": (10_000, 2_000, 100), "treatment": (10_000, 2_600, 300)}
    stop = why(experiment(ALL), **groups)
    assert stop is not None
    assert stop.rule == "guardrail_breached"
    assert why(experiment({"winner": True}), **groups) is None


@pytest.mark.parametrize(
    ("analysis", "now", "rules"),
    [
        ({}, NOW, ["winner"]),
        ({"minimum_runtime_days": 8}, NOW, []),
        ({"minimum_sample_size": 10_001}, NOW, []),
        ({"inference": "fixed_horizon"}, NOW, []),
        ({"inference": "fixed_horizon"}, END, ["winner"]),
        ({"inference": "group_sequential", "planned_looks": 4}, START + timedelta(days=3), []),
        ({"inference": "group_sequential", "planned_looks": 4}, NOW, ["winner"]),
    ],
)
def test_a_winner_stops_when_the_declared_inference_allows_it(
    analysis: dict[str, Any], now: datetime, rules: list[str]
) -> None:
    stop = why(experiment({"winner": True}, analysis=analysis), now=now, **WINNING)
    assert ([] if stop is None else [stop.rule]) == rules


def test_a_planned_number_of_users_is_passed_at_many_looks_so_that_only_the_sequence_stops() -> None:
    analysis = {"inference": "fixed_horizon", "planned_sample_size": 20_000}
    subject = experiment({"winner": True}, analysis=analysis, end_time=None)
    barely: Any = {"control": (10_000, 2_000, 100), "treatment": (10_000, 2_130, 100)}
    assert look(subject, **barely).decision.verdict == "implement"
    assert why(subject, **barely) is None
    stop = why(subject, **WINNING)
    assert stop is not None
    assert stop.figures["basis"] == "planned_horizon"


def test_a_winner_is_recorded_with_its_numbers_and_serves_where_that_is_configured() -> None:
    subject = experiment({"winner": True}, {"traffic_after_stop": "winner"})
    results = look(subject, **WINNING)
    stop = why_stop(subject, results, NOW)
    assert stop is not None
    evidence = stop.evidence(results)
    assert (stop.serving_group, evidence["serving_group"], evidence["group"]) == ("treatment", "treatment", "treatment")
    assert evidence["expected_improvement"] == pytest.approx(0.06)
    assert evidence["basis"] == "always_valid"
    assert (evidence["decided_by"], evidence["verdict"]) == ("primary_metric_better", "implement")


def test_after_harm_the_control_serves_unless_another_group_wins_cleanly() -> None:
    groups = [{"name": name, "weight": 1} for name in ("control", "treatment", "other")]
    subject = experiment(ALL, {"traffic_after_stop": "winner"}, groups=groups)
    stop = why(subject, **HARMFUL, other=(10_000, 2_010, 100))
    assert stop is not None
    assert (stop.rule, stop.serving_group) == ("guardrail_breached", None)
    stop = why(subject, **HARMFUL, other=(10_000, 2_700, 100))
    assert stop is not None
    assert (stop.rule, stop.serving_group) == ("guardrail_breached", "other")
