"""A bandit from its events to the weights that the next user is drawn with."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from bakeoff_core.assignment.allocation import AllocationStores, Allocator
from bakeoff_core.assignment.assigner import Assigner
from bakeoff_core.events.model import Event
from bakeoff_core.events.recorder import EventRecorder
from bakeoff_core.stores.arms import InMemoryArmStore
from bakeoff_core.stores.assignments import InMemoryAssignmentStore
from bakeoff_core.stores.experiments import Audit, InMemoryExperimentIndex, InMemoryExperimentStore
from bakeoff_core.stores.objects import InMemoryObjectStore, Listed
from bakeoff_core.stores.streams import InMemoryEventSink
from bandits import ArmCounter, BanditRefresher
from engine.duckdb_engine import duckdb_over
from refresh import Refresh, RefreshFailed, build_refresh
from tests.support import NOON, SettableClock, counting_ids, experiment


class World:
    """Assignment, events and refresh on the same stores."""

    def __init__(self) -> None:
        self.clock = SettableClock()
        self.experiments, self.arms, self.events = InMemoryExperimentStore(), InMemoryArmStore(), InMemoryObjectStore()
        self.experiments.put(
            experiment(assignment_algorithm="bandit", bandit={"attribution_window_hours": 1, "refresh_minutes": 30}),
            Audit("t", "create", NOON),
        )
        self.stream = InMemoryEventSink()
        self.recorder = EventRecorder(self.stream, InMemoryEventSink(), self.clock, counting_ids())
        points = iter([0.25, 0.75] * 1_000)
        stores = AllocationStores(InMemoryAssignmentStore(), self.arms)
        allocator = Allocator(stores, lambda: next(points), self.clock, 10, {})
        self.assigner = Assigner(self.experiments, self.clock, allocator)
        self.failures: list[str] = []
        self.opened = 0

    def add(self, **changes: Any) -> None:
        self.experiments.put(experiment(**changes), Audit("t", "create", NOON))

    def refresh(self) -> Refresh:
        listed = InMemoryExperimentIndex(self.experiments)
        refresher = BanditRefresher(listed, self.arms, self.clock, lambda name, _error: self.failures.append(name))
        return build_refresh(refresher, self.open_counter)

    @contextmanager
    def open_counter(self) -> Iterator[ArmCounter]:
        self.opened += 1
        with duckdb_over(self.events, memory_mb=512) as counter:
            yield counter

    def meet(self, user: str) -> str:
        assignment = self.assigner.assign("checkout_button", user, {})
        self.recorder.record(self.recorder.exposure(assignment, {}))
        assert assignment.group is not None
        return assignment.group.name

    def click(self, user: str) -> None:
        now, number = self.clock(), len(self.stream.events)
        click = Event(event_id=f"c{number}", event_type="click", user_id=user, timestamp=now, received_at=now)
        self.stream.put([click])

    def deliver(self) -> None:
        body = gzip.compress(b"".join(event.to_line() + b"\n" for event in self.stream.events))
        self.events.put("events/dt=2026-03-01/hour=12/s-1-2.ndjson.gz", body, "application/gzip")


@pytest.fixture
def world() -> World:
    return World()


def weights(answer: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = answer["epochs"]["checkout_button"]["weights"]
    return found


def test_what_users_did_moves_the_weights_that_the_next_one_is_drawn_with(world: World) -> None:
    groups = {user: world.meet(user) for user in map(str, range(300))}
    for number, (user, group) in enumerate(groups.items()):
        if group == "treatment" and number % 3 == 0:
            world.click(user)
    world.deliver()
    refresh = world.refresh()

    assert weights(refresh()) == pytest.approx({"control": 0.5, "treatment": 0.5}), "no window is over yet"
    world.clock.advance(3_600)
    learnt = weights(refresh())
    assert learnt == pytest.approx({"control": 0.025, "treatment": 0.975}, abs=1e-6)
    assert refresh() == {"epochs": {}, "failed": []}

    world.meet("the next user")
    exposure = world.stream.events[-1]
    assert exposure.metadata["weights"] == learnt
    assert (exposure.group_name, exposure.propensity) == ("treatment", learnt["treatment"])
    assert exposure.timestamp == NOON + timedelta(hours=1)


def test_events_are_opened_once_for_all_bandits_that_are_due_and_not_at_all_for_none(world: World) -> None:
    world.add(name="another", assignment_algorithm="bandit", bandit={"refresh_minutes": 30})
    world.add(name="no_bandit")
    assert sorted(world.refresh()()["epochs"]) == ["another", "checkout_button"]
    assert world.opened == 1
    assert world.refresh()()["epochs"] == {}
    assert world.opened == 1


def test_a_failure_is_visible_and_leaves_the_weights(world: World, monkeypatch: pytest.MonkeyPatch) -> None:

    def no_bucket(prefix: str, start_after: str = "") -> list[Listed]:
        raise RuntimeError("no bucket")

    monkeypatch.setattr(world.events, "listing", no_bucket)
    with pytest.raises(RefreshFailed, match="could not refresh checkout_button"):
        world.refresh()()
    assert world.failures == ["checkout_button"]
