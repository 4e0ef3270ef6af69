"""What is wrong with an experiment at one look, by its own rules: pure logic on its results."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from bakeoff_core.experiments.alert_rules import AlertKind, AlertRules
from bakeoff_core.experiments.model import Experiment
from bakeoff_core.stores.models import ModelReference, Standing
from bakeoff_core.validation import FiniteJson
from results import Comparison, Results

_WATCHED_ROLES = frozenset({"primary", "guardrail"})
_NOT_SERVING = frozenset({"unhealthy", "offline"})
_STARTS = frozenset({"start", "resume"})

Standings: TypeAlias = Mapping[ModelReference, Standing]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: What.
        subject: With what; empty where it is the whole experiment.
        message: The same in a sentence.
        figures: The numbers behind it.
    """

    kind: AlertKind
    subject: str
    message: str
    figures: dict[str, FiniteJson]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a look found wrong.

    Attributes:
        findings: All of it.
        unknown: Of what it could not be told.
    """

    findings: tuple[Finding, ...] = ()
    unknown: frozenset[AlertKind] = frozenset()


@dataclass(frozen=True, slots=True)
class Breach:
    """That a treatment does harm.

    Attributes:
        relative_change: Below 0, since it is worse; None where the control's value is 0.
    """

    relative_change: float | None


@dataclass(frozen=True, slots=True)
class _Look:
    experiment: Experiment
    results: Results
    standings: Standings
    now: datetime

    @property
    def rules(self) -> AlertRules:
        return self.experiment.alert_rules


def judge(experiment: Experiment, results: Results, standings: Standings | None, now: datetime) -> Judgement:
    """Find what is wrong with an experiment that is running.

    Args:
        experiment: Its configuration.
        results: What a look came to.
        standings: How the versions are that its groups name; None where that is not known.
        now: The moment as of which the look was taken.
    """
    look = _Look(experiment, results, standings or {}, now)
    unknown = frozenset[AlertKind]({"MODEL_UNHEALTHY"} if standings is None else ())
    found = [
        finding
        for kind, (name, find) in _FINDERS.items()
        if getattr(experiment.alert_rules, name).enabled and kind not in unknown
        for finding in find(look)
    ]
    return Judgement(tuple(found), unknown)


def breach_of(comparison: Comparison, threshold: float) -> Breach | None:
    """Say whether a metric is worse by more than a threshold, and certainly worse, however often one looks.

    Args:
        comparison: A treatment against the control.
        threshold: The relative change, below 0 where it is for the worse, below which it is a breach.
    """
    sign = 1 if comparison.direction == "increase" else -1
    if comparison.always_valid is None or comparison.difference is None:
        return None
    lower, upper = comparison.always_valid.interval
    if (upper if sign > 0 else -lower) >= 0:
        return None
    # The estimate alone is enough here: what is certain is the sign, by the sequence.
    change = sign * comparison.difference / abs(comparison.control) if comparison.control else None
    return Breach(change) if change is None or change < threshold else None


def breach_figures(group: str, metric: str, comparison: Comparison, breach: Breach) -> dict[str, FiniteJson]:
    """Write down the numbers of a breach."""
    interval = comparison.always_valid.interval if comparison.always_valid is not None else None
    return {
        "group": group,
        "metric": metric,
        "role": comparison.role,
        "direction": comparison.direction,
        "control": comparison.control,
        "treatment": comparison.treatment,
        "difference": comparison.difference,
        "interval": None if interval is None else list(interval),
        "relative_change": breach.relative_change,
    }


def breach_in_words(group: str, name: str, results: Results, breach: Breach) -> str:
    """Put a breach of the metric of a name into a sentence."""
    comparison = results.comparisons[group][name]
    interval = comparison.always_valid.interval if comparison.always_valid is not None else (0.0, 0.0)
    by = "" if breach.relative_change is None else f" by {abs(breach.relative_change):.1%}"
    is_share = any(metric.name == name and metric.is_share for metric in results.metrics)
    value, difference = ("{:.2%}".format, _points) if is_share else ("{:.4g}".format, "{:+.4g}".format)
    return (
        f"{group} is worse than the control on {name}{by}: {value(comparison.treatment)} against "
        f"{value(comparison.control)}, a difference of {difference(interval[0])} to {difference(interval[1])} by the "
        f"{100 * results.analysis.confidence_level:g}% confidence sequence."
    )


def _points(share: float) -> str:
    return f"{100 * share:+.2f} points"


def began(experiment: Experiment, results: Results) -> datetime:
    """Say since when units are assigned by the present configuration."""
    renewed = [
        entry.at for entry in results.history if any(change.field == "config_version" for change in entry.changes)
    ]
    return max([experiment.start_time or experiment.created_at, *renewed])


def _went_on(experiment: Experiment, results: Results) -> datetime:
    """Say since when it runs without a pause."""
    return max(
        [began(experiment, results), *(entry.at for entry in results.history if entry.action in _STARTS)],
    )


def _few_users(kind: AlertKind, users: Callable[[AlertRules], int]) -> Callable[[_Look], Iterator[Finding]]:
    def find(look: _Look) -> Iterator[Finding]:
        threshold = users(look.rules)
        grace = timedelta(minutes=look.rules.grace_minutes)
        few = {
            name: group.n
            for name, group in look.results.groups.items()
            if group.n < threshold and look.experiment.shares[name] > 0
        }
        if few and look.results.as_of - began(look.experiment, look.results) >= grace:
            listed = ", ".join(f"{name} has {n:,}" for name, n in few.items())
            yield Finding(
                kind,
                "",
                f"Too few users: {listed}, and each group should have at least {threshold:,}.",
                {"users": dict[str, FiniteJson](few), "threshold": threshold},
            )

    return find


def _harm(look: _Look) -> Iterator[Finding]:
    threshold = look.rules.safety_threshold_breached.relative_change
    for group, comparisons in look.results.comparisons.items():
        for metric, comparison in comparisons.items():
            if comparison.role not in _WATCHED_ROLES:
                continue
            breach = breach_of(comparison, threshold)
            if breach is not None:
                yield Finding(
                    "SAFETY_THRESHOLD_BREACHED",
                    f"{group}/{metric}",
                    breach_in_words(group, metric, look.results, breach),
                    {**breach_figures(group, metric, comparison, breach), "threshold": threshold},
                )


def _sample_ratio(look: _Look) -> Iterator[Finding]:
    tested, threshold = look.results.sample_ratio, look.rules.sample_ratio_mismatch.p_value
    if tested.p_value is None or tested.p_value >= threshold:
        return
    users = {name: group.n for name, group in look.results.groups.items()}
    shares = {name: group.configured_share for name, group in look.results.groups.items()}
    listed = ", ".join(f"{name} {n / look.results.n:.2%} instead of {shares[name]:.2%}" for name, n in users.items())
    yield Finding(
        "SAMPLE_RATIO_MISMATCH",
        "",
        f"The groups do not get the users that were configured (p = {tested.p_value:.2g}): {listed}.",
        {
            "users": dict[str, FiniteJson](users),
            "configured_shares": dict[str, FiniteJson](shares),
            "p_value": tested.p_value,
            "threshold": threshold,
        },
    )


def _no_events(look: _Look) -> Iterator[Finding]:
    window = look.results.window
    met = [
        moment
        for moment in (window.last_seen, window.last_exposure, *(model.last for model in look.results.models))
        if moment
    ]
    last = max(met, default=None)
    since = max([_went_on(look.experiment, look.results), *met])
    # Not up to now: between planned looks the data stay those of the last one.
    hours = (look.results.as_of - since) / timedelta(hours=1)
    if hours < look.rules.no_events.hours:
        return
    yield Finding(
        "NO_EVENTS",
        "",
        f"No user has met the experiment for {hours:.1f} hours, since {since:%Y-%m-%d %H:%M} UTC.",
        {
            "hours": hours,
            "threshold": look.rules.no_events.hours,
            "last_event": None if last is None else last.isoformat(),
        },
    )


def _models(look: _Look) -> Iterator[Finding]:
    yield from _unfit_versions(look)
    yield from _standing_in(look)


def _unfit_versions(look: _Look) -> Iterator[Finding]:
    groups: dict[ModelReference, list[str]] = {}
    for group in look.experiment.groups:
        for reference in group.models:
            groups.setdefault(reference, []).append(group.name)
    for (name, version), users in groups.items():
        standing = look.standings.get((name, version))
        if standing is not None and standing.status not in _NOT_SERVING:
            continue
        key = f"{name}:{version or 'champion'}"
        status = "not registered" if standing is None else standing.status
        reason = "" if standing is None or standing.reason is None else f" ({standing.reason})"
        yield Finding(
            "MODEL_UNHEALTHY",
            key,
            f"Model {key} of {', '.join(users)} is {status}{reason}.",
            {
                "model_name": name,
                "model_version": version if standing is None else standing.model_version,
                "groups": [*users],
                "status": status,
                "reason": None if standing is None else standing.reason,
            },
        )


def _standing_in(look: _Look) -> Iterator[Finding]:
    rule, since = look.rules.model_unhealthy, (look.now - timedelta(days=1)).date()
    for group in look.experiment.groups:
        days = [
            day
            for model in look.results.models
            if model.group == group.name
            for day in model.daily
            if since <= day.date <= look.now.date()
        ]
        predictions, fallbacks = sum(day.predictions for day in days), sum(day.fallbacks for day in days)
        if predictions < rule.minimum_predictions or fallbacks <= rule.fallback_share * predictions:
            continue
        yield Finding(
            "MODEL_UNHEALTHY",
            group.name,
            f"The model of {group.name} fails: the control's model stood in for {fallbacks:,} of "
            f"{predictions:,} predictions of today and yesterday ({fallbacks / predictions:.1%}).",
            {
                "groups": [group.name],
                "predictions": predictions,
                "fallbacks": fallbacks,
                "fallback_share": fallbacks / predictions,
                "threshold": rule.fallback_share,
            },
        )


_FINDERS: Mapping[AlertKind, tuple[str, Callable[[_Look], Iterator[Finding]]]] = {
    "LOW_SAMPLE_SIZE": ("low_sample_size", _few_users("LOW_SAMPLE_SIZE", lambda rules: rules.low_sample_size.users)),
    "MIN_SAMPLE_NOT_REACHED": (
        "min_sample_not_reached",
        _few_users("MIN_SAMPLE_NOT_REACHED", lambda rules: rules.min_sample_not_reached.users),
    ),
    "SAFETY_THRESHOLD_BREACHED": ("safety_threshold_breached", _harm),
    "SAMPLE_RATIO_MISMATCH": ("sample_ratio_mismatch", _sample_ratio),
    "NO_EVENTS": ("no_events", _no_events),
    "MODEL_UNHEALTHY": ("model_unhealthy", _models),
}
