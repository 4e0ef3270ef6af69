"""From results to the few figures that a list of experiments shows."""

from bakeoff_core.experiments.overview import (
    DAYS_OF_TRAFFIC,
    DecisionOverview,
    EffectOverview,
    GroupOverview,
    ModelOverview,
    Overview,
    SampleRatioState,
    Traffic,
)
from decision import interval_on
from model_documents import ModelResult
from results import Comparison, GroupResult, Results


def overview_of(results: Results, report_id: str | None = None) -> Overview:
    """Take the overview out of results.

    Args:
        results: What a look at an experiment came to.
        report_id: The dated report that was written of it, if one was.
    """
    metric, needed = _deciding_metric(results), results.decision.still_needed
    return Overview(
        experiment=results.experiment,
        config_version=results.window.config_version,
        computed_at=results.computed_at,
        users=results.n,
        groups={name: _group(group, metric) for name, group in results.groups.items()},
        traffic=_traffic(results),
        last_exposure=results.window.last_exposure,
        decision=DecisionOverview(
            verdict=results.decision.verdict,
            rule=results.decision.rule,
            group=results.decision.group,
            headline=results.decision.explanation,
            next_step=next(iter(results.decision.next_steps), None),
            more_users=None if needed is None else needed.more_users,
            more_days=None if needed is None else needed.days,
        ),
        effect=None if metric is None else _effect(results, metric),
        sample_ratio=_sample_ratio(results),
        sample_ratio_p_value=results.sample_ratio.p_value,
        crossovers=results.crossovers,
        planned_users=_planned_users(results),
        models=tuple(map(_model, results.models)),
        report_id=report_id,
    )


def _planned_users(results: Results) -> int | None:
    needed = None if results.plan is None else results.plan.needed
    return results.analysis.planned_sample_size if needed is None else needed


def _deciding_metric(results: Results) -> str | None:
    if results.decision.metric is not None:
        return results.decision.metric
    return None if results.primary_metric is None else results.primary_metric.name


def _group(group: GroupResult, metric: str | None) -> GroupOverview:
    value = group.metrics.get(metric) if metric is not None else None
    if value is None:
        return GroupOverview(users=group.n, control=group.control)
    return GroupOverview(
        users=group.n, control=group.control, value=value.estimate, interval=value.interval, amount=value.amount
    )


def _traffic(results: Results) -> tuple[Traffic, ...]:
    users: dict[str, int] = {}
    for group in results.groups.values():
        for day in group.daily:
            users[day.date.isoformat()] = users.get(day.date.isoformat(), 0) + day.users
    came = sorted(day for day, count in users.items() if count)
    return tuple(Traffic.model_validate({"date": day, "users": users[day]}) for day in came[-DAYS_OF_TRAFFIC:])


def _effect(results: Results, metric: str) -> EffectOverview | None:
    of_groups = {
        group: comparisons[metric]
        for group, comparisons in results.comparisons.items()
        if metric in comparisons and comparisons[metric].difference is not None
    }
    if not of_groups:
        return None
    group = results.decision.group
    if group not in of_groups:
        group = max(of_groups, key=lambda name: _improvement(of_groups[name]))
    comparison = of_groups[group]
    return EffectOverview(
        group=group,
        metric=metric,
        kind=next(each.kind for each in results.metrics if each.name == metric),
        direction=comparison.direction,
        difference=comparison.difference or 0.0,
        interval=interval_on(comparison, results.decision.basis),
        relative_difference=comparison.relative_difference,
        relative_interval=comparison.relative_interval,
    )


def _improvement(comparison: Comparison) -> float:
    difference = comparison.difference or 0.0
    return difference if comparison.direction == "increase" else -difference


def _sample_ratio(results: Results) -> SampleRatioState:
    if results.sample_ratio.p_value is None:
        return "unknown"
    return "mismatch" if results.sample_ratio.alarm else "as_configured"


def _model(model: ModelResult) -> ModelOverview:
    levels = [drift.level for drift in model.drift if drift.level is not None]
    return ModelOverview(
        group=model.group,
        model_name=model.model_name,
        model_version=model.model_version,
        predictions=model.predictions,
        fallbacks=model.fallbacks,
        p95_ms=None if model.latency_ms is None else model.latency_ms.p95,
        # The variable that is farthest from the training sample comes first.
        drift=next(iter(levels), None),
    )
