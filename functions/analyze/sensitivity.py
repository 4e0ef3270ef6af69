"""How much an effect depends on when units came and how long they have been in: cohorts, weeks, single days."""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import reduce
from typing import Any, Literal, TypeAlias

from comparing import Terms, difference_of, value_of
from engine.summary import GroupSummary, Statistics
from results import DaySinceExposure, LeftOutDay, Sensitivity, TrendResult, WeekEffect
from stats.difference import Undefined
from stats.trend import trend

ByDay: TypeAlias = Mapping[date, Statistics]

_EPOCH = date(1970, 1, 5)  # a Monday


def trend_of(values: Mapping[int, float], level: float) -> TrendResult:
    """Fit a line through values by day."""
    days = sorted(values)
    found = trend([float(day) for day in days], [values[day] for day in days], level=level)
    if isinstance(found, Undefined):
        return TrendResult(reason=found.reason)
    return TrendResult(
        slope=found.slope,
        standard_error=found.standard_error,
        interval=(found.lower, found.upper),
        p_value=found.p_value,
        direction=found.direction,
    )


def group_trend(group: GroupSummary, metric: str, level: float) -> TrendResult:
    """The trend of a group's value by day of first exposure."""
    values = {
        (day - _EPOCH).days: value
        for day, each in group.cohorts.get(metric, {}).items()
        if (value := value_of(each)) is not None
    }
    return trend_of(values, level)


def sensitivity(control: GroupSummary, treatment: GroupSummary, metric: str, terms: Terms) -> Sensitivity:
    """Take one treatment's effect on one metric apart.

    Args:
        control: The control group.
        treatment: The treatment group.
        metric: The metric's name; its statistics by cohort are used as far as there are some.
        terms: Of the comparisons; their p-values are those of one look.
    """
    c, t = control.cohorts.get(metric, {}), treatment.cohorts.get(metric, {})
    c_since, t_since = control.since_exposure.get(metric, {}), treatment.since_exposure.get(metric, {})
    since = tuple(
        DaySinceExposure(day=day, **effect(c_since[day], t_since[day], terms))
        for day in sorted(c_since.keys() & t_since.keys())
    )
    novelty = trend_of({each.day: each.difference for each in since if each.difference is not None}, terms.level)
    by_cohort = {
        (day - _EPOCH).days: difference
        for day in c.keys() & t.keys()
        if (difference := effect(c[day], t[day], terms)["difference"]) is not None
    }
    without = tuple(_without_days(c, t, terms))
    return Sensitivity(
        weeks=tuple(_weeks(c, t, terms)),
        without_day=without,
        depends_on_a_day=_depends_on_a_day(c, t, without, terms),
        since_exposure=since,
        novelty=novelty,
        novelty_finding=_finding(novelty, since),
        cohort_trend=trend_of(by_cohort, terms.level),
    )


def effect(control: Statistics, treatment: Statistics, terms: Terms) -> dict[str, Any]:
    """The fields of an `Effect`."""
    fields: dict[str, Any] = {"control_n": control.n, "treatment_n": treatment.n, "difference": None}
    found = difference_of(control, treatment, terms)
    if isinstance(found, Undefined):
        return fields | {"reason": found.reason}
    return fields | {
        "difference": found.estimate,
        "interval": (found.lower, found.upper),
        "p_value": found.p_value,
    }


def merge(statistics: list[Statistics]) -> Statistics | None:
    """Join the statistics of disjoint sets of units; None of none."""
    # Statistics of one metric are all of one class, and each class joins its own.
    return reduce(lambda a, b: a.merge(b), statistics) if statistics else None  # type: ignore[union-attr, arg-type]


def _weeks(control: ByDay, treatment: ByDay, terms: Terms) -> list[WeekEffect]:
    def by_week(days: ByDay) -> dict[date, list[Statistics]]:
        weeks: dict[date, list[Statistics]] = {}
        for day in sorted(days):
            weeks.setdefault(day - timedelta(days=day.weekday()), []).append(days[day])
        return weeks

    c, t = by_week(control), by_week(treatment)
    effects = []
    for week in sorted(c.keys() & t.keys()):
        baseline, value = merge(c[week]), merge(t[week])
        if baseline is not None and value is not None:
            effects.append(WeekEffect(week=week, **effect(baseline, value, terms)))
    return effects


def _without_days(control: ByDay, treatment: ByDay, terms: Terms) -> list[LeftOutDay]:
    effects = []
    for left_out in sorted(control.keys() | treatment.keys()):
        baseline = merge([each for day, each in control.items() if day != left_out])
        value = merge([each for day, each in treatment.items() if day != left_out])
        if baseline is not None and value is not None:
            effects.append(LeftOutDay(date=left_out, **effect(baseline, value, terms)))
    return effects


def _depends_on_a_day(control: ByDay, treatment: ByDay, without: tuple[LeftOutDay, ...], terms: Terms) -> bool:
    baseline, value = merge(list(control.values())), merge(list(treatment.values()))
    if baseline is None or value is None:
        return False
    alpha = 1 - terms.level
    whole = effect(baseline, value, terms).get("p_value")
    return whole is not None and any(
        each.p_value is not None and (each.p_value < alpha) != (whole < alpha) for each in without
    )


def _finding(novelty: TrendResult, since: tuple[DaySinceExposure, ...]) -> Literal["wears off", "grows", "no trend"]:
    first = next((each.difference for each in since if each.difference is not None), None)
    if novelty.direction == "no trend" or not first:
        return "no trend"
    return "wears off" if (novelty.direction == "down") == (first > 0) else "grows"
