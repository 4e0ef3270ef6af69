"""One look at one experiment, crashed at every step and repeated: the outcome is that of a look that never crashed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

import reporting
from background import Background
from bakeoff_core.errors import ExperimentNotFound
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.arms import InMemoryArmStore
from bakeoff_core.stores.experiments import Audit, InMemoryExperimentStore
from bakeoff_core.stores.models import InMemoryModelRegistry
from bakeoff_core.stores.notifications import InMemoryNotificationQueue
from bakeoff_core.stores.objects import InMemoryObjectStore
from bakeoff_core.stores.overviews import InMemoryOverviewStore
from bakeoff_core.stores.runs import InMemoryRunStore, RunDone, RunTaken
from bakeoff_core.stores.tasks import Task
from engine.summary import GroupSummary, Summary
from looking import Looker
from reporting import RESULTS, Reports
from results import AlertResult, Results
from rounds import LEASE, Rounds
from stats.proportions import Proportion
from tests.support import NOON, SettableClock, experiment

AUDIT = Audit("test", "create", NOON)
SCHEDULE = {"frequency": "daily", "recipients": [{"type": "email", "address": "product@example.com"}]}
HOUR = timedelta(hours=1)


class Crash(BaseException):
    """The container is gone: nothing catches that."""


class Engine:
    """Users that come by the hundred an hour."""

    def __init__(self) -> None:
        self.looks: list[datetime] = []

    def summarise(self, subject: Experiment, as_of: datetime | None = None) -> Summary:
        assert as_of is not None
        self.looks.append(as_of)
        users = 100 * max(0, int((as_of - NOON) / HOUR))
        groups = {
            name: GroupSummary(users, {"click_rate": Proportion(int(users * rate), users)} if users else {})
            for name, rate in zip(subject.shares, (0.1, 0.3), strict=True)
        }
        return Summary(groups, first_exposure=NOON, last_exposure=as_of)


class Monitor:
    """Opens an alert at the first look that it sees, and stops the experiment when asked to."""

    def __init__(self, experiments: InMemoryExperimentStore) -> None:
        self._experiments = experiments
        self.opened: dict[str, datetime] = {}
        self.looks: list[datetime] = []
        self.stops = False

    def look(self, subject: Experiment, results: Results, now: datetime) -> tuple[AlertResult, ...]:
        assert results.computed_at == now
        self.looks.append(now)
        self.opened.setdefault(subject.name, now)
        stored = self._experiments.get(subject.name)
        if self.stops and stored.status == "running":
            self._experiments.put(stored.model_copy(update={"status": "stopped", "ended_at": now}), AUDIT)
        return (AlertResult(kind="NO_EVENTS", message="quiet", opened_at=self.opened[subject.name], status="open"),)


STEPS = (
    ("runs", "claim", 1),
    ("runs", "reach", 1),
    ("monitor", "look", 1),
    ("files", "put_tagged", 3),
    ("files", "put_newer", 3),
    ("overviews", "put", 1),
    ("notices", "send", 1),
    ("runs", "finish", 1),
)
CRASHES = [
    (part, method, call, moment)
    for part, method, calls in STEPS
    for call in range(1, calls + 1)
    for moment in ("before", "after")
]


@pytest.fixture(autouse=True)
def few_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the pages, which take a second each and are written as the other files are."""
    files = {name: file for name, file in reporting.FILES.items() if name in {"executive.md", "dashboard.md", RESULTS}}
    monkeypatch.setattr(reporting, "FILES", files)


@dataclass
class World:
    """Everything that a look touches, in memory."""

    clock: SettableClock = field(default_factory=lambda: SettableClock(NOON + 20 * HOUR))

    def __post_init__(self) -> None:
        self.experiments = InMemoryExperimentStore()
        self.experiments.put(experiment(metrics=["click_rate"], schedule=SCHEDULE, start_time=NOON), AUDIT)
        self.runs = InMemoryRunStore()
        self.files = InMemoryObjectStore()
        self.overviews = InMemoryOverviewStore()
        self.notices = InMemoryNotificationQueue()
        self.monitor = Monitor(self.experiments)
        self.engine: Any = Engine()
        self.rounds = Rounds(
            self.experiments,
            self.runs,
            Looker(InMemoryModelRegistry(), Background(self.experiments, InMemoryArmStore())),
            self.monitor,
            Reports(self.files),
            self.overviews,
            self.notices,
            self.clock,
        )

    def run(self, task: Task, claimant: str = "message") -> Any:
        return self.rounds.run(self.engine, task, claimant)

    def outcome(self) -> Mapping[str, Any]:
        """All that anybody could see afterwards; a notice that is handed over again is the same to its recipients."""
        return {
            "files": {key: self.files.get(key) for key in self.files.list("")},
            "tags": self.files.tags,
            "overviews": self.overviews.read(["checkout_button"]),
            "notices": {notice.id: notice for notice in self.notices.notifications},
            "alerts": self.monitor.opened,
            "status": self.experiments.get("checkout_button").status,
        }

    @contextmanager
    def crashing(self, part: str, method: str, call: int, moment: str) -> Iterator[None]:
        """Let the container go before or after one call of one method."""
        owner = getattr(self, part)
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
        try:
            with pytest.raises(Crash):
                yield
        finally:
            delattr(owner, method)


def due(hours: int, kind: Any = "report", **changes: Any) -> Task:
    moment = NOON + hours * HOUR
    task = Task(experiment="checkout_button", kind=kind, due_at=moment, as_of=moment, tells=kind != "look")
    return task.model_copy(update=changes)


@pytest.mark.parametrize("stops", [False, True])
@pytest.mark.parametrize(("part", "method", "call", "moment"), CRASHES)
def test_a_crashed_run_that_is_repeated_comes_to_the_same(
    part: str, method: str, call: int, moment: str, *, stops: bool
) -> None:
    undisturbed, world = World(), World()
    for each in (undisturbed, world):
        each.monitor.stops = stops
    undisturbed.run(due(10))
    with world.crashing(part, method, call, moment):
        world.run(due(10))
    world.clock.advance(90)
    claimed = (method, moment) != ("claim", "before")
    # The dispatcher, too, may have crashed and sent the task again, with another moment to look at.
    report = world.run(due(10, as_of=NOON + 11 * HOUR) if claimed else due(10))
    assert world.outcome() == undisturbed.outcome()
    if (method, moment) == ("finish", "after"):
        assert report is None
    else:
        assert report.report_id == "20260301T220000.000000Z"
    assert set(world.engine.looks) == {NOON + 10 * HOUR}
    with pytest.raises(RunDone):
        world.runs.claim(due(10).run, "x", as_of=NOON, now=world.clock.now, lease=LEASE)


def test_the_outcome_is_everything_that_a_report_promises() -> None:
    world = World()
    world.run(due(10))
    outcome = world.outcome()
    folders = {key.split("/")[2] for key in outcome["files"]}
    assert folders == {"20260301T220000.000000Z", "latest"}
    assert len(outcome["files"]) == 6
    assert outcome["overviews"]["checkout_button"].report_id == "20260301T220000.000000Z"
    assert outcome["overviews"]["checkout_button"].users == 2_000
    assert list(outcome["notices"]) == ["report/checkout_button/20260301T220000.000000Z"]
    assert outcome["alerts"] == {"checkout_button": NOON + 10 * HOUR}
    assert b'"message": "quiet"' in outcome["files"]["reports/checkout_button/latest/technical.json"]


def test_a_done_run_is_not_repeated() -> None:
    world = World()
    world.run(due(10))
    before = world.outcome()
    for key in world.files.list(""):
        world.files.put(key, b"touched", "text/plain")
    assert world.run(due(10), "another") is None
    assert {world.files.get(key) for key in world.files.list("")} == {b"touched"}
    assert (len(world.notices.notifications), len(world.engine.looks)) == (len(before["notices"]), 1)


def test_a_run_under_way_is_left_alone_and_taken_over_once_it_must_be_over() -> None:
    world, undisturbed = World(), World()
    undisturbed.run(due(10))
    with world.crashing("files", "put_newer", 2, "after"):
        world.run(due(10), "first")
    with pytest.raises(RunTaken):
        world.run(due(10), "second")
    world.clock.advance(LEASE.total_seconds())
    world.run(due(10), "second")
    assert world.outcome() == undisturbed.outcome()


def test_an_older_run_that_ends_later_moves_nothing_back() -> None:
    world = World()
    world.run(due(12, "look"))
    latest = {key: world.files.get(key) for key in world.files.list("reports/checkout_button/latest/")}
    overview = world.overviews.read(["checkout_button"])
    world.run(due(10))
    assert {key: world.files.get(key) for key in latest} == latest
    assert world.overviews.read(["checkout_button"]) == overview
    assert world.monitor.looks == [NOON + 12 * HOUR]
    assert [report.report_id for report in Reports(world.files).list("checkout_button")] == ["20260301T220000.000000Z"]
    assert len(world.notices.notifications) == 1


def test_a_look_alone_writes_the_latest_report_and_tells_nobody() -> None:
    world = World()
    assert world.run(due(10, "look")) is None
    assert {key.split("/")[2] for key in world.files.list("")} == {"latest"}
    assert world.notices.notifications == []
    assert world.monitor.looks == [NOON + 10 * HOUR]
    assert world.overviews.read(["checkout_button"])["checkout_button"].report_id is None


def test_what_is_made_up_for_raises_no_alerts_and_tells_nobody() -> None:
    world = World()
    for hours in (4, 5):
        world.run(due(hours, monitors=hours == 5, tells=hours == 5))
    assert world.monitor.looks == [NOON + 5 * HOUR]
    assert [notice.created_at for notice in world.notices.notifications] == [NOON + 5 * HOUR]
    assert len(Reports(world.files).list("checkout_button")) == 2


def test_an_experiment_that_is_stopped_by_the_look_is_reported_as_stopped() -> None:
    world = World()
    world.monitor.stops = True
    world.run(due(10))
    assert b'"status": "stopped"' in world.files.get("reports/checkout_button/latest/technical.json")


def test_only_who_asks_by_name_is_told_that_there_is_no_such_experiment() -> None:
    world = World()
    assert world.run(due(10, experiment="gone")) is None
    with pytest.raises(ExperimentNotFound):
        world.run(due(10, "asked", experiment="gone"))
