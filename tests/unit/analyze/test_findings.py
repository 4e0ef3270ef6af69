"""What a look finds wrong, rule by rule: each field of the rules changes it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analysis import analyse
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.models import Standing
from engine.summary import GroupSummary, Statistics, Summary
from findings import Finding, began, judge
from model_documents import DayOfUse, ModelResult
from results import HistoryChange, HistoryEntry, Results
from stats.means import Moments
from stats.proportions import Proportion

START = datetime(2026, 1, 10, tzinfo=UTC)
NOW = START + timedelta(days=3)
QUIET = {
    "low_sample_size": {"enabled": False},
    "min_sample_not_reached": {"enabled": False},
    "safety_threshold_breached": {"enabled": False},
    "sample_ratio_mismatch": {"enabled": False},
    "no_events": {"enabled": False},
    "model_unhealthy": {"enabled": False},
}
GUARDED: list[Any] = [
    "click_rate",
    {"name": "error_rate", "kind": "conversion", "event_type": "error", "direction": "decrease", "role": "guardrail"},
    {"name": "visit_rate", "kind": "conversion", "event_type": "visit", "role": "secondary"},
]


def experiment(*, rules: dict[str, Any], **changes: Any) -> Experiment:
    document: dict[str, Any] = {
        "name": "checkout",
        "start_time": START,
        "status": "running",
        "groups": [{"name": "control", "weight": 0.5}, {"name": "treatment", "weight": 0.5}],
        "metrics": GUARDED,
        "created_at": START,
        "updated_at": START,
        "alert_rules": QUIET | rules,
    }
    return Experiment.model_validate(document | changes)


def look(
    subject: Experiment,
    control: tuple[int, ...] = (0, 0, 0),
    treatment: tuple[int, ...] = (0, 0, 0),
    users: tuple[int, int] = (1_000, 1_000),
    *,
    now: datetime = NOW,
    last_exposure: datetime | None = NOW,
) -> Results:
    groups: dict[str, GroupSummary] = {}
    for name, n, counts in zip(("control", "treatment"), users, (control, treatment), strict=True):
        values: dict[str, Statistics] = {
            metric.name: Proportion(count, n) for metric, count in zip(subject.metrics, counts, strict=False)
        }
        groups[name] = GroupSummary(n, values)
    for other in subject.groups[2:]:
        groups[other.name] = GroupSummary(0, {metric.name: Proportion(0, 0) for metric in subject.metrics})
    return analyse(subject, Summary(groups, first_exposure=START, last_exposure=last_exposure), now)


def found(subject: Experiment, results: Results, standings: Any = None, now: datetime = NOW) -> list[Finding]:
    return list(judge(subject, results, standings or {}, now).findings)


@pytest.mark.parametrize(
    ("rules", "users", "kinds"),
    [
        ({"low_sample_size": {}}, (49, 50), ["LOW_SAMPLE_SIZE"]),
        ({"low_sample_size": {}}, (50, 50), []),
        ({"low_sample_size": {"users": 10}}, (10, 9), ["LOW_SAMPLE_SIZE"]),
        ({"low_sample_size": {"users": 10}}, (10, 10), []),
        ({"min_sample_not_reached": {}}, (100, 99), ["MIN_SAMPLE_NOT_REACHED"]),
        ({"min_sample_not_reached": {}}, (100, 100), []),
        ({"min_sample_not_reached": {"users": 2_000}}, (1_999, 9_000), ["MIN_SAMPLE_NOT_REACHED"]),
        ({"low_sample_size": {}, "min_sample_not_reached": {}}, (1, 1), ["LOW_SAMPLE_SIZE", "MIN_SAMPLE_NOT_REACHED"]),
        ({}, (0, 0), []),
    ],
)
def test_few_users(rules: dict[str, Any], users: tuple[int, int], kinds: list[str]) -> None:
    subject = experiment(rules=rules)
    assert [each.kind for each in found(subject, look(subject, users=users))] == kinds


def test_few_users_name_the_groups_and_leave_out_those_that_get_nobody() -> None:
    groups = [{"name": "control", "weight": 1}, {"name": "treatment", "weight": 1}, {"name": "off", "weight": 0}]
    subject = experiment(rules={"low_sample_size": {}}, groups=groups)
    (finding,) = found(subject, look(subject, users=(7, 300)))
    assert finding.message == "Too few users: control has 7, and each group should have at least 50."
    assert finding.figures == {"users": {"control": 7}, "threshold": 50}


@pytest.mark.parametrize(("grace", "age", "alarms"), [(1_440, 1_439, 0), (1_440, 1_440, 1), (0, 0, 1), (60, 60, 1)])
def test_a_fresh_experiment_may_have_few_users(grace: float, age: float, alarms: int) -> None:
    subject = experiment(rules={"low_sample_size": {}, "grace_minutes": grace})
    now = START + timedelta(minutes=age)
    assert len(found(subject, look(subject, users=(0, 0), now=now), now=now)) == alarms


def entry(action: str, at: datetime, *fields: str) -> HistoryEntry:
    changes = tuple(HistoryChange(field=field) for field in fields)
    return HistoryEntry(version=2, action=action, actor="ann", at=at, changes=changes)


def test_a_new_version_is_fresh_again() -> None:
    subject = experiment(rules={"low_sample_size": {}})
    results = look(subject, users=(0, 0))
    renewed = entry("change", NOW - timedelta(hours=1), "config_version")
    assert found(subject, results.model_copy(update={"history": (renewed,)})) == []
    described = entry("change", NOW - timedelta(hours=1), "description")
    assert len(found(subject, results.model_copy(update={"history": (described,)}))) == 1
    assert began(subject, results) == START
    assert began(experiment(rules={}, start_time=None), results) == START


SAFETY: dict[str, Any] = {"safety_threshold_breached": {}}


@pytest.mark.parametrize(
    ("rules", "control", "treatment", "subjects"),
    [
        # Clicks should rise, errors should fall, and visits are watched by nobody.
        (SAFETY, (4_000, 100, 900), (3_000, 100, 500), ["treatment/click_rate"]),
        (SAFETY, (3_000, 100, 900), (4_000, 100, 500), []),
        (SAFETY, (4_000, 100, 900), (4_000, 400, 900), ["treatment/error_rate"]),
        (SAFETY, (4_000, 400, 900), (4_000, 100, 900), []),
        (SAFETY, (4_000, 100, 900), (3_000, 400, 900), ["treatment/click_rate", "treatment/error_rate"]),
        # Certainly worse, but by less than the threshold: 5% here.
        (SAFETY, (8_000, 100, 900), (7_600, 100, 900), []),
        (
            {"safety_threshold_breached": {"relative_change": -0.04}},
            (8_000, 9, 9),
            (7_600, 9, 9),
            ["treatment/click_rate"],
        ),
        ({"safety_threshold_breached": {"relative_change": -0.06}}, (8_000, 9, 9), (7_600, 9, 9), []),
        # Worse by a fifth, but not certainly.
        (SAFETY, (4_000, 10, 900), (4_000, 12, 900), []),
        # Of nothing there is no relative change, and any certain harm is a breach.
        (SAFETY, (4_000, 0, 900), (4_000, 300, 900), ["treatment/error_rate"]),
        ({}, (4_000, 100, 900), (3_000, 400, 900), []),
    ],
)
def test_harm(rules: dict[str, Any], control: tuple[int, ...], treatment: tuple[int, ...], subjects: list[str]) -> None:
    subject = experiment(rules=rules)
    findings = found(subject, look(subject, control, treatment, (10_000, 10_000)))
    assert [(each.kind, each.subject) for each in findings] == [
        ("SAFETY_THRESHOLD_BREACHED", each) for each in subjects
    ]


def test_harm_comes_with_its_numbers() -> None:
    subject = experiment(rules=SAFETY)
    results = look(subject, (4_000, 100, 900), (3_000, 100, 900), (10_000, 10_000))
    (finding,) = found(subject, results)
    sequence = results.comparisons["treatment"]["click_rate"].always_valid
    assert sequence is not None
    assert finding.figures == {
        "group": "treatment",
        "metric": "click_rate",
        "role": "primary",
        "direction": "increase",
        "control": 0.4,
        "treatment": 0.3,
        "difference": pytest.approx(-0.1),
        "interval": list(sequence.interval),
        "relative_change": pytest.approx(-0.25),
        "threshold": -0.1,
    }
    assert finding.message.startswith(
        "treatment is worse than the control on click_rate by 25.0%: 30.00% against 40.00%"
    )


def test_harm_to_a_mean_is_found_too() -> None:
    subject = experiment(rules=SAFETY, metrics=["revenue"])
    values = {
        "control": Moments.from_sums(9_000, 90_000, 1_800_000),
        "treatment": Moments.from_sums(9_000, 63_000, 1_400_000),
    }
    groups = {name: GroupSummary(9_000, {"revenue": moments}) for name, moments in values.items()}
    results = analyse(subject, Summary(groups, first_exposure=START, last_exposure=NOW), NOW)
    assert [each.subject for each in found(subject, results)] == ["treatment/revenue"]


@pytest.mark.parametrize(
    ("rule", "users", "alarms"),
    [
        ({}, (5_000, 5_400), 1),  # p = 0.00009
        ({}, (5_000, 5_200), 0),  # p = 0.048
        ({"p_value": 0.05}, (5_000, 5_200), 1),
        ({"p_value": 0.00001}, (5_000, 5_400), 0),
        ({"enabled": False}, (5_000, 5_400), 0),
        ({}, (0, 0), 0),
    ],
)
def test_sample_ratio(rule: dict[str, Any], users: tuple[int, int], alarms: int) -> None:
    subject = experiment(rules={"sample_ratio_mismatch": rule})
    findings = found(subject, look(subject, users=users))
    assert [each.kind for each in findings] == ["SAMPLE_RATIO_MISMATCH"] * alarms
    if findings:
        assert findings[0].figures["users"] == {"control": users[0], "treatment": users[1]}
        assert findings[0].figures["configured_shares"] == {"control": 0.5, "treatment": 0.5}


@pytest.mark.parametrize(
    ("hours", "quiet", "alarms"), [(6, 5.99, 0), (6, 6, 1), (2, 3, 1), (2, 1, 0), (48, 71, 1), (96, 72, 0)]
)
def test_no_events(hours: float, quiet: float, alarms: int) -> None:
    subject = experiment(rules={"no_events": {"hours": hours}})
    results = look(subject, last_exposure=NOW - timedelta(hours=quiet))
    assert len(found(subject, results)) == alarms


def test_silence_counts_from_the_start_from_a_pause_and_from_predictions() -> None:
    subject = experiment(rules={"no_events": {"hours": 6}})
    silent = look(subject, users=(0, 0), last_exposure=None)
    (finding,) = found(subject, silent)
    assert finding.message == "No user has met the experiment for 72.0 hours, since 2026-01-10 00:00 UTC."
    assert finding.figures == {"hours": 72.0, "threshold": 6.0, "last_event": None}
    resumed = entry("resume", NOW - timedelta(hours=5))
    assert found(subject, silent.model_copy(update={"history": (resumed,)})) == []
    assert found(subject, silent.model_copy(update={"models": (used("treatment", 1, 0),)})) == []
    seen = silent.window.model_copy(update={"last_seen": NOW - timedelta(hours=5)})
    assert found(subject, silent.model_copy(update={"window": seen})) == []
    early = START + timedelta(hours=5)
    assert found(subject, look(subject, users=(0, 0), last_exposure=None, now=early), now=early) == []


def test_between_planned_looks_the_data_of_the_last_one_are_neither_old_nor_few() -> None:
    rules = {"no_events": {"hours": 6}, "low_sample_size": {}, "grace_minutes": 2_000}
    plan = {"inference": "group_sequential", "planned_looks": 2}
    subject = experiment(rules=rules, analysis=plan, end_time=START + timedelta(days=2))
    now = START + timedelta(hours=47)
    results = look(subject, users=(7, 7), now=now, last_exposure=START + timedelta(hours=23))
    assert results.as_of == START + timedelta(days=1)
    assert found(subject, results, now=now) == []


MODELS: list[dict[str, Any]] = [
    {"name": "control", "weight": 1, "model_name": "m", "model_version": "v1"},
    {"name": "treatment", "weight": 1, "model_name": "m", "shadow_model_name": "s", "shadow_model_version": "v9"},
]


def standing(name: str, version: str, status: Any = "ready", reason: str | None = None) -> Standing:
    return Standing(model_name=name, model_version=version, status=status, reason=reason)


HEALTHY = {("m", "v1"): standing("m", "v1"), ("m", None): standing("m", "v2"), ("s", "v9"): standing("s", "v9")}


@pytest.mark.parametrize(
    ("standings", "messages"),
    [
        (HEALTHY, []),
        (HEALTHY | {("m", "v1"): standing("m", "v1", "loading")}, []),
        (
            HEALTHY | {("m", None): standing("m", "v2", "unhealthy", "bad checksum")},
            ["Model m:champion of treatment is unhealthy (bad checksum)."],
        ),
        (HEALTHY | {("m", "v1"): standing("m", "v1", "offline")}, ["Model m:v1 of control is offline."]),
        (
            {key: each for key, each in HEALTHY.items() if key[0] != "s"},
            ["Model s:v9 of treatment is not registered."],
        ),
    ],
)
def test_models_that_do_not_serve(standings: Any, messages: list[str]) -> None:
    subject = experiment(rules={"model_unhealthy": {}}, groups=MODELS)
    assert [each.message for each in found(subject, look(subject), standings)] == messages
    off = experiment(rules={}, groups=MODELS)
    assert found(off, look(off), standings) == []


def used(group: str, predictions: int, fallbacks: int, days_ago: int = 0) -> ModelResult:
    day = (NOW - timedelta(days=days_ago)).date()
    return ModelResult(
        group=group,
        model_name="m",
        model_version="v1",
        predictions=predictions,
        fallbacks=fallbacks,
        latency_ms=None,
        first=START,
        last=NOW,
        daily=(DayOfUse(date=day, predictions=predictions, fallbacks=fallbacks),),
    )


@pytest.mark.parametrize(
    ("rule", "uses", "groups"),
    [
        ({}, [used("treatment", 94, 0), used("treatment", 6, 6)], ["treatment"]),
        ({}, [used("treatment", 95, 0), used("treatment", 5, 5)], []),
        ({"fallback_share": 0.01}, [used("treatment", 95, 0), used("treatment", 5, 5)], ["treatment"]),
        ({"fallback_share": 0.5}, [used("treatment", 6, 0), used("treatment", 20, 20)], ["treatment"]),
        ({}, [used("treatment", 19, 19)], []),
        ({"minimum_predictions": 19}, [used("treatment", 19, 19)], ["treatment"]),
        ({}, [used("treatment", 50, 50, days_ago=1)], ["treatment"]),
        ({}, [used("treatment", 50, 50, days_ago=2)], []),
        ({"enabled": False}, [used("treatment", 50, 50)], []),
    ],
)
def test_a_model_that_others_stand_in_for(rule: dict[str, Any], uses: list[ModelResult], groups: list[str]) -> None:
    subject = experiment(rules={"model_unhealthy": rule}, groups=MODELS)
    results = look(subject).model_copy(update={"models": tuple(uses)})
    assert [each.subject for each in found(subject, results, HEALTHY)] == groups


def test_models_of_which_nothing_is_known_are_neither_well_nor_ill() -> None:
    subject = experiment(rules={"model_unhealthy": {}, "low_sample_size": {}}, groups=MODELS)
    judgement = judge(subject, look(subject, users=(1, 1)), None, NOW)
    assert [each.kind for each in judgement.findings] == ["LOW_SAMPLE_SIZE"]
    assert judgement.unknown == {"MODEL_UNHEALTHY"}
