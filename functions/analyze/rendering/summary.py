"""The first lines of every report: what was tested, the decision, how much, how sure, what to do next."""

from collections.abc import Callable

from bakeoff_core.experiments.metrics import Metric
from decision import interval_on, p_value_on
from rendering.blocks import Fact
from rendering.formatting import (
    count,
    interval,
    number,
    optional,
    p_value,
    percent,
    plural,
    probability,
    signed_percent,
)
from rendering.tables import write_difference, write_value
from results import Comparison, Results, StillNeeded

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


def headline(results: Results) -> str:
    """The decision in two words."""
    return _HEADLINES[results.decision.verdict].format(group=results.decision.group)


def level(results: Results) -> str:
    """The coverage of the intervals: 95%."""
    return f"{100 * results.analysis.confidence_level:g}%"


def deciding_intervals(results: Results) -> str:
    """What the intervals are called that the decision rests on."""
    return _KINDS[results.decision.basis].format(level=level(results))


def course_intervals(results: Results) -> str:
    """What the intervals of the course over time are called: a fixed horizon has none of its own before its end."""
    kind = "group_sequential" if results.analysis.inference == "group_sequential" else "always_valid"
    return _KINDS[kind].format(level=level(results))


def basis(results: Results) -> str:
    """What the decision rests on, and when that holds."""
    return _BASES[results.decision.basis]


def named_control(name: str) -> str:
    """The control's name, marked where it does not say so itself."""
    return name if name == "control" else f"{name} (control)"


def summary(results: Results) -> tuple[Fact, ...]:
    """The first lines."""
    decision = results.decision
    facts = [Fact("Tested", _tested(results)), Fact("Decision", f"{headline(results)}. {decision.explanation}")]
    if decision.group is not None and decision.metric is not None:
        comparison = results.comparisons[decision.group][decision.metric]
        metric = next(metric for metric in results.metrics if metric.name == decision.metric)
        facts.append(Fact("How much", _how_much(decision.group, metric, comparison)))
        facts.append(Fact("How sure", _how_sure(results, comparison, write_difference(metric))))
    if decision.next_steps:
        facts.append(Fact("Next", " ".join(decision.next_steps)))
    if decision.still_needed is not None:
        facts.append(Fact("Still needed", _still_needed(results, decision.still_needed)))
    return tuple(facts)


def _tested(results: Results) -> str:
    treatments = ", ".join(results.comparisons)
    primary = results.primary_metric
    on = "" if primary is None else f" on {primary.name}"
    return f"{named_control(results.control)} against {treatments}{on}, with {plural(results.n, 'user')}."


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
    p = p_value_on(comparison, results.decision.basis)
    bounds = interval_on(comparison, results.decision.basis)
    adjusted = "" if comparison.adjustment == "none" else f", {comparison.adjustment}-adjusted"
    believed = (
        ""
        if comparison.bayesian is None
        else f" The probability to beat the control is {probability(comparison.bayesian.probability_to_beat_control)}."
    )
    return (
        f"{level(results)} interval {interval(bounds, write)}; p {optional(p, p_value)}{adjusted} "
        f"({basis(results)}).{believed}"
    )


def _still_needed(results: Results, needed: StillNeeded) -> str:
    if needed.users is None or needed.more_users is None or needed.effect is None:
        return f"cannot be told: {needed.reason}."
    metric = results.primary_metric
    effect = number(needed.effect) if metric is None else write_difference(metric)(needed.effect)
    power = percent(results.analysis.power).replace(".00", "")
    days = f"about {plural(needed.days, 'day')} at the present rate" if needed.days is not None else needed.reason
    return (
        f"to find a difference of {effect} with {power} power takes {count(needed.users)} users in all: "
        f"{count(needed.more_users)} more, {days}."
    )
