"""One look at one experiment, from its claim to its notice: whatever crashes is repeated, and nothing happens twice."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from bakeoff_core.clock import Clock
from bakeoff_core.errors import ExperimentNotFound
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.experiments import ExperimentStore
from bakeoff_core.stores.notifications import NotificationQueue
from bakeoff_core.stores.overviews import OverviewStore
from bakeoff_core.stores.runs import RunDone, RunStore
from bakeoff_core.stores.tasks import Task
from engine.summary import Engine
from looking import Looker
from notices import report_notice
from overview import overview_of
from reporting import Report, Reports
from results import AlertResult, Results

LEASE = timedelta(minutes=6)
"""Longer than the function may run: after it, whoever claimed a run has ended."""


class Monitor(Protocol):
    """Raises and ends alerts, and stops what a rule says to stop."""

    def look(self, experiment: Experiment, results: Results, now: datetime) -> tuple[AlertResult, ...]:
        """Judge a look. Judging the same one again changes nothing.

        Args:
            experiment: Its configuration.
            results: What the look came to.
            now: The moment as of which it was taken.

        Returns:
            The experiment's alerts, newest first.
        """
        ...


@dataclass(frozen=True, slots=True)
class Rounds:
    """Works off tasks.

    Attributes:
        experiments: Where experiments are kept.
        runs: Where it is kept what was begun and what is done.
        looker: Takes the looks.
        monitor: Judges them.
        reports: Where reports go.
        overviews: Where the latest look at each experiment is kept.
        notices: Takes the notices of reports.
        clock: The time.
    """

    experiments: ExperimentStore
    runs: RunStore
    looker: Looker
    monitor: Monitor
    reports: Reports
    overviews: OverviewStore
    notices: NotificationQueue
    clock: Clock

    def run(self, engine: Engine, task: Task, claimant: str) -> Report | None:
        """Do a task, unless it was done before.

        The task counts as done only after its last step. Each step writes the same when it is repeated: data are
        looked at as of the moment that the first attempt named, files and notices are named after that moment.

        Args:
            engine: Sums up events.
            task: What to do.
            claimant: Who does it; the same name again is another attempt at a task whose former attempt is over.

        Returns:
            The report, if the task asks for one and was not done before.

        Raises:
            RunTaken: Somebody else is at it.
        """
        try:
            as_of = self.runs.claim(task.run, claimant, as_of=task.as_of, now=self.clock(), lease=LEASE)
        except RunDone:
            return None
        report = self._look(engine, task, as_of)
        self.runs.finish(task.run, claimant, self.clock())
        return report

    def _look(self, engine: Engine, task: Task, as_of: datetime) -> Report | None:
        try:
            experiment = self.experiments.get(task.experiment)
        except ExperimentNotFound:
            if task.kind == "asked":
                raise
            return None
        results = self.looker.look(engine, experiment, as_of)
        if task.monitors and self.runs.reach(experiment.name, as_of):
            alerts = self.monitor.look(experiment, results, as_of)
            # A rule may have stopped it just now, which its history then tells.
            present = self.experiments.get(experiment.name)
            background = {} if present == experiment else self.looker.background.of(experiment, as_of)
            results = results.model_copy(update={"alerts": alerts, "status": present.status, **background})
        report = None
        if task.kind == "look":
            self.reports.keep(results)
        else:
            report = self.reports.write(results)
        self.overviews.put(overview_of(results, None if report is None else report.report_id))
        if report is not None and task.tells:
            notice = report_notice(experiment, results, report, task.kind)
            self.notices.send([] if notice is None else [notice])
        return report
