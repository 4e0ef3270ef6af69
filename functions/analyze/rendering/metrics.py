"""One metric: what it means, its value in each group, and the comparisons with the control."""

from bakeoff_core.experiments.metrics import Amount, Metric
from rendering.blocks import Chart, Prose, Section, Table, of
from rendering.charts.distribution import distribution_chart
from rendering.charts.intervals import effects_chart, values_chart
from rendering.formatting import MISSING, count, interval, number, optional, p_value, sentence, signed_percent
from rendering.summary import deciding_intervals, level, named_control
from rendering.tables import metric_tables, write_difference, write_value
from results import Comparison, GroupResult, Results

_AMOUNTS = {
    "conversion": "Converted",
    "retention": "Came back",
    "mean": "Sum",
    "count": "Events",
    "ratio": "Numerator",
    "quantile": "Sum",
}
_VALUES = {
    "conversion": "Rate",
    "retention": "Rate",
    "mean": "Mean per user",
    "count": "Mean per user",
    "ratio": "Ratio",
    "quantile": "Quantile",
}


def metric_section(results: Results, metric: Metric) -> Section:
    """Everything about one metric."""
    charts = value_charts(results, metric)
    return Section(
        metric.name,
        of(
            Prose(f"{sentence(about(metric))}."),
            *(charts or (groups_table(results, metric), effects_table(results, metric))),
            *(
                Prose(f"{group}: {comparisons[metric.name].reason}.")
                for group, comparisons in results.comparisons.items()
                if comparisons[metric.name].reason
            ),
            distribution_chart(results, metric),
            *metric_tables(results, metric),
        ),
    )


def value_charts(results: Results, metric: Metric) -> tuple[Chart | Table, ...]:
    """Values and differences with their intervals; as tables alone where nothing can be drawn."""
    groups, effects = groups_table(results, metric), effects_table(results, metric)
    return (
        values_chart(results, metric, level(results), groups) or groups,
        effects_chart(results, metric, deciding_intervals(results), effects) or effects,
    )


def about(metric: Metric) -> str:
    """The metric's role, meaning and direction."""
    return f"{metric.role} metric, {_meaning(metric)}; it should {metric.direction}"


def groups_table(results: Results, metric: Metric) -> Table:
    """The value in each group."""
    return Table(
        f"{metric.name} by group",
        f"{_VALUES[metric.kind]} and its interval.",
        ("Group", "Users", _AMOUNTS[metric.kind], _VALUES[metric.kind], f"{level(results)} interval"),
        tuple(_group_row(name, group, metric) for name, group in results.groups.items()),
    )


def effects_table(results: Results, metric: Metric) -> Table:
    """Each treatment against the control."""
    interval_heading = f"{level(results)} interval"
    return Table(
        f"{metric.name} against {named_control(results.control)}",
        "Treatment minus control, for one look at the planned end and always valid. What is adjusted holds for all "
        "comparisons of its family together.",
        (
            "Group",
            "Difference",
            interval_heading,
            f"{interval_heading}, adjusted",
            "Relative",
            interval_heading,
            "p",
            "Adjusted p",
            "Always-valid interval, adjusted",
            "Always-valid p, adjusted",
            "Effect size",
        ),
        tuple(_effect_row(name, each[metric.name], metric) for name, each in results.comparisons.items()),
    )


def _meaning(metric: Metric) -> str:
    within = "" if metric.window_hours is None else f" within {metric.window_hours:g} hours of first exposure"
    match metric.kind:
        case "conversion":
            return f"the share of users with a {metric.event_type} event{within}"
        case "retention":
            start, end = metric.hours
            what = f"a {metric.event_type} event" if metric.event_type else "any event"
            return f"the share of users with {what} from {start:g} to {end:g} hours after first exposure"
        case "ratio":
            over = _amount(metric.denominator) if metric.denominator else ""
            return f"{_amount(metric.amount)} over {over}, of all users together{within}"
        case "quantile":
            return f"the {100 * (metric.quantile or 0):g}% quantile over users of {_amount(metric.amount)}{within}"
        case _:
            return f"per user {_amount(metric.amount)}{within}"


def _amount(amount: Amount) -> str:
    of_type = f" of type {amount.event_type}" if amount.event_type else ""
    if amount.aggregate != "sum":
        return f"the number of their events{of_type}"
    return f"the sum of {f'{amount.field} of their events' if amount.field else 'the value of their events'}{of_type}"


def _group_row(name: str, group: GroupResult, metric: Metric) -> tuple[str, ...]:
    value = group.metrics[metric.name]
    return (
        named_control(name) if group.control else name,
        count(value.n) + (f" (+ {count(value.waiting)} waiting)" if value.waiting else ""),
        optional(value.amount, count if metric.is_share else number),
        optional(value.estimate, write_value(metric)),
        interval(value.interval, write_value(metric)),
    )


def _effect_row(name: str, comparison: Comparison, metric: Metric) -> tuple[str, ...]:
    write, always, effect = write_difference(metric), comparison.always_valid, comparison.effect_size
    return (
        name,
        optional(comparison.difference, write),
        interval(comparison.interval, write),
        interval(comparison.adjusted_interval, write),
        optional(comparison.relative_difference, signed_percent),
        interval(comparison.relative_interval, signed_percent),
        optional(comparison.p_value, p_value),
        optional(comparison.adjusted_p_value, p_value),
        MISSING if always is None else interval(always.adjusted_interval or always.interval, write),
        MISSING if always is None else p_value(always.adjusted_p_value),
        MISSING if effect is None else f"{effect.name} {effect.value:+.3f}",
    )
