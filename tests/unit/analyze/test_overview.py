"""The overview's figures are those of the results."""

from datetime import timedelta
from typing import Any

import pytest

from analysis import analyse
from bakeoff_core.experiments.overview import DAYS_OF_TRAFFIC, Overview, Traffic
from engine.summary import Day, GroupSummary, Summary
from model_documents import Drift, Latency, ModelResult
from overview import overview_of
from results import Results
from stats.proportions import Proportion
from tests.support import NOON, experiment

DAYS = 20


def summary(control: tuple[int, int], treatment: tuple[int, int], **others: tuple[int, int]) -> Summary:
    groups = {
        name: GroupSummary(
            n,
            {"click_rate": Proportion(clicked, n)},
            tuple(Day(NOON.date() + timedelta(days=day), day, 1.0) for day in range(DAYS)),
        )
        for name, (clicked, n) in {"control": control, "treatment": treatment, **others}.items()
    }
    return Summary(groups, first_exposure=NOON, last_exposure=NOON + timedelta(days=DAYS))


def results(*counts: tuple[int, int], direction: str = "increase", **changes: Any) -> Results:
    metric = {"name": "click_rate", "kind": "conversion", "event_type": "click", "direction": direction}
    asked = experiment(**({"metrics": [metric]} | changes))
    names = [group.name for group in asked.groups][2:]
    return analyse(
        asked, summary(*counts[:2], **dict(zip(names, counts[2:], strict=True))), NOON + timedelta(days=DAYS)
    )


def test_takes_the_figures_of_the_decision() -> None:
    found = results((100, 1_000), (200, 1_000))
    overview = overview_of(found, "20260321T120000.000000Z")
    comparison = found.comparisons["treatment"]["click_rate"]
    assert (overview.experiment, overview.computed_at, overview.users) == ("checkout_button", found.computed_at, 2_000)
    assert overview.report_id == "20260321T120000.000000Z"
    assert overview.decision.verdict == found.decision.verdict == "implement"
    assert overview.decision.headline == found.decision.explanation
    assert overview.decision.next_step == found.decision.next_steps[0]
    assert overview.effect is not None
    assert (overview.effect.group, overview.effect.metric, overview.effect.kind) == (
        "treatment",
        "click_rate",
        "conversion",
    )
    assert overview.effect.difference == comparison.difference == pytest.approx(0.1)
    assert overview.effect.interval == comparison.always_valid_interval
    assert overview.effect.relative_difference == comparison.relative_difference
    control = overview.groups["control"]
    assert (control.users, control.value, control.amount, control.control) == (1_000, 0.1, 100, True)
    assert control.interval == found.groups["control"].metrics["click_rate"].interval
    assert (overview.sample_ratio, overview.crossovers) == ("as_configured", 0)


def test_holds_the_last_days_of_traffic_of_all_groups() -> None:
    traffic = overview_of(results((1, 100), (1, 100))).traffic
    assert len(traffic) == DAYS_OF_TRAFFIC
    assert traffic[-1] == Traffic(date=NOON.date() + timedelta(days=DAYS - 1), users=2 * (DAYS - 1))
    assert [day.date for day in traffic] == sorted(day.date for day in traffic)


@pytest.mark.parametrize(("direction", "best"), [("increase", "third"), ("decrease", "treatment")])
def test_before_a_decision_the_best_group_so_far_is_shown(direction: str, best: str) -> None:
    groups = [{"name": name, "weight": 1} for name in ("control", "treatment", "third")]
    found = results((20, 200), (19, 200), (22, 200), direction=direction, groups=groups)
    overview = overview_of(found)
    assert overview.decision.verdict == "continue_testing"
    assert overview.effect is not None
    assert overview.effect.group == (found.decision.group or best)


def test_a_planned_horizon_is_shown_by_its_own_interval() -> None:
    plan = {"inference": "fixed_horizon", "planned_sample_size": 1_000}
    found = results((100, 1_000), (200, 1_000), analysis=plan)
    assert found.decision.basis == "planned_horizon"
    overview = overview_of(found)
    assert overview.effect is not None
    assert overview.effect.interval == found.comparisons["treatment"]["click_rate"].interval


def test_users_that_are_not_split_as_configured() -> None:
    overview = overview_of(results((100, 1_000), (200, 2_000)))
    assert (overview.sample_ratio, overview.decision.verdict) == ("mismatch", "invalid")
    assert overview.sample_ratio_p_value is not None
    assert overview.sample_ratio_p_value < 0.001


def test_without_users_there_is_no_effect() -> None:
    empty = Summary({name: GroupSummary(0, {"click_rate": Proportion(0, 0)}) for name in ("control", "treatment")})
    overview = overview_of(analyse(experiment(metrics=["click_rate"]), empty, NOON))
    assert (overview.users, overview.effect, overview.sample_ratio, overview.traffic) == (0, None, "unknown", ())
    assert overview.groups["control"].value is None


def test_an_experiment_that_measures_nothing_has_an_overview() -> None:
    found = analyse(experiment(metrics=[]), Summary({n: GroupSummary(3, {}) for n in ("control", "treatment")}), NOON)
    overview = overview_of(found)
    assert (overview.users, overview.effect, overview.groups["control"].amount) == (6, None, None)


def test_says_what_models_did() -> None:
    drift = Drift(variable="age", kind="feature", values=9, reference=(1, 2), counts=(4, 5), psi=0.3, level="large")
    model = ModelResult(
        group="treatment",
        model_name="m",
        model_version="v2",
        predictions=9,
        fallbacks=2,
        latency_ms=Latency(p50=1, p95=2, p99=3),
        first=NOON,
        last=NOON,
        drift=(drift,),
    )
    overview = overview_of(results((1, 100), (1, 100)).model_copy(update={"models": (model,)}))
    (shown,) = overview.models
    assert (shown.predictions, shown.fallbacks, shown.p95_ms, shown.drift) == (9, 2, 2.0, "large")


def test_it_is_small_and_reads_back() -> None:
    overview = overview_of(results((100, 1_000), (200, 1_000)))
    written = overview.model_dump_json()
    assert len(written) < 3_000
    assert Overview.model_validate_json(written) == overview
