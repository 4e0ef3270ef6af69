"""What the dashboard shows of each experiment: where it stands, its latest figures, its alerts and its models."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict

from bakeoff_core.clock import Clock
from bakeoff_core.experiments.alert_rules import AlertKind
from bakeoff_core.experiments.alerts import Alert
from bakeoff_core.experiments.lifecycle import actions_from
from bakeoff_core.experiments.metrics import MetricKind
from bakeoff_core.experiments.model import Algorithm, Experiment, Group, Status
from bakeoff_core.experiments.overview import ModelOverview, Overview
from bakeoff_core.stores.experiments import ExperimentIndex, ExperimentStore
from bakeoff_core.stores.models import ModelReference, Standing
from bakeoff_core.stores.overviews import OverviewStore
from dashboard.caller import Caller

MOST_EXPERIMENTS = 1_000
"""How many experiments one answer holds."""

_MOST_BYTES = 7 * 1024**2 // 2  # Lambda carries back 6 MB, the escapes of JSON within JSON included
_LONGEST_DESCRIPTION = 300
_LOOKS_MISSED = 3
_OVER = frozenset[Status]({"stopped", "completed"})

Health: TypeAlias = Literal["ok", "warning", "problem", "unknown"]
ModelState: TypeAlias = Literal["loading", "ready", "unhealthy", "offline", "missing"]
Severity: TypeAlias = Literal["warning", "problem"]

_HARMFUL_STATES: Mapping[ModelState, Severity] = {
    "unhealthy": "problem",
    "missing": "problem",
    "offline": "problem",
    "loading": "warning",
}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class AlertLine(_Part):
    """An open alert.

    Attributes:
        alert_id: Its id, to acknowledge it by.
        kind: What is wrong.
        message: The same in a sentence.
        opened_at: Since when.
        last_seen_at: When a look found it last.
        acknowledged_by: Who took note of it; None where nobody did.
    """

    alert_id: str
    kind: AlertKind
    message: str
    opened_at: AwareDatetime
    last_seen_at: AwareDatetime
    acknowledged_by: str | None


class GroupLine(_Part):
    """One group as it is configured."""

    name: str
    share: float
    control: bool
    model_name: str | None
    model_version: str | None


class ModelLine(_Part):
    """A model of a group.

    Attributes:
        group: The group.
        shadow: Whether it only predicts beside the group's own model.
        model_name: The model.
        model_version: The version that the group's version or alias stands for now.
        status: How that version is; `missing` where it stands for none.
        reason: Why it is unhealthy.
        latest: What it did until the latest look.
    """

    group: str
    shadow: bool
    model_name: str
    model_version: str | None
    status: ModelState
    reason: str | None
    latest: ModelOverview | None


class HealthFinding(_Part):
    """Something that is not well."""

    severity: Severity
    text: str


class ExperimentLine(_Part):
    """One experiment.

    Attributes:
        description: Its beginning, where it is long.
        metric: The primary metric.
        serving_group: The group that serves everybody, now that the experiment is over; until then, the one that
            would if it ended now and nobody said otherwise.
        overview: The latest look at its present configuration.
        age_seconds: Since that look.
        alerts: Those that are open, newest first.
        models: The groups' models.
        health: The worst of what was found; `unknown` before the first look.
        findings: What is not well, alerts left out.
        actions: What the caller may do with it now.
    """

    name: str
    description: str
    status: Status
    assignment_algorithm: Algorithm
    sample_rate: float
    start_time: AwareDatetime | None
    end_time: AwareDatetime | None
    ended_at: AwareDatetime | None
    updated_at: AwareDatetime
    config_version: int
    metric: str | None
    metric_kind: MetricKind | None
    groups: tuple[GroupLine, ...]
    serving_group: str
    overview: Overview | None
    age_seconds: float | None
    alerts: tuple[AlertLine, ...]
    models: tuple[ModelLine, ...]
    health: Health
    findings: tuple[HealthFinding, ...]
    actions: tuple[str, ...]


class Dashboard(_Part):
    """Experiments by name.

    Attributes:
        generated_at: When they were read.
        caller: Who asked, and what their key allows.
        total: How many experiments there are.
        experiments: Those of this answer.
        next_after: What to ask for `after` to get the next ones; None at the end.
    """

    generated_at: AwareDatetime
    caller: Caller
    total: int
    experiments: tuple[ExperimentLine, ...]
    next_after: str | None


class Standings(Protocol):
    """Says how model versions are."""

    def standings(self, references: Iterable[ModelReference]) -> dict[ModelReference, Standing]:
        """Say how the versions are that references stand for; those that stand for none are left out."""
        ...


class OpenAlerts(Protocol):
    """Knows the open alerts."""

    def open_alerts(self, experiments: Iterable[str]) -> Mapping[str, Sequence[Alert]]:
        """Read the open alerts of experiments, newest first; those without any are left out."""
        ...


@dataclass(frozen=True, slots=True)
class Listing:
    """Reads the dashboard: a handful of batched reads for all of it, and no report.

    Attributes:
        index: All experiments.
        experiments: Where experiments are kept.
        overviews: The latest look at each.
        alerts: The open alerts.
        models: How model versions are.
        clock: The time.
        changed_by_keys: Whether a key can change experiments, which may also be left to IAM alone.
    """

    index: ExperimentIndex
    experiments: ExperimentStore
    overviews: OverviewStore
    alerts: OpenAlerts
    models: Standings
    clock: Clock
    changed_by_keys: bool = True

    def all(self, caller: Caller, *, after: str = "", limit: int = MOST_EXPERIMENTS) -> Dashboard:
        """Read all experiments that are not archived, by name.

        Args:
            caller: Who asks.
            after: The name after which to begin.
            limit: How many at most; fewer where they are large.
        """
        caller = self._limited(caller)
        found = self.index.listed()
        following = [each for each in found if each.name > after]
        lines: list[ExperimentLine] = []
        size = 0
        for line in self._lines(following[:limit], caller):
            size += len(line.model_dump_json())
            if lines and size > _MOST_BYTES:
                break
            lines.append(line)
        more = len(lines) < len(following)
        return Dashboard(
            generated_at=self.clock(),
            caller=caller,
            total=len(found),
            experiments=tuple(lines),
            next_after=lines[-1].name if more else None,
        )

    def one(self, caller: Caller, name: str) -> Dashboard:
        """Read one experiment, archived or not. Raises ExperimentNotFound."""
        caller = self._limited(caller)
        return Dashboard(
            generated_at=self.clock(),
            caller=caller,
            total=1,
            experiments=tuple(self._lines([self.experiments.get(name)], caller)),
            next_after=None,
        )

    def _limited(self, caller: Caller) -> Caller:
        return caller if self.changed_by_keys else caller.model_copy(update={"may_change": False})

    def _lines(self, experiments: Sequence[Experiment], caller: Caller) -> Iterable[ExperimentLine]:
        names = [each.name for each in experiments]
        overviews, alerts = self.overviews.read(names), self.alerts.open_alerts(names)
        references = {model for each in experiments for group in each.groups for model in group.models}
        standings = self.models.standings(references)
        for experiment in experiments:
            overview = overviews.get(experiment.name)
            if overview is not None and overview.config_version != experiment.config_version:
                overview = None  # units were randomised anew since
            models = tuple(_models(experiment, standings, overview))
            findings = (*_findings(experiment, overview, models), *_missed_looks(experiment, overview, self.clock()))
            yield ExperimentLine(
                name=experiment.name,
                description=_shortened(experiment.description),
                status=experiment.status,
                assignment_algorithm=experiment.assignment_algorithm,
                sample_rate=experiment.sample_rate,
                start_time=experiment.start_time,
                end_time=experiment.end_time,
                ended_at=experiment.ended_at,
                updated_at=experiment.updated_at,
                config_version=experiment.config_version,
                metric=experiment.primary_metric.name if experiment.primary_metric else None,
                metric_kind=experiment.primary_metric.kind if experiment.primary_metric else None,
                groups=tuple(_group(experiment, group) for group in experiment.groups),
                serving_group=_serving_group(experiment, overview),
                overview=overview,
                age_seconds=_age(self.clock, overview),
                alerts=tuple(map(_alert, alerts.get(experiment.name, ()))),
                models=models,
                health=_health(experiment, overview, findings),
                findings=findings,
                actions=_actions(experiment) if caller.may_change else (),
            )


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_DESCRIPTION else f"{text[: _LONGEST_DESCRIPTION - 1]}…"


def _age(clock: Clock, overview: Overview | None) -> float | None:
    return None if overview is None else max(0.0, (clock() - overview.computed_at).total_seconds())


def _alert(alert: Alert) -> AlertLine:
    return AlertLine.model_validate(alert, from_attributes=True)


def _group(experiment: Experiment, group: Group) -> GroupLine:
    return GroupLine(
        name=group.name,
        share=experiment.shares[group.name],
        control=group is experiment.control,
        model_name=group.model_name,
        model_version=group.model_version,
    )


def _models(
    experiment: Experiment, standings: Mapping[ModelReference, Standing], overview: Overview | None
) -> Iterable[ModelLine]:
    did = {} if overview is None else {(m.group, m.model_name, m.model_version): m for m in overview.models}
    for group in experiment.groups:
        for reference in group.models:
            name, wanted = reference
            standing = standings.get(reference)
            version = wanted if standing is None else standing.model_version
            yield ModelLine(
                group=group.name,
                shadow=reference != group.models[0],
                model_name=name,
                model_version=version,
                status="missing" if standing is None else standing.status,
                reason=None if standing is None else standing.reason,
                latest=did.get((group.name, name, version or "")),
            )


def _findings(
    experiment: Experiment, overview: Overview | None, models: Iterable[ModelLine]
) -> Iterable[HealthFinding]:
    if overview is not None and overview.sample_ratio == "mismatch":
        yield HealthFinding(severity="problem", text="users are not split between the groups as configured")
    elif overview is not None and overview.decision.verdict == "invalid":
        yield HealthFinding(severity="problem", text=f"its groups cannot be compared: {overview.decision.headline}")
    # An experiment that is not live asks nothing of its models.
    if experiment.status not in {"running", "paused"}:
        return
    for model in models:
        key = f"{model.model_name}:{model.model_version or 'champion'}"
        if (severity := _HARMFUL_STATES.get(model.status)) is not None:
            reason = f": {model.reason}" if model.reason else ""
            yield HealthFinding(severity=severity, text=f"model {key} in {model.group} is {model.status}{reason}")
        if model.latest is not None and model.latest.drift == "large":
            text = f"inputs of {key} in {model.group} have drifted far from its training data"
            yield HealthFinding(severity="warning", text=text)
        if model.latest is not None and model.latest.fallbacks:
            text = f"{key} stood in for another model {model.latest.fallbacks:,} times in {model.group}"
            yield HealthFinding(severity="warning", text=text)


def _missed_looks(experiment: Experiment, overview: Overview | None, now: datetime) -> Iterable[HealthFinding]:
    if experiment.status != "running" or overview is None:
        return
    minutes = experiment.alert_rules.look_every_minutes
    if now - overview.computed_at > _LOOKS_MISSED * timedelta(minutes=minutes):
        text = f"it was not looked at for {_LOOKS_MISSED} times the {minutes:,} minutes after which it should be"
        yield HealthFinding(severity="warning", text=text)


def _health(experiment: Experiment, overview: Overview | None, findings: Iterable[HealthFinding]) -> Health:
    severities = {finding.severity for finding in findings}
    if severities:
        return "problem" if "problem" in severities else "warning"
    return "unknown" if overview is None or experiment.status == "draft" else "ok"


def _serving_group(experiment: Experiment, overview: Overview | None) -> str:
    if experiment.group_in_service is not None:
        return experiment.group_in_service.name
    decision = None if overview is None else overview.decision
    won = decision is not None and decision.verdict == "implement" and decision.group in experiment.shares
    if experiment.status not in _OVER and experiment.alert_rules.traffic_after_stop == "winner" and decision and won:
        return decision.group or experiment.control.name
    return experiment.control.name


def _actions(experiment: Experiment) -> tuple[str, ...]:
    if experiment.archived_at is not None:
        return ()
    actions = actions_from(experiment.status)
    return actions if experiment.status == "draft" else (*actions, "promote")
