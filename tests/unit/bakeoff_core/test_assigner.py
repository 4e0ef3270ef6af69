from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bakeoff_core.assignment.allocation import by_hash
from bakeoff_core.assignment.assigner import Assigner, decide
from bakeoff_core.errors import ExperimentNotFound
from bakeoff_core.stores.experiments import Audit, InMemoryExperimentStore
from tests.support import NOON, SettableClock, experiment, unicode_text

HOUR = timedelta(hours=1)
UNITS = [f"user-{i}" for i in range(20_000)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "draft"}, "not_running"),
        ({"status": "paused"}, "not_running"),
        ({"start_time": NOON + HOUR}, "not_started"),
        ({"start_time": NOON}, "split"),
        ({"end_time": NOON}, "ended"),
        ({"end_time": NOON + HOUR}, "split"),
        ({"target_users": ["somebody"]}, "not_targeted"),
        ({"target_users": ["somebody", "user-1"]}, "split"),
        ({"target_users": []}, "not_targeted"),
        ({"targeting": {"country": "DE"}}, "not_targeted"),
        ({"targeting": {"country": "AT"}}, "split"),
        ({"namespace": {"name": "shop", "range_start": 0, "range_end": 1e-12}}, "other_namespace"),
        ({"namespace": {"name": "shop", "range_start": 0, "range_end": 1}}, "split"),
        ({"holdout": {"name": "q1", "share": 1}}, "held_out"),
        ({"holdout": {"name": "q1", "share": 0}}, "split"),
        ({"sample_rate": 0}, "not_sampled"),
        ({"sample_rate": 1}, "split"),
    ],
)
def test_each_check_keeps_a_unit_out_with_its_reason(changes: dict[str, Any], reason: str) -> None:
    assignment = decide(experiment(**changes), "user-1", {"country": "AT"}, NOON)
    assert assignment.reason == reason
    assert assignment.assigned is (reason == "split")


def test_the_checks_run_in_their_order() -> None:
    failing = {
        "status": "paused",
        "start_time": NOON + HOUR,
        "target_users": [],
        "namespace": {"name": "shop", "range_start": 0, "range_end": 1e-12},
        "holdout": {"name": "q1", "share": 1},
        "sample_rate": 0,
    }
    passing = {"status": "running", "sample_rate": 1}
    reasons = []
    for field in [None, *failing]:
        failing |= {field: passing.get(field)} if field else {}
        reasons.append(decide(experiment(**failing), "user-1", {}, NOON).reason)
    assert reasons == [
        "not_running",
        "not_started",
        "not_targeted",
        "other_namespace",
        "held_out",
        "not_sampled",
        "split",
    ]


def test_a_forced_unit_gets_its_group_whatever_would_keep_it_out_while_the_experiment_runs() -> None:
    closed = {
        "forced_groups": {"tester": "treatment", "17": "control"},
        "target_users": [],
        "targeting": {"country": "DE"},
        "namespace": {"name": "shop", "range_start": 0, "range_end": 1e-12},
        "holdout": {"name": "q1", "share": 1},
        "sample_rate": 0,
    }
    forced = decide(experiment(**closed), "tester", {}, NOON)
    assert (forced.reason, forced.group, forced.propensity) == ("forced", experiment().groups[1], None)
    assert forced.to_json()["propensity"] is None
    assert decide(experiment(**closed), "17", {}, NOON).group == experiment().groups[0]
    assert decide(experiment(**closed), "user-1", {}, NOON).reason == "not_targeted"
    for field, reason in [("status", "paused"), ("start_time", NOON + HOUR), ("end_time", NOON)]:
        assert not decide(experiment(**closed, **{field: reason}), "tester", {}, NOON).assigned


def test_a_holdout_keeps_the_same_share_of_units_out_of_all_its_experiments() -> None:
    holdout = {"name": "q1", "share": 0.1}
    first, second = (experiment(name=name, holdout=holdout) for name in ("first", "second"))
    out = [{unit for unit in UNITS if decide(each, unit, {}, NOON).reason == "held_out"} for each in (first, second)]
    assert out[0] == out[1]
    assert len(out[0]) == pytest.approx(0.1 * len(UNITS), rel=0.05)
    larger = experiment(holdout={"name": "q1", "share": 0.2})
    assert all(decide(larger, unit, {}, NOON).reason == "held_out" for unit in out[0])


def test_groups_get_their_shares() -> None:
    weights = {"control": 5, "v2": 3, "v3": 2}
    running = experiment(groups=[{"name": name, "weight": weight} for name, weight in weights.items()])
    counts = Counter(by_hash(running, unit).group for unit in UNITS)
    expected = [len(UNITS) * weight / 10 for weight in weights.values()]
    assert stats.chisquare([counts[name] for name in weights], expected).pvalue > 0.001
    assert running.shares == {"control": 0.5, "v2": 0.3, "v3": 0.2}


def test_raising_the_sample_rate_only_adds_units_and_moves_none() -> None:
    few, many = experiment(sample_rate=0.05), experiment(sample_rate=0.6)
    before = {unit: decide(few, unit, {}, NOON).group for unit in UNITS}
    after = {unit: decide(many, unit, {}, NOON).group for unit in UNITS}
    enrolled = {unit: group for unit, group in before.items() if group is not None}
    assert len(enrolled) == pytest.approx(0.05 * len(UNITS), rel=0.1)
    assert sum(group is not None for group in after.values()) == pytest.approx(0.6 * len(UNITS), rel=0.03)
    assert {unit: after[unit] for unit in enrolled} == enrolled


def test_the_context_never_changes_the_group() -> None:
    running = experiment()
    groups = [[decide(running, unit, {"n": n}, NOON).group for unit in UNITS[:200]] for n in range(3)]
    assert groups[0] == groups[1] == groups[2]


def test_a_group_without_weight_gets_nobody_even_when_it_is_the_last() -> None:
    running = experiment(groups=[{"name": "a", "weight": 0}, {"name": "b", "weight": 1}, {"name": "c", "weight": 0}])
    assert {by_hash(running, unit).group for unit in UNITS[:1_000]} == {"b"}


@given(
    weights=st.lists(st.floats(min_value=0, max_value=1e9), min_size=2, max_size=12).filter(any),
    unit=unicode_text,
)
def test_every_unit_gets_a_group_with_a_share(weights: list[float], unit: str) -> None:
    running = experiment(groups=[{"name": f"g{i}", "weight": weight} for i, weight in enumerate(weights)])
    assert running.group(by_hash(running, unit).group).weight > 0
    assert sum(running.shares.values()) == pytest.approx(1)


def test_namespaces_divide_the_users_among_their_experiments() -> None:
    halves = [
        experiment(name=name, namespace={"name": "shop", "range_start": start, "range_end": start + 0.5})
        for name, start in [("first", 0.0), ("second", 0.5)]
    ]
    taken = [{unit for unit in UNITS if decide(half, unit, {}, NOON).assigned} for half in halves]
    assert taken[0].isdisjoint(taken[1])
    assert taken[0] | taken[1] == set(UNITS)
    assert len(taken[0]) == pytest.approx(len(UNITS) / 2, rel=0.03)


def test_an_assignment_answers_with_all_that_the_contract_names() -> None:
    running = experiment(
        groups=[{"name": "only", "weight": 1, "model_name": "m", "model_version": "v1"}, {"name": "none", "weight": 0}]
    )
    assert decide(running, "user-1", {}, NOON).to_json() == {
        "experiment_name": "checkout_button",
        "assigned": True,
        "reason": "split",
        "group_name": "only",
        "assignment_id": "f73475cda9bc2d8fcb39d65a36927c43",
        "model_name": "m",
        "model_version": "v1",
        "parameters": {},
        "propensity": 1.0,
        "config_version": 1,
    }


def test_a_unit_left_out_answers_without_a_group() -> None:
    answer = decide(experiment(sample_rate=0), "user-1", {}, NOON).to_json()
    assert answer == {
        "experiment_name": "checkout_button",
        "assigned": False,
        "reason": "not_sampled",
        "group_name": None,
        "assignment_id": None,
        "model_name": None,
        "model_version": None,
        "parameters": {},
        "propensity": None,
        "config_version": 1,
    }


def test_the_assignment_id_tells_units_and_configuration_versions_apart() -> None:
    ids = {
        decide(experiment(config_version=version), unit, {}, NOON).assignment_id
        for version in (1, 2)
        for unit in ("user-1", "user-2")
    }
    assert len(ids) == 4


def test_the_assigner_reads_the_configuration_and_the_clock() -> None:
    store, clock = InMemoryExperimentStore(), SettableClock()
    store.put(experiment(end_time=NOON + HOUR), Audit("t", "create", NOON))
    assigner = Assigner(store, clock)
    assert assigner.assign("checkout_button", "user-1", {}).assigned
    clock.advance(3_600)
    assert assigner.assign("checkout_button", "user-1", {}).reason == "ended"
    with pytest.raises(ExperimentNotFound):
        assigner.assign("nothing", "user-1", {})


@pytest.mark.parametrize("status", ["stopped", "completed"])
def test_once_it_is_over_everybody_meets_the_group_that_was_chosen(status: str) -> None:
    over = experiment(status=status, serving_group="treatment", targeting={"country": "DE"}, sample_rate=0)
    assignment = decide(over, "user-1", {"country": "AT"}, NOON)
    answer = assignment.to_json()
    assert (answer["assigned"], answer["reason"], answer["group_name"]) == (False, "not_running", None)
    assert (answer["parameters"], answer["assignment_id"], answer["propensity"]) == ({"colour": "green"}, None, None)
    assert assignment.serving == over.group("treatment")


@pytest.mark.parametrize(
    "changes", [{"status": "stopped"}, {"status": "paused", "serving_group": "treatment"}, {"sample_rate": 0}]
)
def test_nobody_serves_those_outside_unless_a_group_was_chosen_and_it_is_over(changes: dict[str, Any]) -> None:
    assignment = decide(experiment(**changes), "user-1", {}, NOON)
    assert (assignment.serving, assignment.to_json()["parameters"]) == (None, {})
