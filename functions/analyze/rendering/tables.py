"""What a report says in tables beside its metrics: beliefs, adjustments, segments, sensitivity and the rules."""

from collections.abc import Callable, Iterator

from bakeoff_core.experiments.metrics import Metric
from rendering.blocks import Table
from rendering.formatting import (
    MISSING,
    count,
    day,
    interval,
    number,
    optional,
    p_value,
    percent,
    points,
    probability,
    signed_number,
)
from results import Comparison, Effect, LeftOutDay, Results, TrendResult


def write_value(metric: Metric) -> Callable[[float], str]:
    """How values of a metric are written."""
    return percent if metric.is_share else number


def write_difference(metric: Metric) -> Callable[[float], str]:
    """How differences of a metric are written."""
    return points if metric.is_share else signed_number


def metric_tables(results: Results, metric: Metric) -> tuple[Table, ...]:
    """The tables of one metric: those that have something to say."""
    tables = (_looks(results, metric), _beliefs(results, metric), _without(results, metric))
    return tuple(table for table in tables if table.rows)


def tests_table(results: Results) -> Table:
    """Every test with its raw and its adjusted p-value."""
    return Table(
        "All tests",
        "Every test that was made, with its raw p-value and the one that is adjusted for its family.",
        ("On", "Group", "Test", "p", "Adjusted p", "Adjustment"),
        (*_comparison_tests(results), *_other_tests(results)),
    )


def _comparison_tests(results: Results) -> Iterator[tuple[str, ...]]:
    for group, comparisons in results.comparisons.items():
        for metric, each in comparisons.items():
            found = (
                (each.method, each.p_value, each.adjusted_p_value),
                *(
                    (one.method, one.p_value, one.adjusted_p_value)
                    for one in (each.always_valid, each.group_sequential)
                    if one is not None
                ),
            )
            for method, raw, adjusted in found:
                if raw is not None:
                    yield (
                        metric,
                        group,
                        method or MISSING,
                        p_value(raw),
                        optional(adjusted, p_value),
                        each.adjustment,
                    )


def _other_tests(results: Results) -> Iterator[tuple[str, ...]]:
    alone = (MISSING, "none")
    if results.sample_ratio.p_value is not None:
        yield "sample ratio", "all", "chi-square against the weights", p_value(results.sample_ratio.p_value), *alone
    for metric, omnibus in results.omnibus.items():
        if omnibus.p_value is not None:
            yield metric, "all", omnibus.method or "chi-square", p_value(omnibus.p_value), *alone
    for effect in results.segments.effects:
        if effect.p_value is not None:
            yield (
                f"{effect.metric}, {effect.segment} = {effect.value}",
                effect.group,
                "effect in a segment",
                p_value(effect.p_value),
                optional(effect.adjusted_p_value, p_value),
                "Benjamini-Hochberg",
            )
    for test in results.segments.heterogeneity:
        if test.p_value is not None:
            yield f"{test.metric} by {test.segment}", test.group, "Cochran's Q", p_value(test.p_value), *alone
    for group, trend in _all_trends(results):
        if trend.p_value is not None:
            yield "trend over days", group, "least-squares slope", p_value(trend.p_value), *alone


def _all_trends(results: Results) -> Iterator[tuple[str, TrendResult]]:
    yield from results.trends.items()
    for group, found in results.sensitivity.items():
        yield f"effect of {group}", found.cohort_trend
        yield f"effect of {group} since exposure", found.novelty


def _each(results: Results, metric: Metric) -> Iterator[tuple[str, Comparison]]:
    for group, comparisons in results.comparisons.items():
        yield group, comparisons[metric.name]


def _looks(results: Results, metric: Metric) -> Table:
    planned = results.analysis.planned_looks
    write = write_difference(metric)
    return Table(
        f"{metric.name}: planned look",
        "A group-sequential test, whose interval and p-value hold at all planned looks together.",
        ("Against the control", "Look", "Boundary of |z|", "Repeated interval", "p", "Adjusted p"),
        tuple(
            (
                group,
                f"{look.look} of {planned}",
                f"{look.boundary:.3f}",
                interval(look.interval, write),
                p_value(look.p_value),
                p_value(look.adjusted_p_value),
            )
            for group, comparison in _each(results, metric)
            if (look := comparison.group_sequential) is not None
        ),
    )


def _beliefs(results: Results, metric: Metric) -> Table:
    write = write_difference(metric)
    return Table(
        f"{metric.name}: Bayesian",
        "How probable it is that a treatment is better, and what choosing it, or the control, costs on average.",
        (
            "Against the control",
            "Probability to beat it",
            "Expected loss",
            "Loss of the control",
            "Credible interval",
        ),
        tuple(
            (
                group,
                probability(belief.probability_to_beat_control),
                write_value(metric)(belief.expected_loss),
                write_value(metric)(belief.expected_loss_of_control),
                interval(belief.interval, write),
            )
            for group, comparison in _each(results, metric)
            if (belief := comparison.bayesian) is not None
        ),
    )


def _without(results: Results, metric: Metric) -> Table:
    write = write_difference(metric)
    rows = []
    for group, comparison in _each(results, metric):
        if comparison.covariate is not None:
            plain, reduction = comparison.covariate.unadjusted, comparison.covariate.variance_reduction
            label = f"without the covariate, which takes away {optional(reduction, percent)} of the variance"
            rows.append((group, label, plain))
        if comparison.uncut is not None:
            cap = next((getattr(g.metrics[metric.name], "cap", None) for g in results.groups.values()), None)
            rows.append((group, f"without cutting values off at {optional(cap, number)}", comparison.uncut))
    return Table(
        f"{metric.name}: without adjustments",
        "The same comparisons without what was done to the values above.",
        ("Against the control", "How", "Difference", "Interval", "p"),
        tuple(
            (
                group,
                label,
                optional(plain.difference, write),
                interval(plain.interval, write),
                optional(plain.p_value, p_value),
            )
            for group, label, plain in rows
        ),
    )


def omnibus_table(results: Results) -> Table:
    """All groups of a metric at once."""
    return Table(
        "All groups at once",
        "Whether any group's rate differs from the others'.",
        ("Metric", "Chi-square", "Degrees of freedom", "p"),
        tuple(
            (
                metric,
                optional(each.statistic, number),
                optional(each.degrees_of_freedom, count),
                optional(each.p_value, p_value),
            )
            for metric, each in results.omnibus.items()
        ),
    )


def segments_tables(results: Results) -> tuple[Table, Table]:
    """The effects by segment, and whether they differ."""
    metrics = {metric.name: metric for metric in results.metrics}
    effects = Table(
        "Segments",
        "The effect among users with one value of an attribute. Many are looked at, so that p-values are adjusted over "
        "all segments of a metric (Benjamini-Hochberg).",
        ("Segment", "Metric", "Group", "Users", "Difference", "Interval", "p", "Adjusted p"),
        tuple(
            (
                f"{each.segment} = {each.value}",
                each.metric,
                each.group,
                _users(each),
                *_effect(each, write_difference(metrics[each.metric])),
                optional(each.adjusted_p_value, p_value),
            )
            for each in results.segments.effects
        ),
    )
    tests = Table(
        "Do segments differ?",
        "Whether an effect differs between the values of a segment (Cochran's Q).",
        ("Segment", "Metric", "Group", "Q", "p"),
        tuple(
            (
                each.segment,
                each.metric,
                each.group,
                optional(each.statistic, number),
                optional(each.p_value, p_value),
            )
            for each in results.segments.heterogeneity
        ),
    )
    return effects, tests


def sensitivity_tables(results: Results) -> Iterator[Table]:
    """How much the effect depends on when users came, and for how long they were in."""
    primary = results.primary_metric
    if primary is None:
        return
    write = write_difference(primary)
    for group, found in results.sensitivity.items():
        yield Table(
            f"{group}: by week of first exposure",
            f"The effect on {primary.name} among the users who came in one week.",
            ("Week from", "Users", "Difference", "Interval", "p"),
            tuple((day(each.week), _users(each), *_effect(each, write)) for each in found.weeks),
        )
        depends = "does" if found.depends_on_a_day else "does not"
        yield Table(
            f"{group}: without one day",
            f"The effect on {primary.name} without the users of one day: whether it is significant {depends} depend on "
            "a single day. The smallest and the largest are shown.",
            ("Without", "Users", "Difference", "Interval", "p"),
            tuple((day(each.date), _users(each), *_effect(each, write)) for each in _extremes(found.without_day)),
        )
        yield Table(
            f"{group}: by days since first exposure",
            f"The effect within one day of a user's own: it {_NOVELTY[found.novelty_finding]}.",
            ("Day", "Users", "Difference", "Interval", "p"),
            tuple((str(each.day), _users(each), *_effect(each, write)) for each in found.since_exposure),
        )


_NOVELTY = {
    "wears off": "wears off as users get used to it (novelty)",
    "grows": "grows as users learn it (primacy)",
    "no trend": "shows no trend",
}


def trends_table(results: Results) -> Table:
    """The trends over days."""
    primary = results.primary_metric
    if primary is None:
        return Table("Trend", "", (), ())
    write = write_difference(primary)
    return Table(
        "Trend",
        f"The least-squares slope of {primary.name} by day of first exposure, per day.",
        ("Of", "Slope", "Standard error", "p", "Finding"),
        (
            *((name, *_trend(each, write)) for name, each in results.trends.items() if each.slope is not None),
            *(
                (f"effect of {name}", *_trend(each.cohort_trend, write))
                for name, each in results.sensitivity.items()
                if each.cohort_trend.slope is not None
            ),
        ),
    )


def _trend(found: TrendResult, write: Callable[[float], str]) -> tuple[str, str, str, str]:
    error = optional(found.standard_error, write).lstrip("+")
    return optional(found.slope, write), error, optional(found.p_value, p_value), found.direction


def rules_table(results: Results) -> Table:
    """The rules of the decision in their order."""
    return Table(
        "Rules of the decision",
        "The first that applies decides.",
        ("Rule", "Asks", "Verdict", "Here"),
        tuple((each.rule, each.asks, each.verdict, each.applied) for each in results.decision.rules),
    )


def _users(each: Effect) -> str:
    return f"{count(each.control_n)} / {count(each.treatment_n)}"


def _effect(each: Effect, write: Callable[[float], str]) -> tuple[str, str, str]:
    if each.difference is None:
        return MISSING, each.reason or MISSING, MISSING
    return write(each.difference), interval(each.interval, write), optional(each.p_value, p_value)


def _extremes(effects: tuple[LeftOutDay, ...]) -> tuple[LeftOutDay, ...]:
    defined = [each for each in effects if each.difference is not None]
    if not defined:
        return ()
    by = sorted(defined, key=lambda each: each.difference or 0.0)
    return (by[0],) if len(by) == 1 else (by[0], by[-1])
