"""The notices of alerts, and of experiments that a rule stopped, in words that fit an e-mail as well as a chat."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bakeoff_core.experiments.alerts import Alert, Change
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.experiments.recipients import MOST_RECIPIENTS, Recipient, Topic
from bakeoff_core.notifications import Notification
from bakeoff_core.stores.experiments import AuditEntry

_LONGEST_SUBJECT = 100
_LONGEST_TEXT = 3_000


def addressed(notice: Notification, experiment: Experiment, topic: str) -> list[Notification]:
    """Address a notice to those who are told, in as many parts as it takes.

    Args:
        notice: What they are told.
        experiment: The experiment, whose rules name recipients.
        topic: The deployment's own topic, which is told as well; empty where there is none.
    """
    own: tuple[Recipient, ...] = (Topic(type="sns", topic_arn=topic),) if topic else ()
    everybody = (*own, *(each for each in experiment.alert_rules.recipients if each not in own))
    parts = [everybody[start : start + MOST_RECIPIENTS] for start in range(0, len(everybody), MOST_RECIPIENTS)]
    return [
        notice.model_copy(update={"id": f"{notice.id}/{number}" if number else notice.id, "recipients": part})
        for number, part in enumerate(parts)
    ]


def alert_notice(alert: Alert, change: Change) -> Notification:
    """Write the notice that an alert began or is over."""
    opened = change == "opened"
    over = "" if alert.recovered_at is None else _over(alert)
    return Notification(
        id=f"alert/{alert.experiment}/{alert.alert_id}/{change}",
        kind="alert_opened" if opened else "alert_recovered",
        experiment=alert.experiment,
        subject=_subject(alert.experiment, alert.kind if opened else f"{alert.kind} is over"),
        text="\n".join(
            [
                _cut(alert.message if opened else f"{over} It was: {alert.message}", _LONGEST_TEXT),
                "",
                f"Alert {alert.alert_id} of {alert.experiment}, since {_moment(alert.opened_at)}.",
                *([_how_to_acknowledge(alert)] if opened else []),
            ]
        ),
        link=f"/dashboard/experiments/{alert.experiment}",
        figures={
            "alert_id": alert.alert_id,
            "kind": alert.kind,
            "subject": alert.subject,
            **({} if opened else {"ended_by": alert.ended_by}),
            "figures": alert.figures,
        },
        recipients=(),
        created_at=alert.opened_at if opened else alert.recovered_at or alert.last_seen_at,
    )


def stop_notice(stop: AuditEntry) -> Notification:
    """Write the notice that a rule stopped an experiment, from what is on record of it."""
    name = stop.experiment.name
    evidence: Mapping[str, Any] = stop.audit.evidence or {}
    return Notification(
        id=f"stopped/{name}/{stop.experiment.version}",
        kind="experiment_stopped",
        experiment=name,
        subject=_subject(name, f"stopped, {str(evidence.get('rule', '')).replace('_', ' ')}"),
        text="\n".join(
            [
                f"{name} was stopped on {_moment(stop.audit.at)} by its rule {evidence.get('rule')}.",
                _cut(str(evidence.get("explanation", "")), _LONGEST_TEXT),
                f"From now on {evidence.get('serving_group')} serves everybody.",
            ]
        ),
        link=f"/dashboard/experiments/{name}",
        figures=dict(evidence),
        recipients=(),
        created_at=stop.audit.at,
    )


def _over(alert: Alert) -> str:
    moment = _moment(alert.recovered_at or alert.last_seen_at)
    if alert.ended_by == "experiment":
        return f"Closed on {moment}, since the experiment is over."
    return f"Over: on {moment} it was not found any more."


def _how_to_acknowledge(alert: Alert) -> str:
    return f"Take note of it: bakeoff experiment acknowledge {alert.experiment} {alert.alert_id}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _subject(experiment: str, said: str) -> str:
    return f"{_cut(experiment, _LONGEST_SUBJECT - len(said) - 2)}: {said}"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
