"""How far an experiment is: how many more users, and days, until its primary metric can decide."""

from dataclasses import dataclass
from datetime import datetime
from math import ceil, sqrt

from bakeoff_core.experiments.metrics import Metric
from bakeoff_core.experiments.model import Experiment
from comparing import Comparable, Compared, estimate_of
from engine.summary import Summary
from results import PlanProgress, StillNeeded
from stats.difference import Undefined
from stats.power import (
    Design,
    SampleSize,
    days_needed,
    mean_sample_size,
    proportion_sample_size,
    sequence_sample_size,
)
from stats.proportions import Proportion

_SECONDS_A_DAY = 86_400
_SHORTEST_DAYS = 1 / 24  # a rate over less than an hour says nothing


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one comparison stands.

    Attributes:
        metric: The metric.
        control: The control's statistics.
        treatment: The treatment's.
        compared: Their comparison.
        ratio: Units of the treatment over units of the control, as configured.
    """

    metric: Metric
    control: Comparable
    treatment: Comparable
    compared: Compared
    ratio: float


def runtime_days(experiment: Experiment, summary: Summary, as_of: datetime) -> float:
    """For how many days an experiment has run until a moment, or until it was ended: 0 before its first exposure."""
    start = experiment.start_time or summary.first_exposure
    if start is None or summary.first_exposure is None:
        return 0.0
    until = min(as_of, experiment.ended_at or as_of)
    return max(0.0, (until - start).total_seconds() / _SECONDS_A_DAY)


def still_needed(experiment: Experiment, summary: Summary, standing: Standing, as_of: datetime) -> StillNeeded:
    """Work out how many users it takes to find the effect with the plan's power.

    For always-valid inference from the confidence sequence's width, else from the power of the fixed test; of
    a metric that is no share from the standard deviation seen so far. More users arrive at the rate since first
    exposure.
    """
    effect = _effect(standing)
    if effect is None or effect == 0:
        return StillNeeded(reason="no effect is seen so far, and the metric names no minimum_effect")
    pair = _pair(experiment, standing, effect)
    if isinstance(pair, Undefined):
        return StillNeeded(effect=effect, reason=pair.reason)
    n = sum(group.n for group in summary.groups.values())
    now_in_pair = standing.control.n + standing.treatment.n
    users = ceil(pair * n / now_in_pair)
    more = max(0, users - n)
    days = days_needed(more, _rate(experiment, summary, as_of))
    if isinstance(days, Undefined):
        return StillNeeded(effect=effect, users=users, more_users=more, reason=days.reason)
    return StillNeeded(effect=effect, users=users, more_users=more, days=days)


def plan_progress(
    experiment: Experiment, summary: Summary, needed: StillNeeded | None, as_of: datetime
) -> PlanProgress:
    """Say how far an experiment is with its plan: its number of users or its end, else the power that it wants.

    Args:
        experiment: Its configuration.
        summary: What its events come to.
        needed: What the comparison that the decision is about still takes, if there is one.
        as_of: The moment of the analysis.
    """
    plan, n = experiment.analysis, sum(group.n for group in summary.groups.values())
    if plan.planned_sample_size is not None:
        planned = plan.planned_sample_size
        return PlanProgress(users=n, needed=planned, share=min(1.0, n / planned), by="planned_sample_size")
    if plan.inference != "always_valid" and experiment.start_time is not None and experiment.end_time is not None:
        until = min(as_of, experiment.ended_at or as_of)
        share = (until - experiment.start_time) / (experiment.end_time - experiment.start_time)
        return PlanProgress(users=n, share=min(1.0, max(0.0, share)), by="end_time")
    if needed is None or needed.users is None:
        why = "no comparison decides" if needed is None else needed.reason
        return PlanProgress(users=n, reason=why)
    return PlanProgress(users=n, needed=needed.users, share=min(1.0, n / max(needed.users, 1)), by="power")


def minimum_effect(standing: Standing) -> float | None:
    """The metric's minimum effect as a difference of values, for the better; None where it names none."""
    baseline = estimate_of(standing.control)
    if standing.metric.minimum_effect is None or isinstance(baseline, Undefined):
        return None
    sign = 1 if standing.metric.direction == "increase" else -1
    return sign * standing.metric.minimum_effect * abs(baseline.value)


def design_of(experiment: Experiment, standing: Standing) -> Design:
    """What the plan fixes for one comparison."""
    plan = experiment.analysis
    return Design(
        alpha=1 - plan.confidence_level,
        power=plan.power,
        sides=2 if standing.metric.alternative == "two_sided" else 1,
        treatments=len(experiment.treatments),
        ratio=standing.ratio,
    )


def common_sd(standing: Standing) -> float:
    """The standard deviation of one unit's value, of both groups pooled."""
    c, t = estimate_of(standing.control), estimate_of(standing.treatment)
    if isinstance(c, Undefined) or isinstance(t, Undefined):
        return 0.0
    return sqrt((c.variance * (c.n - 1) + t.variance * (t.n - 1)) / (c.n + t.n - 2))


def _effect(standing: Standing) -> float | None:
    wanted, absolute = minimum_effect(standing), standing.compared.absolute
    if wanted is not None:
        return wanted
    return None if isinstance(absolute, Undefined) else absolute.estimate


def _pair(experiment: Experiment, standing: Standing, effect: float) -> int | Undefined:
    """Units of control and treatment together."""
    plan, design = experiment.analysis, design_of(experiment, standing)
    if plan.inference == "always_valid":
        unit_sd = standing.compared.standard_error * sqrt(standing.control.n + standing.treatment.n)
        return sequence_sample_size(unit_sd, effect, design, tuning_sample_size=plan.tuning_sample_size)
    if isinstance(standing.control, Proportion):
        size = proportion_sample_size(standing.control.rate, effect, design)
    else:
        size = mean_sample_size(common_sd(standing), effect, design)
    return size if isinstance(size, Undefined) else _together(size)


def _together(size: SampleSize) -> int:
    return size.control + size.treatment


def _rate(experiment: Experiment, summary: Summary, as_of: datetime) -> float:
    """Users a day since the first exposure."""
    if summary.first_exposure is None:
        return 0.0
    until = min(as_of, experiment.ended_at or as_of)
    days = (until - summary.first_exposure).total_seconds() / _SECONDS_A_DAY
    return sum(group.n for group in summary.groups.values()) / max(days, _SHORTEST_DAYS)
