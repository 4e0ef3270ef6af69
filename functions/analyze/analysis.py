"""From an experiment and its sufficient statistics to its results: pure logic, without events, stores or clocks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal, TypeAlias

from bakeoff_core.experiments.metrics import Metric, Role
from bakeoff_core.experiments.model import Experiment
from comparing import Compared, compare, describe, value_of
from decision import Evidence, basis_for, decide
from engine.summary import GroupSummary, Statistics, Summary
from results import AlwaysValid, Comparison, DayPoint, GroupResult, Quality, Results, SampleRatioResult, Window
from stats.difference import Undefined
from stats.inverse_propensity import PropensityMoments
from stats.multiplicity import benjamini_hochberg, holm
from stats.sample_ratio import sample_ratio
from stats.sequential import METHOD as SEQUENCE_METHOD

Adjust: TypeAlias = Callable[[Sequence[float]], list[float]]
Comparisons: TypeAlias = dict[str, dict[str, Comparison]]
Metrics: TypeAlias = Mapping[str, Statistics | PropensityMoments]

_ADJUSTMENTS: dict[Role, tuple[Literal["Holm", "Benjamini-Hochberg", "none"], Adjust]] = {
    "primary": ("Holm", holm),
    "secondary": ("Benjamini-Hochberg", benjamini_hochberg),
    # A guardrail is there to be hit: correcting it would make harm harder to see.
    "guardrail": ("none", list),
}


def analyse(experiment: Experiment, summary: Summary, now: datetime) -> Results:
    """Work out an experiment's results and the decision they lead to.

    Args:
        experiment: Its configuration.
        summary: What its events come to.
        now: The time of the analysis, which decides whether the planned end is reached.
    """
    comparisons = _comparisons(experiment, summary)
    ratio = _sample_ratio(experiment, summary)
    primary = experiment.primary_metric
    evidence = Evidence(
        basis=basis_for(experiment, now),
        n=sum(group.n for group in summary.groups.values()),
        crossovers=summary.crossovers,
        sample_ratio=ratio,
        primary=None if primary is None else primary.name,
        comparisons=comparisons,
    )
    return Results(
        experiment=experiment.name,
        description=experiment.description,
        hypotheses=experiment.hypotheses,
        status=experiment.status,
        computed_at=now,
        window=Window(
            start=experiment.start_time,
            end=experiment.end_time,
            config_version=experiment.config_version,
            first_exposure=summary.first_exposure,
            last_exposure=summary.last_exposure,
        ),
        metrics=experiment.metrics,
        groups={name: _group(experiment, name, group) for name, group in summary.groups.items()},
        sample_ratio=ratio,
        crossovers=summary.crossovers,
        comparisons=comparisons,
        decision=decide(evidence),
        data_quality=Quality(**asdict(summary.quality)),
    )


def _group(experiment: Experiment, name: str, summary: GroupSummary) -> GroupResult:
    return GroupResult(
        n=summary.n,
        control=name == experiment.control.name,
        configured_share=experiment.shares[name],
        metrics={metric: describe(statistics) for metric, statistics in summary.metrics.items()},
        daily=tuple(DayPoint(date=day.date, users=day.users, value=day.value) for day in summary.daily),
    )


def _sample_ratio(experiment: Experiment, summary: Summary) -> SampleRatioResult:
    names = list(experiment.shares)
    # A bandit's groups are held against the weights that were in force when each unit was drawn.
    expected = {name: each.expected for name, each in summary.propensities.items()} or experiment.shares
    tested = sample_ratio([summary.groups[name].n for name in names], [expected[name] for name in names])
    if isinstance(tested, Undefined):
        return SampleRatioResult(statistic=None, p_value=None, alarm=False, reason=tested.reason)
    return SampleRatioResult(statistic=tested.statistic, p_value=tested.p_value, alarm=tested.alarm)


def _comparisons(experiment: Experiment, summary: Summary) -> Comparisons:
    control = _metrics(summary, experiment.control.name)
    comparisons: Comparisons = {
        group.name: {
            metric.name: _comparison(metric, control, _metrics(summary, group.name)) for metric in experiment.metrics
        }
        for group in experiment.treatments
    }
    for role in _ADJUSTMENTS:
        _adjust(comparisons, role)
    return comparisons


def _metrics(summary: Summary, group: str) -> Metrics:
    return summary.propensities[group].metrics if summary.propensities else summary.groups[group].metrics


def _comparison(metric: Metric, control: Metrics, treatment: Metrics) -> Comparison:
    if metric.name not in control:
        return Comparison(
            role=metric.role,
            direction=metric.direction,
            control=None,
            treatment=None,
            adjustment=_ADJUSTMENTS[metric.role][0],
            reason="no inverse-propensity estimate of such a metric, and a bandit's plain means are biased",
        )
    baseline, value = control[metric.name], treatment[metric.name]
    compared = compare(baseline, value)
    comparison = Comparison(
        role=metric.role,
        direction=metric.direction,
        control=value_of(baseline),
        treatment=value_of(value),
        adjustment=_ADJUSTMENTS[metric.role][0],
    )
    return comparison.model_copy(update=_parts(compared))


def _parts(compared: Compared) -> dict[str, object]:
    if isinstance(compared.absolute, Undefined):
        return {"reason": compared.absolute.reason}
    parts: dict[str, object] = {
        "difference": compared.absolute.estimate,
        "interval": (compared.absolute.lower, compared.absolute.upper),
        "p_value": compared.absolute.p_value,
        "method": compared.absolute.method,
        "effect_size": compared.effect_size,
    }
    if isinstance(compared.relative, Undefined):
        parts["reason"] = f"no relative difference: {compared.relative.reason}"
    else:
        parts["relative_difference"] = compared.relative.estimate
        parts["relative_interval"] = (compared.relative.lower, compared.relative.upper)
        parts["relative_method"] = compared.relative.method
    if not isinstance(compared.sequence, Undefined):
        parts["always_valid"] = AlwaysValid(
            interval=(compared.sequence.lower, compared.sequence.upper),
            p_value=compared.sequence.p_value,
            adjusted_p_value=compared.sequence.p_value,
            method=SEQUENCE_METHOD,
        )
    return parts


def _adjust(comparisons: Comparisons, role: Role) -> None:
    """Fill in the adjusted p-values of one family: all comparisons on metrics of one role."""
    adjust = _ADJUSTMENTS[role][1]
    family = [(group, name) for group, each in comparisons.items() for name in each if each[name].role == role]
    fixed = [(key, p) for key in family if (p := comparisons[key[0]][key[1]].p_value) is not None]
    for ((group, name), _), adjusted in zip(fixed, adjust([p for _, p in fixed]), strict=True):
        comparisons[group][name] = comparisons[group][name].model_copy(update={"adjusted_p_value": adjusted})
    valid = [(key, always) for key in family if (always := comparisons[key[0]][key[1]].always_valid) is not None]
    for ((group, name), always), adjusted in zip(valid, adjust([each.p_value for _, each in valid]), strict=True):
        always_valid = always.model_copy(update={"adjusted_p_value": adjusted})
        comparisons[group][name] = comparisons[group][name].model_copy(update={"always_valid": always_valid})
