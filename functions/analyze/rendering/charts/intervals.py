"""Estimates with their intervals, below each other: values by group, differences by treatment and by segment."""

from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff_core.experiments.metrics import Metric
from decision import interval_on
from rendering.blocks import Chart, Table
from rendering.charts.scales import Scale, difference_scale, value_scale
from rendering.formatting import count, interval
from rendering.plotly import points, rows, style
from results import Interval, Results, SegmentEffect

_MOST_SEGMENTS = 30


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    estimate: float
    interval: Interval
    look: int


def values_chart(results: Results, metric: Metric, level: str, table: Table) -> Chart | None:
    """A metric's value in each group, with its interval."""
    scale = value_scale(metric)
    found = [
        _Row(name, estimate, value.interval, index)
        for index, (name, group) in enumerate(results.groups.items())
        if (estimate := (value := group.metrics[metric.name]).estimate) is not None and value.interval is not None
    ]
    title = f"{metric.name} by group, with {level} intervals"
    return _chart(title, _each(found, scale), found, scale, metric.name, table)


def effects_chart(results: Results, metric: Metric, kind: str, table: Table) -> Chart | None:
    """The differences from the control, with the intervals that the decision rests on."""
    scale = difference_scale(metric)
    looks = {name: index for index, name in enumerate(results.groups)}
    found = [
        _Row(name, comparison.difference, bounds, looks[name])
        for name, comparisons in results.comparisons.items()
        if (comparison := comparisons[metric.name]).difference is not None
        and (bounds := interval_on(comparison, results.decision.basis)) is not None
    ]
    title = f"{metric.name}: difference from {results.control}, with {kind}"
    finding = " ".join(f"{_said(row, scale)}, which {_about_zero(row.interval)}." for row in found)
    return _chart(title, finding, found, scale, "Difference", table, zero=True)


def segments_chart(results: Results, metric: Metric, group: str, level: str, table: Table) -> Chart | None:
    """One treatment's effect in every segment, below its effect on all users."""
    scale = difference_scale(metric)
    whole = results.comparisons[group][metric.name]
    look = list(results.groups).index(group)
    effects = _of(results.segments.effects, metric.name, group)
    found = [
        _Row(f"{each.segment} = {each.value}", each.difference, each.interval, look)
        for each in effects
        if each.difference is not None and each.interval is not None
    ]
    if not found:
        return None
    if whole.difference is not None and whole.interval is not None:
        found.insert(0, _Row("All users", whole.difference, whole.interval, look))
    apart = [row.label for row in found[1:] if row.interval[0] > 0 or row.interval[1] < 0]
    finding = (
        f"Of {count(len(effects))} segments, {count(len(apart))} have an interval that excludes zero"
        + (f": {', '.join(apart)}" if apart else "")
        + ". Many segments are looked at, so go by the adjusted p-values of the table."
    )
    title = f"{metric.name}: effect of {group} by segment, with {level} intervals"
    return _chart(title, finding, found, scale, "Difference", table, zero=True)


def _of(effects: Sequence[SegmentEffect], metric: str, group: str) -> list[SegmentEffect]:
    """Those with most users, in their order."""
    own = [each for each in effects if (each.metric, each.group) == (metric, group)]
    by_users = sorted(range(len(own)), key=lambda at: -(own[at].control_n + own[at].treatment_n))
    return [own[at] for at in sorted(by_users[:_MOST_SEGMENTS])]


def _chart(  # noqa: PLR0913 - what a chart is made of
    title: str, finding: str, found: Sequence[_Row], scale: Scale, axis: str, table: Table, *, zero: bool = False
) -> Chart | None:
    if not found:
        return None
    return Chart(
        title,
        finding,
        tuple(
            points(
                [scale.of(row.estimate)],
                [position],
                intervals=[(scale.of(row.interval[0]), scale.of(row.interval[1]))],
                hover=[_said(row, scale)],
                look=style(row.look),
                name=row.label,
            )
            for position, row in enumerate(found)
        ),
        rows([row.label for row in found], scale.title(axis), suffix=scale.suffix, zero=zero),
        table,
    )


def _each(found: Sequence[_Row], scale: Scale) -> str:
    return " ".join(f"{_said(row, scale)}." for row in found)


def _said(row: _Row, scale: Scale) -> str:
    return f"{row.label}: {scale.write(row.estimate)} ({interval(row.interval, scale.write)})"


def _about_zero(bounds: Interval) -> str:
    if bounds[0] > 0:
        return "lies above zero"
    return "lies below zero" if bounds[1] < 0 else "includes zero"
