"""Watching experiments: each look raises and ends alerts, and stops what a rule says to stop; nobody is told twice."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from alert_notices import addressed, alert_notice, stop_notice
from bakeoff_core.clock import Clock
from bakeoff_core.errors import DependencyUnavailable, VersionConflict
from bakeoff_core.experiments.alerts import Alert, Untold, Watch
from bakeoff_core.experiments.lifecycle import ended
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.alerts import AlertStore, WatchChanged
from bakeoff_core.stores.experiments import Audit, AuditEntry, ExperimentStore
from bakeoff_core.stores.models import ModelReference, Standing
from bakeoff_core.stores.notifications import NotificationQueue
from bakeoff_core.telemetry import count, logger
from episodes import Step, count_look, end_all
from findings import Standings, judge
from results import AlertResult, Results
from stopping import Stop, why_stop

ACTOR = "monitor"
"""Who stops experiments by rule, as their history names it."""

_ATTEMPTS = 10
_MOST_OVER = 20
_NEWS = timedelta(days=30)  # for less long than it is remembered which notices were sent


class Models(Protocol):
    """Says how model versions are."""

    def standings(self, references: Iterable[ModelReference]) -> dict[ModelReference, Standing]:
        """Say how the versions are that references stand for; those that stand for none are left out."""
        ...


@dataclass(frozen=True, slots=True)
class Monitor:
    """Watches experiments.

    Attributes:
        alerts: Where alerts are kept.
        experiments: Where experiments are kept, and stopped.
        models: Says how the versions are that their groups name.
        notices: Takes the notices.
        clock: The time at which something is stopped.
        topic: The deployment's own topic, which gets every notice; empty where there is none.
    """

    alerts: AlertStore
    experiments: ExperimentStore
    models: Models
    notices: NotificationQueue
    clock: Clock
    topic: str

    def look(self, experiment: Experiment, results: Results, now: datetime) -> tuple[AlertResult, ...]:
        """Judge a look; judging the same one again counts it once, and goes on where a crash ended it.

        An experiment that is a draft, paused or not started yet keeps the alerts it has.

        Args:
            experiment: Its configuration.
            results: What the look came to.
            now: The moment as of which it was taken.

        Returns:
            The experiment's open alerts, and the last ones that are over, newest first.
        """
        stop: AuditEntry | None = None
        if _is_over(experiment, now):
            watch = self._change(experiment.name, lambda watch, alerts: end_all(watch, alerts, now))
        elif _is_live(experiment, now):
            watch = self._count(experiment, results, now)
        else:
            watch = self.alerts.watch(experiment.name)
        if _is_live(experiment, now):
            reason = why_stop(experiment, results, now)
            stop = None if reason is None else self._stop(experiment, results, reason)
        elif experiment.status == "stopped":
            # Whoever stopped it may have crashed before it told anybody.
            stop = self._latest_stop(experiment.name)
        self._tell(experiment, watch, stop)
        return _results(self.alerts.newest(experiment.name))

    def _count(self, experiment: Experiment, results: Results, now: datetime) -> Watch:
        judgement = judge(experiment, results, self._standings(experiment), now)
        rules, version = experiment.alert_rules, experiment.config_version
        return self._change(
            experiment.name,
            lambda watch, alerts: count_look(watch, alerts, judgement, rules, config_version=version, now=now),
        )

    def _standings(self, experiment: Experiment) -> Standings | None:
        references = {reference for group in experiment.groups for reference in group.models}
        try:
            return self.models.standings(references) if references else {}
        except DependencyUnavailable:
            logger.exception("models could not be looked up", experiment_name=experiment.name)
            return None

    def _change(self, name: str, change: Callable[[Watch, dict[str, Alert]], Step]) -> Watch:
        for _ in range(_ATTEMPTS):
            watch = self.alerts.watch(name)
            step = change(watch, self.alerts.get(name, watch.open_ids))
            if step.watch == watch:
                return watch
            try:
                changed = self.alerts.record(step.watch, step.alerts)
            except WatchChanged:
                continue
            for untold in step.watch.untold[len(watch.untold) :]:
                logger.info("alert", experiment_name=name, alert_id=untold.alert_id, change=untold.change)
                count("alert_total", experiment=name, change=untold.change)
            return changed
        raise DependencyUnavailable("the alert table")

    def _stop(self, looked_at: Experiment, results: Results, stop: Stop) -> AuditEntry | None:
        """Stop an experiment, unless it was stopped, changed in its groups or told not to in the meantime."""
        for _ in range(_ATTEMPTS):
            present = self.experiments.get(looked_at.name)
            if (
                present.status != "running"
                or present.config_version != looked_at.config_version
                or not getattr(present.alert_rules.auto_stop, stop.rule)
            ):
                return None
            now = self.clock()
            audit = Audit(ACTOR, "stop", now, stop.evidence(results))
            try:
                stopped = self.experiments.put(ended(present, "stop", now, stop.serving_group), audit)
            except VersionConflict:
                continue
            logger.info("stopped by a rule", experiment_name=looked_at.name, rule=stop.rule)
            count("experiment_stopped_total", experiment=looked_at.name)
            return AuditEntry(audit, stopped)
        raise VersionConflict(looked_at.name)

    def _latest_stop(self, name: str) -> AuditEntry | None:
        stops = [entry for entry in self.experiments.history(name) if entry.audit.action == "stop"]
        if not stops or stops[-1].audit.actor != ACTOR or self.clock() - stops[-1].audit.at > _NEWS:
            return None
        return stops[-1]

    def _tell(self, experiment: Experiment, watch: Watch, stop: AuditEntry | None) -> None:
        """Hand over what nobody was told yet, and only then take it off the list: a notice's id makes it once."""
        untold = watch.untold
        alerts = self.alerts.get(experiment.name, {each.alert_id for each in untold})
        notices = [alert_notice(alerts[each.alert_id], each.change) for each in untold if each.alert_id in alerts]
        notices += [] if stop is None else [stop_notice(stop)]
        self.notices.send([part for notice in notices for part in addressed(notice, experiment, self.topic)])
        if untold:
            self._change(experiment.name, lambda watch, _alerts: Step(_told(watch, untold), ()))


def _told(watch: Watch, told: Sequence[Untold]) -> Watch:
    return watch.model_copy(update={"untold": tuple(each for each in watch.untold if each not in told)})


def _has_begun(experiment: Experiment, now: datetime) -> bool:
    return experiment.start_time is None or experiment.start_time <= now


def _is_over(experiment: Experiment, now: datetime) -> bool:
    is_past = experiment.end_time is not None and experiment.end_time <= now
    return (
        experiment.status in {"stopped", "completed"}
        or experiment.archived_at is not None
        or (experiment.status in {"running", "paused"} and is_past)
    )


def _is_live(experiment: Experiment, now: datetime) -> bool:
    return experiment.status == "running" and _has_begun(experiment, now)


def _results(alerts: Sequence[Alert]) -> tuple[AlertResult, ...]:
    over = [alert.alert_id for alert in alerts if alert.status == "recovered"][:_MOST_OVER]
    return tuple(
        AlertResult(
            kind=alert.kind,
            message=alert.message,
            opened_at=alert.opened_at,
            status=alert.status,
            acknowledged=alert.acknowledged_by is not None,
        )
        for alert in alerts
        if alert.status == "open" or alert.alert_id in over
    )
