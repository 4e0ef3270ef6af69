"""A report's contents in words: what both the HTML and the Markdown report say."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from bakeoff_core.experiments.metrics import Amount, Metric
from decision import interval_on, p_value_on
from rendering.charts import Chart, Row, interval_chart
from rendering.formatting import (
    MISSING,
    count,
    interval,
    number,
    optional,
    p_value,
    percent,
    signed_percent,
)
from rendering.models import ModelSection, model_sections
from rendering.tables import Table, further_tables, metric_tables, write_difference, write_value
from results import Comparison, GroupResult, Results, StillNeeded
from stats.sample_ratio import ALARM_BELOW

_HEADLINES = {
    "implement": "Implement {group}",
    "reject": "Reject {group}",
    "continue_testing": "Continue testing",
    "no_data": "No data yet",
    "invalid": "Invalid: the groups cannot be compared",
}
_BASES = {
    "always_valid": "always-valid: holds however often the results are looked at",
    "planned_horizon": "planned horizon: holds for one look at the planned end",
    "group_sequential": "group-sequential: holds at the planned looks together",
}
_KINDS = {
    "always_valid": "always-valid {level} intervals",
    "planned_horizon": "{level} intervals",
    "group_sequential": "repeated {level} intervals",
}
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
_QUALITY = {
    "duplicate_events": "Repeated arrivals of an event, counted once",
    "events_before_exposure": "Events from before their user's first exposure, not counted",
    "events_of_unexposed_users": "Events that name the experiment, of users it never met",
    "unknown_group_exposures": "Exposures that name no group of the experiment",
    "exposures_outside_window": "Exposures outside the experiment's start and end",
    "forced_units": "Users forced into a group for testing, left out",
    "unusable_values": "Event values that are no number within range",
    "unreadable_lines": "Lines that are not events",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled statement."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group on one metric."""

    name: str
    users: str
    amount: str
    value: str
    interval: str


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One treatment against the control on one metric."""

    name: str
    difference: str
    interval: str
    relative: str
    relative_interval: str
    p_value: str
    adjusted_p_value: str
    always_valid_interval: str
    always_valid_p_value: str
    effect_size: str
    note: str


@dataclass(frozen=True, slots=True)
class Section:
    """One metric."""

    name: str
    about: str
    amount_label: str
    value_label: str
    groups: tuple[GroupRow, ...]
    effects: tuple[EffectRow, ...]
    charts: tuple[Chart, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report."""

    experiment: str
    verdict: str
    headline: str
    computed_at: str
    description: str
    hypotheses: tuple[str, ...]
    summary: tuple[Fact, ...]
    next_steps: tuple[str, ...]
    sections: tuple[Section, ...]
    models: tuple[ModelSection, ...]
    quality: tuple[Fact, ...]
    unreadable_objects: tuple[str, ...]
    methods: tuple[Fact, ...]
    tables: tuple[Table, ...]
    level: str


def page_of(results: Results) -> Page:
    """Put results into words."""
    return Page(
        experiment=results.experiment,
        verdict=results.decision.verdict,
        headline=_headline(results),
        computed_at=_moment(results.computed_at),
        description=results.description,
        hypotheses=results.hypotheses,
        summary=tuple(_summary(results)),
        next_steps=results.decision.next_steps,
        sections=tuple(_section(results, metric) for metric in results.metrics),
        models=model_sections(results.models),
        quality=tuple(_quality(results)),
        unreadable_objects=results.data_quality.unreadable_objects,
        methods=tuple(_methods(results)),
        tables=further_tables(results),
        level=_level(results),
    )


def _headline(results: Results) -> str:
    return _HEADLINES[results.decision.verdict].format(group=results.decision.group)


def _summary(results: Results) -> list[Fact]:
    decision = results.decision
    facts = [Fact("Tested", _tested(results)), Fact("Decision", f"{_headline(results)}. {decision.explanation}")]
    if decision.group is not None and decision.metric is not None:
        comparison = results.comparisons[decision.group][decision.metric]
        metric = next(metric for metric in results.metrics if metric.name == decision.metric)
        facts.append(Fact("How much", _how_much(decision.group, metric, comparison)))
        facts.append(Fact("How sure", _how_sure(results, comparison, write_difference(metric))))
    if decision.still_needed is not None:
        facts.append(Fact("Still needed", _still_needed(results, decision.still_needed)))
    return facts


def _still_needed(results: Results, needed: StillNeeded) -> str:
    if needed.users is None or needed.more_users is None or needed.effect is None:
        return f"cannot be told: {needed.reason}."
    metric = results.primary_metric
    effect = number(needed.effect) if metric is None else write_difference(metric)(needed.effect)
    power = percent(results.analysis.power).replace(".00", "")
    days = f"about {count(needed.days)} days at the present rate" if needed.days is not None else needed.reason
    return (
        f"to find a difference of {effect} with {power} power takes {count(needed.users)} users in all: "
        f"{count(needed.more_users)} more, {days}."
    )


def _level(results: Results) -> str:
    return f"{100 * results.analysis.confidence_level:g}%"


def _tested(results: Results) -> str:
    treatments = ", ".join(results.comparisons)
    primary = results.primary_metric
    on = "" if primary is None else f" on {primary.name}"
    return f"{_named_control(results.control)} against {treatments}{on}, with {count(results.n)} users."


def _how_much(group: str, metric: Metric, comparison: Comparison) -> str:
    if comparison.difference is None:
        return f"{metric.name} cannot be compared: {comparison.reason}."
    write = write_value(metric)
    relative = (
        "" if comparison.relative_difference is None else f", or {signed_percent(comparison.relative_difference)}"
    )
    return (
        f"{metric.name} is {optional(comparison.treatment, write)} in {group} and "
        f"{optional(comparison.control, write)} in the control: "
        f"{write_difference(metric)(comparison.difference)}{relative}."
    )


def _how_sure(results: Results, comparison: Comparison, write: Callable[[float], str]) -> str:
    basis = results.decision.basis
    p = p_value_on(comparison, basis)
    bounds = interval_on(comparison, basis)
    adjusted = "" if comparison.adjustment == "none" else f", {comparison.adjustment}-adjusted"
    return (
        f"{_level(results)} interval {interval(bounds, write)}; p {optional(p, p_value)}{adjusted} ({_BASES[basis]})."
    )


def _section(results: Results, metric: Metric) -> Section:
    return Section(
        name=metric.name,
        about=f"{metric.role} metric, {_meaning(metric)}; it should {metric.direction}",
        amount_label=_AMOUNTS[metric.kind],
        value_label=_VALUES[metric.kind],
        groups=tuple(_group_row(name, group, metric) for name, group in results.groups.items()),
        effects=tuple(_effect_row(name, each[metric.name], metric) for name, each in results.comparisons.items()),
        charts=tuple(chart for chart in (_value_chart(results, metric), _effect_chart(results, metric)) if chart),
        tables=metric_tables(results, metric),
    )


def _named_control(name: str) -> str:
    return name if name == "control" else f"{name} (control)"


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


def _group_row(name: str, group: GroupResult, metric: Metric) -> GroupRow:
    value = group.metrics[metric.name]
    return GroupRow(
        name=_named_control(name) if group.control else name,
        users=count(value.n) + (f" (+ {count(value.waiting)} waiting)" if value.waiting else ""),
        amount=optional(value.amount, count if metric.is_share else number),
        value=optional(value.estimate, write_value(metric)),
        interval=interval(value.interval, write_value(metric)),
    )


def _effect_row(name: str, comparison: Comparison, metric: Metric) -> EffectRow:
    write, always = write_difference(metric), comparison.always_valid
    effect = comparison.effect_size
    return EffectRow(
        name=name,
        difference=optional(comparison.difference, write),
        interval=interval(comparison.interval, write),
        relative=optional(comparison.relative_difference, signed_percent),
        relative_interval=interval(comparison.relative_interval, signed_percent),
        p_value=optional(comparison.p_value, p_value),
        adjusted_p_value=optional(comparison.adjusted_p_value, p_value),
        always_valid_interval=MISSING if always is None else interval(always.interval, write),
        always_valid_p_value=MISSING if always is None else p_value(always.adjusted_p_value),
        effect_size=MISSING if effect is None else f"{effect.name} {effect.value:+.3f}",
        note=comparison.reason or "",
    )


def _value_chart(results: Results, metric: Metric) -> Chart | None:
    write = write_value(metric)
    rows = []
    for name, group in results.groups.items():
        value = group.metrics[metric.name]
        estimate = value.estimate
        if estimate is not None and value.interval is not None:
            text = f"{write(estimate)} ({interval(value.interval, write)})"
            rows.append(Row(name, estimate, value.interval, text, muted=group.control))
    return interval_chart(f"{metric.name} by group, {_level(results)} intervals", rows, write)


def _effect_chart(results: Results, metric: Metric) -> Chart | None:
    """The differences with the intervals that the decision rests on."""
    write = write_difference(metric)
    rows = []
    for name, comparisons in results.comparisons.items():
        comparison = comparisons[metric.name]
        bounds = interval_on(comparison, results.decision.basis)
        if comparison.difference is not None and bounds is not None:
            text = f"{write(comparison.difference)} ({interval(bounds, write)})"
            rows.append(Row(name, comparison.difference, bounds, text))
    kind = _KINDS[results.decision.basis].format(level=_level(results))
    return interval_chart(f"{metric.name}: difference from {results.control}, {kind}", rows, write, about_zero=True)


def _quality(results: Results) -> list[Fact]:
    ratio = results.sample_ratio
    tested = (
        f"not tested: {ratio.reason}"
        if ratio.p_value is None
        else f"chi-square {number(ratio.statistic or 0.0)}, p {p_value(ratio.p_value)} "
        + ("(ALARM)" if ratio.alarm else f"(no alarm; one is raised below {ALARM_BELOW})")
    )
    shares = ", ".join(
        f"{name} {percent(group.n / results.n if results.n else 0)} of the users for {percent(group.configured_share)}"
        for name, group in results.groups.items()
    )
    counts = results.data_quality.model_dump()
    return [
        Fact("Sample ratio", f"{tested}; {shares}"),
        Fact("Users seen in two groups, left out", count(results.crossovers)),
        *(Fact(label, count(counts[name])) for name, label in _QUALITY.items()),
    ]


def _methods(results: Results) -> list[Fact]:
    window = results.window
    facts = [
        Fact(
            "Window",
            f"first exposures from {_optional_moment(window.start, 'the beginning')} to "
            f"{_optional_moment(window.end, 'now')} under configuration version {window.config_version}; observed "
            f"from {_optional_moment(window.first_exposure, MISSING)} to "
            f"{_optional_moment(window.last_exposure, MISSING)}",
        ),
        Fact("Unit", "the user, from the first exposure on; an event id counts once"),
    ]
    facts.extend(Fact(metric.name, _named_methods(results, metric)) for metric in results.metrics)
    facts.append(Fact("Decision", f"rule {results.decision.rule}, {_BASES[results.decision.basis]}"))
    return facts


def _named_methods(results: Results, metric: Metric) -> str:
    names: dict[str, None] = {}  # in the order of their first use
    for comparisons in results.comparisons.values():
        comparison = comparisons[metric.name]
        if comparison.method is not None:
            names[comparison.method] = None
        if comparison.relative_method is not None:
            names[f"relative difference by {comparison.relative_method}"] = None
        if comparison.always_valid is not None:
            names[comparison.always_valid.method] = None
        names[
            "p-values not adjusted" if comparison.adjustment == "none" else f"{comparison.adjustment} over the family"
        ] = None
    return "; ".join(names)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _optional_moment(moment: datetime | None, otherwise: str) -> str:
    return otherwise if moment is None else _moment(moment)
