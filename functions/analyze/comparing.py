"""One treatment against the control on one metric, whatever the metric's kind."""

from dataclasses import dataclass
from typing import Literal

from engine.summary import Statistics
from results import ConversionValue, EffectSize, MeanValue
from stats.difference import Difference, Undefined
from stats.estimates import Estimate
from stats.inverse_propensity import PropensityMoments, hajek_difference, hajek_mean
from stats.means import Moments, cohens_d, mean_interval, welch
from stats.proportions import Proportion, cohens_h, compare_proportions, unpooled_standard_error, wilson
from stats.relative import relative_difference
from stats.sequential import ConfidenceSequence, confidence_sequence


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison's parts, each defined or with the reason why not."""

    absolute: Difference | Undefined
    relative: Difference | Undefined
    sequence: ConfidenceSequence | Undefined
    effect_size: EffectSize | None


def compare(control: Statistics | PropensityMoments, treatment: Statistics | PropensityMoments) -> Compared:
    """Compare two groups on a metric of the same kind in both."""
    if isinstance(control, PropensityMoments) and isinstance(treatment, PropensityMoments):
        return _compare_weighted(control, treatment)
    if isinstance(control, Proportion) and isinstance(treatment, Proportion):
        return _compare_proportions(control, treatment)
    if isinstance(control, Moments) and isinstance(treatment, Moments):
        return _compare_means(control, treatment)
    raise TypeError("a metric is of the same kind in every group")


def value_of(statistics: Statistics | PropensityMoments) -> float | None:
    """A group's rate or mean, None without units; of weighted units Hájek's."""
    if statistics.n == 0:
        return None
    if isinstance(statistics, PropensityMoments):
        return statistics.total / statistics.inverse
    return statistics.rate if isinstance(statistics, Proportion) else statistics.mean


def describe(statistics: Statistics) -> ConversionValue | MeanValue:
    """A group's value with its interval."""
    if isinstance(statistics, Proportion):
        return ConversionValue(
            conversions=statistics.successes,
            rate=value_of(statistics),
            interval=wilson(statistics) if statistics.n else None,
        )
    interval = mean_interval(statistics)
    return MeanValue(
        sum=statistics.total,
        mean=value_of(statistics),
        sd=None if isinstance(interval, Undefined) else statistics.variance**0.5,
        interval=None if isinstance(interval, Undefined) else interval,
    )


def _compare_proportions(control: Proportion, treatment: Proportion) -> Compared:
    absolute = compare_proportions(control, treatment)
    if isinstance(absolute, Undefined):
        return Compared(absolute, absolute, absolute, None)
    return Compared(
        absolute,
        relative_difference(
            Estimate(control.rate, control.variance, control.n),
            Estimate(treatment.rate, treatment.variance, treatment.n),
        ),
        confidence_sequence(absolute.estimate, unpooled_standard_error(control, treatment), control.n + treatment.n),
        _effect_size("Cohen's h", cohens_h(control, treatment)),
    )


def _compare_weighted(control: PropensityMoments, treatment: PropensityMoments) -> Compared:
    absolute = hajek_difference(control, treatment)
    baseline, value = hajek_mean(control), hajek_mean(treatment)
    if isinstance(absolute, Undefined) or isinstance(baseline, Undefined) or isinstance(value, Undefined):
        return Compared(absolute, absolute, absolute, None)
    return Compared(
        absolute,
        # Variances of one unit, as the delta method takes them.
        relative_difference(
            Estimate(baseline.estimate, baseline.variance * control.n, control.n),
            Estimate(value.estimate, value.variance * treatment.n, treatment.n),
        ),
        confidence_sequence(absolute.estimate, absolute.standard_error or 0.0, control.n + treatment.n),
        None,
    )


def _compare_means(control: Moments, treatment: Moments) -> Compared:
    absolute = welch(control, treatment)
    if isinstance(absolute, Undefined):
        return Compared(absolute, absolute, absolute, None)
    return Compared(
        absolute,
        relative_difference(
            Estimate(control.mean, control.variance, control.n),
            Estimate(treatment.mean, treatment.variance, treatment.n),
        ),
        confidence_sequence(absolute.estimate, absolute.standard_error or 0.0, control.n + treatment.n),
        _effect_size("Cohen's d", cohens_d(control, treatment)),
    )


def _effect_size(name: Literal["Cohen's h", "Cohen's d"], value: float | Undefined) -> EffectSize | None:
    return None if isinstance(value, Undefined) else EffectSize(name=name, value=value)
