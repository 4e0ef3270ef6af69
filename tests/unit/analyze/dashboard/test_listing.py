"""What the dashboard shows, and how little it reads for it."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bakeoff_core.errors import ExperimentNotFound
from bakeoff_core.experiments.alerts import Alert, Signal, Watch
from bakeoff_core.experiments.overview import DecisionOverview, GroupOverview, ModelOverview, Overview
from bakeoff_core.stores.alerts import InMemoryAlertStore
from bakeoff_core.stores.experiments import Audit, InMemoryExperimentIndex, InMemoryExperimentStore
from bakeoff_core.stores.models import InMemoryModelRegistry, ModelReference, ModelVersion, Standing
from bakeoff_core.stores.overviews import InMemoryOverviewStore
from dashboard.caller import Caller
from dashboard.listing import Dashboard, ExperimentLine, Listing
from tests.support import NOON, SettableClock, experiment

AUDIT = Audit(actor="test", action="create", at=NOON)
ADMIN = Caller(key_id="k1", scopes=("admin",), may_change=True)
READER = Caller(key_id="k2", scopes=("read",), may_change=False)
ALERT = Alert(
    alert_id="a1",
    experiment="checkout_button",
    kind="NO_EVENTS",
    message="no event for two hours",
    config_version=1,
    opened_at=NOON,
    last_seen_at=NOON,
)


class World:
    """Everything that a listing reads, and how often it reads it."""

    def __init__(self) -> None:
        self.experiments = InMemoryExperimentStore()
        self.overviews = InMemoryOverviewStore()
        self.alerts = InMemoryAlertStore()
        self.models = InMemoryModelRegistry(lambda: NOON)
        self.clock = SettableClock(NOON + timedelta(hours=1))
        self.asked: list[int] = []

    def standings(self, references: Iterable[ModelReference]) -> dict[ModelReference, Standing]:
        references = list(references)
        self.asked.append(len(references))
        return self.models.standings(references)

    def add(self, name: str = "checkout_button", **changes: Any) -> None:
        self.experiments.put(experiment(name=name, **changes), AUDIT)

    def look(self, name: str = "checkout_button", **changes: Any) -> Overview:
        known: dict[str, Any] = {
            "experiment": name,
            "config_version": 1,
            "computed_at": NOON,
            "users": 3,
            "groups": {"control": GroupOverview(users=3, control=True)},
            "decision": DecisionOverview(verdict="continue_testing", rule="r", headline="wait"),
        }
        overview = Overview.model_validate(known | changes)
        self.overviews.put(overview)
        return overview

    def warn(self, alert: Alert = ALERT) -> None:
        signal = Signal(kind=alert.kind, alert_id=alert.alert_id)
        self.alerts.record(Watch(experiment=alert.experiment, signals=(signal,)), [alert])

    @property
    def listing(self) -> Listing:
        index = InMemoryExperimentIndex(self.experiments)
        return Listing(index, self.experiments, self.overviews, self.alerts, self, self.clock)

    def read(self, caller: Caller = ADMIN, **options: Any) -> Dashboard:
        return self.listing.all(caller, **options)

    def line(self, caller: Caller = ADMIN) -> ExperimentLine:
        (line,) = self.read(caller).experiments
        return line


@pytest.fixture
def world() -> World:
    return World()


def model(version: str, **changes: Any) -> ModelVersion:
    standing: dict[str, Any] = {"status": "ready", "sha256": "ab", "size_bytes": 1, "registered_at": NOON}
    return ModelVersion.model_validate({"name": "m", "version": version, "metadata": {}} | standing | changes)


def test_joins_configuration_latest_look_and_alerts(world: World) -> None:
    world.add(description="Does green help?")
    overview = world.look()
    world.warn()
    line = world.line()
    assert (line.name, line.description, line.status, line.metric) == (
        "checkout_button",
        "Does green help?",
        "running",
        "click_rate",
    )
    assert [(group.name, group.share, group.control) for group in line.groups] == [
        ("control", 0.5, True),
        ("treatment", 0.5, False),
    ]
    assert (line.overview, line.age_seconds, line.health) == (overview, 3_600, "ok")
    (alert,) = line.alerts
    assert (alert.alert_id, alert.kind, alert.message) == ("a1", "NO_EVENTS", "no event for two hours")
    assert (alert.opened_at, alert.acknowledged_by) == (NOON, None)
    world.alerts.acknowledge("checkout_button", "a1", "k1", NOON)
    assert world.line().alerts[0].acknowledged_by == "k1"


def test_an_experiment_that_was_never_looked_at_has_no_figures(world: World) -> None:
    world.add(name="new")
    line = world.line()
    assert (line.overview, line.age_seconds, line.alerts, line.health) == (None, None, (), "unknown")


def test_a_look_at_an_earlier_configuration_is_not_shown(world: World) -> None:
    world.add(config_version=2)
    world.look(config_version=1)
    assert world.line().overview is None


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("draft", ("start",)),
        ("running", ("pause", "stop", "complete", "promote")),
        ("paused", ("resume", "stop", "complete", "promote")),
        ("stopped", ("promote",)),
        ("completed", ("promote",)),
    ],
)
def test_offers_what_the_status_and_the_key_allow(world: World, status: str, offered: tuple[str, ...]) -> None:
    world.add(status=status)
    assert world.line().actions == offered
    assert world.line(READER).actions == ()


@pytest.mark.parametrize(
    ("changes", "verdict", "serving"),
    [
        ({}, "implement", "control"),
        ({"alert_rules": {"traffic_after_stop": "winner"}}, "implement", "treatment"),
        ({"alert_rules": {"traffic_after_stop": "winner"}}, "continue_testing", "control"),
        ({"status": "completed", "alert_rules": {"traffic_after_stop": "winner"}}, "implement", "control"),
        ({"status": "completed", "serving_group": "treatment"}, "reject", "treatment"),
    ],
)
def test_says_who_serves_everybody(world: World, changes: dict[str, Any], verdict: str, serving: str) -> None:
    world.add(**changes)
    world.look(decision=DecisionOverview(verdict=verdict, rule="r", group="treatment", headline="so"))
    assert world.line().serving_group == serving


def test_offers_nothing_where_changes_are_left_to_iam(world: World) -> None:
    world.add()
    listing = replace(world.listing, changed_by_keys=False)
    assert [line.actions for line in listing.all(ADMIN).experiments] == [()]
    assert listing.one(ADMIN, "checkout_button").caller.may_change is False


def test_archived_experiments_are_left_out_but_can_be_named(world: World) -> None:
    world.add(name="gone", archived_at=NOON, status="completed")
    assert world.read().experiments == ()
    (line,) = world.listing.one(ADMIN, "gone").experiments
    assert (line.name, line.actions) == ("gone", ())
    with pytest.raises(ExperimentNotFound):
        world.listing.one(ADMIN, "missing")


def test_a_long_description_is_cut(world: World) -> None:
    world.add(description="d" * 1_000)
    assert world.line().description == "d" * 299 + "…"


def test_says_how_models_are(world: World) -> None:
    world.models.register(model("v1"))
    world.models.register(model("v2", status="unhealthy", reason="the probe row came out wrong"))
    world.models.set_alias("m", "champion", "v1")
    groups = [
        {"name": "a", "weight": 1, "model_name": "m"},
        {"name": "b", "weight": 1, "model_name": "m", "model_version": "v2", "shadow_model_name": "m"},
        {"name": "c", "weight": 1, "model_name": "m", "model_version": "v9"},
    ]
    world.add(groups=groups)
    did: dict[str, Any] = {"model_name": "m", "predictions": 9, "p95_ms": 3.5}
    world.look(
        models=(
            ModelOverview(group="a", model_version="v1", fallbacks=4, drift="large", **did),
            ModelOverview(group="b", model_version="v2", fallbacks=0, drift="stable", **did),
        )
    )
    line = world.line()
    assert [(m.group, m.shadow, m.model_version, m.status) for m in line.models] == [
        ("a", False, "v1", "ready"),
        ("b", False, "v2", "unhealthy"),
        ("b", True, "v1", "ready"),
        ("c", False, "v9", "missing"),
    ]
    assert line.models[0].latest is not None
    assert line.models[0].latest.p95_ms == 3.5
    assert line.models[3].latest is None
    assert [(finding.severity, finding.text) for finding in line.findings] == [
        ("warning", "inputs of m:v1 in a have drifted far from its training data"),
        ("warning", "m:v1 stood in for another model 4 times in a"),
        ("problem", "model m:v2 in b is unhealthy: the probe row came out wrong"),
        ("problem", "model m:v9 in c is missing"),
    ]
    assert line.health == "problem"


def test_an_experiment_that_is_over_asks_nothing_of_its_models(world: World) -> None:
    groups = [{"name": name, "weight": 1, "model_name": "m", "model_version": "v9"} for name in ("a", "b")]
    world.add(groups=groups, status="completed")
    assert world.line().findings == ()


def test_users_that_are_not_split_as_configured_are_a_problem(world: World) -> None:
    world.add()
    world.look(sample_ratio="mismatch", sample_ratio_p_value=1e-9)
    assert world.line().health == "problem"


def test_whatever_makes_a_test_invalid_is_a_problem(world: World) -> None:
    world.add()
    seen_twice = "3.0% of the users were seen in two groups, more than 1%."
    world.look(decision=DecisionOverview(verdict="invalid", rule="crossovers_above_1_percent", headline=seen_twice))
    line = world.line()
    assert line.health == "problem"
    assert [finding.text for finding in line.findings] == [f"its groups cannot be compared: {seen_twice}"]


def test_an_experiment_that_nothing_looks_at_any_more_is_a_warning(world: World) -> None:
    world.add(alert_rules={"look_every_minutes": 30})
    world.look()
    world.clock.now = NOON + timedelta(minutes=90)
    assert world.line().findings == ()
    world.clock.advance(1)
    (finding,) = world.line().findings
    assert (finding.severity, world.line().health) == ("warning", "warning")
    assert finding.text == "it was not looked at for 3 times the 30 minutes after which it should be"
    world.experiments.put(world.experiments.get("checkout_button").model_copy(update={"status": "paused"}), AUDIT)
    assert world.line().findings == ()


def test_pages_by_name(world: World) -> None:
    for number in range(5):
        world.add(name=f"e{number}")
    first = world.read(limit=2)
    assert ([line.name for line in first.experiments], first.total, first.next_after) == (["e0", "e1"], 5, "e1")
    last = world.read(after="e3", limit=2)
    assert ([line.name for line in last.experiments], last.total, last.next_after) == (["e4"], 5, None)
    assert world.read(after="e4").experiments == ()


def test_an_answer_stays_below_what_lambda_carries(world: World) -> None:
    groups = [{"name": f"{'g' * 120}{number}", "weight": 1} for number in range(200)]
    for number in range(80):
        world.add(name=f"e{number:03}", groups=groups)
    names: list[str] = []
    after: str | None = ""
    while after is not None:
        page = world.read(after=after)
        assert len(page.model_dump_json()) < 4_000_000
        names += [line.name for line in page.experiments]
        after = page.next_after
    assert names == [f"e{number:03}" for number in range(80)]


def test_models_of_all_experiments_are_asked_for_at_once(world: World) -> None:
    groups = [{"name": name, "weight": 1, "model_name": "m", "model_version": name} for name in ("v1", "v2")]
    for number in range(50):
        world.add(name=f"e{number}", groups=groups)
    world.read()
    assert world.asked == [2]


def test_it_is_json(world: World) -> None:
    world.add()
    world.look()
    document = json.loads(world.read(READER).model_dump_json())
    assert document["caller"] == {"key_id": "k2", "scopes": ["read"], "may_change": False}
    assert document["experiments"][0]["overview"]["users"] == 3
