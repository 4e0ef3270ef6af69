from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakeoff_core.errors import DependencyUnavailable
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.experiments import Audit, InMemoryExperimentIndex, InMemoryExperimentStore
from bakeoff_core.stores.runs import InMemoryRunStore
from bakeoff_core.stores.tasks import InMemoryTaskQueue, Task
from dispatching import MOST_LATE_REPORTS, Dispatcher, due_tasks, final_at
from tests.support import NOON, SettableClock, experiment

AUDIT = Audit("test", "create", NOON)
SETTLING = timedelta(minutes=2)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def running(**changes: Any) -> Experiment:
    return experiment(**({"start_time": NOON - 10 * DAY, "created_at": NOON - 10 * DAY} | changes))


def due(subject: Experiment, after: datetime | None, until: datetime) -> list[tuple[str, datetime, bool, bool]]:
    tasks = due_tasks(subject, after, until, until + SETTLING)
    return [(task.kind, task.due_at, task.monitors, task.tells) for task in tasks]


class World:
    def __init__(self, *experiments: Experiment) -> None:
        self.experiments = InMemoryExperimentStore()
        for each in experiments:
            self.experiments.put(each, AUDIT)
        self.runs = InMemoryRunStore()
        self.queue = InMemoryTaskQueue()
        self.clock = SettableClock()
        self.failures: list[str] = []
        self.listed = InMemoryExperimentIndex(self.experiments)
        self.dispatcher = Dispatcher(
            self.listed, self.runs, self.queue, self.clock, SETTLING, lambda name, _: self.failures.append(name)
        )

    def tick(self, minutes: float) -> list[Task]:
        self.clock.advance(60 * minutes)
        before = len(self.queue.tasks)
        assert self.dispatcher.run().tasks == len(self.queue.tasks) - before
        return self.queue.tasks[before:]


def test_a_running_experiment_is_looked_at_once_an_hour_from_its_start() -> None:
    world = World(running(start_time=NOON + timedelta(seconds=90)))
    looks = [(task, world.clock.now) for _ in range(36) for task in world.tick(5)]
    assert [(task.kind, task.due_at, task.as_of) for task, _ in looks] == [
        ("look", NOON + timedelta(seconds=90) + hour * HOUR, now) for hour, (_, now) in enumerate(looks)
    ]
    assert [now - NOON for _, now in looks] == [timedelta(minutes=minute) for minute in (5, 65, 125)]


def test_it_is_looked_at_as_often_as_its_rules_say() -> None:
    subject = running(start_time=NOON, alert_rules={"look_every_minutes": 20})
    world = World(subject)
    assert [task.due_at - NOON for _ in range(12) for task in world.tick(5)] == [
        timedelta(minutes=minutes) for minutes in (0, 20, 40)
    ]


def test_the_first_time_every_running_experiment_is_looked_at() -> None:
    world = World(running(), running(name="b", schedule={"frequency": "hourly"}), running(name="c", status="paused"))
    world.clock.advance(40 * 60)
    assert [(task.experiment, task.kind) for task in world.tick(0)] == [("b", "look"), ("checkout_button", "look")]


@pytest.mark.parametrize("status", ["draft", "paused", "stopped", "completed"])
def test_what_does_not_run_is_not_looked_at(status: str) -> None:
    subject = running(status=status, schedule={"frequency": "hourly"})
    assert due(subject, NOON, NOON + DAY) == []
    assert due(subject, None, NOON) == []


def test_a_report_is_a_look_as_well() -> None:
    subject = running(schedule={"frequency": "daily", "time": "12:30"}, start_time=NOON - DAY + timedelta(minutes=31))
    half_past = NOON + HOUR / 2
    assert due(subject, NOON, half_past) == [("report", half_past, True, True)]
    assert due(subject, NOON, NOON + timedelta(minutes=31)) == [("report", half_past, True, True)]
    assert due(subject, half_past, NOON + HOUR) == [("look", NOON + timedelta(minutes=31), True, False)]


def test_reports_are_as_of_when_they_are_due_and_wait_for_events() -> None:
    start = NOON - DAY + timedelta(minutes=40)
    world = World(running(schedule={"frequency": "daily", "time": "12:30"}, start_time=start))
    world.tick(0)
    assert world.tick(31.9) == []
    (task,) = world.tick(0.1)
    assert (task.kind, task.due_at, task.as_of) == ("report", NOON + HOUR / 2, NOON + HOUR / 2)


def test_after_an_outage_reports_are_made_up_for_and_one_is_told() -> None:
    subject = running(schedule={"frequency": "daily", "time": "18:00"})
    evening = NOON + timedelta(hours=6)
    assert due(subject, NOON, NOON + 3 * DAY) == [
        ("report", evening, False, False),
        ("report", evening + DAY, False, False),
        ("report", evening + 2 * DAY, False, True),
        ("look", NOON + 3 * DAY, True, False),
    ]
    hourly = running(schedule={"frequency": "hourly"})
    late = due(hourly, NOON - 9 * DAY, NOON + HOUR / 2)
    assert [moment for _, moment, _, _ in late] == [NOON - n * HOUR for n in reversed(range(MOST_LATE_REPORTS))]
    assert [monitors for *_, monitors, _ in late].count(True) == [tells for *_, tells in late].count(True) == 1


def test_no_report_is_due_from_before_the_start_or_after_the_end() -> None:
    schedule = {"frequency": "hourly"}
    subject = running(schedule=schedule, start_time=NOON + HOUR / 2, end_time=NOON + 2.5 * HOUR)
    found = due(subject, NOON - DAY, NOON + DAY)
    assert [(kind, moment - NOON) for kind, moment, *_ in found] == [
        ("report", HOUR),
        ("report", 2 * HOUR),
        ("final", 2.5 * HOUR),
        ("look", 23.5 * HOUR),
    ]
    assert [kind for kind, *_ in due(subject, NOON + 2.5 * HOUR, NOON + DAY)] == ["look"]


@pytest.mark.parametrize("status", ["stopped", "completed"])
def test_an_experiment_that_is_over_has_one_last_report(status: str) -> None:
    subject = running(status=status, ended_at=NOON, end_time=NOON + DAY)
    assert due(subject, NOON - HOUR, NOON + HOUR) == [("final", NOON, True, True)]
    assert due(subject, NOON, NOON + 2 * DAY) == []
    late = running(status=status, ended_at=NOON + DAY, end_time=NOON)
    assert final_at(late) == NOON


def test_the_last_report_waits_until_the_hours_of_all_units_are_over() -> None:
    metrics = ["click_rate", {"name": "bought", "kind": "conversion", "event_type": "purchase", "window_hours": 72}]
    assert final_at(running(status="completed", ended_at=NOON, metrics=metrics)) == NOON + 3 * DAY


def test_an_experiment_on_events_of_the_past_is_over_when_somebody_says_so() -> None:
    past = {"start_time": NOON - 400 * DAY, "end_time": NOON - 390 * DAY}
    assert final_at(running(**past)) is None
    assert [kind for kind, *_ in due(running(**past), None, NOON)] == ["look"]
    assert final_at(running(**past, status="completed", ended_at=NOON)) == NOON


def test_what_nobody_could_meet_has_no_last_report() -> None:
    assert final_at(running()) is None
    assert final_at(running(status="draft", end_time=NOON)) is None
    assert final_at(running(status="stopped", start_time=NOON + DAY, ended_at=NOON)) is None


def test_one_failure_stops_no_other() -> None:
    broken = running(name="broken", schedule={"frequency": "daily"})
    assert broken.schedule is not None
    left_the_database = broken.schedule.model_copy(update={"time_zone": "Europe/Atlantis"})
    world = World(running(name="a"), broken.model_copy(update={"schedule": left_the_database}), running(name="z"))
    world.tick(0)
    assert [task.experiment for task in world.tick(60)] == ["a", "z"]
    assert world.failures == ["broken"]


def test_what_could_not_be_sent_is_sent_the_next_time() -> None:
    world = World(running(schedule={"frequency": "daily", "time": "12:30"}))
    world.tick(0)

    class Broken(InMemoryTaskQueue):
        def send(self, tasks: Sequence[Task]) -> None:
            raise DependencyUnavailable(f"the queue of {len(tasks)}")

    world.clock.advance(40 * 60)
    with pytest.raises(DependencyUnavailable):
        Dispatcher(world.listed, world.runs, Broken(), world.clock, SETTLING, lambda *_: None).run()
    assert [task.due_at for task in world.tick(5)] == [NOON + HOUR / 2]


@settings(max_examples=50, deadline=None)
@given(
    pauses=st.lists(st.integers(0, 40), max_size=30),
    crashes=st.sets(st.integers(0, 30)),
    frequency=st.sampled_from(["hourly", "daily"]),
)
def test_however_it_is_woken_and_crashes_nothing_is_missed(
    pauses: list[int], crashes: set[int], frequency: str
) -> None:
    subject = running(schedule={"frequency": frequency, "time_zone": "Asia/Kathmandu"})
    world = World(subject)
    world.dispatcher.run()
    began = world.clock.now - SETTLING

    class Crash(Exception):
        pass

    class CrashingRuns(InMemoryRunStore):
        def dispatched_until(self) -> datetime | None:
            return world.runs.dispatched_until()

        def dispatch_until(self, moment: datetime) -> None:
            raise Crash

    crashing = Dispatcher(world.listed, CrashingRuns(), world.queue, world.clock, SETTLING, lambda *_: None)
    for turn, pause in enumerate(pauses):
        world.clock.advance(60 * pause)
        if turn in crashes:
            with pytest.raises(Crash):
                crashing.run()
        else:
            world.dispatcher.run()
    world.dispatcher.run()
    found = {task.run for task in world.queue.tasks if task.kind == "report"}
    expected = due_tasks(subject, began, world.clock.now - SETTLING, world.clock.now)
    assert found == {task.run for task in expected if task.kind == "report"}
    if not crashes:
        assert len(found) == sum(task.kind == "report" for task in world.queue.tasks)
