"""The monitor over its stores: who is told what, once, whatever crashes; and what is stopped, once."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import analyse
from bakeoff_core.errors import DependencyUnavailable, VersionConflict
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.experiments.recipients import MOST_RECIPIENTS
from bakeoff_core.notifications import Notification
from bakeoff_core.stores.alerts import InMemoryAlertStore, WatchChanged
from bakeoff_core.stores.experiments import Audit, InMemoryExperimentStore
from bakeoff_core.stores.models import InMemoryModelRegistry, ModelVersion
from bakeoff_core.stores.notifications import InMemoryNotificationQueue
from engine.summary import GroupSummary, Statistics, Summary
from monitoring import Monitor
from results import AlertResult, Results
from stats.proportions import Proportion
from tests.support import NOON, SettableClock, experiment

TOPIC = "arn:aws:sns:us-east-1:123456789012:alerts"
EMAIL = {"type": "email", "address": "product@example.com"}
HOUR = timedelta(hours=1)
ERRORS: dict[str, Any] = {
    "name": "error_rate",
    "kind": "conversion",
    "event_type": "error",
    "direction": "decrease",
    "role": "guardrail",
}
RULES: dict[str, Any] = {
    "grace_minutes": 0,
    "looks_to_recover": 1,
    "min_sample_not_reached": {"enabled": False},
    "recipients": [EMAIL],
}


class Crash(BaseException):
    """The container is gone: nothing catches that."""


class World:
    """An experiment and everything that watches it, in memory."""

    def __init__(self, **changes: Any) -> None:
        self.clock = SettableClock(NOON)
        self.experiments = InMemoryExperimentStore()
        self.alerts = InMemoryAlertStore()
        self.models = InMemoryModelRegistry()
        self.notices = InMemoryNotificationQueue()
        document: dict[str, Any] = {"start_time": NOON, "metrics": ["click_rate", ERRORS], "alert_rules": RULES}
        self.put(experiment(**(document | changes)), "create")
        self.monitor = Monitor(self.alerts, self.experiments, self.models, self.notices, self.clock, TOPIC)

    @property
    def experiment(self) -> Experiment:
        return self.experiments.get("checkout_button")

    def put(self, changed: Experiment, action: str, actor: str = "ann") -> Experiment:
        return self.experiments.put(changed, Audit(actor, action, self.clock()))

    def change(self, **update: Any) -> Experiment:
        return self.put(self.experiment.model_copy(update=update), "change")

    def results(self, users: int = 1_000, errors: tuple[int, int] = (10, 10), now: datetime | None = None) -> Results:
        now = now or self.clock()
        groups: dict[str, GroupSummary] = {}
        for name, failed in zip(self.experiment.shares, errors, strict=True):
            values: dict[str, Statistics] = {
                "click_rate": Proportion(users // 10, users),
                "error_rate": Proportion(min(failed, users), users),
            }
            groups[name] = GroupSummary(users, values)
        return analyse(self.experiment, Summary(groups, first_exposure=NOON, last_exposure=now), now)

    def look(self, users: int = 1_000, errors: tuple[int, int] = (10, 10)) -> tuple[AlertResult, ...]:
        return self.monitor.look(self.experiment, self.results(users, errors), self.clock())

    def told(self) -> list[tuple[str, str]]:
        """What recipients get: each notice once, by its id."""
        notices = {notice.id: notice for notice in self.notices.notifications}
        return [(notice.kind, notice.subject.removeprefix("checkout_button: ")) for notice in notices.values()]

    def stops(self) -> list[Any]:
        history = self.experiments.history("checkout_button")
        return [entry.audit for entry in history if entry.audit.action == "stop"]


def test_an_episode_is_told_once_when_it_begins_and_once_when_it_is_over() -> None:
    world = World()
    for users in (20, 20, 20, 1_000, 1_000, 20):
        alerts = world.look(users)
        world.clock.advance(3_600)
    assert world.told() == [
        ("alert_opened", "LOW_SAMPLE_SIZE"),
        ("alert_recovered", "LOW_SAMPLE_SIZE is over"),
        ("alert_opened", "LOW_SAMPLE_SIZE"),
    ]
    assert len(world.notices.notifications) == 3
    assert [(each.kind, each.status, each.opened_at) for each in alerts] == [
        ("LOW_SAMPLE_SIZE", "open", NOON + 5 * HOUR),
        ("LOW_SAMPLE_SIZE", "recovered", NOON),
    ]


def test_notices_go_to_the_topic_and_the_recipients_with_the_figures() -> None:
    world = World()
    world.look(20)
    (notice,) = world.notices.notifications
    (alert,) = world.alerts.newest("checkout_button")
    assert [each.model_dump(exclude_none=True) for each in notice.recipients] == [
        {"type": "sns", "topic_arn": TOPIC},
        EMAIL,
    ]
    assert notice.id == f"alert/checkout_button/{alert.alert_id}/opened"
    assert notice.text == (
        "Too few users: control has 20, treatment has 20, and each group should have at least 50.\n\n"
        f"Alert {alert.alert_id} of checkout_button, since 2026-03-01 12:00 UTC.\n"
        f"Take note of it: bakeoff experiment acknowledge checkout_button {alert.alert_id}"
    )
    assert notice.figures["figures"] == {"users": {"control": 20, "treatment": 20}, "threshold": 50}
    assert (notice.created_at, notice.link) == (NOON, "/dashboard/experiments/checkout_button")


def test_a_deployment_without_a_topic_tells_the_recipients_alone_and_the_topic_is_told_once() -> None:
    world = World(alert_rules=RULES | {"recipients": [{"type": "sns", "topic_arn": TOPIC}]})
    world.look(20)
    assert len(world.notices.notifications[0].recipients) == 1
    silent = World(alert_rules=RULES | {"recipients": []})
    silent.monitor = Monitor(silent.alerts, silent.experiments, silent.models, silent.notices, silent.clock, "")
    assert [each.status for each in silent.look(20)] == ["open"]
    assert silent.notices.notifications == []


def test_as_many_recipients_as_rules_take_are_told_beside_the_topic() -> None:
    recipients = [{"type": "email", "address": f"team-{number}@example.com"} for number in range(MOST_RECIPIENTS)]
    world = World(alert_rules=RULES | {"recipients": recipients})
    world.look(20)
    first, second = world.notices.notifications
    assert [len(each.recipients) for each in (first, second)] == [MOST_RECIPIENTS, 1]
    assert second.id == f"{first.id}/1"
    assert Notification.model_validate_json(second.model_dump_json()) == second


def test_a_long_name_still_fits_a_subject() -> None:
    world = World(name="x" * 128, alert_rules=RULES)
    subject = world.experiments.get("x" * 128)
    groups = {
        name: GroupSummary(0, {"click_rate": Proportion(0, 0), "error_rate": Proportion(0, 0)})
        for name in subject.shares
    }
    world.monitor.look(subject, analyse(subject, Summary(groups), NOON), NOON)
    assert [len(each.subject) <= 100 for each in world.notices.notifications] == [True]


def test_looking_the_same_look_again_changes_nothing() -> None:
    world = World()
    first = world.look(20)
    assert world.look(20) == first
    assert world.look(1_000) == first  # the same moment counts once
    assert len(world.notices.notifications) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "draft"},
        {"status": "paused"},
        {"start_time": NOON + HOUR},
    ],
)
def test_what_does_not_run_keeps_the_alerts_it_has(changes: dict[str, Any]) -> None:
    world = World()
    before = world.look(20)
    world.clock.advance(600)
    world.change(**changes)
    assert world.look(1_000) == before
    assert len(world.told()) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "stopped", "ended_at": NOON},
        {"status": "completed", "ended_at": NOON},
        {"end_time": NOON + timedelta(minutes=10)},
        {"end_time": NOON + timedelta(minutes=10), "status": "paused"},
        {"archived_at": NOON, "status": "stopped"},
    ],
)
def test_the_end_of_an_experiment_closes_its_episodes(changes: dict[str, Any]) -> None:
    world = World()
    world.look(20)
    world.clock.advance(600)
    world.change(**changes)
    assert [each.status for each in world.look(20)] == ["recovered"]
    assert world.told()[1:] == [("alert_recovered", "LOW_SAMPLE_SIZE is over")]
    assert world.notices.notifications[-1].text.startswith(
        "Closed on 2026-03-01 12:10 UTC, since the experiment is over."
    )
    world.clock.advance(600)
    world.look(20)
    assert len(world.told()) == 2


def test_acknowledging_ends_nothing_and_shows() -> None:
    world = World()
    world.look(20)
    (alert,) = world.alerts.newest("checkout_button")
    world.alerts.acknowledge("checkout_button", alert.alert_id, "ann", NOON)
    world.clock.advance(3_600)
    (seen,) = world.look(20)
    assert (seen.status, seen.acknowledged) == ("open", True)


def test_a_model_that_does_not_serve_is_told_and_a_registry_that_does_not_answer_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    groups = [
        {"name": name, "weight": 1, "model_name": "m", "model_version": "v1"} for name in ("control", "treatment")
    ]
    world = World(groups=groups)
    model = {"sha256": "0" * 64, "size_bytes": 1, "registered_at": NOON, "metadata": {}}
    world.models.register(ModelVersion(name="m", version="v1", status="ready", **model))
    assert world.look() == ()
    world.models.set_status("m", "v1", "unhealthy", reason="probe differs")
    world.clock.advance(3_600)
    assert [each.message for each in world.look()] == ["Model m:v1 of control, treatment is unhealthy (probe differs)."]

    def unavailable(_references: object) -> Any:
        raise DependencyUnavailable("the model registry")

    with monkeypatch.context() as patched:
        patched.setattr(world.models, "standings", unavailable)
        for _ in range(3):
            world.clock.advance(3_600)
            assert [each.status for each in world.look()] == ["open"]
    world.models.set_status("m", "v1", "ready")
    world.clock.advance(3_600)
    assert [each.status for each in world.look()] == ["recovered"]
    assert [kind for kind, _ in world.told()] == ["alert_opened", "alert_recovered"]


STOPPING = RULES | {"auto_stop": {"guardrail_breached": True}, "low_sample_size": {"enabled": False}}


def test_harm_stops_the_experiment_with_its_numbers_on_record_and_tells_once() -> None:
    world = World(alert_rules=STOPPING)
    world.clock.advance(7_200)
    now = world.clock.now
    world.look(5_000, (50, 250))
    stopped = world.experiment
    assert (stopped.status, stopped.ended_at, stopped.serving_group) == ("stopped", now, None)
    (audit,) = world.stops()
    assert (audit.actor, audit.at) == ("monitor", now)
    assert (audit.evidence["rule"], audit.evidence["metric"]) == ("guardrail_breached", "error_rate")
    assert (audit.evidence["control"], audit.evidence["treatment"]) == (0.01, 0.05)
    assert world.told() == [
        ("alert_opened", "SAFETY_THRESHOLD_BREACHED"),
        ("experiment_stopped", "stopped, guardrail breached"),
    ]
    notice = world.notices.notifications[-1]
    assert notice.text.splitlines()[0] == (
        "checkout_button was stopped on 2026-03-01 14:00 UTC by its rule guardrail_breached."
    )
    assert notice.text.splitlines()[-1] == "From now on control serves everybody."
    assert notice.figures == audit.evidence
    for _ in range(3):
        world.clock.advance(3_600)
        world.look(5_000, (50, 250))
    assert len(world.stops()) == 1
    assert world.told()[2:] == [("alert_recovered", "SAFETY_THRESHOLD_BREACHED is over")]


def test_a_stop_is_news_for_a_month() -> None:
    world = World(alert_rules=STOPPING)
    world.look(5_000, (50, 250))
    sent = len(world.notices.notifications)
    world.clock.advance(31 * 86_400)
    world.look(5_000, (50, 250))
    later = [notice.kind for notice in world.notices.notifications[sent:]]
    assert later == ["alert_recovered"]


def test_what_somebody_else_stopped_is_not_told_as_the_monitors() -> None:
    world = World(alert_rules=STOPPING)
    world.change(status="stopped", ended_at=NOON)
    world.look(5_000, (50, 250))
    assert (world.stops(), world.told()) == ([], [])


def test_only_what_runs_is_stopped() -> None:
    world = World(alert_rules=STOPPING)
    world.change(status="paused")
    world.look(5_000, (50, 250))
    assert world.experiment.status == "paused"
    waiting = World(alert_rules=STOPPING, start_time=NOON + HOUR)
    waiting.look(5_000, (50, 250))
    assert waiting.experiment.status == "running"


@pytest.mark.parametrize(
    ("meanwhile", "status", "actor"),
    [
        ({"description": "other words"}, "stopped", "monitor"),
        ({"status": "stopped", "ended_at": NOON}, "stopped", None),
        ({"status": "paused"}, "paused", None),
        ({"config_version": 2}, "running", None),
        ({"alert_rules": {}}, "running", None),
    ],
)
def test_whatever_changed_since_the_look_is_respected(
    monkeypatch: pytest.MonkeyPatch, meanwhile: dict[str, Any], status: str, actor: str | None
) -> None:
    world = World(alert_rules=STOPPING)
    put = world.experiments.put
    raced: list[Audit] = []

    def race(changed: Experiment, audit: Audit, claim: Any = None) -> Experiment:
        if audit.actor == "monitor" and not raced:
            raced.append(audit)
            present = world.experiments.get(changed.name)
            put(Experiment.model_validate(present.model_dump(mode="json") | meanwhile), Audit("bea", "change", NOON))
        return put(changed, audit, claim)

    monkeypatch.setattr(world.experiments, "put", race)
    world.look(5_000, (50, 250))
    assert raced
    assert world.experiment.status == status
    assert [audit.actor for audit in world.stops()] == ([actor] if actor else [])
    assert ("experiment_stopped" in {kind for kind, _ in world.told()}) is (actor is not None)


def test_a_store_that_always_conflicts_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(alert_rules=STOPPING)

    def conflict(changed: Experiment, *_: object) -> Experiment:
        raise VersionConflict(changed.name)

    def changed(*_: object) -> Any:
        raise WatchChanged

    with monkeypatch.context() as patched:
        patched.setattr(world.experiments, "put", conflict)
        with pytest.raises(VersionConflict):
            world.look(5_000, (50, 250))
    with monkeypatch.context() as patched:
        patched.setattr(world.alerts, "record", changed)
        world.clock.advance(60)
        with pytest.raises(DependencyUnavailable, match="the alert table"):
            world.look(5_000, (50, 250))


def crashing(owner: Any, method: str, call: int, moment: str) -> Callable[[], None]:
    """Let the container go before or after one call of a method; returns what undoes it."""
    whole: Callable[..., Any] = getattr(owner, method)
    calls = 0

    def broken(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and moment == "before":
            raise Crash
        answer = whole(*arguments, **named)
        if calls == call:
            raise Crash
        return answer

    setattr(owner, method, broken)
    return lambda: delattr(owner, method)


STEPS = [
    ("alerts", "watch", 1),
    ("alerts", "record", 1),
    ("experiments", "put", 1),
    ("notices", "send", 1),
    ("alerts", "watch", 3),
    ("alerts", "record", 2),
    ("alerts", "newest", 1),
]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("part", "method", "call"), STEPS)
def test_a_look_that_crashed_and_is_repeated_tells_and_stops_as_one_that_did_not(
    part: str, method: str, call: int, moment: str
) -> None:
    whole, crashed = World(alert_rules=STOPPING), World(alert_rules=STOPPING)
    undo = crashing(getattr(crashed, part), method, call, moment)
    with pytest.raises(Crash):
        crashed.look(5_000, (50, 250))
    undo()
    # The message comes again after a while; the look is as of the same moment.
    crashed.clock.advance(300)
    crashed.monitor.look(crashed.experiment, crashed.results(5_000, (50, 250), NOON), NOON)
    whole.look(5_000, (50, 250))
    assert sorted(crashed.told()) == sorted(whole.told())
    assert len(crashed.stops()) == len(whole.stops()) == 1
    assert crashed.experiment.status == "stopped"
    assert [each.kind for each in crashed.alerts.newest("checkout_button")] == ["SAFETY_THRESHOLD_BREACHED"]
    assert crashed.alerts.watch("checkout_button").untold == ()


def test_what_a_crash_left_untold_is_told_while_the_experiment_is_paused() -> None:
    world = World()
    undo = crashing(world.notices, "send", 1, "before")
    with pytest.raises(Crash):
        world.look(20)
    undo()
    world.change(status="paused")
    world.look(1_000)
    assert world.told() == [("alert_opened", "LOW_SAMPLE_SIZE")]
    assert world.alerts.watch("checkout_button").untold == ()


@settings(max_examples=60, deadline=None)
@given(
    looks=st.lists(
        st.tuples(st.booleans(), st.sampled_from([None, *STEPS[:2], *STEPS[3:]]), st.sampled_from(["before", "after"])),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_crashes_recipients_get_what_they_would_have_got(looks: list[tuple[bool, Any, str]]) -> None:
    whole, crashed = World(alert_rules=OF_SIZES), World(alert_rules=OF_SIZES)
    for found, step, moment in looks:
        results, now = SMALL if found else LARGE, whole.clock()
        whole.monitor.look(whole.experiment, results, now)
        if step is not None:
            part, method, call = step
            undo = crashing(getattr(crashed, part), method, call, moment)
            with suppress(Crash):
                crashed.monitor.look(crashed.experiment, results, now)
            undo()
        crashed.monitor.look(crashed.experiment, results, now)
        for world in (whole, crashed):
            world.clock.advance(3_600)
    assert crashed.told() == whole.told()
    assert all(count == 1 for count in Counter(notice.id for notice in whole.notices.notifications).values())
    assert crashed.alerts.newest("checkout_button") == whole.alerts.newest("checkout_button")


OF_SIZES = RULES | {"no_events": {"enabled": False}}
SMALL, LARGE = World(alert_rules=OF_SIZES).results(20), World(alert_rules=OF_SIZES).results(1_000)
