"""Episodes: when what looks find wrong is an alert, and when that is over. Pure logic, without stores or clocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bakeoff_core.experiments.alert_rules import AlertRules
from bakeoff_core.experiments.alerts import Alert, Signal, Untold, Watch, alert_id_of
from findings import Finding, Judgement


@dataclass(frozen=True, slots=True)
class Step:
    """What a look changes.

    Attributes:
        watch: Where the watching stands after it.
        alerts: Those that it raised, found again or ended.
    """

    watch: Watch
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class _Counted:
    """What one signal comes to: its next state, its alert and what is to be told, each if there is one."""

    signal: Signal | None
    alert: Alert | None = None
    untold: Untold | None = None


def count_look(
    watch: Watch,
    alerts: Mapping[str, Alert],
    judgement: Judgement,
    rules: AlertRules,
    *,
    config_version: int,
    now: datetime,
) -> Step:
    """Count a look at an experiment that is running.

    Something that was found by `looks_to_open` looks in a row is an alert; when `looks_to_recover` looks in a row do
    not find it any more, that is over. Looks that cannot tell count for neither.

    Args:
        watch: Where the watching stands.
        alerts: The open alerts, by id.
        judgement: What the look found.
        rules: The experiment's.
        config_version: Of the configuration that was looked at.
        now: The moment as of which the look was taken.

    Returns:
        What changes. A look that is not later than the last one that counted changes nothing.
    """
    if _is_counted(watch, now):
        return Step(watch, ())
    findings = {(each.kind, each.subject): each for each in judgement.findings}
    signals = {each.key: each for each in watch.signals}
    counted: list[_Counted] = []
    for key in dict.fromkeys([*signals, *findings]):
        signal = signals.get(key) or Signal(kind=key[0], subject=key[1])
        finding, alert = findings.get(key), alerts.get(signal.alert_id or "")
        if finding is not None and alert is None:
            counted.append(_found(watch.experiment, signal, finding, rules, config_version, now))
        elif finding is not None and alert is not None:
            update = {"message": finding.message, "figures": finding.figures, "last_seen_at": now}
            counted.append(_Counted(signal.model_copy(update={"missed": 0}), alert.model_copy(update=update)))
        elif key[0] in judgement.unknown:
            counted.append(_Counted(signal))
        elif alert is not None:
            counted.append(_missed(signal, alert, rules, now))
    return _step(watch, counted, now)


def end_all(watch: Watch, alerts: Mapping[str, Alert], now: datetime) -> Step:
    """End every episode, since the experiment is over.

    Args:
        watch: Where the watching stands.
        alerts: The open alerts, by id.
        now: The moment of the look.
    """
    if _is_counted(watch, now):
        return Step(watch, ())
    return _step(watch, [_over(alert, now, "experiment") for alert in alerts.values()], now)


def _is_counted(watch: Watch, now: datetime) -> bool:
    return watch.looked_at is not None and now <= watch.looked_at


def _found(
    experiment: str, signal: Signal, finding: Finding, rules: AlertRules, config_version: int, now: datetime
) -> _Counted:
    found = signal.found + 1
    if found < rules.looks_to_open:
        return _Counted(signal.model_copy(update={"found": found, "alert_id": None}))
    alert = Alert(
        alert_id=alert_id_of(finding.kind, finding.subject, now),
        experiment=experiment,
        kind=finding.kind,
        subject=finding.subject,
        message=finding.message,
        figures=finding.figures,
        config_version=config_version,
        opened_at=now,
        last_seen_at=now,
    )
    opened = signal.model_copy(update={"found": found, "missed": 0, "alert_id": alert.alert_id})
    return _Counted(opened, alert, Untold(alert_id=alert.alert_id, change="opened"))


def _missed(signal: Signal, alert: Alert, rules: AlertRules, now: datetime) -> _Counted:
    missed = signal.missed + 1
    if missed < rules.looks_to_recover:
        return _Counted(signal.model_copy(update={"missed": missed}))
    return _over(alert, now, "recovery")


def _over(alert: Alert, now: datetime, ended_by: str) -> _Counted:
    over = alert.model_copy(update={"recovered_at": now, "ended_by": ended_by})
    return _Counted(None, over, Untold(alert_id=alert.alert_id, change="recovered"))


def _step(watch: Watch, counted: Sequence[_Counted], now: datetime) -> Step:
    after = watch.model_copy(
        update={
            "looked_at": now,
            "signals": tuple(each.signal for each in counted if each.signal is not None),
            "untold": (*watch.untold, *(each.untold for each in counted if each.untold is not None)),
        }
    )
    return Step(after, tuple(each.alert for each in counted if each.alert is not None))
