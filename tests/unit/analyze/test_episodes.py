"""Looks with noise: exactly the expected episodes, by a table and against a model that keeps every look."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bakeoff_core.experiments.alert_rules import AlertKind, AlertRules
from bakeoff_core.experiments.alerts import Alert, Watch
from episodes import count_look, end_all
from findings import Finding, Judgement
from tests.support import NOON

KINDS: tuple[AlertKind, ...] = ("NO_EVENTS", "SAFETY_THRESHOLD_BREACHED")


def finding(kind: AlertKind = "NO_EVENTS", subject: str = "", figure: int = 0) -> Finding:
    return Finding(kind, subject, f"{kind} {figure}", {"figure": figure})


class Looks:
    """Looks at one experiment, an hour apart."""

    def __init__(self, rules: AlertRules) -> None:
        self.rules = rules
        self.watch = Watch(experiment="e")
        self.alerts: dict[str, Alert] = {}
        self.number = 0

    def look(self, *findings: Finding, unknown: Sequence[AlertKind] = ()) -> None:
        self.number += 1
        step = count_look(
            self.watch,
            {each: self.alerts[each] for each in self.watch.open_ids},
            Judgement(findings, frozenset(unknown)),
            self.rules,
            config_version=1,
            now=NOON + timedelta(hours=self.number),
        )
        self.take(step)

    def take(self, step: Any) -> None:
        self.watch = step.watch
        self.alerts |= {alert.alert_id: alert for alert in step.alerts}

    def told(self) -> list[tuple[int, str]]:
        """At which look what was to be told, by the moments that the alerts themselves hold."""
        moments: list[tuple[int, str]] = []
        for each in self.watch.untold:
            alert = self.alerts[each.alert_id]
            moment = alert.opened_at if each.change == "opened" else alert.recovered_at
            assert moment is not None
            moments.append((int((moment - NOON) / timedelta(hours=1)), each.change))
        return moments


@pytest.mark.parametrize(
    ("to_open", "to_recover", "looks", "told"),
    [
        # x: found, .: not found, ?: could not be told; looks count from 1.
        (1, 1, ".....", []),
        (1, 1, ".xxx.", [(2, "opened"), (5, "recovered")]),
        (1, 1, "x.x.x", [(1, "opened"), (2, "recovered"), (3, "opened"), (4, "recovered"), (5, "opened")]),
        (1, 2, "x.x.x..x", [(1, "opened"), (7, "recovered"), (8, "opened")]),
        (2, 1, "x.x.xx.", [(6, "opened"), (7, "recovered")]),
        (3, 3, "xx.xxx..x..x...xx", [(6, "opened"), (15, "recovered")]),
        (2, 2, "x?x", [(3, "opened")]),
        (1, 2, "x.?.", [(1, "opened"), (4, "recovered")]),
        (1, 2, "x?????", [(1, "opened")]),
        (1, 1, "??????", []),
        (4, 1, "xxxx", [(4, "opened")]),
    ],
)
def test_noise(to_open: int, to_recover: int, looks: str, told: list[tuple[int, str]]) -> None:
    watched = Looks(AlertRules(looks_to_open=to_open, looks_to_recover=to_recover))
    for each in looks:
        watched.look(*([finding()] if each == "x" else []), unknown=("NO_EVENTS",) if each == "?" else ())
    assert watched.told() == told
    assert len(watched.alerts) == sum(change == "opened" for _, change in told)


def test_subjects_have_episodes_of_their_own_and_keep_their_latest_numbers() -> None:
    watched = Looks(AlertRules(looks_to_recover=1))
    watched.look(finding("SAFETY_THRESHOLD_BREACHED", "a/x", 1))
    watched.look(finding("SAFETY_THRESHOLD_BREACHED", "a/x", 2), finding("SAFETY_THRESHOLD_BREACHED", "b/x", 3))
    watched.look(finding("SAFETY_THRESHOLD_BREACHED", "b/x", 4))
    first, second = watched.alerts.values()
    assert (first.subject, first.figures, first.status, first.ended_by) == (
        "a/x",
        {"figure": 2},
        "recovered",
        "recovery",
    )
    assert (second.subject, second.message, second.status) == ("b/x", "SAFETY_THRESHOLD_BREACHED 4", "open")
    assert second.last_seen_at - second.opened_at == timedelta(hours=1)
    assert watched.watch.open_ids == [second.alert_id]


def test_the_same_look_counts_once_and_an_older_one_not_at_all() -> None:
    watched = Looks(AlertRules(looks_to_open=2))
    watched.look(finding())
    before = watched.watch
    for number in (0, 0, -5):
        watched.number = number
        watched.look(finding())
    assert watched.watch == before
    assert watched.alerts == {}


def test_the_end_of_the_experiment_ends_its_episodes_at_once() -> None:
    watched = Looks(AlertRules(looks_to_open=2, looks_to_recover=50))
    for _ in range(2):
        watched.look(finding())
    watched.look(finding(), finding("SAFETY_THRESHOLD_BREACHED"))
    now = NOON + timedelta(hours=9)
    watched.take(end_all(watched.watch, watched.alerts, now))
    (alert,) = watched.alerts.values()
    assert (alert.status, alert.ended_by, alert.recovered_at) == ("recovered", "experiment", now)
    assert watched.watch.signals == ()
    assert watched.told() == [(2, "opened"), (9, "recovered")]
    assert end_all(watched.watch, {}, now).watch == watched.watch


class Noise(RuleBasedStateMachine):
    """Looks that find, miss or cannot tell two things, against what follows from the whole list of looks."""

    def __init__(self) -> None:
        super().__init__()
        self.watched = Looks(AlertRules())
        self.seen: dict[AlertKind, list[str]] = {kind: [] for kind in KINDS}

    @rule(to_open=st.integers(1, 3), to_recover=st.integers(1, 3))
    def change_rules_of_a_new_experiment(self, to_open: int, to_recover: int) -> None:
        if self.watched.number == 0:
            self.watched.rules = AlertRules(looks_to_open=to_open, looks_to_recover=to_recover)

    @rule(first=st.sampled_from("xx..?"), second=st.sampled_from("x..?"), repeats=st.integers(1, 2))
    def look(self, first: str, second: str, repeats: int) -> None:
        for kind, each in zip(KINDS, (first, second), strict=True):
            self.seen[kind].append(each)
        found = [finding(kind) for kind in KINDS if self.seen[kind][-1] == "x"]
        unknown = [kind for kind in KINDS if self.seen[kind][-1] == "?"]
        for _ in range(repeats):
            self.watched.look(*found, unknown=unknown)
            self.watched.number -= 1
        self.watched.number += 1

    def expected(self, kind: AlertKind) -> list[tuple[int, str]]:
        """Walk over all looks, with what was told as the only memory."""
        told: list[tuple[int, str]] = []
        rules, looks = self.watched.rules, self.seen[kind]
        since = 0
        for number in range(1, len(looks) + 1):
            is_open = bool(told) and told[-1][1] == "opened"
            telling = [each for each in looks[since:number] if each != "?"]
            wanted, sign = (rules.looks_to_recover, ".") if is_open else (rules.looks_to_open, "x")
            if len(telling) >= wanted and telling[-wanted:] == [sign] * wanted and looks[number - 1] == sign:
                told.append((number, "recovered" if is_open else "opened"))
                since = number
        return told

    @invariant()
    def tells_what_follows(self) -> None:
        for kind in KINDS:
            told = [
                moment
                for moment, each in zip(self.watched.told(), self.watched.watch.untold, strict=True)
                if self.watched.alerts[each.alert_id].kind == kind
            ]
            assert told == self.expected(kind)
            changes = [change for _, change in told]
            assert all(before != after for before, after in pairwise(changes))

    @invariant()
    def has_one_open_alert_a_kind_at_most(self) -> None:
        opened = [self.watched.alerts[each] for each in self.watched.watch.open_ids]
        assert len({alert.kind for alert in opened}) == len(opened)
        assert {alert.alert_id for alert in self.watched.alerts.values() if alert.status == "open"} == {
            alert.alert_id for alert in opened
        }


TestNoise = Noise.TestCase
TestNoise.settings = settings(
    max_examples=150, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
