"""What is due: which looks at which experiments, from when everything was handed out last until now."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bakeoff_core.clock import Clock
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.experiments.schedule import due_times
from bakeoff_core.stores.experiments import ExperimentIndex
from bakeoff_core.stores.runs import Kind, RunStore
from bakeoff_core.stores.tasks import Task, TaskQueue

MOST_LATE_REPORTS = 31
"""Of the reports that one experiment missed in an outage, so many are made up for, the newest."""


@dataclass(frozen=True, slots=True)
class Dispatched:
    """What a dispatcher found.

    Attributes:
        tasks: How many it handed out.
        failed: The experiments of which it could not tell what is due.
    """

    tasks: int
    failed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Hands out the looks that are due, each once.

    Attributes:
        experiments: Where experiments are listed; it may lag behind by less than the settling time.
        runs: Remembers up to when everything was handed out.
        queue: Takes the tasks.
        clock: The time.
        settling: How long it takes until events of a moment can be analysed, and changes of experiments are seen:
            reports are handed out so much after they are due.
        on_failure: Called with the name and the error of an experiment that failed.
    """

    experiments: ExperimentIndex
    runs: RunStore
    queue: TaskQueue
    clock: Clock
    settling: timedelta
    on_failure: Callable[[str, Exception], None]

    def run(self) -> Dispatched:
        """Hand out what became due since the last time.

        A dispatcher that crashes is followed by one that sends the same tasks again, as runs of the same names.
        """
        now = self.clock()
        until, after = now - self.settling, self.runs.dispatched_until()
        tasks: list[Task] = []
        failed: list[str] = []
        for experiment in self.experiments.listed():
            try:
                tasks += due_tasks(experiment, after, until, now)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other experiments go on
                failed.append(experiment.name)
                self.on_failure(experiment.name, error)
        self.queue.send(tasks)
        self.runs.dispatch_until(until)
        return Dispatched(len(tasks), tuple(failed))


def due_tasks(experiment: Experiment, after: datetime | None, until: datetime, now: datetime) -> list[Task]:
    """List what is due of an experiment, in order.

    Of several tasks only the newest raises alerts, and only the newest report is told to recipients, so that an outage
    is not followed by a notice for everything that it delayed. A report is a look as well.

    Args:
        experiment: The experiment.
        after: What was due until then was handed out; None if nothing ever was, and then only a look is due.
        until: What is due until then is handed out.
        now: The time, as of which a look alone is taken. Reports are as of when they are due.
    """
    reports = [] if after is None else _reports(experiment, after, until)
    looks = _looks(experiment, after, until, now)
    if reports and until - reports[-1].due_at < _every(experiment):
        looks = []
    tasks = [*reports, *looks]
    return [task.model_copy(update={"monitors": task is tasks[-1]}) for task in tasks]


def final_at(experiment: Experiment) -> datetime | None:
    """Say when the report on an experiment that is over is due: once it has ended and all units' hours are over.

    Returns:
        The time, which may be to come; None while no end is known, and for an experiment that nobody could meet.
    """
    planned = experiment.end_time
    # An experiment on events of the past is over when somebody says so.
    ends = [] if planned is None or planned <= experiment.created_at else [planned]
    ends += [] if experiment.ended_at is None else [experiment.ended_at]
    if experiment.status == "draft" or not ends:
        return None
    end = min(ends)
    if experiment.start_time is not None and end <= experiment.start_time:
        return None
    return end + timedelta(hours=max((metric.hours[1] or 0 for metric in experiment.metrics), default=0))


def _reports(experiment: Experiment, after: datetime, until: datetime) -> list[Task]:
    tasks = []
    if experiment.schedule is not None and experiment.status == "running":
        first, last = max(after, _start(experiment)), min(until, experiment.end_time or until)
        times = list(due_times(experiment.schedule, first, last))[-MOST_LATE_REPORTS:]
        tasks = [_report(experiment, "report", due, tells=due is times[-1]) for due in times]
    final = final_at(experiment)
    if final is not None and after < final <= until:
        tasks.append(_report(experiment, "final", final, tells=True))
    return tasks


def _report(experiment: Experiment, kind: Kind, due: datetime, *, tells: bool) -> Task:
    return Task(experiment=experiment.name, kind=kind, due_at=due, as_of=due, tells=tells)


def _looks(experiment: Experiment, after: datetime | None, until: datetime, now: datetime) -> list[Task]:
    start = _start(experiment)
    if experiment.status != "running" or until < start:
        return []
    every = _every(experiment)
    due = start + (until - start) // every * every
    if after is not None and due <= after:
        return []
    return [Task(experiment=experiment.name, kind="look", due_at=due, as_of=now)]


def _every(experiment: Experiment) -> timedelta:
    return timedelta(minutes=experiment.alert_rules.look_every_minutes)


def _start(experiment: Experiment) -> datetime:
    return experiment.start_time or experiment.created_at
