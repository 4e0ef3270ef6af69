"""How the results were computed, what they rest on, and what was planned."""

from collections.abc import Callable

from bakeoff_core.experiments.metrics import Metric
from rendering.blocks import Fact, Facts, Items, Section, of
from rendering.charts.course import plan_chart, plan_in_words
from rendering.formatting import MISSING, count, moment, number, percent
from rendering.summary import basis, level
from rendering.tables import write_difference
from results import Detectable, Results

_INFERENCES = {
    "always_valid": "confidence sequences, which may decide at any time",
    "group_sequential": "a group-sequential test, which may decide at its planned looks",
    "fixed_horizon": "one test at the planned end",
}


def methods_section(results: Results) -> Section:
    """The methods by name, and the window of the data."""
    window = results.window
    start = "the beginning" if window.start is None else moment(window.start)
    end = "now" if window.end is None else moment(window.end)
    first, last = (MISSING if at is None else moment(at) for at in (window.first_exposure, window.last_exposure))
    return Section(
        "Methods",
        of(
            Facts(
                (
                    Fact(
                        "Window",
                        f"first exposures from {start} to {end} under configuration version {window.config_version}; "
                        f"observed from {first} to {last}; events up to {moment(results.as_of)} count.",
                    ),
                    Fact("Unit", "the user, from the first exposure on; an event id counts once."),
                    *(Fact(metric.name, f"{_named_methods(results, metric)}.") for metric in results.metrics),
                    Fact("Decision", f"rule {results.decision.rule}, {basis(results)}."),
                )
            )
        ),
    )


def assumptions_section(results: Results) -> Section:
    """What must be true for the results to be; only what the methods in use need."""
    return Section(
        "Assumptions",
        of(Items("The results hold if:", tuple(text for text, needed in _ASSUMPTIONS if needed(results)))),
    )


def plan_section(results: Results) -> Section:
    """What was planned before the start, and how far the experiment is."""
    plan = results.analysis
    facts = [
        Fact("Inference", f"{_INFERENCES[plan.inference]}."),
        Fact(
            "Level", f"{level(results)} intervals; an adjusted p-value below {1 - plan.confidence_level:.4g} decides."
        ),
        Fact("Power", f"{percent(plan.power)}, with which sample sizes are worked out."),
    ]
    facts.extend(
        Fact(f"Smallest effect on {metric.name}", f"{percent(metric.minimum_effect)} of the control's value.")
        for metric in results.metrics
        if metric.minimum_effect is not None
    )
    if plan.planned_sample_size is not None:
        facts.append(Fact("Planned users", f"{count(plan.planned_sample_size)} in all groups."))
    if plan.planned_looks is not None:
        facts.append(Fact("Planned looks", f"{count(plan.planned_looks)}."))
    facts.append(
        Fact(
            "Least",
            f"{count(plan.minimum_sample_size)} users in every group and {plan.minimum_runtime_days:g} days before the "
            "primary metric decides.",
        )
    )
    needed = results.decision.still_needed
    if results.plan is not None:
        facts.append(Fact("So far", plan_in_words(results.plan)))
    if needed is not None and needed.users is not None:
        facts.append(Fact("Users needed to find the effect", f"{count(needed.users)} in all groups."))
    facts.extend(Fact(f"Shown by {group}", _detectable(results, each)) for group, each in results.detectable.items())
    return Section("Plan, power and sample size", of(Facts(tuple(facts)), plan_chart(results)))


def _detectable(results: Results, found: Detectable) -> str:
    if found.effect is None:
        return f"cannot be told: {found.reason}."
    metric = results.primary_metric
    effect = number(found.effect) if metric is None else write_difference(metric)(found.effect).removeprefix("+")
    relative = "" if found.relative is None else f" ({percent(found.relative)} of the control's value)"
    shown = f"with its users so far, a difference of {effect}{relative} or more is found with the power above"
    if found.power is None:
        return f"{shown}."
    return f"{shown}, and the smallest effect named above with {percent(found.power)}."


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
        if comparison.bayesian is not None:
            names[comparison.bayesian.method] = None
        names[
            "p-values not adjusted" if comparison.adjustment == "none" else f"{comparison.adjustment} over the family"
        ] = None
    return "; ".join(names)


def _kinds(*kinds: str) -> Callable[[Results], bool]:
    return lambda results: any(metric.kind in kinds for metric in results.metrics)


_ASSUMPTIONS: tuple[tuple[str, Callable[[Results], bool]], ...] = (
    ("what one user does does not depend on the group of another;", lambda _: True),
    (
        "users were put into groups at random with the configured weights, which the sample-ratio test checks;",
        lambda _: True,
    ),
    ("exposures and events are recorded alike in every group;", lambda _: True),
    ("each group has enough users for its mean to be nearly Normal, or Fisher's exact test is named;", lambda _: True),
    (
        "no few users carry the mean: see the distribution, and the comparison without cutting values off if any;",
        _kinds("mean", "count", "ratio"),
    ),
    (
        "the covariate was measured before the first exposure, so that no group could have changed it (CUPED);",
        lambda results: any(metric.covariate is not None for metric in results.metrics),
    ),
    (
        "the denominator of a ratio is not close to zero in any group (delta method);",
        _kinds("ratio"),
    ),
    (
        "the confidence sequences are asymptotic: they hold at every look from some hundreds of users on;",
        lambda results: results.analysis.inference == "always_valid",
    ),
    (
        "the data were judged at the planned looks and at no other time;",
        lambda results: results.analysis.inference == "group_sequential",
    ),
    (
        "nobody ended the experiment for what its results showed before the planned end;",
        lambda results: results.analysis.inference == "fixed_horizon",
    ),
    (
        "the propensities that were recorded are those with which users were drawn (inverse-propensity estimates);",
        lambda results: bool(results.epochs),
    ),
    ("the effect that was found lasts: see the effect by days since first exposure.", lambda _: True),
)
