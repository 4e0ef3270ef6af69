"""The results by segment: the same comparison among the units that share an attribute's value."""

from bakeoff_core.experiments.model import Experiment
from comparing import Terms, difference_of
from engine.summary import Statistics, Summary
from results import SegmentEffect, Segments, SegmentTest
from sensitivity import effect
from stats.difference import Undefined
from stats.heterogeneity import heterogeneity
from stats.multiplicity import benjamini_hochberg


def by_segment(experiment: Experiment, summary: Summary) -> Segments:
    """Compare every treatment with the control within every value of every segment.

    The p-values of a metric are one family over all values, segments and treatments (Benjamini-Hochberg): among
    many segments some look significant by chance. Whether an effect differs between values is another question,
    which Cochran's Q answers.
    """
    effects: list[SegmentEffect] = []
    tests: list[SegmentTest] = []
    for metric in experiment.metrics:
        terms = Terms.of(experiment.analysis, metric)
        family: list[SegmentEffect] = []
        for segment in experiment.analysis.segments:
            for group in experiment.treatments:
                found, test = _within(summary, (segment, group.name, metric.name), experiment.control.name, terms)
                family.extend(found)
                tests.append(test)
        effects.extend(_adjusted(family))
    return Segments(effects=tuple(effects), heterogeneity=tuple(tests))


def _within(
    summary: Summary, key: tuple[str, str, str], control: str, terms: Terms
) -> tuple[list[SegmentEffect], SegmentTest]:
    segment, group, metric = key
    baseline, treated = (summary.groups[name].segments.get(segment, {}) for name in (control, group))
    effects: list[SegmentEffect] = []
    estimates: list[tuple[float, float]] = []
    for value in sorted(baseline.keys() & treated.keys()):
        if metric not in baseline[value] or metric not in treated[value]:
            continue
        c, t = baseline[value][metric], treated[value][metric]
        effects.append(SegmentEffect(segment=segment, value=value, group=group, metric=metric, **effect(c, t, terms)))
        estimates.extend(_with_error(c, t, terms))
    tested = heterogeneity(estimates)
    if isinstance(tested, Undefined):
        test = SegmentTest(
            segment=segment, group=group, metric=metric, statistic=None, p_value=None, reason=tested.reason
        )
    else:
        test = SegmentTest(
            segment=segment, group=group, metric=metric, statistic=tested.statistic, p_value=tested.p_value
        )
    return effects, test


def _with_error(control: Statistics, treatment: Statistics, terms: Terms) -> list[tuple[float, float]]:
    found = difference_of(control, treatment, terms)
    if isinstance(found, Undefined) or found.standard_error is None:
        return []
    return [(found.estimate, found.standard_error)]


def _adjusted(family: list[SegmentEffect]) -> list[SegmentEffect]:
    tested = [each for each in family if each.p_value is not None]
    adjusted = iter(benjamini_hochberg([each.p_value or 0.0 for each in tested]))
    return [
        each if each.p_value is None else each.model_copy(update={"adjusted_p_value": next(adjusted)})
        for each in family
    ]
