"""The course over days: users, the primary metric, the effect with its confidence sequence, and the plan."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate

from bakeoff_core.experiments.metrics import Metric
from rendering.blocks import Chart, JsonObject, Table
from rendering.charts.scales import Scale, difference_scale, value_scale
from rendering.formatting import MISSING, count, day, interval, number, optional, percent, plural
from rendering.plotly import Style, alone, band, bars, line, over_days, rule, style
from results import EffectPoint, GroupResult, PlanProgress, Results

_ADDS_UP = frozenset({"conversion", "retention", "mean", "count"})


@dataclass(frozen=True, slots=True)
class _Daily:
    """One group's days, without gaps."""

    name: str
    look: int
    users: tuple[int, ...]
    amounts: tuple[float, ...]

    @property
    def all_users(self) -> list[int]:
        """Users by the end of each day: every user counts on the day of its first exposure alone."""
        return list(accumulate(self.users))

    @property
    def values(self) -> list[float | None]:
        """The amount over the users by the end of each day."""
        reached = accumulate(self.amounts)
        return [amount / n if n else None for amount, n in zip(reached, self.all_users, strict=True)]


def users_charts(results: Results) -> tuple[Chart, ...]:
    """New users a day, and all users by the end of each."""
    days, groups = _days(results)
    if not days:
        return ()
    return (
        Chart(
            "New users a day, by group",
            " ".join(f"{each.name}: {count(sum(each.users) / len(days))} a day on average." for each in groups),
            tuple(_bars(days, each, each.users, "new users") for each in groups),
            over_days("New users", _dates(days), from_zero=True),
            _by_day(
                "New users by day",
                "New users on each day (UTC), by their first exposure.",
                days,
                {each.name: [count(n) for n in each.users] for each in groups},
            ),
        ),
        Chart(
            "All users by the end of each day, by group",
            f"By {day(days[-1])}: " + ", ".join(f"{each.name} {count(each.all_users[-1])}" for each in groups) + ".",
            tuple(
                line(
                    _dates(days),
                    each.all_users,
                    hover=[f"{each.name}: {count(n)} users" for n in each.all_users],
                    look=style(each.look),
                    name=each.name,
                )
                for each in groups
            ),
            over_days("Users", _dates(days), from_zero=True),
            _by_day(
                "All users by the end of each day",
                "Every user counts once, on the day (UTC) of its first exposure.",
                days,
                {each.name: [count(n) for n in each.all_users] for each in groups},
            ),
        ),
    )


def metric_charts(results: Results) -> tuple[Chart, ...]:
    """What came in of the primary metric on each day, and its value by the end of each, where it adds up."""
    metric = results.primary_metric
    days, groups = _days(results)
    if metric is None or metric.kind not in _ADDS_UP or not days:
        return ()
    scale, write = value_scale(metric), count if metric.is_share else number
    what = "first conversions" if metric.is_share else "the day's sum"
    return (
        Chart(
            f"{metric.name}: {what} a day, by group",
            " ".join(f"{each.name}: {write(sum(each.amounts))} in {plural(len(days), 'day')}." for each in groups),
            tuple(_bars(days, each, each.amounts, what, write) for each in groups),
            over_days(metric.name, _dates(days), from_zero=True),
            _by_day(
                f"{metric.name}: {what} by day",
                "On each day (UTC), whenever their users came.",
                days,
                {each.name: [write(amount) for amount in each.amounts] for each in groups},
            ),
        ),
        Chart(
            f"{metric.name} by the end of each day, by group",
            f"All so far over all users so far. By {day(days[-1])}: "
            + ", ".join(f"{each.name} {optional(each.values[-1], scale.write)}" for each in groups)
            + ".",
            tuple(
                line(
                    _dates(days),
                    [None if value is None else scale.of(value) for value in each.values],
                    hover=[f"{each.name}: {optional(value, scale.write)}" for value in each.values],
                    look=style(each.look),
                    name=each.name,
                )
                for each in groups
            ),
            over_days(scale.title(metric.name), _dates(days), suffix=scale.suffix),
            _by_day(
                f"{metric.name} by the end of each day",
                "All so far over all users so far.",
                days,
                {each.name: [optional(value, scale.write) for value in each.values] for each in groups},
            ),
        ),
    )


def effect_charts(results: Results, kind: str, groups: Collection[str] | None = None) -> tuple[Chart, ...]:
    """Treatments' effects on the primary metric as they stood day by day, and what would have decided.

    Args:
        results: The results.
        kind: What the intervals are called.
        groups: Of which treatments; of all if None.
    """
    metric = results.primary_metric
    if metric is None:
        return ()
    return tuple(
        _effect_chart(results, metric, group, timeline, kind)
        for group, timeline in results.timeline.items()
        if (groups is None or group in groups) and any(point.difference is not None for point in timeline)
    )


def _effect_chart(results: Results, metric: Metric, group: str, timeline: Sequence[EffectPoint], kind: str) -> Chart:
    scale, look = difference_scale(metric), alone(list(results.groups).index(group))
    value = value_scale(metric)
    at_looks = results.analysis.inference == "group_sequential"
    dates = [point.at.isoformat() if at_looks else point.date.isoformat() for point in timeline]
    decidable = any(point.boundary is not None for point in timeline)
    return Chart(
        f"{metric.name}: effect of {group} day by day, with {kind}"
        + (" and the boundary of a decision" if decidable else ""),
        _effect_finding(timeline, scale),
        (
            *_interval_traces(dates, timeline, scale, look),
            *(_boundary_traces(dates, timeline, scale) if decidable else ()),
            _effect_trace(dates, timeline, scale, look),
        ),
        over_days(scale.title("Difference"), dates, suffix=scale.suffix),
        Table(
            f"{metric.name}: effect of {group} day by day",
            "The effect on everything known by the end of each day (UTC). A difference beyond the boundary, on either "
            "side of zero, decides.",
            ("Day", "Users", "Control", group, "Difference", "Interval", "Boundary"),
            tuple(
                (
                    day(point.date),
                    f"{count(point.control_n)} / {count(point.treatment_n)}",
                    optional(point.control, value.write),
                    optional(point.treatment, value.write),
                    optional(point.difference, scale.write),
                    interval(point.interval, scale.write),
                    MISSING if point.boundary is None else f"±{_magnitude(point.boundary, scale)}",
                )
                for point in timeline
            ),
        ),
    )


def _interval_traces(
    dates: Sequence[str], timeline: Sequence[EffectPoint], scale: Scale, look: Style
) -> tuple[JsonObject, ...]:
    if len(timeline) == 1:  # an area of one day has no width: the effect carries its interval itself
        return ()
    lows, highs = ([None if p.interval is None else scale.of(p.interval[side]) for p in timeline] for side in (0, 1))
    return band(dates, lows, highs, look=look, name="interval")


def _boundary_traces(dates: Sequence[str], timeline: Sequence[EffectPoint], scale: Scale) -> tuple[JsonObject, ...]:
    above = [None if point.boundary is None else scale.of(point.boundary) for point in timeline]
    below = [None if each is None else -each for each in above]
    upper, lower = (
        rule(dates, each, colour="$stop", dash="dash", name="boundary of a decision") for each in (above, below)
    )
    return upper, lower | {"showlegend": False}


def _effect_trace(dates: Sequence[str], timeline: Sequence[EffectPoint], scale: Scale, look: Style) -> JsonObject:
    trace = line(
        dates,
        [None if point.difference is None else scale.of(point.difference) for point in timeline],
        hover=[
            f"{optional(point.difference, scale.write)} ({interval(point.interval, scale.write)})"
            + ("" if point.boundary is None else f", decides beyond ±{_magnitude(point.boundary, scale)}")
            for point in timeline
        ],
        look=look,
        name="effect",
    )
    only = timeline[0]
    if len(timeline) > 1 or only.difference is None or only.interval is None:
        return trace
    low, high = only.interval
    return trace | {
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [scale.of(high - only.difference)],
            "arrayminus": [scale.of(only.difference - low)],
            "color": look.colour,
        }
    }


def _effect_finding(timeline: Sequence[EffectPoint], scale: Scale) -> str:
    last = [point for point in timeline if point.difference is not None][-1]
    said = (
        f"By {day(last.date)}, with {plural(last.control_n + last.treatment_n, 'user')}, the difference is "
        f"{optional(last.difference, scale.write)} ({interval(last.interval, scale.write)})"
    )
    since = _decided_since(timeline)
    if since is not None:
        return f"{said}; it has been beyond the boundary of a decision since {day(since)}."
    if last.boundary is None:
        return f"{said}."
    return f"{said}; it is within the boundary of a decision, ±{_magnitude(last.boundary, scale)}."


def _decided_since(timeline: Sequence[EffectPoint]) -> date | None:
    """The first day of the last stretch beyond the boundary, if the last day is in one."""
    since = None
    for point in reversed(timeline):
        if point.difference is None or point.boundary is None or abs(point.difference) < point.boundary:
            break
        since = point.date
    return since


def plan_chart(results: Results) -> Chart | None:
    """All users so far against those that the plan asks for."""
    plan = results.plan
    days, groups = _days(results)
    if plan is None or plan.needed is None or not days:
        return None
    reached = list(map(sum, zip(*(each.all_users for each in groups), strict=True)))
    return Chart(
        "Users against the plan",
        plan_in_words(plan),
        (
            line(
                _dates(days),
                reached,
                hover=[f"{count(n)} users, {percent(min(1.0, n / plan.needed))} of the plan" for n in reached],
                look=alone(1),
                name="users",
            ),
            rule(
                _dates(days), [plan.needed] * len(days), colour="$go", dash="dash", name=f"plan: {count(plan.needed)}"
            ),
        ),
        over_days("Users", _dates(days), from_zero=True),
        Table(
            "Users against the plan",
            "All users by the end of each day (UTC), and their share of those that are needed.",
            ("Day", "Users", "Needed", "Share"),
            tuple(
                (day(each), count(n), count(plan.needed), percent(min(1.0, n / plan.needed)))
                for each, n in zip(days, reached, strict=True)
            ),
        ),
    )


def plan_in_words(plan: PlanProgress) -> str:
    """How far the experiment is by its plan."""
    done = "" if plan.share is None else f", {percent(plan.share)} of the plan"
    if plan.needed is None:
        why = "" if plan.reason is None else f"; how many are needed cannot be told: {plan.reason}"
        return f"{count(plan.users)} users{done}{_BY.get(plan.by or '', '')}{why}."
    return f"{count(plan.users)} of {count(plan.needed)} users{done}{_BY.get(plan.by or '', '')}."


_BY = {
    "planned_sample_size": " (the sample size that was planned)",
    "end_time": " (until the planned end)",
    "power": " (what it takes to find the effect with the plan's power)",
}


def _bars(
    days: Sequence[date],
    group: _Daily,
    amounts: Sequence[float],
    what: str,
    write: Callable[[float], str] = count,
) -> JsonObject:
    return bars(
        _dates(days),
        amounts,
        hover=[f"{group.name}: {write(amount)} ({what})" for amount in amounts],
        look=style(group.look),
        name=group.name,
    )


def _by_day(title: str, about: str, days: Sequence[date], columns: Mapping[str, Sequence[str]]) -> Table:
    rows = zip(*columns.values(), strict=True)
    return Table(
        title,
        about,
        ("Day", *columns),
        tuple((day(each), *cells) for each, cells in zip(days, rows, strict=True)),
    )


def _days(results: Results) -> tuple[list[date], list[_Daily]]:
    found = {point.date for group in results.groups.values() for point in group.daily}
    if not found:
        return [], []
    first, last = min(found), max(found)
    days = [date.fromordinal(each) for each in range(first.toordinal(), last.toordinal() + 1)]
    return days, [_daily(name, at, group, days) for at, (name, group) in enumerate(results.groups.items())]


def _daily(name: str, look: int, group: GroupResult, days: Sequence[date]) -> _Daily:
    known = {point.date: point for point in group.daily}
    return _Daily(
        name,
        look,
        tuple(known[each].users if each in known else 0 for each in days),
        tuple(known[each].value if each in known else 0.0 for each in days),
    )


def _dates(days: Sequence[date]) -> list[str]:
    return [each.isoformat() for each in days]


def _magnitude(value: float | None, scale: Scale) -> str:
    return optional(value, scale.write).lstrip("+")
